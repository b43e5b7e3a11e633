package vrrp

import (
	"testing"
	"time"
)

func TestOversleptMasterListensBeforeItSpeaks(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a, b := l.begin(groupConfig("a", 200, noPreempt)), l.begin(groupConfig("b", 100, nil))
		l.elapse(time.Second)
		wantRole(t, a, Master)
		a.stall(5*time.Second, time.Millisecond)
		l.elapse(4 * time.Second)
		wantRole(t, b, Master)
		a.sent = nil
		woken := a.wakeAt
		l.elapse(2 * time.Second)
		wantRole(t, a, Backup)
		wantRole(t, b, Master)
		if len(a.sent) != 1 || a.sent[0].p.Priority != priorityLowest || a.sent[0].at.Sub(woken) > 200*time.Millisecond {
			t.Errorf("a sent %+v, want one last advert with priority 1 when it heard b", a.sent)
		}
		if s := a.group.Status(); s.AdvertLateness.Duration < 4*time.Second {
			t.Errorf("lateness is %s, want more than 4s", s.AdvertLateness)
		}
	})
}

func TestOversleptMasterGoesOnWhenNobodyTookOver(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		l.elapse(time.Second)
		a.stall(5*time.Second, time.Millisecond)
		l.elapse(time.Until(a.wakeAt))
		a.sent, a.announced = nil, nil
		woken := a.wakeAt
		l.elapse(230 * time.Millisecond)
		listened := 121875 * time.Microsecond // interval and skew
		next := onBeat(woken.Add(listened+100*time.Millisecond), 100*time.Millisecond)
		a.wantSent(t, woken, sending{listened, 200}, sending{next.Sub(woken), 200})
		if len(a.announced) != 1 || len(a.transitions) != 2 {
			t.Errorf("announced %d times and %d transitions, want 1 and 2: the role stays, the addresses are announced", len(a.announced), len(a.transitions))
		}
	})
}

// A poke can come before the timer, and both after a stall: then the router decides what is first.
func TestOversleptMasterListensBeforeItReadsItsQueue(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, noPreempt))
		l.elapse(time.Second)
		a.stall(5*time.Second, 0)
		woken := a.wakeAt
		l.elapse(time.Millisecond)
		a.group.Receive(fromStranger(a, 100))
		a.sent = nil
		l.elapse(time.Until(woken))
		a.wantSent(t, woken, sending{0, priorityLowest})
		wantRole(t, a, Backup)
	})
}

func TestBackupReadsItsQueueBeforeItTakesOver(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		b := l.begin(groupConfig("b", 100, nil))
		l.elapse(down100 - time.Millisecond) // after the alert
		b.stall(3*time.Millisecond, 0)
		l.elapse(2 * time.Millisecond)
		b.group.Receive(fromStranger(b, 200))
		l.elapse(10 * time.Millisecond)
		if len(b.transitions) != 1 {
			t.Errorf("b changed its role %d times, want 1", len(b.transitions))
		}
	})
}

func TestBackupThatStallsAtTheLastMomentDoesNotTakeTheMastersPlace(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		b := l.begin(groupConfig("b", 100, nil))
		l.elapse(down100 - time.Millisecond) // after the alert
		b.stall(time.Second, readerLag)
		b.lan.mu.Lock()
		b.arrived(fromStranger(b, 200)) // in the socket
		b.lan.mu.Unlock()
		l.elapse(1100 * time.Millisecond)
		if len(b.transitions) != 1 {
			t.Errorf("b changed its role %d times, want 1", len(b.transitions))
		}
	})
}

func TestMasterThatIsALittleLateSpeaksAtOnce(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		master := time.Now().Add(down200)
		l.elapse(down200 + 50*time.Millisecond)
		a.wantSent(t, master, sending{0, 200})
		a.stall(240*time.Millisecond, time.Millisecond) // due at 99 ms, served at 290 ms: not yet too late
		l.elapse(400 * time.Millisecond)
		next := onBeat(master.Add(390*time.Millisecond), 100*time.Millisecond)
		a.wantSent(t, master, sending{290 * time.Millisecond, 200}, sending{next.Sub(master), 200})
	})
}

func TestStalledBackupDoesNotTakeTheMastersPlace(t *testing.T) {
	for _, lag := range []time.Duration{1, time.Millisecond, readerLag - 1} {
		t.Run(lag.String(), func(t *testing.T) {
			onLAN(t, func(t *testing.T, l *lan) {
				a, b := l.begin(groupConfig("a", 200, nil)), l.begin(groupConfig("b", 100, nil))
				l.elapse(time.Second)
				b.stall(10*time.Second, lag)
				l.elapse(12 * time.Second)
				wantRole(t, a, Master)
				wantRole(t, b, Backup)
				if len(b.transitions) != 1 || len(b.sent) != 0 {
					t.Errorf("b changed its role %d times and sent %d adverts, want 1 and 0", len(b.transitions), len(b.sent))
				}
			})
		})
	}
}

func TestBackupThatWokeJustInTimeDoesNotTakeTheMastersPlace(t *testing.T) {
	for ended := time.Duration(0); ended <= 8*time.Millisecond; ended += 500 * time.Microsecond { // before its deadline
		t.Run(ended.String(), func(t *testing.T) {
			onLAN(t, func(t *testing.T, l *lan) {
				a, b := l.begin(groupConfig("a", 200, nil)), l.begin(groupConfig("b", 100, nil))
				l.elapse(time.Second)
				deadline := a.lastAdvert.Add(wireDelay + down100) // and up to 1 us for the wire
				b.stall(time.Until(deadline)-ended, readerLag)
				l.elapse(time.Second)
				wantRole(t, b, Backup)
				if len(b.transitions) != 1 {
					t.Errorf("b changed its role %d times, want 1", len(b.transitions))
				}
			})
		})
	}
}

func TestBackupThatIsAlwaysLateTakesOverAtLast(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		b := l.begin(groupConfig("b", 100, nil))
		for range 60 { // it runs for 1 ms in 20
			b.stall(19*time.Millisecond, time.Millisecond)
			l.elapse(20 * time.Millisecond)
		}
		took := b.transitions[len(b.transitions)-1].At.Sub(b.transitions[0].At)
		if b.role != Master || took < down100 || took > down100+(maxLooks+1)*20*time.Millisecond {
			t.Errorf("b is %s after %s, want master within %s of %s", b.role, took, (maxLooks+1)*20*time.Millisecond, down100)
		}
	})
}

func TestThousandAdvertsDoNotDrift(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, func(c *Config) { c.AdvertInterval = 10 * time.Millisecond }))
		down := 32187500 * time.Nanosecond
		master := time.Now().Add(down)
		l.elapse(down)
		for i := range 1000 {
			if i%3 == 1 { // the next advert is served 4 ms late
				a.stall(14*time.Millisecond, time.Millisecond)
			}
			l.elapse(10 * time.Millisecond)
		}
		l.elapse(5 * time.Millisecond)
		for i, s := range a.sent {
			late := s.at.Sub(master) - time.Duration(i)*10*time.Millisecond
			if late != 0 && late != 4*time.Millisecond {
				t.Fatalf("advert %d was sent %s late, want 0 or 4ms", i, late)
			}
		}
		if len(a.sent) != 1001 {
			t.Errorf("%d adverts, want 1001", len(a.sent))
		}
		if late := a.group.Status().AdvertLateness.Duration; late != 4*time.Millisecond {
			t.Errorf("lateness is %s, want 4ms", late)
		}
	})
}

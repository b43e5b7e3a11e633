package vrrp

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// groupConfig is version 3 with adverts every 100 ms, one address, and one announcement each.
func groupConfig(name string, priority uint8, change func(*Config)) *Config {
	c := &Config{
		Name: name, Interface: "eth0", VRID: 51, Version: V3, Priority: priority, AdvertInterval: 100 * time.Millisecond,
		Addresses: []Address{{Prefix: netip.MustParsePrefix("192.0.2.10/24")}}, Announce: Announce{Repeat: 1},
	}
	if change != nil {
		change(c)
	}
	return c
}

// onLAN runs a test in virtual time on a new lan, and stops what still runs at its end.
func onLAN(t *testing.T, test func(t *testing.T, l *lan)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLAN()
		defer l.end(t)
		test(t, l)
	})
}

// end stops what still runs, and reports the invariants that did not hold.
func (l *lan) end(t *testing.T) {
	for _, m := range l.machines {
		if m.ended == nil {
			continue
		}
		if err := m.stop(); err != nil {
			t.Errorf("Run of %s: %v", m.config.Name, err)
		}
	}
	for _, v := range l.broken {
		t.Error(v)
	}
	if t.Failed() {
		t.Log(strings.Join(l.trace, "\n"))
	}
}

// begin puts a machine on the lan, starts it, and returns when it rests.
func (l *lan) begin(c *Config) *machine {
	m := l.add(c, 1)
	m.start()
	synctest.Wait()
	return m
}

// elapse lets time go by and everything due at its end happen. The lock makes what the test wrote visible to the machines.
func (l *lan) elapse(d time.Duration) {
	l.mu.Lock()
	//lint:ignore SA2001 there is nothing to do under the lock
	l.mu.Unlock()
	time.Sleep(d)
	synctest.Wait()
}

func wantRole(t *testing.T, m *machine, want Role) {
	t.Helper()
	if got := m.group.Status().Role; got != want {
		t.Fatalf("%s is %s, want %s", m.config.Name, got, want)
	}
}

// wantSent compares what m sent since it was asked last: instants from the given one on, and priorities.
func (m *machine) wantSent(t *testing.T, since time.Time, want ...sending) {
	t.Helper()
	var got []sending
	for _, s := range m.sent {
		got = append(got, sending{s.at.Sub(since), s.p.Priority})
	}
	m.sent = nil
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(sending{})); diff != "" {
		t.Errorf("adverts of %s (-want +got):\n%s", m.config.Name, diff)
	}
}

const (
	down100 = 360937500 * time.Nanosecond // down interval of priority 100 at 100 ms
	down200 = 321875 * time.Microsecond   // and of 200
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
		a.wantSent(t, woken, sending{listened, 200}, sending{listened + 100*time.Millisecond, 200})
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
		a.stall(250*time.Millisecond, time.Millisecond) // due at 100 ms, served at 300 ms: not yet too late
		l.elapse(400 * time.Millisecond)
		a.wantSent(t, master, sending{300 * time.Millisecond, 200}, sending{400 * time.Millisecond, 200})
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

func TestFailureToHoldIsAFaultThatIsTriedAgain(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 200, nil), 1)
		a.holdError, a.holdDelay = errors.New("no such device"), time.Millisecond
		a.start()
		b := l.begin(groupConfig("b", 100, nil))
		l.elapse(down200 + 2*time.Millisecond)
		if diff := cmp.Diff([]string{"addresses: no such device"}, a.group.Status().Reasons); diff != "" {
			t.Errorf("reasons (-want +got):\n%s", diff)
		}
		wantRole(t, a, Fault)
		if got := a.sent[len(a.sent)-1].p.Priority; got != PriorityResign {
			t.Errorf("the last advert of a has priority %d, want 0", got)
		}
		l.elapse(100 * time.Millisecond)
		wantRole(t, b, Master)
		l.elapse(time.Minute)
		var tries []time.Duration
		for _, h := range a.holds {
			if h.on {
				tries = append(tries, h.at.Sub(a.holds[0].at).Round(time.Second))
			}
		}
		want := []time.Duration{0, 2 * time.Second, 4 * time.Second, 8 * time.Second, 17 * time.Second, 33 * time.Second}
		if diff := cmp.Diff(want, tries); diff != "" {
			t.Errorf("attempts to hold, doubling pauses (-want +got):\n%s", diff)
		}
		a.holdError = nil
		l.elapse(time.Minute)
		wantRole(t, a, Master)
		wantRole(t, b, Backup)
		wantHeld(t, a)
		a.holdError = errors.New("again")
		a.config = groupConfig("a", 200, func(c *Config) { c.Addresses[0].Interface = "eth1" })
		a.group.Configure(a.config)
		l.elapse(2 * time.Millisecond)
		wantRole(t, a, Fault)
		l.elapse(retryPauseMin) // the pauses begin anew
		wantRole(t, a, Backup)
	})
}

func wantHeld(t *testing.T, m *machine) {
	t.Helper()
	if s := m.group.Status(); !m.held || !s.Held || len(s.Reasons) > 0 {
		t.Errorf("held %v, status says %v, reasons %v; want true, true and none", m.held, s.Held, s.Reasons)
	}
}

func TestSlowHoldDelaysNoAdvert(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 200, nil), 1)
		a.holdDelay = 10 * time.Second
		a.start()
		master := time.Now().Add(down200)
		l.elapse(down200 + 5*time.Second)
		for i, s := range a.sent {
			if want := time.Duration(i) * 100 * time.Millisecond; s.at.Sub(master) != want {
				t.Errorf("advert %d was sent at %s, want %s", i, s.at.Sub(master), want)
			}
		}
		if len(a.sent) != 51 || len(a.announced) != 0 || a.group.Status().Held {
			t.Errorf("%d adverts, %d announcements, held %v; want 51, none before the addresses are there, false", len(a.sent), len(a.announced), a.group.Status().Held)
		}
		l.elapse(20 * time.Second) // a first Hold(false), then Hold(true)
		if len(a.announced) != 1 || !a.group.Status().Held {
			t.Errorf("%d announcements, held %v; want 1, true", len(a.announced), a.group.Status().Held)
		}
	})
}

func TestHoldThatWasOvertakenNeverHappens(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 100, nil), 1)
		a.holdDelay = time.Second
		a.start()
		l.elapse(down100 + time.Millisecond) // master, while the Hold(false) of the start goes on
		wantRole(t, a, Master)
		a.group.Receive(fromStranger(a, 200))
		l.elapse(250 * time.Millisecond)
		wantRole(t, a, Backup)
		a.group.Track("link", Verdict{Fault: "link: eth0 is down"}) // or it would be master again
		l.elapse(5 * time.Second)
		for _, h := range a.holds {
			if h.on {
				t.Errorf("Hold(true) at %s", h.at.Sub(l.start))
			}
		}
		if len(a.announced) != 0 {
			t.Errorf("%d announcements, want none", len(a.announced))
		}
	})
}

// fromStranger is an advert to m from an address that is no machine's.
func fromStranger(m *machine, priority uint8) Advert {
	p := NewPacket(m.config, priority)
	p.Form = FormPseudoHeader
	return Advert{From: netip.MustParseAddr("198.51.100.200"), To: Group4, TTL: TTL, Packet: p}
}

func TestFloodOfLesserAdvertsLeavesTheCadenceExact(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, func(c *Config) { c.AdvertInterval = time.Second }))
		down := 3218750 * time.Microsecond
		master := time.Now().Add(down)
		l.elapse(down + time.Millisecond)
		a.sent, a.announced = nil, nil
		const seconds, rate = 5, 10000
		for range seconds * rate {
			a.group.Receive(fromStranger(a, 50))
			l.elapse(time.Second / rate)
		}
		onTime := map[time.Duration]bool{}
		for _, s := range a.sent {
			onTime[s.at.Sub(master)] = true
		}
		for i := 1; i <= seconds; i++ {
			if !onTime[time.Duration(i)*time.Second] {
				t.Errorf("no advert at %ds sharp", i)
			}
		}
		if most := seconds * (100 + 1); len(a.sent) > most || len(a.sent) < seconds*99 {
			t.Errorf("%d adverts in %ds, want about 100 a second and at most %d", len(a.sent), seconds, most)
		}
		if n := len(a.announced); n < seconds-1 || n > seconds+1 {
			t.Errorf("%d announcements in %ds, want one a second", n, seconds)
		}
		s := a.group.Status()
		if s.AdvertsReceived != seconds*rate || s.RepliesDelayed < seconds*rate*9/10 {
			t.Errorf("received %d, delayed %d; want %d and most of them", s.AdvertsReceived, s.RepliesDelayed, seconds*rate)
		}
	})
}

func TestReplyThatComesTooEarlyIsSentLater(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		master := time.Now().Add(down200)
		l.elapse(down200 + 50*time.Millisecond)
		for range 3 {
			a.group.Receive(fromStranger(a, 50))
			l.elapse(time.Millisecond)
		}
		l.elapse(20 * time.Millisecond)
		a.wantSent(t, master, sending{0, 200}, sending{50 * time.Millisecond, 200}, sending{60 * time.Millisecond, 200})
		l.elapse(announcePause)
		var announced []time.Duration
		for _, at := range a.announced {
			announced = append(announced, at.Sub(master))
		}
		if diff := cmp.Diff([]time.Duration{0, announcePause}, announced); diff != "" {
			t.Errorf("announcements: one at once, the last request not forgotten (-want +got):\n%s", diff)
		}
	})
}

func TestReplyIsForgottenWithTheRole(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, quietYield))
		l.elapse(down200 + 50*time.Millisecond)
		for _, priority := range []uint8{50, 50, 250} {
			a.group.Receive(fromStranger(a, priority))
			synctest.Wait()
		}
		wantRole(t, a, Backup)
		a.sent, a.announced = nil, nil
		for range 15 {
			a.group.Receive(fromStranger(a, 250))
			l.elapse(100 * time.Millisecond)
		}
		if len(a.sent) > 0 || len(a.announced) > 0 {
			t.Errorf("a backup sent %v and announced %v", a.sent, a.announced)
		}
	})
}

func TestRunEndsWithOneResignation(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a, b := l.begin(groupConfig("a", 200, nil)), l.begin(groupConfig("b", 100, nil))
		l.elapse(time.Second)
		a.holdDelay = 300 * time.Millisecond
		a.sent = nil
		told := time.Now()
		if err := a.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if took := time.Since(told); took != a.holdDelay || a.held {
			t.Errorf("Run returned after %s, held %v; want after the release, %s", took, a.held, a.holdDelay)
		}
		a.wantSent(t, told, sending{0, PriorityResign})
		wantRole(t, b, Master)
		b.sent = nil
		a.start()
		synctest.Wait()
		if err := a.stop(); err != nil || len(a.sent) > 0 {
			t.Errorf("a backup that stops: error %v, sent %v; want neither", err, a.sent)
		}
	})
}

func TestRunReportsThatTheAddressesCouldNotBeReleased(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		l.elapse(time.Second)
		a.freeError = errors.New("netlink is gone")
		a.holds = nil
		err := a.stop()
		if !errors.Is(err, a.freeError) || len(a.holds) != releaseTries {
			t.Errorf("Run: %v after %d attempts, want %q after %d", err, len(a.holds), a.freeError, releaseTries)
		}
	})
}

func TestReleaseIsTriedUntilItSucceeds(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		l.elapse(time.Second)
		a.freeError = errors.New("busy")
		a.group.Track("link", Verdict{Fault: "link: eth0 is down"})
		l.elapse(time.Minute)
		if !a.held {
			t.Fatal("released in spite of the error")
		}
		a.freeError = nil
		l.elapse(releasePauseMax)
		if a.held {
			t.Error("still held")
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

func TestReloadKeepsRoleAndTimers(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		master := time.Now().Add(down200)
		l.elapse(200 * time.Millisecond)
		a.group.Configure(groupConfig("a", 200, nil)) // a backup's timer runs on
		l.elapse(down200 - 200*time.Millisecond + 50*time.Millisecond)
		a.wantSent(t, master, sending{0, 200})
		a.holds, a.announced = nil, nil
		a.config = groupConfig("a", 150, func(c *Config) {
			c.AdvertInterval = 20 * time.Millisecond
			c.Addresses = append(c.Addresses, Address{Prefix: netip.MustParsePrefix("192.0.2.11/24")})
		})
		a.group.Configure(a.config)
		l.elapse(80 * time.Millisecond)
		a.wantSent(t, master, sending{70 * time.Millisecond, 150}, sending{90 * time.Millisecond, 150},
			sending{110 * time.Millisecond, 150}, sending{130 * time.Millisecond, 150})
		s := a.group.Status()
		if len(a.holds) != 1 || !a.holds[0].on || a.holds[0].addresses != 2 || len(a.announced) != 1 {
			t.Errorf("holds %+v, %d announcements; want one of both addresses, and one", a.holds, len(a.announced))
		}
		if s.Role != Master || s.Transitions != 2 || s.Priority != 150 || len(s.VirtualAddresses) != 2 {
			t.Errorf("status %+v, want the same master with priority 150 and two addresses", s)
		}
		a.holds = nil
		a.group.Configure(groupConfig("a", 140, func(c *Config) { c.Addresses = a.config.Addresses }))
		l.elapse(time.Second)
		if len(a.holds) != 0 {
			t.Errorf("holds %+v, want none when the addresses stay", a.holds)
		}
	})
}

func TestReloadOfTheIntervalReachesAVersion2Backup(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		version2 := func(interval time.Duration) *Config {
			return groupConfig("a", 200, func(c *Config) { c.Version, c.AdvertInterval = V2, interval })
		}
		a := l.begin(version2(time.Second))
		a.config = version2(5 * time.Second)
		a.group.Configure(a.config)
		synctest.Wait()
		a.group.Receive(fromStranger(a, 250))
		heard := time.Now()
		synctest.Wait()
		l.elapse(time.Minute)
		if took, want := a.transitions[1].At.Sub(heard), 15218750*time.Microsecond; took != want {
			t.Errorf("took over %s after the last advert, want %s", took, want)
		}
	})
}

func TestNewAddressesEndTheFaultOfTheOldOnes(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 200, nil), 1)
		a.holdError = errors.New("no such device")
		a.start()
		l.elapse(down200 + time.Millisecond)
		wantRole(t, a, Fault)
		a.holdError = nil
		a.group.Configure(groupConfig("a", 200, func(c *Config) { c.Addresses[0].Interface = "eth1" }))
		synctest.Wait()
		wantRole(t, a, Backup)
	})
}

func TestFaultKeepsARouterOut(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 200, nil), 1)
		a.up = false
		a.start()
		a.group.Track("source", Verdict{Fault: "source: no IPv4 address on eth0"})
		l.elapse(time.Minute)
		want := []string{"link: eth0 is down", "source: no IPv4 address on eth0"}
		if diff := cmp.Diff(want, a.group.Status().Reasons); diff != "" {
			t.Errorf("reasons (-want +got):\n%s", diff)
		}
		if len(a.sent) != 0 || len(a.transitions) != 1 || a.transitions[0].To != Fault {
			t.Errorf("sent %v, transitions %v; want nothing sent, straight to fault", a.sent, a.transitions)
		}
		a.group.Track("source", Verdict{})
		synctest.Wait()
		wantRole(t, a, Fault)
		a.setLink(true)
		l.elapse(down200)
		wantRole(t, a, Master)
		a.setLink(false)
		synctest.Wait()
		if last := a.transitions[len(a.transitions)-1]; last.To != Fault || last.Reason != "link: eth0 is down" {
			t.Errorf("last transition %+v, want to fault for the link", last)
		}
	})
}

func TestWithoutASourceNothingIsSent(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		a.group.SetSource(netip.Addr{})
		l.elapse(down200 + 250*time.Millisecond)
		if s := a.group.Status(); s.AdvertsSent != 0 || s.AdvertsUnsent != 3 || s.Source.IsValid() || len(a.sent) != 0 {
			t.Errorf("sent %d, unsent %d, source %s; want 0, 3 and none", s.AdvertsSent, s.AdvertsUnsent, s.Source)
		}
		a.group.SetSource(a.addr)
		l.elapse(100 * time.Millisecond)
		if s := a.group.Status(); s.AdvertsSent != 1 || s.Source != a.addr || s.Master != a.addr {
			t.Errorf("sent %d, source %s, master %s; want 1 and %s", s.AdvertsSent, s.Source, s.Master, a.addr)
		}
	})
}

func TestConfiguredSourceGoesBeforeTheInterfaces(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		configured := machineAddr(0)
		a := l.begin(groupConfig("a", 200, func(c *Config) { c.Source = configured }))
		a.group.SetSource(netip.MustParseAddr("203.0.113.9"))
		synctest.Wait()
		if got := a.group.Status().Source; got != configured {
			t.Errorf("source is %s, want %s", got, configured)
		}
		a.group.Configure(groupConfig("a", 200, nil))
		synctest.Wait()
		if got, want := a.group.Status().Source.String(), "203.0.113.9"; got != want {
			t.Errorf("source is %s without a configured one, want %s", got, want)
		}
		a.group.SetSource(configured) // where the machine really is
	})
}

func TestEqualNeighboursAgree(t *testing.T) { // equal priority and interval: the higher address wins, once
	for n := 2; n <= 5; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			onLAN(t, func(t *testing.T, l *lan) {
				for i := range n {
					l.add(groupConfig(fmt.Sprint("r", i), 100, nil), 1)
				}
				for _, m := range l.machines {
					m.start()
				}
				l.elapse(2 * time.Second)
				for i, m := range l.machines {
					want := Backup
					if i == n-1 {
						want = Master
					}
					wantRole(t, m, want)
				}
			})
		})
	}
}

package vrrp

import (
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
	l.mu.Unlock() //nolint:staticcheck // there is nothing to do under the lock
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
			if beat := onBeat(master.Add(time.Duration(i)*time.Second), time.Second); !onTime[beat.Sub(master)] {
				t.Errorf("no advert on the beat before %ds", i)
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
		l.elapse(announcePause + 50*time.Millisecond)
		var announced []time.Duration
		for _, at := range a.announced {
			announced = append(announced, at.Sub(master))
		}
		if diff := cmp.Diff([]time.Duration{0, 50 * time.Millisecond, 50*time.Millisecond + announcePause}, announced); diff != "" {
			t.Errorf("announcements: as master, at the first provocation at once, the last not forgotten (-want +got):\n%s", diff)
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
		taken := b.transitions[len(b.transitions)-1].At
		if took := time.Since(taken) - a.holdDelay; took < HandoverGrace(a.config) || took > HandoverGrace(a.config)+time.Millisecond || a.held {
			t.Errorf("Run returned %s and the release after b took over, held %v; want %s", took, a.held, HandoverGrace(a.config))
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

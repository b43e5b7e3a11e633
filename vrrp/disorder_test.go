package vrrp

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const (
	flaps     = `level=WARN msg="peer does not hear us and takes over again and again" router=a from=198.51.100.200 detail=`
	twoOwners = `level=WARN msg="two owners of the addresses" router=a from=198.51.100.200 detail=`
)

// Who comes back three times within a minute did not hear the master, RFC 9568 section 2.5; who stays, or comes once, is none of that.
func TestMasterTellsOfFlapping(t *testing.T) { // R-2.5-01
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 200, nil), 1)
		log := a.logged()
		a.start()
		l.elapse(5 * time.Second)
		log.read()
		worse := fromStranger(a, 100)
		flap := func(n int) {
			for range n { // three adverts, and ten seconds of silence
				for range 3 {
					a.group.Receive(worse)
					l.elapse(100 * time.Millisecond)
				}
				l.elapse(10 * time.Second)
			}
		}
		told := flaps + `"takes over again and again: 3 times within 1m0s it did not hear our adverts, which come late or get lost" suppressed=0`
		flap(2)
		wantMention(t, log.read(), told, 0)
		flap(1)
		wantMention(t, log.read(), told, 1)
		flap(2) // is counted, and said again a minute later at the earliest
		wantMention(t, log.read(), told, 0)
		if w := a.group.Status().Warnings; len(w) != 1 || w[0].Count != 3 || w[0].Kind != WarnFlapping {
			t.Errorf("warnings %+v, want one of 3 adverts", w)
		}
	})
}

// A worse router that was master while we were away, and says a last word when we come back, has heard us: that is no flapping.
func TestTakingTheRoleBackIsNoFlapping(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a, b := l.add(groupConfig("a", 200, nil), 1), l.add(groupConfig("b", 100, nil), 2)
		a.start()
		b.start()
		l.elapse(5 * time.Second)
		for range flapsTold + 1 {
			a.group.Track("link", Verdict{Fault: "link: eth0 is down"})
			l.elapse(2 * time.Second)
			a.group.Track("link", Verdict{})
			l.elapse(2 * time.Second)
		}
		if n := len(b.transitions); n < 2*flapsTold {
			t.Fatalf("b changed role %d times, want at least %d", n, 2*flapsTold)
		}
		if w := a.group.Status().Warnings; len(w) > 0 {
			t.Errorf("warnings %+v, want none", w)
		}
	})
}

// wantMention demands that a line was logged n times.
func wantMention(t *testing.T, lines []string, want string, n int) {
	t.Helper()
	got := 0
	for _, line := range lines {
		if line == want {
			got++
		}
	}
	if got != n {
		t.Errorf("%d lines say %s, want %d; all: %q", got, want, n, lines)
	}
}

// A backup that hears two owners by turns says so once a minute; a successor is no second one.
func TestBackupTellsOfTwoOwners(t *testing.T) { // R-8.3.2-02
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 100, nil), 1)
		log := a.logged()
		a.start()
		synctest.Wait()
		log.read()
		one := fromStranger(a, PriorityOwner)
		other := one
		other.From = netip.MustParseAddr("198.51.100.201")
		told := twoOwners + `"has priority 255, and so has 198.51.100.201: only one can own the addresses" suppressed=0`
		a.group.Receive(other)
		l.elapse(400 * time.Millisecond) // longer than anybody waits
		a.group.Receive(one)
		l.elapse(10 * time.Millisecond)
		wantMention(t, log.read(), told, 0)
		for range 100 {
			a.group.Receive(other)
			a.group.Receive(one)
			l.elapse(100 * time.Millisecond)
		}
		wantMention(t, log.read(), told, 1)
	})
}

// Owners do not go on side by side: the rule for equal priorities decides, and both are told.
func TestOfTwoOwnersTheHigherAddressStays(t *testing.T) { // R-7.1-06
	onLAN(t, func(t *testing.T, l *lan) {
		a, b := l.begin(groupConfig("a", PriorityOwner, nil)), l.begin(groupConfig("b", PriorityOwner, nil))
		l.elapse(time.Second)
		wantRole(t, a, Backup)
		wantRole(t, b, Master)
		for _, m := range []*machine{a, b} {
			if w := m.group.Status().Warnings; len(w) != 1 || !strings.Contains(w[0].Text, "has priority 255, and so have we") || w[0].Kind != WarnOwners {
				t.Errorf("warnings of %s: %+v", m.config.Name, w)
			}
		}
	})
}

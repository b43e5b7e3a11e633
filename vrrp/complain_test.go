package vrrp

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDifferencesAreLoggedOnceAMinute(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 100, nil), 1)
		log := a.logged()
		a.start()
		synctest.Wait()
		log.read()
		odd := fromStranger(a, 200)
		odd.Packet.Interval = 200 * time.Millisecond
		for i := range 700 { // 70 s
			odd.Packet.Addresses = []netip.Addr{machineAddr(100 + i%2)} // another value is not another kind
			a.group.Receive(odd)
			l.elapse(100 * time.Millisecond)
		}
		line := `level=WARN msg="peer is configured differently" router=a from=198.51.100.200 difference=`
		interval, extra, missing := `"advertises every 200ms, we every 100ms"`,
			`"advertises addresses that we do not have: 198.51.100.101"`, `"does not advertise our addresses: 192.0.2.10"`
		wantLog(t, log,
			line+interval+" suppressed=0", line+extra+" suppressed=0", line+missing+" suppressed=0",
			line+interval+" suppressed=599", line+extra+" suppressed=599", line+missing+" suppressed=599")
	})
}

func TestRefusedAdvertsAreCountedAndLoggedOnceAMinute(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 100, nil), 1)
		a.up = false
		log := a.logged()
		a.start()
		synctest.Wait()
		a.group.Receive(fromStranger(a, 200)) // in fault
		synctest.Wait()
		a.setLink(true)
		synctest.Wait()
		log.read()
		forwarded, own := fromStranger(a, 200), fromStranger(a, 200)
		forwarded.TTL, own.From = 254, a.addr
		for range 3 {
			a.group.Receive(forwarded)
			a.group.Receive(own)
			synctest.Wait()
		}
		l.elapse(time.Minute - time.Nanosecond)
		a.group.Receive(forwarded)
		l.elapse(time.Nanosecond)
		a.group.Receive(forwarded)
		synctest.Wait()
		line := `level=WARN msg="advert dropped" router=a from=198.51.100.200 reason="TTL is not 255: the packet crossed a router" suppressed=`
		wantLog(t, log, line+"0",
			`level=INFO msg="virtual router changed role" router=a from=backup to=master priority=100 reason="no advert for 361ms"`, line+"3")
		want := map[string]uint64{"not_running": 1, "ttl": 5, "own_packet": 3}
		got := a.group.Status().Dropped
		for label := range got {
			if got[label] != want[label] {
				t.Errorf("dropped for %s: %d, want %d", label, got[label], want[label])
			}
		}
		if n := a.group.Status().AdvertsReceived; n != 0 {
			t.Errorf("received %d, want none admitted", n)
		}
	})
}

func TestSendErrorsAreCountedAndLoggedOnceAMinute(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 200, nil), 1)
		a.sendError = errors.New("no buffer space")
		log := a.logged()
		a.start()
		synctest.Wait()
		log.read()
		l.elapse(down200 + time.Minute + 150*time.Millisecond)
		line := `level=WARN msg="advert could not be sent" router=a to=224.0.0.18 error="no buffer space" suppressed=`
		wantLog(t, log, line+"0",
			`level=INFO msg="virtual router changed role" router=a from=backup to=master priority=200 reason="no advert for 322ms"`, line+"600")
		if s := a.group.Status(); s.SendErrors != 602 || s.AdvertsSent != 0 {
			t.Errorf("%d errors, %d sent; want 602 and none", s.SendErrors, s.AdvertsSent)
		}
	})
}

func TestComplaintsAreBounded(t *testing.T) {
	var c complaints
	start := time.Now()
	said := 0
	for i := range 10000 {
		if _, ok := c.admit(fmt.Sprint("peer ", i), start); ok {
			said++
		}
	}
	if said != maxComplaints || len(c.said) != maxComplaints {
		t.Errorf("%d lines, %d remembered; want %d of both", said, len(c.said), maxComplaints)
	}
	later := start.Add(complaintPause)
	if n, ok := c.admit("others", later); !ok || n != 10000-maxComplaints {
		t.Errorf("after a minute: said %v, withheld %d; want true, %d", ok, n, 10000-maxComplaints)
	}
	if _, ok := c.admit("peer 20000", later); !ok || len(c.said) > maxComplaints {
		t.Errorf("a new peer after a minute: said %v, %d remembered; want true, at most %d", ok, len(c.said), maxComplaints)
	}
}

func TestComplaintThatStaysTrueIsRepeatedLessAndLess(t *testing.T) {
	var c complaints
	start := time.Now()
	var said []time.Duration
	for at := time.Duration(0); at < 4*time.Hour; at += 10 * time.Second {
		if _, ok := c.admit("priority", start.Add(at)); ok {
			said = append(said, at)
		}
	}
	var want []time.Duration
	for at, pause := time.Duration(0), complaintPause; at < 4*time.Hour; at, pause = at+pause, min(2*pause, complaintPauseMax) {
		want = append(want, at)
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, ok := c.admit("priority", start.Add(6*time.Hour)); !ok {
		t.Fatal("silent after a pause")
	}
	c.admit("priority", start.Add(12*time.Hour)) // nothing was withheld before: it is news again
	if _, ok := c.admit("priority", start.Add(12*time.Hour+complaintPause)); !ok {
		t.Error("news after a quiet time is not repeated after a minute")
	}
}

// A flood of adverts that are refused at once leaves room for those of the master, and each is counted for what it is.
func TestCrowdOfForgedAdvertsLeavesRoom(t *testing.T) {
	c := groupConfig("a", 100, nil)
	g := NewMember(c, &port{m: &machine{}}, slog.New(slog.DiscardHandler), nil) // nobody runs it
	right := Advert{From: higher, To: Group4, TTL: TTL, Packet: NewPacket(c, 100)}
	forwarded, other := right, right
	forwarded.TTL = TTL - 1
	other.Packet.Version = V2
	for range inboxSize {
		g.Receive(forwarded)
		g.Receive(other)
	}
	if n := len(g.inbox); n != crowded {
		t.Errorf("%d forged adverts are queued, want %d", n, crowded)
	}
	for i := range inboxSize - crowded {
		if !g.Receive(right) {
			t.Fatalf("right advert %d found no room", i)
		}
	}
	drops := g.Status().Dropped
	if got, want := drops[DropTTL.String()]+drops[DropVersion.String()], uint64(2*inboxSize-crowded); got != want {
		t.Errorf("%d counted, want %d", got, want)
	}
}

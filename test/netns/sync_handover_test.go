//go:build netns

package netns_test

import (
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// A sync group is handed over as a whole, and clients on both LANs lose nothing, though each LAN has an interval of its own.
func TestSyncGroupIsHandedOverWithoutALostPacket(t *testing.T) {
	s := newSyncSite(t)
	stalls := s.WatchStalls()
	for _, n := range s.nodes {
		s.govern(n)
	}
	a, b := s.nodes[0], s.nodes[1]
	s.moved(a, time.Now(), syncStart)
	s.WaitFor(syncStart, "b to be backup", func() bool { return s.group(b).Role == "backup" })
	outside, inside := s.Node("outside"), s.Node("inside")
	s.lans[0].Attach(outside, "eth0", "192.0.2.77/24")
	s.lans[1].Attach(inside, "eth0", "10.0.0.77/24")
	pings := []*netns.Pinger{outside.Ping(syncOutside, crossingPing), inside.Ping(syncInside, crossingPing)}
	for _, p := range pings {
		s.WaitFor(limit, "an answer", func() bool { _, ok := p.Answered(time.Time{}); return ok })
	}

	lossless := func(what string, to *syncNode, move func()) {
		start := time.Now()
		move()
		s.moved(to, start, syncElection)
		end := time.Now()
		s.WaitFor(limit, "a while to pass", func() bool { return time.Since(end) > crossingRest+lossPatience })
		for i, p := range pings {
			lost, sent := p.Lost(start, lossPatience)
			t.Logf("%s, LAN %d: lost %d of %d requests, the machine stood still for %s", what, i, lost, sent, stalls.Since(start))
			if lost > 0 && stalls.Since(start) < crossingStall {
				t.Errorf("%s, LAN %d: lost %d of %d requests, sent after %v", what, i, lost, sent, since(start, p.Unanswered(start, lossPatience)))
			}
		}
	}
	order := func(verb string) func() {
		return func() {
			if out, err := a.director.Command(verb, "edge"); err != nil {
				t.Errorf("govrrpd %s edge: %v: %s", verb, err, out)
			}
		}
	}
	lossless("failover", b, order("failover"))
	lossless("takeover", a, order("takeover"))
	lossless("SIGTERM", b, func() { stopped(t, a.director) })
}

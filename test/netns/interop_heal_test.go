//go:build netns

package netns_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// A switch between the two directors fails and is repaired; both keep their carrier. Meanwhile both are master, and clients on the
// backup's side have learned its MAC address. The winner of the joined halves may never hear that there was a second master, so it
// has to be told, or clients go on sending to the loser.
func TestClientsFindTheMasterAtOnceWhenHalvesJoin(parent *testing.T) {
	for _, c := range []struct {
		name          string
		better, worse string
		rounds        int           // where in the advert interval the halves join is chance
		within        time.Duration // 0: for the record only, the behaviour is not ours
	}{
		{"govrrpd", govrrpd, govrrpd, 5, 200 * time.Millisecond},
		{"keepalived wins over govrrpd", keepalived, govrrpd, 5, 200 * time.Millisecond},
		{"govrrpd wins over keepalived, for the record", govrrpd, keepalived, 2, 0},
		{"keepalived, for the record", keepalived, keepalived, 2, 0},
	} {
		parent.Run(c.name, func(t *testing.T) {
			h := newHealing(t, parent, c.better, c.worse)
			t.Parallel()
			h.begin()
			for range c.rounds {
				h.part()
				h.join(c.within)
				h.Always(apart, "the better one in office", h.better.holds)
			}
		})
	}
}

// apart is the least time between two partings, and from the election to the first: because of lesser adverts govrrpd announces at
// least a second after it last did, so that a flood of them makes no flood of ARP, and once more when that second is over.
const apart = 2 * time.Second

// A healing is a duel with a client on the side of the worse one.
type healing struct {
	life
	client *netns.Node
	ping   *netns.Pinger
}

func newHealing(t, parent *testing.T, kind, otherKind string) healing {
	t.Helper()
	better := speaker{kind: kind, address: "192.0.2.1", priority: 200, interval: 100 * time.Millisecond}
	worse := speaker{kind: otherKind, address: "192.0.2.2", priority: 100, interval: 100 * time.Millisecond}
	d := newDuel(t, parent, rules{version: 3}, better, worse)
	h := healing{life: life{duel: d, better: d.speakers[0], worse: d.speakers[1]}, client: d.Node("client")}
	d.lan.Attach(h.client, "eth0", "192.0.2.77/24")
	return h
}

// begin starts both and a client that has found the better one.
func (h *healing) begin() {
	h.t.Helper()
	for _, s := range []*speaker{h.better, h.worse} {
		s.start()
	}
	h.settled(h.better, startup)
	h.WaitFor(startup, h.worse.String()+" to listen", h.worse.listens)
	h.Always(apart, "the better one in office", h.better.holds)
	h.ping = h.client.Ping(virtual, 5*time.Millisecond)
	h.WaitFor(startup, "the client to send to "+h.better.String(), h.sendsTo(h.better))
}

// sendsTo returns a condition: the client has the MAC address of s for the virtual address.
func (h healing) sendsTo(s *speaker) func() bool {
	mac := s.node.MAC("eth0")
	return func() bool { return bytes.Equal(h.client.Neighbor("eth0", virtual), mac) }
}

// part takes the better one's port out of the bridge until the client has found the worse one.
func (h healing) part() {
	h.t.Helper()
	h.better.port.Unplug()
	h.WaitFor(startup, "the client to send to "+h.worse.String(), h.sendsTo(h.worse))
	began := time.Now()
	h.WaitFor(startup, "an answer from "+h.worse.String(), func() bool { _, ok := h.ping.Answered(began); return ok })
}

// patience is how long a client is watched that nobody tells where the master is.
const patience = 10 * time.Second

// join puts the port back and demands that the client sends to the better one within limit, if it is not 0.
func (h healing) join(limit time.Duration) {
	h.t.Helper()
	began := time.Now()
	h.better.port.Heal()
	h.settled(h.better, time.Second)
	h.WaitFor(patience, "the client to send to "+h.better.String(), h.sendsTo(h.better))
	took := time.Since(began)
	h.t.Logf("the client's entry was right %.0f ms after the halves joined", ms(took))
	if limit > 0 && took > limit {
		h.t.Errorf("the client's entry was right after %s, want at most %s\n%s", took, limit, h.since(began))
	}
}

// since returns what was said of the address on the wire after a moment.
func (h healing) since(moment time.Time) string {
	var b strings.Builder
	b.WriteString(describe(h.capture.AdvertsFrom(h.better.port, moment)))
	b.WriteString(describe(h.capture.AdvertsFrom(h.worse.port, moment)))
	for _, a := range h.capture.ARPs() {
		if a.At.After(moment) && a.Sender == virtual {
			fmt.Fprintf(&b, "%s %s has %s (gratuitous %t)\n", clock(a.At), a.MAC, a.Sender, a.Gratuitous)
		}
	}
	return b.String()
}

package vrrp

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A wiretap is a Host that keeps when which priority was sent. Its addresses come and go at once.
type wiretap struct {
	start time.Time

	mu sync.Mutex
	// guarded by mu:
	sent []sending
}

func (w *wiretap) Send(_ *Config, _ netip.Addr, p Packet) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, sending{time.Since(w.start), p.Priority})
	return nil
}

func (*wiretap) Hold(*Config, bool) error { return nil }
func (*wiretap) Announce(*Config) error   { return nil }
func (*wiretap) Silence(*Config)          {}

// told returns all that was sent so far.
func (w *wiretap) told() []sending {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]sending(nil), w.sent...)
}

// A discard is an advert that the router of c must drop. Only change tells it from one that the router obeys.
type discard struct {
	name   string
	c      func(*Config)
	good   func(*Advert)
	change func(*Advert)
	want   Reason
}

func discards() []discard {
	onePeer := func(c *Config) { c.Peers = []netip.Addr{vectorSource} }
	return []discard{
		{"TTL 254 (R-5.1.1.3-02)", nil, nil, func(a *Advert) { a.TTL = 254 }, DropTTL},
		{"version (R-7.1-01)", nil, nil, asVersion2, DropVersion},
		{"VRID (R-7.1-05)", nil, nil, func(a *Advert) { a.Packet.VRID = 52 }, DropVRID},
		{"our own", nil, nil, func(a *Advert) { a.From = ourSource }, DropOwn},
		{"multicast", onePeer, toUs, func(a *Advert) { a.To = Group4 }, DropMulticast},
		{"unicast", nil, nil, toUs, DropUnicast},
		{"a stranger", onePeer, toUs, func(a *Advert) { a.From = netip.MustParseAddr("198.51.100.99") }, DropPeer},
		{"checksum form", func(c *Config) { c.Checksum = FormMessage }, nil, func(a *Advert) { a.Packet.Form = FormPseudoHeader }, DropForm},
		{"authentication", version2, asVersion2, withPassword, DropAuthType},
		{"password", secret, withPassword, func(a *Advert) { a.Packet.Password[0]++ }, DropPassword},
		{"hop limit 254 (R-5.1.2.3-02)", overIPv6, asIPv6, func(a *Advert) { a.TTL = 254 }, DropTTL},
		{"IPv4 for an IPv6 router (R-1-01)", overIPv6, asIPv6, func(a *Advert) { a.From = vectorSource }, DropFamily},
		{"first IPv6 address (R-7.1-08)", overIPv6, asIPv6, func(a *Advert) { a.Packet.Addresses = []netip.Addr{vectorVIP6} }, DropFirstAddress},
		{"interval of version 2", version2, asVersion2, func(a *Advert) { a.Packet.Interval = 2 * time.Second }, DropInterval},
	}
}

// A discard is shown by four things together: the counter of exactly its reason, and what did not change: the state, what is sent, and
// when. The control is the same router, which obeys the good advert.
func TestDiscardedAdvertMovesNothing(t *testing.T) { // R-7.1-09, R-6.4.3-09
	for _, d := range discards() {
		for _, role := range []Role{Backup, Master} {
			t.Run(d.name+"/"+role.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { d.show(t, role) })
			})
		}
	}
}

// show gives the advert to a router that is in role, of priority 100 and 1 s: it takes over after 3.609375 s.
func (d discard) show(t *testing.T, role Role) {
	g, host := d.router(t)
	pass(time.Second)
	if role == Master {
		pass(3 * time.Second)
	}
	before := settled(g)
	if before.Role != role {
		t.Fatalf("role is %s, want %s", before.Role, role)
	}
	bad := vectorAdvert(d.good)
	d.change(&bad)
	g.Receive(bad)
	after := settled(g)
	after.Warnings, after.WarnedAdverts = before.Warnings, before.WarnedAdverts // what is said of it beside the counter
	d.wantDropped(t, before, after)
	pass(5*time.Second - time.Since(host.start))
	settled(g)
	want := []sending{{3609375 * time.Microsecond, 100}, {4608 * time.Millisecond, 100}} // the second on a beat
	if diff := cmp.Diff(want, host.told()); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	g.Receive(vectorAdvert(d.good))
	if s, from := settled(g), vectorAdvert(d.good).From; s.Role != Backup || s.Master != from {
		t.Errorf("control: %s of %s, want backup of %s", s.Role, s.Master, from)
	}
}

// router runs a lone router until the test ends.
func (d discard) router(t *testing.T) (*Member, *wiretap) {
	host := &wiretap{start: time.Now()}
	g := NewMember(vectorConfig(d.c), host, slog.New(slog.DiscardHandler), nil)
	g.SetSource(ourSource)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- NewGroup("", g).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return g, host
}

// wantDropped compares all that a Status says but for the one counter.
func (d discard) wantDropped(t *testing.T, before, after Status) {
	t.Helper()
	want := before
	want.Dropped = map[string]uint64{}
	for label, n := range before.Dropped {
		want.Dropped[label] = n
	}
	want.Dropped[d.want.String()]++
	if diff := cmp.Diff(want, after, compareAddr); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

// pass lets virtual time go by.
func pass(d time.Duration) { <-time.After(d) }

// settled returns the status when nothing is left to do at this instant.
func settled(g *Member) Status {
	synctest.Wait()
	return g.Status()
}

//go:build netns

package kernel

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A tracker is a Listener that remembers what it was told of its sources.
type tracker struct {
	*recorder
	mu sync.Mutex
	// guarded by mu:
	tracked map[string]vrrp.Verdict
	times   map[string]int
}

func newTracker() *tracker {
	return &tracker{recorder: newRecorder(), tracked: map[string]vrrp.Verdict{}, times: map[string]int{}}
}

func (l *tracker) Track(source string, v vrrp.Verdict) {
	l.recorder.Track(source, v)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tracked[source] = v
	l.times[source]++
}

func (l *tracker) verdict(source string) vrrp.Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tracked[source]
}

func (l *tracker) told(source string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.times[source]
}

func (l *tracker) wait(t *testing.T, source, what string, state vrrp.TrackState, reason string) {
	t.Helper()
	want := vrrp.Verdict{State: state, Reason: reason}
	ok := false
	defer func() {
		if !ok {
			t.Logf("%s: the newest of %s is %+v, want %+v", what, source, l.verdict(source), want)
		}
	}()
	eventually(t, what, func() bool { return l.verdict(source) == want })
	ok = true
}

func (l *lan) tracking(sources ...string) *vrrp.Config {
	c := l.config("web", 51, "192.0.2.10/24")
	for _, s := range sources {
		c.Track = append(c.Track, vrrp.Tracker{Source: s, Weight: -10})
	}
	return c
}

func TestTrackedInterfaceIsFollowed(t *testing.T) {
	l, other := newLAN(t), newLAN(t)
	l.address("192.0.2.1/24")
	h, r := newHost(t), newTracker()
	run(t, h)
	source := "interface/" + other.near
	must(t, h.Attach(l.tracking(source, "interface/nowhere", "script/x"), r))
	r.wait(t, source, "at once", vrrp.Up, other.near+" is up")
	r.wait(t, "interface/nowhere", "at once", vrrp.Down, "nowhere does not exist")
	other.setFar(false)
	r.wait(t, source, "the cable is pulled", vrrp.Down, other.near+" has no carrier")
	other.setNear(false)
	r.wait(t, source, "taken down", vrrp.Down, other.near+" is down")
	other.setNear(true)
	other.setFar(true)
	r.wait(t, source, "up again", vrrp.Up, other.near+" is up")
	other.unplug()
	r.wait(t, source, "removed", vrrp.Down, other.near+" does not exist")
	if r.told("script/x") != 0 || r.fault("link") != "" {
		t.Errorf("told %d times of a script, and of our own link %q", r.told("script/x"), r.fault("link"))
	}
	for _, f := range h.Tracked() {
		if f.Source == source && (f.Verdict.State != vrrp.Down || time.Since(f.Since) > time.Minute) {
			t.Errorf("the host knows %+v", f)
		}
	}
	// A reload that takes the tracker out and one that brings it back.
	must(t, h.Configure(l.tracking()))
	if n := len(h.Tracked()); n != 0 {
		t.Errorf("%d sources are known after nobody tracks one", n)
	}
	before := r.told(source)
	must(t, h.Configure(l.tracking(source)))
	if r.told(source) != before+1 {
		t.Error("a tracker that came back was not told")
	}
}

func TestInterfaceDelaysHideFlaps(t *testing.T) {
	l, other := newLAN(t), newLAN(t)
	l.address("192.0.2.1/24")
	h, r := newHost(t), newTracker()
	const down, up = 300 * time.Millisecond, 200 * time.Millisecond
	h.Watch(vrrp.Surroundings{Delays: []vrrp.InterfaceDelay{{Interface: other.near, Down: down, Up: up}, {Interface: l.near, Down: time.Minute}}})
	run(t, h)
	source := "interface/" + other.near
	must(t, h.Attach(l.tracking(source), r))
	r.wait(t, source, "at once", vrrp.Up, other.near+" is up")
	l.setFar(false) // our own: hidden for a minute
	began := time.Now()
	other.setFar(false)
	r.wait(t, source, "down after the delay", vrrp.Down, other.near+" has no carrier")
	if took := time.Since(began); took < down {
		t.Errorf("down was told after %s, want %s and more", took, down)
	}
	began = time.Now()
	other.setFar(true)
	r.wait(t, source, "up after the delay", vrrp.Up, other.near+" is up")
	if took := time.Since(began); took < up {
		t.Errorf("up was told after %s, want %s and more", took, up)
	}
	h.Watch(vrrp.Surroundings{Delays: []vrrp.InterfaceDelay{{Interface: other.near, Down: time.Minute}, {Interface: l.near, Down: time.Minute}}})
	told := r.told(source)
	for range 5 {
		other.setFar(false)
		eventually(t, "it is seen", func() bool { return h.facts.linkFault(other.near) != "" })
		other.setFar(true)
		eventually(t, "it is seen", func() bool { return h.facts.linkFault(other.near) == "" })
	}
	if got := r.told(source); got != told {
		t.Errorf("flaps were told %d times", got-told)
	}
	if f := r.fault("link"); f != "" {
		t.Errorf("our own link is told as %q within its delay", f)
	}
	h.Watch(vrrp.Surroundings{}) // a reload without delays: the truth at once
	eventually(t, "the link fault", func() bool { return r.fault("link") != "" })
}

func route(l *lan, prefix, via string, table int) *netlink.Route {
	r := &netlink.Route{LinkIndex: l.nearLink().Attrs().Index, Table: table}
	if prefix != "" {
		p := netip.MustParsePrefix(prefix)
		r.Dst = &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
	}
	if via != "" {
		r.Gw = net.ParseIP(via)
	}
	return r
}

func TestTrackedRoutesAreFollowed(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	h, r := newHost(t), newTracker()
	gateway := netip.MustParseAddr("192.0.2.254")
	h.Watch(vrrp.Surroundings{Routes: []vrrp.Route{
		{Name: "default", Prefix: netip.MustParsePrefix("0.0.0.0/0"), Table: vrrp.MainTable},
		{Name: "via", Prefix: netip.MustParsePrefix("10.1.0.0/16"), Table: vrrp.MainTable, Via: gateway, Interface: l.near},
		{Name: "table", Prefix: netip.MustParsePrefix("10.2.0.0/16"), Table: 1000},
		{Name: "six", Prefix: netip.MustParsePrefix("2001:db8:1::/48"), Table: vrrp.MainTable},
	}})
	run(t, h)
	must(t, h.Attach(l.tracking("route/default", "route/via", "route/table", "route/six"), r))
	r.wait(t, "route/default", "at first", vrrp.Down, "no route default")
	r.wait(t, "route/table", "at first", vrrp.Down, "no route 10.2.0.0/16 table 1000")

	def, via, other := route(l, "0.0.0.0/0", "192.0.2.254", 0), route(l, "10.1.0.0/16", "192.0.2.254", 0), route(l, "10.1.0.0/16", "192.0.2.253", 0)
	table, six := route(l, "10.2.0.0/16", "", 1000), route(l, "2001:db8:1::/48", "", 0)
	for _, add := range []*netlink.Route{def, other, table, six} {
		must(t, netlink.RouteAdd(add))
	}
	upDefault := func(what string) {
		t.Helper()
		r.wait(t, "route/default", what, vrrp.Up, "default via 192.0.2.254 dev "+l.near)
	}
	upDefault("added")
	r.wait(t, "route/table", "added", vrrp.Up, "10.2.0.0/16 dev "+l.near+" table 1000")
	r.wait(t, "route/six", "added", vrrp.Up, "2001:db8:1::/48 dev "+l.near)
	r.wait(t, "route/via", "by another gateway", vrrp.Down, "no route 10.1.0.0/16 via 192.0.2.254 dev "+l.near)
	must(t, netlink.RouteReplace(via))
	r.wait(t, "route/via", "replaced", vrrp.Up, "10.1.0.0/16 via 192.0.2.254 dev "+l.near)
	must(t, netlink.RouteDel(def))
	r.wait(t, "route/default", "deleted", vrrp.Down, "no route default")
	must(t, netlink.RouteAdd(def))
	upDefault("added again")

	// What the kernel does to routes without a word.
	l.setFar(false)
	r.wait(t, "route/default", "without carrier", vrrp.Down, "no route default")
	l.setFar(true)
	upDefault("with carrier")
	l.setNear(false)
	r.wait(t, "route/default", "gone with the interface", vrrp.Down, "no route default")
	l.setNear(true)
	must(t, netlink.RouteAdd(def))
	upDefault("added once more")
	l.unaddress("192.0.2.1/24")
	r.wait(t, "route/default", "gone with the address", vrrp.Down, "no route default")
}

// TestLostRouteNoticesAreMadeGood: with room for next to nothing most notices are dropped, and the verdict is right all the same.
func TestLostRouteNoticesAreMadeGood(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	h, r := newHost(t), newTracker()
	h.routes.buffer = 1
	h.Watch(vrrp.Surroundings{Routes: []vrrp.Route{{Name: "x", Prefix: netip.MustParsePrefix("10.9.9.9/32"), Table: vrrp.MainTable}}})
	run(t, h)
	must(t, h.Attach(l.tracking("route/x"), r))
	r.wait(t, "route/x", "at first", vrrp.Down, "no route 10.9.9.9/32")
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	must(t, err)
	defer handle.Close()
	for round := range 5 {
		for i := range 400 { // of the same length: the filter lets them through
			other := route(l, netip.AddrFrom4([4]byte{10, 8, byte(i >> 8), byte(i)}).String()+"/32", "", 0)
			must(t, handle.RouteReplace(other))
		}
		x := route(l, "10.9.9.9/32", "", 0)
		if round%2 == 0 {
			must(t, handle.RouteAdd(x))
			r.wait(t, "route/x", "added in a flood", vrrp.Up, "10.9.9.9/32 dev "+l.near)
		} else {
			must(t, handle.RouteDel(x))
			r.wait(t, "route/x", "deleted in a flood", vrrp.Down, "no route 10.9.9.9/32")
		}
	}
}

// TestLostRouteNoticeCallsForAReading: the notice of the wanted route itself is among those that the kernel dropped.
func TestLostRouteNoticeCallsForAReading(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	e, err := subscribeRoutes([]vrrp.Route{{Name: "x", Prefix: netip.MustParsePrefix("10.9.9.9/32"), Table: vrrp.MainTable}}, 1)
	must(t, err)
	defer e.file.Close()
	for i := range 400 {
		must(t, netlink.RouteAdd(route(l, netip.AddrFrom4([4]byte{10, 8, byte(i >> 8), byte(i)}).String()+"/32", "", 0)))
	}
	must(t, netlink.RouteAdd(route(l, "10.9.9.9/32", "", 0)))
	raw, err := e.file.SyscallConn()
	must(t, err)
	buf, drained := make([]byte, noticeSize), 0
	must(t, raw.Control(func(fd uintptr) {
		for range 2 {
			news, err := e.drain(int(fd), buf)
			must(t, err)
			if news {
				drained++
			}
		}
	}))
	if drained != 1 {
		t.Errorf("%d of two rounds called for a reading, want the first, with the loss, and not the second", drained)
	}
}

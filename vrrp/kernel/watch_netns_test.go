//go:build netns

package kernel

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

func TestLinkFaultsAreToldAndTakenBack(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	h, r := newHost(t), newRecorder()
	must(t, h.Attach(l.config("web", 51, "192.0.2.10/24"), r))
	if r.fault("link") != "" || r.fault("source") != "" || r.primary() != sourceAddr {
		t.Fatalf("told at once: link %q, source %q, address %s", r.fault("link"), r.fault("source"), r.primary())
	}
	run(t, h)
	for _, step := range []struct {
		name string
		do   func()
		want string
	}{
		{"the cable is pulled", func() { l.setFar(false) }, "link: " + l.near + " has no carrier"},
		{"and plugged in", func() { l.setFar(true) }, ""},
		{"the administrator takes it down", func() { l.setNear(false) }, "link: " + l.near + " is down"},
		{"and up", func() { l.setNear(true) }, ""},
	} {
		began := time.Now()
		step.do()
		eventually(t, step.name, func() bool { return r.fault("link") == step.want })
		t.Logf("%s: told after %s", step.name, time.Since(began))
		if i := l.on(h); i.Fault != step.want {
			t.Errorf("%s: status says %q, want %q", step.name, i.Fault, step.want)
		}
	}
}

func TestRouterWaitsForItsInterfaceAndFollowsItsSuccessor(t *testing.T) {
	l := newLAN(t)
	l.unplug()
	c := l.config("web", 51, "192.0.2.10/24")
	c.Announce = vrrp.Announce{Repeat: 1}
	h, r := newHost(t), newRecorder()
	must(t, h.Attach(c, r))
	if got, want := r.fault("link"), "link: "+l.near+" does not exist"; got != want {
		t.Errorf("link %q, want %q", got, want)
	}
	run(t, h)
	if err := h.Hold(c, true); !errors.Is(err, errNoInterface) {
		t.Errorf("Hold = %v, want %v", err, errNoInterface)
	}
	var last int
	for i := range 3 {
		l.plug()
		l.address("192.0.2.1/24")
		index := l.nearLink().Attrs().Index
		if index == last {
			t.Fatalf("index %d again: the test shows nothing", index)
		}
		last = index
		eventually(t, "the faults end", func() bool { return r.fault("link") == "" && r.fault("source") == "" })
		eventually(t, "the address is there", func() bool { return slices.Contains(l.addresses(), "192.0.2.10/24") })
		wire := l.capture()
		must(t, h.Send(c, vrrp.Group4, vrrp.NewPacket(c, 100)))
		eventually(t, "an advert leaves", func() bool { return len(wire.matching(isVRRP)) == 1 })
		l.inject(groupMAC, advertFrom("192.0.2.2", "224.0.0.18", testAdvert(), nil))
		eventually(t, "an advert is heard", func() bool { return len(r.heard()) == i+1 })
		l.unplug()
		eventually(t, "it is gone", func() bool { return r.fault("link") == "link: "+l.near+" does not exist" })
	}
	if i := l.on(h); i.Sent != 3 || i.Received != 3 {
		t.Errorf("sent %d, received %d; want 3 and 3: counters survive the interface", i.Sent, i.Received)
	}
}

func TestPrimaryAddressIsFollowed(t *testing.T) {
	l := newLAN(t)
	h, r := newHost(t), newRecorder()
	c := l.config("web", 51, "192.0.2.10/24")
	must(t, h.Attach(c, r))
	run(t, h)
	none := "source: " + l.near + " has no IPv4 address of its own"
	if got := r.fault("source"); got != none {
		t.Errorf("source fault %q, want %q", got, none)
	}
	must(t, h.Hold(c, true)) // comes first in its subnet, and is no source all the same
	l.address("192.0.2.1/24")
	eventually(t, "the first address", func() bool { return r.primary() == sourceAddr && r.fault("source") == "" })
	l.address("198.51.100.1/24") // the first that is not secondary
	eventually(t, "the first of its subnet", func() bool { return r.primary() == netip.MustParseAddr("198.51.100.1") })
	l.unaddress("198.51.100.1/24")
	eventually(t, "the other again", func() bool { return r.primary() == sourceAddr })
	wire := l.capture()
	must(t, h.Send(c, vrrp.Group4, vrrp.NewPacket(c, 100)))
	eventually(t, "an advert from it", func() bool { return len(wire.matching(isVRRP)) == 1 })
	if src := wire.matching(isVRRP)[0].NetworkLayer().NetworkFlow().Src().String(); src != sourceAddr.String() {
		t.Errorf("the advert comes from %s, want %s", src, sourceAddr)
	}
	l.unaddress("192.0.2.1/24")
	eventually(t, "none", func() bool { return r.fault("source") == none && !r.primary().IsValid() })
}

func TestFactsAreThoseOfTheLibrary(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	l.address("2001:db8::1/64")
	lo, err := netlink.LinkByName("lo")
	must(t, err)
	must(t, netlink.LinkSetUp(lo))
	s, err := openRoute()
	must(t, err)
	defer s.close()
	table, err := s.dump()
	must(t, err)
	links, err := netlink.LinkList()
	must(t, err)
	type fact struct {
		Name, MAC string
		MTU       int
		Up        bool
		Addrs     []string
	}
	want, got := map[int]fact{}, map[int]fact{}
	for _, link := range links {
		a := link.Attrs()
		list, err := netlink.AddrList(link, netlink.FAMILY_ALL)
		must(t, err)
		f := fact{Name: a.Name, MAC: a.HardwareAddr.String(), MTU: a.MTU, Up: a.RawFlags&unix.IFF_UP != 0}
		if f.MAC == "" { // the library's word for the loopback interface's zeros
			f.MAC = "00:00:00:00:00:00"
		}
		for _, addr := range list {
			f.Addrs = append(f.Addrs, addr.IPNet.String())
		}
		slices.Sort(f.Addrs)
		want[a.Index] = f
	}
	f := &facts{table: table}
	for index, link := range table.links {
		i := f.describe(link.name)
		g := fact{Name: i.Name, MAC: i.MAC, MTU: i.MTU, Up: i.Up}
		for p := range table.addrs[index] {
			g.Addrs = append(g.Addrs, p.String())
		}
		slices.Sort(g.Addrs)
		got[index] = g
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facts (-library +ours):\n%s", diff)
	}
}

// The kernel may queue 2 KiB for the watcher, a few notices; 1,000 come.
func TestLostNoticesAreMadeGood(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 51, many(500)...)
	h, r := newHost(t), newRecorder()
	h.eventBuffer = 1
	must(t, h.Attach(c, r))
	run(t, h)
	for range 100 {
		must(t, h.Hold(c, true))
		must(t, h.Hold(c, false))
		if h.Status().Resyncs > 0 {
			break
		}
	}
	eventually(t, "notices were lost", func() bool { return h.Status().Resyncs > 0 })
	must(t, h.Hold(c, true))
	l.unaddress("192.0.2.1/24")
	l.unaddress("10.1.0.7/32")
	eventually(t, "what is gone is seen", func() bool { return !r.primary().IsValid() })
	eventually(t, "what was deleted is back", func() bool { return slices.Contains(l.addresses(), "10.1.0.7/32") })
	l.address("192.0.2.1/24")
	eventually(t, "what came is seen", func() bool { return r.primary() == sourceAddr })
	l.expect(append(many(500), "192.0.2.1/24")...)
}

// The kernel may queue more notices than one drain reads, and 12,000 come.
func TestNothingIsTakenFromBeforeALossNorMissedAfterIt(t *testing.T) {
	l := newLAN(t)
	c := l.config("web", 51, many(500)...)
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	s, err := openEvents(3 << 20)
	must(t, err)
	defer s.close()
	for range 12 {
		must(t, h.Hold(c, true))
		must(t, h.Hold(c, false))
	}
	events, lost, err := s.next()
	if err != nil || !lost || len(events) != 0 {
		t.Fatalf("%d notices, lost %v, %v; want none of those before the loss", len(events), lost, err)
	}
	l.address("198.51.100.1/24")
	must(t, s.file.SetReadDeadline(time.Now().Add(patience)))
	events, lost, err = s.next()
	if err != nil || lost || len(events) != 1 || events[0].key.prefix.String() != "198.51.100.1/24" {
		t.Errorf("%d notices, lost %v, %v; want the one that came after", len(events), lost, err)
	}
}

// Without file descriptors nothing can be read; the watcher goes on and makes it good later.
func TestLossThatCannotBeMadeGoodAtOnceIsMadeGoodLater(t *testing.T) {
	l := newLAN(t)
	h, r := newHost(t), newRecorder()
	must(t, h.Attach(l.config("web", 51, "192.0.2.10/24"), r))
	l.address("192.0.2.1/24")
	restore := withoutDescriptors(t)
	h.learn(nil, true)
	restore()
	if r.primary().IsValid() || !h.behind() {
		t.Fatal("everything was read: the test shows nothing")
	}
	h.learn(nil, false)
	if r.primary() != sourceAddr || h.behind() || h.Status().Resyncs != 1 {
		t.Errorf("source %s, behind %v, %d resyncs; want %s, false and 1", r.primary(), h.behind(), h.Status().Resyncs, sourceAddr)
	}
}

// withoutDescriptors lets nobody open anything until restore is called, or the test ends.
func withoutDescriptors(t *testing.T) (restore func()) {
	t.Helper()
	var old unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &old))
	restore = func() { must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &old)) }
	t.Cleanup(restore)
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: old.Max}))
	return restore
}

func TestHostRunsOnceAtATimeAndAgain(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	h, r := newHost(t), newRecorder()
	c := l.config("web", 51, "192.0.2.10/24")
	must(t, h.Attach(c, r))
	for i := range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.Run(ctx) }()
		l.inject(groupMAC, advertFrom("192.0.2.2", "224.0.0.18", testAdvert(), nil))
		eventually(t, "adverts are heard", func() bool { return len(r.heard()) == i+1 })
		if err := h.Run(t.Context()); !errors.Is(err, errRunning) {
			t.Errorf("a second Run: %v, want %v", err, errRunning)
		}
		cancel()
		must(t, <-done)
		must(t, h.Send(c, vrrp.Group4, vrrp.NewPacket(c, 0))) // the last word comes after
	}
}

// The whole of it, with a real Group: it takes over, holds, announces, gives way and comes back.
func TestGroupRunsOnTheKernel(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 51, "192.0.2.10/24")
	c.AdvertInterval, c.Announce = 20*time.Millisecond, vrrp.Announce{Repeat: 2}
	h := newHost(t)
	wire := l.capture()
	run(t, h)
	g := runGroup(t, h, c)
	role := func(want vrrp.Role) func() bool { return func() bool { return g.Status().Role == want } }
	eventually(t, "master", func() bool { return role(vrrp.Master)() && g.Status().Held })
	l.expect("192.0.2.1/24", "192.0.2.10/24")
	eventually(t, "announced", func() bool { return len(wire.matching(isARP)) == 2 })
	better := testAdvert()
	better.Priority, better.Interval = 200, time.Second
	l.inject(groupMAC, advertFrom("192.0.2.2", "224.0.0.18", better, nil))
	eventually(t, "backup", role(vrrp.Backup))
	eventually(t, "released", func() bool { return !slices.Contains(l.addresses(), "192.0.2.10/24") })
	better.Priority = 0
	l.inject(groupMAC, advertFrom("192.0.2.2", "224.0.0.18", better, nil))
	eventually(t, "master again", role(vrrp.Master))
	l.setFar(false)
	eventually(t, "fault", role(vrrp.Fault))
	eventually(t, "released again", func() bool { return !slices.Contains(l.addresses(), "192.0.2.10/24") })
	l.setFar(true)
	eventually(t, "master once more", role(vrrp.Master))
}

// Whatever went wrong with notices, the next full reading puts it right.
func TestFactsAreReadAgainFromTimeToTime(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	h, r := newHost(t), newRecorder()
	h.rereadEvery = 20 * time.Millisecond
	c := l.config("web", 51, "192.0.2.10/24")
	must(t, h.Attach(c, r))
	run(t, h)
	h.admin.Lock()
	h.facts.replace(newTable())
	h.reconcile()
	h.admin.Unlock()
	if got := r.fault("link"); got == "" {
		t.Fatal("the wrong facts were not told: the test shows nothing")
	}
	eventually(t, "the right facts", func() bool { return r.fault("link") == "" && r.primary() == sourceAddr })
	l.inject(groupMAC, advertFrom("192.0.2.2", "224.0.0.18", testAdvert(), nil))
	eventually(t, "adverts are heard again", func() bool { return len(r.heard()) > 0 })
}

// On a host where containers come and go something happens all the time.
func TestFactsAreReadAgainThoughNoticesKeepComing(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	h, r := newHost(t), newRecorder()
	h.rereadEvery = 50 * time.Millisecond
	must(t, h.Attach(l.config("web", 51, "192.0.2.10/24"), r))
	run(t, h)
	h.admin.Lock()
	h.facts.replace(newTable())
	h.reconcile()
	h.admin.Unlock()
	eventually(t, "the right facts", func() bool { // asks every 2 ms
		h.repair.ring()
		return r.fault("link") == "" && r.primary() == sourceAddr
	})
}

// An interface whose socket cannot be opened is a fault, and is tried again.
func TestSocketIsTriedAgain(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	h, r := newHost(t), newRecorder()
	must(t, h.Attach(l.config("web", 51, "192.0.2.10/24"), r))
	h.rereadEvery = time.Hour
	run(t, h)
	withoutPrivileges(t, func() {
		h.admin.Lock()
		defer h.admin.Unlock()
		h.ports[portName{ifname: l.near, family: vrrp.IPv4}].close()
		h.reconcile()
	})
	if got := r.fault("link"); !strings.Contains(got, "open a VRRP socket on "+l.near) {
		t.Errorf("link fault %q", got)
	}
	eventually(t, "the socket is open", func() bool { return r.fault("link") == "" })
	l.inject(groupMAC, advertFrom("192.0.2.2", "224.0.0.18", testAdvert(), nil))
	eventually(t, "adverts are heard", func() bool { return len(r.heard()) > 0 })
}

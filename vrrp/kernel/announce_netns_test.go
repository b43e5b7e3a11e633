//go:build netns

package kernel

import (
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/vishvananda/netlink"

	"github.com/govrrpd/govrrpd/vrrp"
)

func isUnsolicitedNA(p gopacket.Packet) bool {
	na, ok := p.Layer(layers.LayerTypeICMPv6NeighborAdvertisement).(*layers.ICMPv6NeighborAdvertisement)
	return ok && !na.Solicited() && na.TargetAddress.IsGlobalUnicast()
}

func TestAnnouncementsAreRightAndInOrder(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 51, "192.0.2.10/24", "192.0.2.11/24", "192.0.2.12/24", "2001:db8::10/64")
	c.Addresses[3].Excluded = true
	c.Announce = vrrp.Announce{Repeat: 2, Delay: 300 * time.Millisecond}
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	wire := l.capture()
	must(t, h.Announce(c)) // nothing: it holds nothing
	must(t, h.Hold(c, true))
	must(t, h.Announce(c))
	eventually(t, "two bursts of two", func() bool { return l.on(h).Announced == 4*4 })
	eventually(t, "all at the peer", func() bool { return len(wire.matching(isARP)) == 4*3 })
	mac := l.nearLink().Attrs().HardwareAddr
	for i, p := range wire.matching(isARP) {
		want := appendARP(nil, [6]byte(mac), c.Addresses[i%3].Prefix.Addr())
		if diff := cmp.Diff(want, p.Data()); diff != "" {
			t.Errorf("frame %d (-want +got):\n%s", i, diff)
		}
	}
	eventually(t, "the peer has every advertisement", func() bool { return len(wire.matching(isUnsolicitedNA)) >= 4 })
	na := wire.matching(isUnsolicitedNA)[0].Layer(layers.LayerTypeICMPv6NeighborAdvertisement).(*layers.ICMPv6NeighborAdvertisement)
	if na.TargetAddress.String() != "2001:db8::10" || na.Router() || !na.Override() {
		t.Errorf("advertisement %+v", na)
	}
	if n := l.on(h).AnnounceErrors; n != 0 {
		t.Errorf("%d announcements failed", n)
	}
}

// An announcement that has found the router holding, and then has to wait, must not outlive a release.
func TestReleaseSilencesAnAnnouncementThatIsUnderWay(t *testing.T) {
	l := newLAN(t)
	c := l.config("web", 51, "192.0.2.10/24")
	c.Announce = vrrp.Announce{Repeat: 1}
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	must(t, h.Hold(c, true))
	done := make(chan error, 1)
	h.admin.Lock()
	go func() { done <- h.Announce(c) }()
	eventually(t, "it waits to make an announcer", func() bool {
		stacks := make([]byte, 1<<20)
		return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "kernel.(*Host).announcer(")
	})
	must(t, h.Hold(c, false))
	h.admin.Unlock()
	must(t, <-done)
	for _, a := range h.announcing() {
		if n := len(a.schedule.bursts); n != 0 {
			t.Errorf("%d bursts on %s, want none: nothing is held", n, a.name)
		}
	}
}

func TestAnnouncerWaitsForItsSocket(t *testing.T) {
	l := newLAN(t)
	c := l.config("web", 51, "192.0.2.10/24")
	c.Announce = vrrp.Announce{Repeat: 1, Refresh: 100 * time.Millisecond}
	h := newHost(t)
	var log lockedBuffer
	h.log = slog.New(slog.NewTextHandler(&log, nil))
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	must(t, h.Hold(c, true))
	wire := l.capture()
	restore := withoutDescriptors(t)
	err := h.Announce(c)
	eventually(t, "it has no socket", func() bool { return strings.Contains(log.String(), "no packet socket") })
	restore()
	must(t, err)
	eventually(t, "announcements", func() bool { return len(wire.matching(isARP)) > 0 })
}

// A lockedBuffer is a log that is read while others write.
type lockedBuffer struct {
	mu  sync.Mutex
	buf strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// The receiver's kernel is the judge of whether announcements do their work.
func TestAnnouncementsMoveThePeersCaches(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	l.farAddress("192.0.2.2/24")
	l.farAddress("2001:db8::2/64")
	far, err := l.peer.LinkByName(l.far)
	must(t, err)
	stale := net.HardwareAddr{2, 0, 0, 0, 0, 0xee}
	vips := []netip.Addr{netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("2001:db8::10")}
	for _, vip := range vips {
		must(t, l.peer.NeighSet(&netlink.Neigh{LinkIndex: far.Attrs().Index, IP: vip.AsSlice(), HardwareAddr: stale, State: netlink.NUD_STALE}))
	}
	c := l.config("web", 51, "192.0.2.10/24", "2001:db8::10/64")
	c.Addresses[1].Excluded = true
	c.Announce = vrrp.Announce{Repeat: 3}
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	must(t, h.Hold(c, true))
	must(t, h.Announce(c))
	mac := l.nearLink().Attrs().HardwareAddr.String()
	for _, vip := range vips {
		eventually(t, "the peer's cache has our address for "+vip.String(), func() bool {
			list, err := l.peer.NeighList(far.Attrs().Index, netlink.FAMILY_ALL)
			must(t, err)
			for _, n := range list {
				if a, _ := netip.AddrFromSlice(n.IP); a.Unmap() == vip {
					return n.HardwareAddr.String() == mac
				}
			}
			return false
		})
	}
}

func TestRouterFlagSaysWhetherTheHostForwards(t *testing.T) {
	l := newLAN(t)
	path := "/proc/sys/net/ipv6/conf/" + l.near + "/forwarding"
	for value, want := range map[string]bool{"1": true, "0": false} {
		must(t, os.WriteFile(path, []byte(value), 0o644))
		if got := forwardsIPv6(l.near); got != want {
			t.Errorf("forwarding %s: R flag %t, want %t", value, got, want)
		}
	}
	if forwardsIPv6("nowhere0") {
		t.Error("an interface that does not exist forwards")
	}
}

func TestReleaseStopsAnnouncing(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 51, many(1000)...)
	c.Announce = vrrp.AnnounceDefault
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	must(t, h.Hold(c, true))
	must(t, h.Announce(c))
	eventually(t, "the burst has begun", func() bool { return l.on(h).Announced > 0 })
	must(t, h.Hold(c, false))
	before := l.on(h).Announced
	other := l.config("other", 52, "192.0.2.20/24")
	other.Announce = vrrp.Announce{Repeat: 3}
	must(t, h.Attach(other, newRecorder()))
	must(t, h.Hold(other, true))
	must(t, h.Announce(other))
	eventually(t, "another router's burst is over", func() bool { return l.on(h).Announced >= before+3 })
	if got := l.on(h).Announced; got != before+3 {
		t.Errorf("%d packets for released addresses", got-before-3)
	}
}

func TestAnnouncementsGoWhereTheAddressIs(t *testing.T) {
	l, other := newLAN(t), newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 51, "192.0.2.10/24", "198.51.100.10/24")
	c.Addresses[1].Interface = other.near
	c.Announce = vrrp.Announce{Repeat: 1}
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	here, there := l.capture(), other.capture()
	must(t, h.Hold(c, true))
	must(t, h.Announce(c))
	eventually(t, "one on each", func() bool { return len(here.matching(isARP)) == 1 && len(there.matching(isARP)) == 1 })
	mac := other.nearLink().Attrs().HardwareAddr
	if diff := cmp.Diff(appendARP(nil, [6]byte(mac), c.Addresses[1].Prefix.Addr()), there.matching(isARP)[0].Data()); diff != "" {
		t.Errorf("frame (-want +got):\n%s", diff)
	}

	// The interface gets another hardware address: everybody must know.
	must(t, netlink.LinkSetHardwareAddr(other.nearLink(), net.HardwareAddr{2, 0, 0, 0, 0, 0x77}))
	eventually(t, "the new one is announced", func() bool {
		for _, p := range there.matching(isARP) {
			if p.Data()[11] == 0x77 {
				return true
			}
		}
		return false
	})

	// A reload takes the address away from that interface.
	c2 := *c
	c2.Addresses = c.Addresses[:1]
	must(t, h.Configure(&c2))
	must(t, h.Hold(&c2, true))
	must(t, h.Announce(&c2))
	if n := len(h.announcers[other.near].schedule.bursts); n != 0 {
		t.Errorf("%d bursts are left on the other interface, want 0", n)
	}
}

func TestAnnouncementsKeepTheirIntervalOnTheWire(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 51, "192.0.2.10/24", "192.0.2.11/24", "192.0.2.12/24")
	c.Announce = vrrp.Announce{Repeat: 2, Gap: 50 * time.Millisecond}
	h := newHost(t)
	h.Watch(vrrp.Surroundings{AnnounceGroups: []vrrp.AnnounceGroup{{Interfaces: []string{l.near}, Gap: 60 * time.Millisecond}}})
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	wire := l.capture()
	must(t, h.Hold(c, true))
	begun := time.Now()
	must(t, h.Announce(c))
	eventually(t, "two bursts of three", func() bool { return len(wire.matching(isARP)) == 6 })
	if took := time.Since(begun); took < 5*60*time.Millisecond {
		t.Errorf("six packets took %s, want them 60ms apart", took)
	}
}

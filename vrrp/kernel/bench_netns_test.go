//go:build netns

package kernel

import (
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/govrrpd/govrrpd/vrrp"
)

// benchLAN makes a cable whose ends are both here, and a router on it.
func benchLAN(b *testing.B, addrs ...string) (*Host, *vrrp.Config) {
	b.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "gvbench0"
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: "gvbench1"}
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	check(netlink.LinkAdd(veth))
	b.Cleanup(func() { check(netlink.LinkDel(veth)) })
	check(netlink.LinkSetUp(veth))
	peer, err := netlink.LinkByName("gvbench1")
	check(err)
	check(netlink.LinkSetUp(peer))
	check(netlink.AddrAdd(veth, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(192, 0, 2, 1), Mask: net.CIDRMask(24, 32)}}))
	c := &vrrp.Config{Name: "bench", Interface: "gvbench0", VRID: 51, Version: vrrp.V3, Priority: 100, AdvertInterval: time.Second}
	for _, a := range addrs {
		c.Addresses = append(c.Addresses, vrrp.Address{Prefix: netip.MustParsePrefix(a)})
	}
	h := NewHost(slog.New(slog.DiscardHandler))
	check(h.Attach(c, newRecorder()))
	b.Cleanup(func() { h.Detach("bench"); h.ledger.close() })
	return h, c
}

// BenchmarkHoldThousand reports the time to add a thousand IPv4 addresses; removing them is not in it.
func BenchmarkHoldThousand(b *testing.B) {
	h, c := benchLAN(b, many(1000)...)
	for b.Loop() {
		if err := h.Hold(c, true); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := h.Hold(c, false); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkLibraryThousand is the same through vishvananda/netlink's Handle, one request after the other.
func BenchmarkLibraryThousand(b *testing.B) {
	h, c := benchLAN(b, many(1000)...)
	handle, err := netlink.NewHandle()
	if err != nil {
		b.Fatal(err)
	}
	defer handle.Close()
	link, err := handle.LinkByName(c.Interface)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, a := range c.Addresses {
			ip := &net.IPNet{IP: a.Prefix.Addr().AsSlice(), Mask: net.CIDRMask(a.Prefix.Bits(), 32)}
			if err := handle.AddrAdd(link, &netlink.Addr{IPNet: ip}); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		for _, a := range c.Addresses { // make them ours, so that they go the same way
			h.ledger.added[addrKey{link.Attrs().Index, a.Prefix}] = true
		}
		if err := h.Hold(c, false); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func BenchmarkSend(b *testing.B) {
	h, c := benchLAN(b, "192.0.2.10/24")
	p := vrrp.NewPacket(c, 100)
	b.ReportAllocs()
	for b.Loop() {
		if err := h.Send(c, vrrp.Group4, p); err != nil {
			b.Fatal(err)
		}
	}
}

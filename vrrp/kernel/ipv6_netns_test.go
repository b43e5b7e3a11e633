//go:build netns

package kernel

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/mdlayher/ndp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

var (
	groupMAC6   = net.HardwareAddr{0x33, 0x33, 0, 0, 0, 0x12}
	sourceAddr6 = netip.MustParseAddr("fe80::1")
	peerAddr6   = netip.MustParseAddr("fe80::2")
)

func testAdvert6() vrrp.Packet {
	return vrrp.Packet{Version: vrrp.V3, VRID: 51, Priority: 100, Interval: time.Second, Addresses: []netip.Addr{netip.MustParseAddr("fe80::100")}}
}

// ipv6Packet returns a packet with an IPv6 header around the advert p; edit may change any of it.
func ipv6Packet(src, dst string, p vrrp.Packet, edit func(b []byte)) []byte {
	from, to := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	message := p.Marshal(from, to)
	b := []byte{0x6c, 0, 0, 0, byte(len(message) >> 8), byte(len(message)), vrrp.Protocol, vrrp.TTL}
	b = append(append(b, from.AsSlice()...), to.AsSlice()...)
	b = append(b, message...)
	if edit != nil {
		edit(b)
	}
	return b
}

func isVRRP6(p gopacket.Packet) bool {
	ip, ok := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
	return ok && ip.NextHeader == layers.IPProtocolVRRP
}

// linkLocal gives our end a link-local address that is usable at once, and is the lowest.
func (l *lan) linkLocal(addr netip.Addr) {
	l.t.Helper()
	ip := &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(64, 128)}
	must(l.t, netlink.AddrAdd(l.nearLink(), &netlink.Addr{IPNet: ip, Flags: unix.IFA_F_NODAD}))
}

func (l *lan) config6(name string) *vrrp.Config {
	return l.config(name, 51, "fe80::100/64", "2001:db8::100/64")
}

func TestIPv6AdvertsLeaveByteExact(t *testing.T) { // R-5.1.2.3-01, R-7.2-05, R-7.2-06, R-7.2-07
	l := newLAN(t)
	l.linkLocal(sourceAddr6)
	l.address("2001:db8::1/64")
	c := l.config6("web")
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	wire := l.capture()
	for _, priority := range []uint8{100, 0} {
		must(t, h.Send(c, vrrp.Group6, vrrp.NewPacket(c, priority)))
	}
	eventually(t, "two adverts at the peer", func() bool { return len(wire.matching(isVRRP6)) == 2 })
	for i, p := range wire.matching(isVRRP6) {
		want := append([]byte{}, groupMAC6...)
		want = append(want, l.nearLink().Attrs().HardwareAddr...)
		want = append(want, 0x86, 0xdd)
		want = append(want, ipv6Packet("fe80::1", "ff02::12", vrrp.NewPacket(c, []uint8{100, 0}[i]), nil)...)
		got := append([]byte{}, p.Data()...)
		got[15], got[16], got[17] = want[15], want[16], want[17] // the flow label is the kernel's
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("frame %d (-want +got):\n%s", i, diff)
		}
	}
	if got := l.on(h).Sent; got != 2 {
		t.Errorf("sent %d, want 2", got)
	}
}

// Every row is one packet on the wire, and a good one after it, which must be heard.
func TestIPv6DiscardsAreCountedByReason(t *testing.T) { // R-5.2.8-02, R-7.1-04
	l := newLAN(t)
	l.linkLocal(sourceAddr6)
	h, r := newHost(t), newRecorder()
	must(t, h.Attach(l.config6("web"), r))
	run(t, h)
	good := testAdvert6()
	unknown := testAdvert6()
	unknown.VRID = 52
	flip := func(at int, to byte) func([]byte) { return func(b []byte) { b[40+at] = to } }
	for _, test := range []struct {
		name   string
		packet []byte
		reason vrrp.Reason
	}{
		{"VRID of nobody here", ipv6Packet("fe80::2", "ff02::12", unknown, nil), vrrp.DropVRID},
		{"version 2", ipv6Packet("fe80::2", "ff02::12", good, flip(0, 0x21)), vrrp.DropVersion},
		{"type 2", ipv6Packet("fe80::2", "ff02::12", good, flip(0, 0x32)), vrrp.DropType},
		{"checksum", ipv6Packet("fe80::2", "ff02::12", good, flip(2, 200)), vrrp.DropChecksum},
		{"longer than it says", ipv6Packet("fe80::2", "ff02::12", good, flip(3, 0)), vrrp.DropLength},
	} {
		t.Run(test.name, func(t *testing.T) {
			l.dropsOne(t, h, r, groupMAC6, test.packet, ipv6Packet("fe80::2", "ff02::12", good, nil), test.reason)
		})
	}
}

func TestGroupCountsWhatItsIPv6ConfigurationForbids(t *testing.T) { // R-5.1.2.3-02, R-7.1-08
	l := newLAN(t)
	l.linkLocal(sourceAddr6)
	h := newHost(t)
	g := runGroup(t, h, l.config6("web"))
	run(t, h)
	global := testAdvert6()
	global.Addresses = []netip.Addr{netip.MustParseAddr("2001:db8::100")}
	hops := func(n byte) func([]byte) { return func(b []byte) { b[7] = n } }
	for _, test := range []struct {
		name   string
		to     string
		packet vrrp.Packet
		edit   func([]byte)
		reason vrrp.Reason
	}{
		{"hop limit 254", "ff02::12", testAdvert6(), hops(254), vrrp.DropTTL},
		{"hop limit 1", "ff02::12", testAdvert6(), hops(1), vrrp.DropTTL},
		{"first address", "ff02::12", global, nil, vrrp.DropFirstAddress},
		{"unicast to a multicast router", "fe80::1", testAdvert6(), nil, vrrp.DropUnicast},
	} {
		t.Run(test.name, func(t *testing.T) {
			l.refusesOne(t, g, groupMAC6, ipv6Packet("fe80::2", test.to, test.packet, test.edit), test.reason)
		})
	}
}

func TestOneVRIDServesBothFamiliesSideBySide(t *testing.T) { // R-1-01, R-7.1-05
	l := newLAN(t)
	l.address("192.0.2.1/24")
	l.linkLocal(sourceAddr6)
	h, four, six := newHost(t), newRecorder(), newRecorder()
	must(t, h.Attach(l.config("four", 51, "192.0.2.10/24"), four))
	must(t, h.Attach(l.config6("six"), six))
	run(t, h)
	if four.primary() != sourceAddr || six.primary() != sourceAddr6 {
		t.Errorf("sources %s and %s, want %s and %s", four.primary(), six.primary(), sourceAddr, sourceAddr6)
	}
	l.inject(groupMAC, advertFrom("192.0.2.2", "224.0.0.18", testAdvert(), nil))
	l.inject(groupMAC6, ipv6Packet("fe80::2", "ff02::12", testAdvert6(), nil))
	eventually(t, "both hear", func() bool { return len(four.heard()) > 0 && len(six.heard()) > 0 })
	want := vrrp.Advert{From: peerAddr6, To: vrrp.Group6, TTL: 255, Packet: testAdvert6()}
	want.Packet.Form = vrrp.FormPseudoHeader
	if diff := cmp.Diff([]vrrp.Advert{want}, six.heard(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("heard over IPv6 (-want +got):\n%s", diff)
	}
	if heard := four.heard(); len(heard) != 1 || heard[0].From != peerAddr {
		t.Errorf("heard over IPv4 %+v, want one of %s", heard, peerAddr)
	}
	if i := l.on(h); i.Received != 2 || i.LinkLocal != sourceAddr6 || i.Primary != sourceAddr {
		t.Errorf("status %+v, want 2 received, and both sources", i)
	}
	if err := h.Attach(l.config6("third"), newRecorder()); err == nil || !contains(err, "VRID 51 is taken by another IPv6") {
		t.Errorf("a second IPv6 router with VRID 51: %v", err)
	}
}

func TestIPv6UnicastGoesToPeersAndIsHeardAtTheSource(t *testing.T) {
	for _, test := range []struct{ name, source, other, peer string }{
		{"global", "2001:db8::1", "2001:db8::99", "2001:db8::2"},
		{"link-local", "fe80::1", "fe80::99", "fe80::2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLAN(t)
			for _, a := range []string{test.source, test.other} {
				l.linkLocal(netip.MustParseAddr(a))
			}
			l.farAddress(test.peer + "/64")
			c := l.config6("web")
			peer := netip.MustParseAddr(test.peer)
			c.Peers = []netip.Addr{peer}
			h, r := newHost(t), newRecorder()
			must(t, h.Attach(c, r))
			run(t, h)
			if r.fault("source") != "" || r.primary() != netip.MustParseAddr(test.source) {
				t.Fatalf("source %s, fault %q; want %s", r.primary(), r.fault("source"), test.source)
			}
			eventually(t, "the peer answers for its address", func() bool { return l.peerHas(peer) })
			wire := l.capture()
			must(t, h.Send(c, peer, vrrp.NewPacket(c, 100)))
			eventually(t, "the advert is at the peer", func() bool { return len(wire.matching(isVRRP6)) == 1 })
			ip := wire.matching(isVRRP6)[0].Layer(layers.LayerTypeIPv6).(*layers.IPv6)
			if ip.SrcIP.String() != test.source || ip.DstIP.String() != test.peer || ip.HopLimit != 255 || ip.TrafficClass != 0xc0 {
				t.Errorf("sent %s to %s with hop limit %d, class %#x", ip.SrcIP, ip.DstIP, ip.HopLimit, ip.TrafficClass)
			}
			mac := l.nearLink().Attrs().HardwareAddr
			l.inject(mac, ipv6Packet(test.peer, test.other, testAdvert6(), nil), ipv6Packet(test.peer, test.source, testAdvert6(), nil))
			eventually(t, "the unicast advert is heard", func() bool { return len(r.heard()) > 0 })
			if heard := r.heard(); len(heard) != 1 || heard[0].To.String() != test.source {
				t.Errorf("heard %+v, want the one to %s only", heard, test.source)
			}
		})
	}
}

// peerHas reports whether the peer's address has passed duplicate address detection.
func (l *lan) peerHas(addr netip.Addr) bool {
	list, err := l.peer.AddrList(nil, netlink.FAMILY_V6)
	if err != nil {
		return false
	}
	for _, a := range list {
		if a.IP.Equal(addr.AsSlice()) {
			return a.Flags&unix.IFA_F_TENTATIVE == 0
		}
	}
	return false
}

func TestTentativeAddressIsNoSource(t *testing.T) { // R-7.2-05
	l := newLAN(t)
	l.forgetGenerated()
	h, r := newHost(t), newRecorder()
	c := l.config6("web")
	must(t, h.Attach(c, r))
	run(t, h)
	if got, want := r.fault("source"), "source: "+l.near+" has no IPv6 link-local address of its own"; got != want {
		t.Errorf("fault %q, want %q", got, want)
	}
	l.address("fe80::1/64") // with duplicate address detection, which takes more than a second
	tentative := "source: link-local address is tentative (DAD): fe80::1 on " + l.near
	eventually(t, "the fault tells why", func() bool { return r.fault("source") == tentative })
	if err := h.Send(c, vrrp.Group6, vrrp.NewPacket(c, 100)); err == nil {
		t.Error("an advert left from a tentative address")
	}
	eventually(t, "it recovers by itself", func() bool { return r.fault("source") == "" && r.primary() == sourceAddr6 })
	must(t, h.Send(c, vrrp.Group6, vrrp.NewPacket(c, 100)))
}

func TestDuplicateAddressIsNoSource(t *testing.T) {
	l := newLAN(t)
	l.forgetGenerated()
	l.farAddress("fe80::1/64")
	eventually(t, "the peer has the address", func() bool { return l.peerHas(sourceAddr6) })
	h, r := newHost(t), newRecorder()
	must(t, h.Attach(l.config6("web"), r))
	run(t, h)
	l.address("fe80::1/64")
	duplicate := "source: link-local address is a duplicate of another host's (DAD failed): fe80::1 on " + l.near
	eventually(t, "the fault tells why", func() bool { return r.fault("source") == duplicate })
	l.unaddress("fe80::1/64")
	l.linkLocal(netip.MustParseAddr("fe80::3"))
	eventually(t, "another address will do", func() bool { return r.fault("source") == "" && r.primary().String() == "fe80::3" })
}

// forgetGenerated removes the link-local address that the kernel gave our end, for good.
func (l *lan) forgetGenerated() {
	l.t.Helper()
	must(l.t, os.WriteFile("/proc/sys/net/ipv6/conf/"+l.near+"/addr_gen_mode", []byte("1"), 0))
	list, err := netlink.AddrList(l.nearLink(), netlink.FAMILY_V6)
	must(l.t, err)
	for _, a := range list {
		must(l.t, netlink.AddrDel(l.nearLink(), &a))
	}
}

// A virtual link-local address is never what adverts come from, though it is lower than the real one.
func TestVirtualLinkLocalAddressIsNoSource(t *testing.T) {
	l := newLAN(t)
	l.forgetGenerated()
	l.linkLocal(netip.MustParseAddr("fe80::200"))
	h, r := newHost(t), newRecorder()
	c := l.config6("web")
	must(t, h.Attach(c, r))
	run(t, h)
	must(t, h.Hold(c, true))
	l.unaddress("fe80::200/64")
	eventually(t, "there is no source", func() bool { return strings.Contains(r.fault("source"), "has no IPv6 link-local address") })
	if a := r.primary(); a.IsValid() {
		t.Errorf("source %s, want none", a)
	}
}

// Hosts learn the virtual hardware address together with the router, and the macvlan hears them ask for one.
func TestRouterAdvertisementsCarryTheVirtualHardwareAddress(t *testing.T) { // R-6.4.3-04, R-8.2.2-03
	l := newLAN(t)
	l.linkLocal(sourceAddr6)
	c := l.disguised("web", 51, "fe80::100/64")
	ra := vrrp.DefaultRA(600 * time.Second)
	c.RA = &ra
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	wire := l.capture()
	must(t, h.Hold(c, true))
	isRA := func(p gopacket.Packet) bool { return p.Layer(layers.LayerTypeICMPv6RouterAdvertisement) != nil }
	eventually(t, "an advertisement", func() bool { return len(wire.matching(isRA)) > 0 })
	for _, p := range wire.matching(isRA) {
		if ip := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6); !from(c.VMAC.Address)(p) || ip.SrcIP.String() != "fe80::100" {
			t.Errorf("advertisement from %s, %s; want %s, fe80::100", ip.SrcIP, p.LinkLayer().LinkFlow().Src(), c.VMAC.Address)
		}
		options := p.Layer(layers.LayerTypeICMPv6RouterAdvertisement).(*layers.ICMPv6RouterAdvertisement).Options
		if o := options[0]; o.Type != layers.ICMPv6OptSourceAddress || !bytes.Equal(o.Data, c.VMAC.Address[:]) {
			t.Errorf("option %v, want the source link-layer address %s", o, c.VMAC.Address)
		}
	}
	eventually(t, "a host is heard", func() bool {
		l.inject(net.HardwareAddr{0x33, 0x33, 0, 0, 0, 2}, solicitation(t))
		for _, i := range h.Status().Interfaces {
			if i.Name == c.VMAC.Name && i.RouterSolicitations > 0 {
				return true
			}
		}
		return false
	})
	must(t, h.Hold(c, false))
	for _, p := range wire.matching(isRA) {
		if p.Layer(layers.LayerTypeICMPv6RouterAdvertisement).(*layers.ICMPv6RouterAdvertisement).RouterLifetime == 0 {
			t.Error("the router took leave of hosts that its successor serves")
		}
	}
}

// solicitation returns the IPv6 packet of a host that asks for routers.
func solicitation(t *testing.T) []byte {
	t.Helper()
	src, dst := peerAddr6, netip.MustParseAddr("ff02::2")
	body, err := ndp.MarshalMessageChecksum(&ndp.RouterSolicitation{}, src, dst)
	must(t, err)
	b := []byte{0x60, 0, 0, 0, 0, byte(len(body)), nextICMPv6, hopLimit}
	b = append(append(b, src.AsSlice()...), dst.AsSlice()...)
	return append(b, body...)
}

//go:build netns

package kernel

import (
	"bytes"
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/vishvananda/netlink"

	"github.com/govrrpd/govrrpd/vrrp"
)

// datagram returns an IPv4 packet of UDP from the peer to a port that tells it from others.
func datagram(t *testing.T, dst string, port int) []byte {
	t.Helper()
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.ParseIP("192.0.2.2"), DstIP: net.ParseIP(dst)}
	udp := &layers.UDP{SrcPort: 9999, DstPort: layers.UDPPort(port)}
	must(t, udp.SetNetworkLayerForChecksum(ip))
	b := gopacket.NewSerializeBuffer()
	must(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ip, udp, gopacket.Payload("x")))
	return b.Bytes()
}

// toPort takes the datagrams to a port that did not come from mac: those that somebody passed on.
func toPort(port int, mac net.HardwareAddr) func(gopacket.Packet) bool {
	return func(p gopacket.Packet) bool {
		udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		return ok && int(udp.DstPort) == port && !bytes.Equal(p.Data()[6:12], mac)
	}
}

// A site is a router with two legs and a virtual router with a hardware address of its own on the first.
type site struct {
	in, out *lan
	c       *vrrp.Config
	h       *Host
	there   *capture
	farMAC  net.HardwareAddr
}

func newSite(t *testing.T, edit func(*vrrp.Config)) *site {
	t.Helper()
	s := &site{in: newLAN(t), out: newLAN(t)}
	s.in.address("192.0.2.1/24")
	s.out.address("198.51.100.1/24")
	s.out.farAddress("198.51.100.2/24")
	set(t, setting{"ipv4", "all", "forwarding", "1"})
	set(t, setting{"ipv4", "default", "forwarding", "0"}) // what forwards on the first leg does so because the leg itself does
	set(t, setting{"ipv4", s.in.near, "forwarding", "1"})
	set(t, setting{"ipv4", s.out.near, "forwarding", "1"})
	s.c = s.in.disguised("w1", 81, "192.0.2.10/24")
	if edit != nil {
		edit(s.c)
	}
	s.h = newHost(t)
	must(t, s.h.Attach(s.c, newRecorder()))
	run(t, s.h)
	s.there = s.out.capture()
	far, err := s.in.peer.LinkByName(s.in.far)
	must(t, err)
	s.farMAC = far.Attrs().HardwareAddr
	return s
}

// forwards tells whether a datagram to mac gets to the other leg; one to the physical address, which must, is the control.
func (s *site) forwards(t *testing.T, mac net.HardwareAddr, port int) bool {
	t.Helper()
	control := port + 1
	s.in.inject(mac, datagram(t, "198.51.100.2", port))
	s.in.inject(s.in.nearLink().Attrs().HardwareAddr, datagram(t, "198.51.100.2", control))
	eventually(t, "the control is forwarded", func() bool { return len(s.there.matching(toPort(control, nil))) > 0 })
	return len(s.there.matching(toPort(port, nil))) > 0
}

func TestOnlyTheMasterForwardsFramesToTheVMAC(t *testing.T) { // R-6.4.2-04, R-6.4.3-05
	s := newSite(t, nil)
	vmac := net.HardwareAddr(s.c.VMAC.Address[:])
	if s.forwards(t, vmac, 5000) {
		t.Error("a backup forwards what comes to the virtual hardware address")
	}
	must(t, s.h.Hold(s.c, true))
	if !s.forwards(t, vmac, 5010) {
		t.Error("the master does not forward what comes to the virtual hardware address")
	}
	must(t, s.h.Hold(s.c, false))
	if s.forwards(t, vmac, 5020) {
		t.Error("a former master forwards what comes to the virtual hardware address")
	}
}

func TestPacketsToTheVirtualAddressAreNotForwarded(t *testing.T) { // R-8.3.1-01
	for name, noAccept := range map[string]bool{"accepted": false, "not accepted": true} {
		t.Run(name, func(t *testing.T) {
			far := vrrp.Address{Prefix: netip.MustParsePrefix("203.0.113.10/32")}
			s := newSite(t, func(c *vrrp.Config) { c.NoAccept, c.Addresses = noAccept, append(c.Addresses, far) })
			// Were the addresses not local, the network of the one and the default route of the other would lead out.
			link, err := netlink.LinkByName(s.out.near)
			must(t, err)
			must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.IPv4(198, 51, 100, 2)}))
			must(t, s.h.Hold(s.c, true))
			here := s.in.capture()
			s.in.inject(net.HardwareAddr(s.c.VMAC.Address[:]), datagram(t, "192.0.2.10", 5100), datagram(t, "203.0.113.10", 5100))
			if !s.forwards(t, net.HardwareAddr(s.c.VMAC.Address[:]), 5102) {
				t.Error("the control was not forwarded")
			}
			if n := len(here.matching(toPort(5100, s.farMAC))) + len(s.there.matching(toPort(5100, nil))); n != 0 {
				t.Errorf("%d packets to the virtual addresses were passed on", n)
			}
		})
	}
}

// No router forwards adverts, whatever their TTL; the controls are a packet that it does forward, and adverts of its own on the other leg.
func TestAdvertsStayOnTheirLink(t *testing.T) { // R-5.1.1.2-01, R-5.1.2.2-01
	s := newSite(t, nil)
	set(t, setting{"ipv6", "all", "forwarding", "1"})
	must(t, s.h.Hold(s.c, true))
	s.in.inject(groupMAC, advertFrom("192.0.2.2", "224.0.0.18", testAdvert(), nil))
	s.in.inject(groupMAC6, ipv6Packet("fe80::2", "ff02::12", testAdvert6(), nil))
	if !s.forwards(t, net.HardwareAddr(s.c.VMAC.Address[:]), 5202) {
		t.Error("the control was not forwarded")
	}
	if n := len(s.there.matching(isVRRP)) + len(s.there.matching(isVRRP6)); n != 0 {
		t.Errorf("%d adverts on the other leg", n)
	}
	s.out.linkLocal(sourceAddr6)
	for _, own := range []*vrrp.Config{s.out.config("w10", 82, "198.51.100.10/24"), s.out.config6("w11")} {
		must(t, s.h.Attach(own, newRecorder()))
		eventually(t, "it has a source", func() bool { return s.h.Send(own, own.MulticastGroup(), vrrp.NewPacket(own, 100)) == nil })
	}
	eventually(t, "the adverts of the other leg are seen", func() bool {
		return len(s.there.matching(isVRRP)) == 1 && len(s.there.matching(isVRRP6)) == 1
	})
}

// The gratuitous ARP names each virtual address, and both its hardware addresses are the virtual one, errata 7947 and 7949.
func TestAnnouncementsCarryTheVMAC(t *testing.T) { // R-6.4.1-02, R-6.4.2-08, R-6.4.1-03, R-6.4.2-09, R-8.1.2-05
	l := newLAN(t)
	l.address("192.0.2.1/24")
	set(t, setting{"ipv6", "all", "forwarding", "1"})
	set(t, setting{"ipv6", "default", "forwarding", "1"})
	c := l.disguised("w2", 82, "192.0.2.10/24", "192.0.2.11/24", "192.0.2.12/24", "2001:db8::10/64")
	c.Addresses[3].Excluded = true
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	wire := l.capture()
	must(t, h.Hold(c, true))
	must(t, h.Announce(c))
	eventually(t, "all announcements", func() bool { return len(wire.matching(isARP)) == 3 && len(wire.matching(isUnsolicitedNA)) == 1 })
	for i, p := range wire.matching(isARP) {
		if diff := cmp.Diff(appendARP(nil, c.VMAC.Address, c.Addresses[i].Prefix.Addr()), p.Data()); diff != "" {
			t.Errorf("frame %d (-want +got):\n%s", i, diff)
		}
	}
	want, err := appendNA(nil, c.VMAC.Address, c.Addresses[3].Prefix.Addr(), true)
	must(t, err)
	if diff := cmp.Diff(want, wire.matching(isUnsolicitedNA)[0].Data()); diff != "" {
		t.Errorf("advertisement (-want +got):\n%s", diff)
	}
}

// solicitedNAs takes the answers for target.
func solicitedNAs(target string) func(gopacket.Packet) bool {
	return func(p gopacket.Packet) bool {
		na, ok := p.Layer(layers.LayerTypeICMPv6NeighborAdvertisement).(*layers.ICMPv6NeighborAdvertisement)
		return ok && na.Solicited() && na.TargetAddress.String() == target
	}
}

// The kernel answers for the virtual address, once, from and with the virtual hardware address, as a router; and asks so, too.
func TestSolicitationsAreAnsweredWithTheVMAC(t *testing.T) { // R-6.4.3-02, R-6.4.3-03, R-8.2.2-01, R-8.2.2-02, R-8.2.2-07
	l := newLAN(t)
	l.linkLocal(sourceAddr6)
	set(t, setting{"ipv6", "all", "forwarding", "1"})
	set(t, setting{"ipv6", "default", "forwarding", "1"})
	l.farAddress("2001:db8::2/64")
	c := l.disguised("w3", 83, "fe80::100/64", "2001:db8::10/64")
	neighbours := l.disguised("w4", 84, "fe80::101/64", "2001:db8::11/64") // another virtual router on the same base
	h := newHost(t)
	for _, c := range []*vrrp.Config{c, neighbours} {
		must(t, h.Attach(c, newRecorder()))
		must(t, h.Hold(c, true))
	}
	run(t, h)
	l.ready(t)
	wire := l.capture()
	l.ping(t, "2001:db8::10")
	l.unanswered(t, "2001:db8::98") // a second, in which another answer would come
	l.speaksTo(t, wire, "2001:db8::10", "2001:db8::77")
	vmac := net.HardwareAddr(c.VMAC.Address[:])
	answers := 0
	for _, p := range wire.matching(solicitedNAs("2001:db8::10")) {
		na := p.Layer(layers.LayerTypeICMPv6NeighborAdvertisement).(*layers.ICMPv6NeighborAdvertisement)
		answers++
		if !na.Router() || !bytes.Equal(p.Data()[6:12], vmac) || len(na.Options) == 0 || !bytes.Equal(na.Options[0].Data, vmac) {
			t.Errorf("answer of %s: router flag %t, options %v", p.LinkLayer().LinkFlow().Src(), na.Router(), na.Options)
		}
	}
	if answers == 0 {
		t.Error("no answer was seen")
	}
	wantSolicitationsFrom(t, wire, vmac, "2001:db8::10", "fe80::100")
}

// wantSolicitationsFrom demands that there are solicitations from the addresses, and that they name the hardware address.
func wantSolicitationsFrom(t *testing.T, wire *capture, mac net.HardwareAddr, addrs ...string) {
	t.Helper()
	seen := 0
	for _, p := range wire.matching(func(p gopacket.Packet) bool { return p.Layer(layers.LayerTypeICMPv6NeighborSolicitation) != nil }) {
		ip := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
		if !slices.Contains(addrs, ip.SrcIP.String()) {
			continue // that of the peer
		}
		seen++
		for _, o := range p.Layer(layers.LayerTypeICMPv6NeighborSolicitation).(*layers.ICMPv6NeighborSolicitation).Options {
			if o.Type == layers.ICMPv6OptSourceAddress && !bytes.Equal(o.Data, mac) {
				t.Errorf("a solicitation of %s has the hardware address %x", ip.SrcIP, o.Data)
			}
		}
	}
	if seen == 0 {
		t.Errorf("no solicitation of %v was seen", addrs)
	}
}

// What a host says unasked is believed, whatever the role.
func TestUnsolicitedAdvertisementsAreHeard(t *testing.T) { // R-8.2.4-01
	l := newLAN(t)
	l.linkLocal(sourceAddr6)
	c := l.disguised("w5", 85, "fe80::100/64", "2001:db8::10/64")
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	base := l.nearLink().Attrs().Index
	for i, on := range []bool{false, true} {
		must(t, h.Hold(c, on))
		addr, mac := netip.MustParseAddr("2001:db8::77"), net.HardwareAddr{2, 0, 0, 0, 0, byte(0x70 + i)}
		must(t, netlink.NeighSet(&netlink.Neigh{LinkIndex: base, IP: addr.AsSlice(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}, State: netlink.NUD_STALE}))
		frame, err := appendNA(nil, [6]byte(mac), addr, false)
		must(t, err)
		f := l.packetSocket(0)
		_, err = f.Write(frame)
		must(t, err)
		must(t, f.Close())
		eventually(t, "the new hardware address is known", func() bool {
			list, err := netlink.NeighList(base, netlink.FAMILY_V6)
			must(t, err)
			for _, n := range list {
				if got, _ := netip.AddrFromSlice(n.IP); got == addr {
					return n.HardwareAddr.String() == mac.String()
				}
			}
			return false
		})
	}
}

// A router that starts without a carrier says nothing of its addresses before both they and the hardware address are there; an advert goes first.
func TestNothingIsAnnouncedBeforeItIsThere(t *testing.T) { // R-8.1.2-03, R-8.2.2-03, R-6.4.2-07
	l := newLAN(t)
	l.address("192.0.2.1/24")
	l.setNear(false)
	c := l.disguised("w6", 86, "192.0.2.10/24", "2001:db8::10/64")
	c.Addresses[1].Excluded = true
	c.AdvertInterval, c.Announce.Repeat = 50*time.Millisecond, 1
	h := newHost(t)
	wire := l.capture()
	g := runGroup(t, h, c)
	run(t, h)
	eventually(t, "it is in fault", func() bool { return g.Status().Role == vrrp.Fault })
	if isUp(macvlanOf(c)) {
		t.Error("the macvlan is up in fault")
	}
	l.setNear(true)
	eventually(t, "both are announced", func() bool { return len(wire.matching(isARP)) > 0 && len(wire.matching(isUnsolicitedNA)) > 0 })
	if diff := cmp.Diff([]string{"192.0.2.10/24", "2001:db8::10/64"}, addressesOn(t, c.VMAC.Name)); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	for _, p := range wire.matching(from(c.VMAC.Address)) {
		if isVRRP(p) {
			break
		}
		t.Errorf("before the first advert left %v", p)
	}
}

// A virtual address that a reload adds to a master is announced.
func TestAddressOfAReloadIsAnnounced(t *testing.T) { // R-8.1.2-05, R-8.2.2-05
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 87, "192.0.2.10/24")
	c.AdvertInterval, c.Announce.Repeat = 50*time.Millisecond, 1
	h := newHost(t)
	g := runGroup(t, h, c)
	run(t, h)
	wire := l.capture()
	eventually(t, "the master announces", func() bool { return len(wire.matching(isARP)) > 0 })
	more := *c
	more.Addresses = append(more.Addresses[:1:1], vrrp.Address{Prefix: netip.MustParsePrefix("192.0.2.11/24")},
		vrrp.Address{Prefix: netip.MustParsePrefix("2001:db8::11/64"), Excluded: true})
	must(t, h.Configure(&more))
	g.Configure(&more)
	eventually(t, "the new addresses are announced", func() bool {
		arp := wire.matching(func(p gopacket.Packet) bool {
			arp, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP)
			return ok && isARP(p) && net.IP(arp.SourceProtAddress).String() == "192.0.2.11"
		})
		return len(arp) > 0 && len(wire.matching(isUnsolicitedNA)) > 0
	})
}

// The primary address is followed while adverts go out; without one nothing does.
func TestAdvertsComeFromThePrimaryAddress(t *testing.T) { // R-7.2-04
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 88, "203.0.113.10/32")
	c.AdvertInterval = 50 * time.Millisecond
	h := newHost(t)
	g := runGroup(t, h, c)
	run(t, h)
	wire := l.capture()
	source := func(want string) func() bool {
		return func() bool {
			adverts := wire.matching(isVRRP)
			return len(adverts) > 0 && adverts[len(adverts)-1].Layer(layers.LayerTypeIPv4).(*layers.IPv4).SrcIP.String() == want
		}
	}
	eventually(t, "adverts from the first address", source("192.0.2.1"))
	l.address("198.51.100.5/24")
	l.unaddress("192.0.2.1/24")
	eventually(t, "adverts from the next one", source("198.51.100.5"))
	eventually(t, "the router goes by it", func() bool { return g.Status().Source == netip.MustParseAddr("198.51.100.5") }) // and decides a tie by it
	l.unaddress("198.51.100.5/24")
	eventually(t, "a fault", func() bool { return g.Status().Role == vrrp.Fault })
	for _, p := range wire.matching(isVRRP) {
		if s := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4).SrcIP.String(); s != "192.0.2.1" && s != "198.51.100.5" {
			t.Errorf("an advert from %s", s)
		}
	}
}

// Group membership is the kernel's: it comes with the address and goes with it.
func TestMasterIsInTheSolicitedNodeGroups(t *testing.T) { // R-6.4.3-02, R-6.4.2-09
	l := newLAN(t)
	l.linkLocal(sourceAddr6)
	c := l.disguised("w7", 89, "fe80::1:2345/64", "2001:db8::1:6789/64")
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	must(t, h.Hold(c, true))
	for _, want := range []string{"ff02::1:ff01:2345", "ff02::1:ff01:6789"} {
		eventually(t, "the master is in "+want, func() bool { return inGroup(t, c.VMAC.Name, want) })
	}
	must(t, h.Hold(c, false))
	for _, gone := range []string{"ff02::1:ff01:2345", "ff02::1:ff01:6789"} {
		if inGroup(t, c.VMAC.Name, gone) {
			t.Errorf("the backup is in %s", gone)
		}
	}
}

// inGroup reports whether an interface is in an IPv6 multicast group, by /proc/net/igmp6.
func inGroup(t *testing.T, ifname, group string) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/thread-self/net/igmp6")
	must(t, err)
	digits := hex.EncodeToString(netip.MustParseAddr(group).AsSlice())
	for line := range strings.SplitSeq(string(b), "\n") {
		if f := strings.Fields(line); len(f) > 2 && f[1] == ifname && f[2] == digits {
			return true
		}
	}
	return false
}

//go:build netns

package kernel

import (
	"bytes"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/govrrpd/govrrpd/vrrp"
)

// asked sends an ARP request of the peer's hardware address for target.
func (l *lan) asked(t *testing.T, sender, target string) {
	t.Helper()
	far, err := l.peer.LinkByName(l.far)
	must(t, err)
	mac := far.Attrs().HardwareAddr
	frame := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, mac...)
	frame = append(frame, 0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, 1)
	frame = append(append(frame, mac...), net.ParseIP(sender).To4()...)
	frame = append(append(frame, 0, 0, 0, 0, 0, 0), net.ParseIP(target).To4()...)
	f := l.packetSocket(0)
	defer f.Close()
	_, err = f.Write(frame)
	must(t, err)
}

// arpOf takes what says in ARP where addr is.
func arpOf(addr string) func(gopacket.Packet) bool {
	return func(p gopacket.Packet) bool {
		arp, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP)
		return ok && net.IP(arp.SourceProtAddress).String() == addr
	}
}

// speaksTo sends a datagram from an address of ours to a host whose hardware address the kernel has to ask for first.
func (l *lan) speaksTo(t *testing.T, wire *capture, addr, host string) {
	t.Helper()
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(addr)}, &net.UDPAddr{IP: net.ParseIP(host), Port: 9})
	must(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("x"))
	must(t, err)
	eventually(t, "the kernel asks for "+host, func() bool {
		return len(wire.matching(func(p gopacket.Packet) bool {
			arp, _ := p.Layer(layers.LayerTypeARP).(*layers.ARP)
			ns, _ := p.Layer(layers.LayerTypeICMPv6NeighborSolicitation).(*layers.ICMPv6NeighborSolicitation)
			return arp != nil && net.IP(arp.DstProtAddress).String() == host || ns != nil && ns.TargetAddress.String() == host
		})) > 0
	})
}

// wantARPFrom demands that all of what says where addr is has the hardware address in the frame and in the ARP message.
func wantARPFrom(t *testing.T, wire *capture, addr string, mac vrrp.MAC) {
	t.Helper()
	for _, p := range wire.matching(arpOf(addr)) {
		arp := p.Layer(layers.LayerTypeARP).(*layers.ARP)
		if !from(mac)(p) || !bytes.Equal(arp.SourceHwAddress, mac[:]) {
			t.Errorf("ARP for %s from %s says %x, want %s in both", addr, p.LinkLayer().LinkFlow().Src(), arp.SourceHwAddress, mac)
		}
	}
}

func TestProxyARPAnswersWithTheVMAC(t *testing.T) { // R-8.1.3-01
	s := newSite(t, nil)
	s.in.farAddress("192.0.2.2/24")
	must(t, s.h.Hold(s.c, true))
	set(t, setting{"ipv4", s.c.VMAC.Name, "proxy_arp", "1"})
	wire := s.in.capture()
	eventually(t, "an answer for a host on the other leg", func() bool {
		s.in.asked(t, "192.0.2.2", "198.51.100.2")
		return len(wire.matching(arpOf("198.51.100.2"))) > 0
	})
	s.in.unanswered(t, "192.0.2.98") // a second: the kernel takes up to 0.8 s for such an answer
	wantARPFrom(t, wire, "198.51.100.2", s.c.VMAC.Address)
}

// From its start on, the owner speaks for its address with the virtual hardware address alone, and answers once. When it sends from that
// address itself, what it asks on the way says nothing of the address.
func TestOwnerSpeaksWithTheVMACOnly(t *testing.T) { // R-8.1.2-01, R-8.1.2-02, R-8.1.2-04
	l := newLAN(t)
	l.address("192.0.2.1/24")
	l.farAddress("192.0.2.2/24")
	c := l.disguised("w8", 90, "192.0.2.10/24")
	c.Priority = vrrp.PriorityOwner
	h := newHost(t)
	wire := l.capture()
	other := l.disguised("w9", 91, "192.0.2.11/24") // another virtual router on the same base
	must(t, h.Attach(other, newRecorder()))
	must(t, h.Hold(other, true))
	runGroup(t, h, c)
	run(t, h)
	eventually(t, "the owner announces", func() bool { return len(wire.matching(arpOf("192.0.2.10"))) > 0 })
	before := len(wire.matching(arpOf("192.0.2.10")))
	l.asked(t, "192.0.2.2", "192.0.2.10")
	l.unanswered(t, "192.0.2.98") // a second, in which another answer would come
	if n := len(wire.matching(arpOf("192.0.2.10"))) - before; n != 1 {
		t.Errorf("%d answers, want 1", n)
	}
	l.speaksTo(t, wire, "192.0.2.10", "192.0.2.77")
	wantARPFrom(t, wire, "192.0.2.10", c.VMAC.Address)
	wantARPFrom(t, wire, "192.0.2.11", other.VMAC.Address)
}

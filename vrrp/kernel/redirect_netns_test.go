//go:build netns

package kernel

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/govrrpd/govrrpd/vrrp"
)

// datagram6 is datagram over IPv6.
func datagram6(t *testing.T, dst string, port int) []byte {
	t.Helper()
	ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: net.ParseIP("2001:db8::2"), DstIP: net.ParseIP(dst)}
	udp := &layers.UDP{SrcPort: 9999, DstPort: layers.UDPPort(port)}
	must(t, udp.SetNetworkLayerForChecksum(ip))
	b := gopacket.NewSerializeBuffer()
	must(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ip, udp, gopacket.Payload("x")))
	return b.Bytes()
}

// redirectOf takes redirects because of a datagram to a port, which they quote.
func redirectOf(port uint16) func(gopacket.Packet) bool {
	ports := binary.BigEndian.AppendUint16([]byte{9999 >> 8, 9999 & 0xff}, port)
	return func(p gopacket.Packet) bool {
		four, _ := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
		six, _ := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
		redirect := four != nil && four.TypeCode.Type() == layers.ICMPv4TypeRedirect || six != nil && six.TypeCode.Type() == layers.ICMPv6TypeRedirect
		return redirect && bytes.Contains(p.Data(), ports)
	}
}

// A host that could go a shorter way gets no redirect from an address that it does not use as its router. The control is a datagram to the
// physical address, whose sender does use it.
func TestRedirectsDoNotComeFromThePhysicalAddress(t *testing.T) { // R-8.1.1-01, R-8.2.1-01
	for name, family := range map[string]struct {
		near     string // a host on the senders' own network
		datagram func(t *testing.T, dst string, port int) []byte
	}{
		"IPv4 (R-8.1.1-01)": {"192.0.2.3", datagram},
		"IPv6 (R-8.2.1-01)": {"2001:db8::3", datagram6},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(c *vrrp.Config) {
				c.Addresses = append(c.Addresses, excluded("fe80::100/64"), excluded("2001:db8::10/64"))
			})
			s.in.linkLocal(sourceAddr6)
			s.in.address("2001:db8::1/64")
			s.in.farAddress("192.0.2.2/24") // which the redirect has to find
			s.in.farAddress("2001:db8::2/64")
			set(t, setting{"ipv6", "all", "forwarding", "1"})
			set(t, setting{"ipv4", s.in.near, "send_redirects", "1"})
			must(t, s.h.Hold(s.c, true))
			s.in.unaddress("192.0.2.1/24") // so that of two routes to the network that of the interface is the younger
			s.in.address("192.0.2.1/24")
			wire := s.in.capture()
			s.in.inject(net.HardwareAddr(s.c.VMAC.Address[:]), family.datagram(t, family.near, 5300))
			eventually(t, "the control makes a redirect", func() bool {
				s.in.inject(s.in.nearLink().Attrs().HardwareAddr, family.datagram(t, family.near, 5302))
				return len(wire.matching(redirectOf(5302))) > 0
			})
			for _, p := range wire.matching(redirectOf(5300)) {
				t.Errorf("a redirect from %s", p.NetworkLayer().NetworkFlow().Src())
			}
		})
	}
}

func excluded(prefix string) vrrp.Address {
	return vrrp.Address{Prefix: netip.MustParsePrefix(prefix), Excluded: true}
}

package netns

import (
	"net"
	"net/netip"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/mdlayher/ndp"

	"github.com/govrrpd/govrrpd/vrrp"
)

// parseAdvert6 is parseAdvert for IPv6.
func parseAdvert6(f Frame, packet gopacket.Packet) (Advert, bool) {
	eth, _ := packet.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	ip, _ := packet.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
	if eth == nil || ip == nil || ip.NextHeader != layers.IPProtocolVRRP {
		return Advert{}, false
	}
	src, _ := netip.AddrFromSlice(ip.SrcIP)
	dst, _ := netip.AddrFromSlice(ip.DstIP)
	a := Advert{At: f.At, From: f.From, MAC: eth.SrcMAC, Src: src, Dst: dst, TTL: ip.HopLimit}
	a.Packet, a.Err = vrrp.ParsePacket(ip.Payload, src, dst)
	return a, true
}

// An ND is a message of neighbour discovery that was recorded: a *ndp.NeighborAdvertisement, a *ndp.RouterAdvertisement, …
type ND struct {
	At       time.Time
	From     *Port
	MAC      net.HardwareAddr // Ethernet source
	Src, Dst netip.Addr
	HopLimit uint8
	Message  ndp.Message
}

// NDs returns the recorded messages of neighbour discovery (RFC 4861), in order per port.
func (c *Capture) NDs() []ND {
	var out []ND
	for _, f := range c.Frames() {
		packet := gopacket.NewPacket(f.Data, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
		eth, _ := packet.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
		ip, _ := packet.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
		if eth == nil || ip == nil || ip.NextHeader != layers.IPProtocolICMPv6 {
			continue
		}
		m, err := ndp.ParseMessage(ip.Payload)
		if err != nil {
			continue // an echo, or a report of multicast listeners
		}
		src, _ := netip.AddrFromSlice(ip.SrcIP)
		dst, _ := netip.AddrFromSlice(ip.DstIP)
		out = append(out, ND{At: f.At, From: f.From, MAC: eth.SrcMAC, Src: src, Dst: dst, HopLimit: ip.HopLimit, Message: m})
	}
	return out
}

// Unsolicited tells whether the message is an advertisement for target that nobody asked for: a new holder announces itself.
func (m ND) Unsolicited(target netip.Addr) (*ndp.NeighborAdvertisement, bool) {
	na, ok := m.Message.(*ndp.NeighborAdvertisement)
	return na, ok && !na.Solicited && na.TargetAddress == target
}

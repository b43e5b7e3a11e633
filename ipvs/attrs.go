package ipvs

import (
	"fmt"
	"math/bits"
	"net/netip"
)

// Family is an address family, with the kernel's number of it.
type Family uint8

// The address families of services and servers: AF_INET and AF_INET6.
const (
	V4 Family = 2
	V6 Family = 10
)

// familyOf returns the family of a; one that is unset counts as IPv6, as nobody asks for it.
func familyOf(a netip.Addr) Family {
	if a.Is4() {
		return V4
	}
	return V6
}

// String returns ipv4 or ipv6.
func (f Family) String() string {
	switch f {
	case V4:
		return "ipv4"
	case V6:
		return "ipv6"
	}
	return fmt.Sprintf("family %d", uint8(f))
}

// A Netmask says which bits of a client's address count for persistence, as the kernel has it: over IPv4 a mask, 0xffffff00 for
// 255.255.255.0, and any bits may be set; over IPv6 the length of a prefix, 1 to 128.
type Netmask uint32

// PrefixMask returns the Netmask of prefixes with n bits, 1 to 32 or to 128.
func PrefixMask(f Family, n int) Netmask {
	if f == V6 {
		return Netmask(min(max(n, 1), 128))
	}
	return ^Netmask(0) << (32 - min(max(n, 0), 32))
}

// SingleClient returns the Netmask with which each client persists by itself, which is also that of a service without persistence.
func SingleClient(f Family) Netmask { return PrefixMask(f, 128) }

// Text returns the mask for family f as "/24", or as "255.0.255.0" when it is no prefix.
func (m Netmask) Text(f Family) string {
	if f == V6 {
		return fmt.Sprintf("/%d", uint32(m))
	}
	n := bits.LeadingZeros32(^uint32(m))
	if PrefixMask(V4, n) == m {
		return fmt.Sprintf("/%d", n)
	}
	return fmt.Sprintf("%d.%d.%d.%d", byte(m>>24), byte(m>>16), byte(m>>8), byte(m))
}

// TunnelKind is how TUN wraps packets, with the kernel's number of it.
type TunnelKind uint8

// The tunnels of linux/ip_vs.h, IP_VS_CONN_F_TUNNEL_TYPE_: plain IP in IP, Generic UDP Encapsulation and GRE.
const (
	IPIP TunnelKind = 0
	GUE  TunnelKind = 1
	GRE  TunnelKind = 2
)

// The flags of a Tunnel, IP_VS_TUNNEL_ENCAP_FLAG_ of linux/ip_vs.h. Without one the outer packet has no checksum.
const (
	TunnelChecksum       uint16 = 0x1
	TunnelRemoteChecksum uint16 = 0x2 // GUE only
)

// A Tunnel is how TUN wraps the packets to a server. The zero Tunnel is IPIP.
type Tunnel struct {
	Kind  TunnelKind
	Port  uint16 // UDP port of GUE at the server; 0 otherwise
	Flags uint16
}

// String returns ipip, gue or gre.
func (k TunnelKind) String() string {
	switch k {
	case IPIP:
		return "ipip"
	case GUE:
		return "gue"
	case GRE:
		return "gre"
	}
	return fmt.Sprintf("tunnel %d", uint8(k))
}

// String returns the tunnel with its options: "gue port 6080 flags 0x1".
func (t Tunnel) String() string {
	out := t.Kind.String()
	if t.Port != 0 {
		out += fmt.Sprintf(" port %d", t.Port)
	}
	if t.Flags != 0 {
		out += fmt.Sprintf(" flags %#x", t.Flags)
	}
	return out
}

package vrrp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// A Family is a kind of IP address, by its version number. An IPv4 and an IPv6 virtual router of one VRID on one interface are strangers to
// each other, RFC 9568 section 1.
type Family uint8

// The two families; the zero Family is that of no address.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// Group6 is the multicast group of VRRP over IPv6, RFC 9568 section 5.1.2.2.
var Group6 = netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x12})

// MaxAddresses6 is how many IPv6 addresses an advert can name within an MTU of 1,500 bytes, RFC 9568 section 5.2.5. Adverts are never fragmented.
const MaxAddresses6 = (1500 - ipv6HeaderLen - headerLen) / 16

// MaxPacket6 is the longest message that ParsePacket accepts over IPv6, in bytes: 255 addresses, for links of a larger MTU.
const MaxPacket6 = headerLen + 16*MaxAddresses

const ipv6HeaderLen = 40

// FamilyOf returns the family of a. It is zero for the zero Addr and for an IPv4 address in IPv6 form, which is no address of either on a wire.
func FamilyOf(a netip.Addr) Family {
	switch {
	case a.Is4():
		return IPv4
	case a.Is6() && !a.Is4In6():
		return IPv6
	}
	return 0
}

// String returns "IPv4" or "IPv6".
func (f Family) String() string { return fmt.Sprintf("IPv%d", uint8(f)) }

// Group returns the multicast group that adverts of the family are sent to.
func (f Family) Group() netip.Addr {
	if f == IPv6 {
		return Group6
	}
	return Group4
}

// addressLen returns the length of an address in bytes.
func (f Family) addressLen() int {
	if f == IPv6 {
		return 16
	}
	return 4
}

// maxAdvertised returns how many addresses an advert of c may name: the trailer of signed ones takes the place of some.
func (c *Config) maxAdvertised() int {
	switch {
	case c.Family() != IPv6:
		return MaxAddresses
	case c.HMAC != nil:
		return (1500 - ipv6HeaderLen - headerLen - hmacLen) / 16
	}
	return MaxAddresses6
}

// Family returns the family of the router: that of its first advertised address, or when it advertises none that of its source, its first
// peer or its multicast group. It is IPv4 when none of them tells.
func (c *Config) Family() Family {
	for _, a := range c.Addresses {
		if !a.Excluded {
			return max(FamilyOf(a.Prefix.Addr()), IPv4)
		}
	}
	ends := []netip.Addr{c.Source, c.Group}
	if c.Unicast() {
		ends = []netip.Addr{c.Source, c.Peers[0]}
	}
	for _, a := range ends {
		if f := FamilyOf(a); f != 0 {
			return f
		}
	}
	return IPv4
}

// PacketLen returns how many bytes the IP packet of an advert of c has, without IPv4 options and the authentication header.
func (c *Config) PacketLen() int {
	f := c.Family()
	n := ipv4HeaderLen
	if f == IPv6 {
		n = ipv6HeaderLen
	}
	if c.HMAC != nil {
		n += hmacLen
	}
	return n + messageLen(c.Version, f, len(c.Advertised()))
}

// pseudoSum6 is the sum of the IPv6 pseudo-header of RFC 8200 section 8.1: source, destination, 32 bits of length, and the next header.
func pseudoSum6(src, dst netip.Addr, n int) uint32 {
	s, d := src.As16(), dst.As16()
	return sum(s[:]) + sum(d[:]) + uint32(n>>16) + uint32(n&0xffff) + Protocol
}

// readAddress reads the i-th address of a message.
func readAddress(msg []byte, f Family, i int) netip.Addr {
	if f == IPv6 {
		return netip.AddrFrom16([16]byte(msg[headerLen+16*i:]))
	}
	return netip.AddrFrom4([4]byte(msg[headerLen+4*i:]))
}

// appendAddress appends a as a message of the family f has it.
func appendAddress(b []byte, f Family, a netip.Addr) []byte {
	a16 := a.As16()
	if f == IPv6 {
		return append(b, a16[:]...)
	}
	return binary.BigEndian.AppendUint32(b, binary.BigEndian.Uint32(a16[12:]))
}

// firstAdmitted reports whether the first address of an advert is what erratum 8300 of RFC 9568 section 7.1 demands over IPv6: the link-local
// address of the virtual router.
func firstAdmitted(c *Config, p Packet) bool {
	return c.GlobalFirst || c.Family() != IPv6 || len(p.Addresses) == 0 || p.Addresses[0].IsLinkLocalUnicast()
}

// validateFamily checks that everything which an advert carries is of one family, and what the family demands.
func (c *Config) validateFamily() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	f := c.Family()
	advertised := c.Advertised()
	for _, a := range advertised {
		if FamilyOf(a) != f {
			bad("virtual address %s is not %s: in an %s router it must have advertised = false", a, f, f)
		}
	}
	if n := len(advertised); n > c.maxAdvertised() {
		bad("%d advertised virtual addresses, an advert holds %d: give the rest advertised = false", n, c.maxAdvertised())
	}
	if f != IPv6 {
		return errors.Join(errs...)
	}
	if c.Version == V2 {
		bad("version 2 knows no IPv6: use version 3")
	}
	if c.Checksum != FormAuto {
		bad("checksum has one form over IPv6 (RFC 9568 section 5.2.8): remove checksum")
	}
	if len(advertised) > 0 && !advertised[0].IsLinkLocalUnicast() && !c.GlobalFirst {
		bad("the first virtual address is %s, over IPv6 it must be link-local (RFC 9568 section 5.2.9): put an fe80:: address first", advertised[0])
	}
	return errors.Join(append(errs, c.validatePath6())...)
}

// validatePath6 checks that IPv6 adverts can reach where they are sent: link-local addresses and others do not reach each other.
func (c *Config) validatePath6() error {
	if !c.Unicast() {
		if c.Source.IsValid() && !c.Source.IsLinkLocalUnicast() {
			return fmt.Errorf("source %s is not link-local, and IPv6 multicast comes from such a one (RFC 9568 section 5.1.2.1): remove source", c.Source)
		}
		return nil
	}
	local := c.linkLocalPath()
	for _, p := range c.Peers {
		if FamilyOf(p) == IPv6 && p.IsLinkLocalUnicast() != local {
			return fmt.Errorf("peer %s and %s are not both link-local: use one kind for source and peers", p, c.otherEnd())
		}
	}
	return nil
}

// linkLocalPath reports whether adverts are sent between link-local addresses: IPv6 multicast, and unicast to such peers.
func (c *Config) linkLocalPath() bool { return !c.Unicast() || c.otherEnd().IsLinkLocalUnicast() }

// otherEnd returns what the peers of a unicast router are compared with: its source, or else the first of them.
func (c *Config) otherEnd() netip.Addr {
	if c.Source.IsValid() {
		return c.Source
	}
	return c.Peers[0]
}

// FromLinkLocal reports whether adverts come from a link-local address: over IPv6 all do but unicast to peers that have others.
func (c *Config) FromLinkLocal() bool { return c.Family() == IPv6 && c.linkLocalPath() }

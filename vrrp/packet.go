package vrrp

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"
)

// Sizes and constants of the wire, RFC 9568 section 5.2 and RFC 3768 section 5.3; all sizes in bytes.
const (
	// Protocol is the IP protocol number of VRRP.
	Protocol = 112
	// TTL is what every multicast advert is sent with, and must arrive with, RFC 9568 section 5.1.1.3.
	TTL = 255
	// MaxPacket4 is the longest message that ParsePacket accepts over IPv4: 255 addresses, and the version 2 authentication data.
	MaxPacket4 = headerLen + 4*MaxAddresses + authLen

	headerLen     = 8
	authLen       = 8  // authentication data of version 2, always present
	hmacLen       = 28 // trailer of keepalived 2.4, draft-cassen-vrrp-auth-hmac
	ipv4HeaderLen = 20
	ethernetMin   = 46 // shortest payload of an Ethernet frame; shorter ones are padded to it
	typeAdvert    = 1  // ADVERTISEMENT, the only type
)

// Authentication types of version 2, RFC 2338 section 5.3.6.
const (
	AuthNone   = 0
	AuthSimple = 1
	AuthAH     = 2
)

// A Packet is one VRRP advertisement.
type Packet struct {
	Version   Version
	VRID      uint8
	Priority  uint8
	Interval  time.Duration // V3: multiple of 10 ms, below 40.96 s; V2: whole seconds, below 256
	Addresses []netip.Addr  // of the family of the IP header, at most MaxAddresses
	Form      Form          // parsed: the form that matched; sent: the form to use, FormAuto meaning FormPseudoHeader. V2: FormMessage. IPv6 has one
	AuthType  uint8         // V2 only
	Password  [8]byte       // V2 only: the authentication data, whatever AuthType

	AH      *AH    // sent, V2 only: what makes the authentication header; nil for none
	Trailer []byte // the HMAC trailer; nil for none
	TTL     uint8  // sent: of unicast adverts; 0 means 255
	Message []byte // parsed, with a trailer only: the message before it as it came, which the trailer signs
}

// NewPacket returns the advert of c with the given priority. The caller sets Form when it has learned what a peer uses.
func NewPacket(c *Config, priority uint8) Packet {
	p := Packet{
		Version:   c.Version,
		VRID:      c.VRID,
		Priority:  priority,
		Interval:  c.AdvertInterval,
		Addresses: c.Advertised(),
		Form:      c.Checksum,
		TTL:       c.TTL,
	}
	if c.Version == V2 {
		p.Form = FormMessage
		p.AuthType, p.Password = c.authentication()
	}
	return p
}

// HopLimit is the TTL that p is sent to dst with.
func (p Packet) HopLimit(dst netip.Addr) uint8 {
	if dst.IsMulticast() || p.TTL == 0 {
		return TTL
	}
	return p.TTL
}

// authentication returns the type and the zero-filled data that version 2 adverts of c carry.
func (c *Config) authentication() (authType uint8, password [MaxPassword]byte) {
	if c.Password == "" {
		return AuthNone, password
	}
	if c.AH {
		return AuthAH, password
	}
	copy(password[:], c.Password)
	return AuthSimple, password
}

// ParsePacket reads the VRRP message b, which came without its IP header from src to dst. It makes the checks of RFC 9568 section
// 7.1 that need no configuration, in that order; a failed one is returned as its Reason. The Packet does not refer to b.
// In version 3 two of them may be forgiven by configuration, and come with the Packet: DropChecksum in unicast over IPv4, of FormNone
// (see FormAny), and DropCount (see Options.AllowNoAddresses).
func ParsePacket(b []byte, src, dst netip.Addr) (Packet, error) {
	f := FamilyOf(dst)
	if f == 0 || FamilyOf(src) != f {
		return Packet{}, DropFamily
	}
	msg, trailer, err := message(b, f)
	if err != nil {
		return Packet{}, err
	}
	form, ok := matchForm(summed(msg, trailer, f), src, dst)
	if !ok && (f != IPv4 || dst.IsMulticast() || Version(b[0]>>4) != V3) {
		return Packet{}, DropChecksum
	}
	p := decode(msg, f)
	p.Form = form
	if trailer != nil {
		p.Message, p.Trailer = slices.Clone(msg), slices.Clone(trailer)
	}
	switch {
	case len(p.Addresses) == 0 && (p.Version == V2 || p.Interval == 0 || !ok):
		return Packet{}, DropCount
	case len(p.Addresses) == 0:
		return p, DropCount
	case p.Interval == 0:
		return Packet{}, DropIntervalZero
	case !ok:
		return p, DropChecksum
	}
	return p, nil
}

// summed returns what the checksum covers: over IPv6, where the kernel computes it, the HMAC trailer too. Trailer follows msg in memory.
func summed(msg, trailer []byte, f Family) []byte {
	if f == IPv6 {
		return msg[:len(msg)+len(trailer)]
	}
	return msg
}

// message checks version, type and length, and returns b without the padding of a short Ethernet frame, and the HMAC trailer. No frame with an IPv6 address in
// the message is that short, and version 2 knows IPv4 only.
func message(b []byte, f Family) (msg, trailer []byte, err error) {
	if len(b) < headerLen {
		return nil, nil, DropLength
	}
	if v := Version(b[0] >> 4); v != V3 && (v != V2 || f != IPv4) {
		return nil, nil, DropVersion
	}
	if b[0]&0xf != typeAdvert {
		return nil, nil, DropType
	}
	want := messageLen(Version(b[0]>>4), f, int(b[3]))
	switch extra := len(b) - want; {
	case extra == 0:
		return b, nil, nil
	case extra == hmacLen:
		return b[:want], b[want:], nil
	case extra > 0 && f == IPv4 && padded(len(b), extra):
		return b[:want], nil, nil
	}
	return nil, nil, DropLength
}

// padded reports whether the last extra bytes of a message of n can be what a sender adds to fill an Ethernet frame and wrongly
// counts in the IP header. Frames end at 46 bytes of payload, or at 42 when the sender counted a VLAN tag: 2 more than a multiple of 4.
func padded(n, extra int) bool {
	return ipv4HeaderLen+n <= ethernetMin && extra%4 == 2
}

// messageLen returns the length of a message with count addresses.
func messageLen(v Version, f Family, count int) int {
	n := headerLen + f.addressLen()*count
	if v == V2 {
		n += authLen
	}
	return n
}

// decode reads the fields of a message whose length is right. The four reserved bits of version 3 are never looked at.
func decode(msg []byte, f Family) Packet {
	p := Packet{Version: Version(msg[0] >> 4), VRID: msg[1], Priority: msg[2]}
	if p.Version == V2 {
		p.AuthType = msg[4]
		p.Interval = time.Duration(msg[5]) * time.Second
		copy(p.Password[:], msg[len(msg)-authLen:])
	} else {
		p.Interval = time.Duration(binary.BigEndian.Uint16(msg[4:])&0xfff) * MinAdvertInterval
	}
	if count := int(msg[3]); count > 0 {
		p.Addresses = make([]netip.Addr, count)
		for i := range p.Addresses {
			p.Addresses[i] = readAddress(msg, f, i)
		}
	}
	return p
}

// Marshal returns the message to send from src to dst, both of the family of p's addresses, without an IP header.
func (p Packet) Marshal(src, dst netip.Addr) []byte {
	return p.Append(make([]byte, 0, messageLen(p.Version, FamilyOf(dst), len(p.Addresses))+len(p.Trailer)), src, dst)
}

// Append appends the message to send from src to dst to b, as Marshal makes it. It allocates nothing when b has the room.
// Fields out of the range that Packet names are cut to the width that the wire has.
func (p Packet) Append(b []byte, src, dst netip.Addr) []byte {
	start, f := len(b), FamilyOf(dst)
	b = append(b, byte(p.Version)<<4|typeAdvert, p.VRID, p.Priority, byte(len(p.Addresses)))
	if p.Version == V2 {
		b = append(b, p.AuthType, byte(p.Interval/time.Second))
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(p.Interval/MinAdvertInterval)&0xfff)
	}
	b = append(b, 0, 0) // checksum
	for _, a := range p.Addresses {
		b = appendAddress(b, f, a)
	}
	if p.Version == V2 {
		b = append(b, p.Password[:]...)
	}
	end := len(b)
	b = append(b, p.Trailer...)
	msg := summed(b[start:end], p.Trailer, f)
	binary.BigEndian.PutUint16(b[start+checksumOffset:], ^fold(sum(msg)+p.pseudo(len(msg), src, dst)))
	return b
}

// pseudo returns what the packet's checksum form adds to the sum of a message of n bytes.
func (p Packet) pseudo(n int, src, dst netip.Addr) uint32 {
	switch {
	case FamilyOf(dst) == IPv6:
		return pseudoSum6(src, dst, n)
	case p.Version == V2 || p.Form == FormMessage:
		return 0
	case p.Form == FormOldUnicast:
		return pseudoSum(src, Group4, n)
	}
	return pseudoSum(src, dst, n)
}

// matchForm returns the first form under which the checksum of msg is right.
func matchForm(msg []byte, src, dst netip.Addr) (Form, bool) {
	s, n := sum(msg), len(msg)
	right := func(pseudo uint32) bool { return fold(s+pseudo) == 0xffff }
	switch {
	case FamilyOf(dst) == IPv6:
		return FormPseudoHeader, right(pseudoSum6(src, dst, n))
	case Version(msg[0]>>4) == V2:
		return FormMessage, right(0)
	case right(pseudoSum(src, dst, n)):
		return FormPseudoHeader, true
	case right(0):
		return FormMessage, true
	case !dst.IsMulticast() && right(pseudoSum(src, Group4, n)):
		return FormOldUnicast, true
	}
	return FormNone, false
}

// sum adds the big-endian 16-bit words of b, whose length is even and at most MaxPacket6: 32 bits cannot overflow (RFC 1071).
func sum(b []byte) uint32 {
	var s uint32
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	return s
}

// pseudoSum is the sum of the IPv4 pseudo-header: source, destination, protocol, and n, the length of the message.
func pseudoSum(src, dst netip.Addr, n int) uint32 {
	s4, d4 := src.As4(), dst.As4()
	return sum(s4[:]) + sum(d4[:]) + Protocol + uint32(n)
}

// fold adds the carries of s back in and returns the one's complement sum.
func fold(s uint32) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

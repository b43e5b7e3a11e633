package kernel

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/net/bpf"

	"github.com/govrrpd/govrrpd/vrrp"
)

// Offsets into and masks of the IPv4 header, RFC 791 section 3.1.
const (
	ipv4HeaderLen   = 20
	offsetFragment  = 6
	offsetDest      = 16
	fragmentMask    = 0x3fff // offset and MF; DF may be set
	acceptWholeSize = 1<<18 - 1
)

// filter returns the program that the kernel runs on each packet of protocol 112 before it wakes us. It passes what is sent to one of
// destinations and is no fragment. Everything else that may be wrong with a packet is counted in user space.
func filter(destinations []netip.Addr) []bpf.Instruction {
	prog := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offsetFragment, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: fragmentMask, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.LoadAbsolute{Off: offsetDest, Size: 4},
	}
	for _, a := range destinations {
		a4 := a.As4()
		prog = append(prog,
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: binary.BigEndian.Uint32(a4[:]), SkipTrue: 1},
			bpf.RetConstant{Val: acceptWholeSize})
	}
	return append(prog, bpf.RetConstant{Val: 0})
}

// filterAH is filter for adverts with an authentication header, IP protocol 51: it lets those of IPsec go by.
func filterAH(destinations []netip.Addr) []bpf.Instruction {
	prog := []bpf.Instruction{
		bpf.LoadMemShift{Off: 0}, // length of the IP header
		bpf.LoadIndirect{Off: 0, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: vrrp.Protocol, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
	}
	return append(prog, filter(destinations)...)
}

// An ipHeader is what adverts need of an IPv4 header.
type ipHeader struct {
	src, dst netip.Addr
	ttl      int
	datagram []byte // the whole of one that has an authentication header; nil otherwise
}

// parseIPv4 splits a packet as a raw socket delivers it. It reports false when a length is not what the bytes are, or the packet is
// a fragment or of another protocol.
func parseIPv4(b []byte) (ipHeader, []byte, bool) {
	if len(b) < ipv4HeaderLen || b[0]>>4 != 4 {
		return ipHeader{}, nil, false
	}
	header, total := int(b[0]&0xf)*4, int(binary.BigEndian.Uint16(b[2:]))
	if header < ipv4HeaderLen || total < header || total > len(b) {
		return ipHeader{}, nil, false
	}
	if binary.BigEndian.Uint16(b[offsetFragment:])&fragmentMask != 0 || b[9] != vrrp.Protocol && b[9] != vrrp.ProtocolAH {
		return ipHeader{}, nil, false
	}
	h := ipHeader{
		src: netip.AddrFrom4([4]byte(b[12:16])),
		dst: netip.AddrFrom4([4]byte(b[16:20])),
		ttl: int(b[8]),
	}
	if b[9] == vrrp.ProtocolAH {
		h.datagram = b[:total]
	}
	return h, b[header:total], true
}

// tosControl is DSCP CS6, network control, as keepalived sends it.
const tosControl = 0xc0

// appendAdvert appends the whole IP packet that carries p. The kernel fills in the header checksum.
func appendAdvert(b []byte, src, dst netip.Addr, id uint16, p vrrp.Packet) []byte {
	start := len(b)
	src4, dst4 := src.As4(), dst.As4()
	b = append(b, 0x45, tosControl, 0, 0)
	b = binary.BigEndian.AppendUint16(b, id)
	b = append(b, 0, 0, p.HopLimit(dst), protocolOf(p), 0, 0)
	b = append(b, src4[:]...)
	b = append(b, dst4[:]...)
	if p.AH != nil {
		b = p.AH.Append(b, src)
	}
	b = p.Append(b, src, dst)
	binary.BigEndian.PutUint16(b[start+2:], uint16(len(b)-start))
	if p.AH != nil {
		p.AH.Seal(b[start:])
	}
	return b
}

// protocolOf returns the IP protocol that carries p.
func protocolOf(p vrrp.Packet) byte {
	if p.AH != nil {
		return vrrp.ProtocolAH
	}
	return vrrp.Protocol
}

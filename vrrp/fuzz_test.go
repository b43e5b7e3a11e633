package vrrp

import (
	"encoding/binary"
	"math/big"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The reference says the same as RFC 1071 by other means: 65536 is 1 modulo 65535, so that the one's complement sum of 16-bit
// words is the value of the whole message as one long number, modulo 65535.
func referenceSum(b []byte) int64 {
	return new(big.Int).Mod(new(big.Int).SetBytes(b), big.NewInt(65535)).Int64()
}

// referenceRight reports whether the checksum of msg is right under form.
func referenceRight(msg []byte, form Form, src, dst netip.Addr) bool {
	return referenceSum(append(referencePseudo(form, src, dst, len(msg)), msg...)) == 0
}

func referencePseudo(form Form, src, dst netip.Addr, n int) []byte {
	switch form {
	case FormMessage:
		return nil
	case FormOldUnicast:
		dst = Group4
	}
	b := append(src.AsSlice(), dst.AsSlice()...)
	if dst.Is6() {
		return append(b, 0, 0, byte(n>>8), byte(n), 0, 0, 0, 112)
	}
	return append(b, 0, 112, byte(n>>8), byte(n))
}

func FuzzParsePacket(f *testing.F) {
	for _, vector := range []string{
		v3Message, v3Pseudo, v3PseudoUni, v3Resign, v3Reserved, v3NoInterval, v3NoAddresses, v2Plain, v3Trailer, v2Trailer, "",
		v3Message + strings.Repeat("00", 14),
	} {
		f.Add(wire(f, vector), uint32(0xc633640a), uint32(0xe0000012))
		f.Add(wire(f, vector), uint32(0xc633640a), uint32(0xc6336414))
	}
	f.Fuzz(func(t *testing.T, b []byte, from, to uint32) {
		src, dst := addr4(from), addr4(to)
		p, err := ParsePacket(b, src, dst)
		if err != nil {
			checkRefusal(t, err, b, src, dst)
			return
		}
		msg := b[:messageLen(p.Version, FamilyOf(dst), len(p.Addresses))]
		if !referenceRight(msg, p.Form, src, dst) {
			t.Errorf("form %d is not that of %x", p.Form, msg)
		}
		checkRoundTrip(t, p, append(msg, p.Trailer...), src, dst)
	})
}

// FuzzParsePacket6 holds the same of IPv6, where there is one form. The sender's address varies in its last 32 bits.
func FuzzParsePacket6(f *testing.F) {
	for _, vector := range []string{v3IPv6, v3IPv6Message, v2Plain, "", v3IPv6 + strings.Repeat("00", 28)} {
		f.Add(wire(f, vector), uint32(0x10), false)
		f.Add(wire(f, vector), uint32(0x10), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, from uint32, toPeer bool) {
		src, dst := addr6(from), Group6
		if toPeer {
			dst = vectorPeer6
		}
		p, err := ParsePacket(b, src, dst)
		if err != nil {
			checkRefusal6(t, err, b, src, dst)
			return
		}
		if p.Form != FormPseudoHeader || !referenceRight(b, FormPseudoHeader, src, dst) {
			t.Errorf("form %d is not that of %x", p.Form, b)
		}
		checkRoundTrip(t, p, b, src, dst)
	})
}

func addr6(v uint32) netip.Addr {
	return netip.AddrFrom16([16]byte(binary.BigEndian.AppendUint32([]byte{0: 0xfe, 1: 0x80, 11: 0}, v)))
}

func checkRefusal6(t *testing.T, err error, b []byte, src, dst netip.Addr) {
	r, ok := ReasonOf(err)
	if !ok {
		t.Fatalf("error %v is no Reason", err)
	}
	if r == DropChecksum && referenceRight(b, FormPseudoHeader, src, dst) {
		t.Errorf("checksum of %x is right", b)
	}
}

func addr4(v uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, v)))
}

// checkRefusal holds that every error is a Reason, and that no good checksum is called wrong.
func checkRefusal(t *testing.T, err error, b []byte, src, dst netip.Addr) {
	r, ok := ReasonOf(err)
	if !ok {
		t.Fatalf("error %v is no Reason", err)
	}
	if r != DropChecksum {
		return
	}
	msg := b[:messageLen(Version(b[0]>>4), FamilyOf(dst), int(b[3]))]
	if referenceRight(msg, FormMessage, src, dst) || b[0]>>4 == 3 && referenceRight(msg, FormPseudoHeader, src, dst) {
		t.Errorf("checksum of %x is right", msg)
	}
}

// checkRoundTrip holds that p becomes msg again, but for the reserved bits and the two spellings of a zero checksum, and that
// what it becomes parses to p.
func checkRoundTrip(t *testing.T, p Packet, msg []byte, src, dst netip.Addr) {
	again := p.Marshal(src, dst)
	back, err := ParsePacket(again, src, dst)
	if err != nil {
		t.Fatalf("marshalled %x: %v", again, err)
	}
	p.Message, back.Message = nil, nil // as it came, with reserved bits
	if diff := cmp.Diff(p, back, compareAddr); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p.Version == V3 && msg[4]&0xf0 != 0 {
		return
	}
	want := append([]byte(nil), msg...)
	if want[6] == 0xff && want[7] == 0xff {
		want[6], want[7] = 0, 0
	}
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("bytes (-want +got):\n%s", diff)
	}
}

package vrrp

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSigningCostsNoGarbage(t *testing.T) {
	s := newSigner(hmacConfig(), "198.51.100.1")
	p := Packet{Version: V3, VRID: 51, Priority: 200, Interval: time.Second, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.10")}}
	now := vectorTime
	if n := testing.AllocsPerRun(100, func() {
		now = now.Add(time.Millisecond)
		s.sign(p, s.addr, now)
	}); n != 0 {
		t.Errorf("%v allocations to sign an advert, want 0", n)
	}
	a := s.advert(t, now.Add(time.Second))
	us := newSigner(hmacConfig(), "198.51.100.2")
	if n := testing.AllocsPerRun(100, func() { _, _ = us.verify(a, now) }); n != 0 {
		t.Errorf("%v allocations to check an advert, want 0", n)
	}
}

func FuzzTrailer(f *testing.F) {
	for _, v := range hmacVectors {
		b, _ := hex.DecodeString(strings.ReplaceAll(v.wire, " ", ""))
		f.Add(b, v.src)
	}
	f.Fuzz(func(t *testing.T, b []byte, from string) {
		src, err := netip.ParseAddr(from)
		if err != nil || src.Zone() != "" {
			return
		}
		dst := FamilyOf(src).Group()
		p, err := ParsePacket(b, src, dst)
		if err != nil || p.Trailer == nil {
			return
		}
		if !bytes.Equal(append(slices.Clone(p.Message), p.Trailer...), b) {
			t.Fatalf("%x is %x and %x", b, p.Message, p.Trailer)
		}
		s := newSigner(hmacConfig(), "198.51.100.9")
		first, err := s.verify(Advert{From: src, To: dst, Packet: p}, vectorTime)
		_, again := s.verify(Advert{From: src, To: dst, Packet: p}, vectorTime)
		if err == nil && (again != DropHMACReplayed || first.Abs() > s.hmac.Window) {
			t.Fatalf("%x was accepted, %s ahead, and then: %v", b, first, again)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	s := newSigner(hmacConfig(), "198.51.100.1")
	p := Packet{Version: V3, VRID: 51, Priority: 200, Interval: time.Second, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.10")}}
	b.ReportAllocs()
	for b.Loop() {
		s.sign(p, s.addr, vectorTime)
	}
}

// BenchmarkForgedTrailer is what one forged advert costs that gets as far as the HMAC.
func BenchmarkForgedTrailer(b *testing.B) {
	us := newSigner(hmacConfig(), "198.51.100.2")
	p := Packet{Version: V3, VRID: 51, Message: make([]byte, 12), Trailer: append(appendTrailer(nil, 1, sequenceAt(vectorTime)), make([]byte, hmacSumLen)...)}
	a := Advert{From: netip.MustParseAddr("198.51.100.1"), To: Group4, TTL: TTL, Packet: p}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := us.verify(a, vectorTime); err != DropHMACInvalid {
			b.Fatal(err)
		}
	}
}

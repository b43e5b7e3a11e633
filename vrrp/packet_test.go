package vrrp

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The setting of the vectors: VRID 51, priority 200, 1 s, virtual address 192.0.2.100.
var (
	vectorSource = netip.MustParseAddr("198.51.100.10")
	vectorPeer   = netip.MustParseAddr("198.51.100.20")
	vectorVIP    = netip.MustParseAddr("192.0.2.100")
)

// The vectors of RFC 9568 and of keepalived's tests, computed by independent code. Rules for using them to show a refusal: change one
// field, correct the checksum with fixed, and run the unchanged vector as control.
const (
	v3Message     = "3133c801 00644402 c0000264"
	v3Pseudo      = "3133c801 00643935 c0000264"
	v3PseudoUni   = "3133c801 0064eeff c0000264"
	v3Resign      = "31330001 00640c03 c0000264"
	v3Reserved    = "3133c801 f0645401 c0000264"
	v3NoInterval  = "3133c801 00004466 c0000264"
	v3NoAddresses = "3133c800 00640668"
	v2Plain       = "2133c801 00015465 c0000264 0000000000000000"
	v3Trailer     = "3133c801 00644402 c0000264 01010000 68000000 80000000 1b84bc4e8e43892dc6d98448f8ee2265"
	v2Trailer     = "2133c801 00015465 c0000264 0000000000000000 01010000 68000000 80000000 d0b9391b8d008f779ef2e8cf66238947"
)

var compareAddr = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})

func wire(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func vectorPacket(change func(*Packet)) Packet {
	p := Packet{Version: V3, VRID: 51, Priority: 200, Interval: time.Second, Addresses: []netip.Addr{vectorVIP}, Form: FormMessage}
	if change != nil {
		change(&p)
	}
	return p
}

func v2(p *Packet) { p.Version = V2 }

// fixed returns msg with change made and the checksum corrected under form, by the reference.
func fixed(t testing.TB, msg string, form Form, change func([]byte)) []byte {
	t.Helper()
	b := wire(t, msg)
	change(b)
	b[6], b[7] = 0, 0
	s := referenceSum(append(referencePseudo(form, vectorSource, Group4, len(b)), b...))
	binary.BigEndian.PutUint16(b[6:], uint16(65535-s))
	return b
}

func TestVectorsParseAndMarshalToTheSameBytes(t *testing.T) { // R-5.2.8-01, R-7.2-01
	resign := func(p *Packet) { p.Priority = 0 }
	pseudo := func(p *Packet) { p.Form = FormPseudoHeader }
	for _, tt := range []struct {
		name string
		wire string
		to   netip.Addr
		want Packet
	}{
		{"v3 message only", v3Message, Group4, vectorPacket(nil)},
		{"v3 pseudo-header, multicast", v3Pseudo, Group4, vectorPacket(pseudo)},
		{"v3 pseudo-header, unicast", v3PseudoUni, vectorPeer, vectorPacket(pseudo)},
		{"v3 message only, unicast", v3Message, vectorPeer, vectorPacket(nil)},
		{"v3 unicast with the group in the pseudo-header", v3Pseudo, vectorPeer, vectorPacket(func(p *Packet) { p.Form = FormOldUnicast })},
		{"v3 resignation", v3Resign, Group4, vectorPacket(resign)},
		{"v3 resignation, pseudo-header", "31330001 00640136 c0000264", Group4, vectorPacket(func(p *Packet) { resign(p); pseudo(p) })},
		{"v2", v2Plain, Group4, vectorPacket(v2)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParsePacket(wire(t, tt.wire), vectorSource, tt.to)
			if err != nil {
				t.Fatalf("ParsePacket: %v", err)
			}
			if diff := cmp.Diff(tt.want, got, compareAddr); diff != "" {
				t.Errorf("packet (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(wire(t, tt.wire), got.Marshal(vectorSource, tt.to)); diff != "" {
				t.Errorf("bytes (-want +got):\n%s", diff)
			}
		})
	}
}

// Each row is refused for its own reason only: a row is a good vector with one change, and the good vector is parsed beside it.
func TestParsePacketRefuses(t *testing.T) {
	set := func(i int, v byte) func([]byte) { return func(b []byte) { b[i] = v } }
	none := func([]byte) {}
	cut := func(n int) func(t *testing.T) []byte {
		return func(t *testing.T) []byte { return wire(t, v3Message)[:n] }
	}
	v3 := func(change func([]byte)) func(t *testing.T) []byte {
		return func(t *testing.T) []byte { return fixed(t, v3Message, FormMessage, change) }
	}
	raw := func(s string) func(t *testing.T) []byte { return func(t *testing.T) []byte { return wire(t, s) } }
	for _, tt := range []struct {
		name string
		msg  func(t *testing.T) []byte
		want Reason
	}{
		{"version 1 (R-7.1-01)", v3(set(0, 0x11)), DropVersion},
		{"version 4 (R-7.1-01)", v3(set(0, 0x41)), DropVersion},
		{"version 0 (R-7.1-01)", v3(set(0, 0x01)), DropVersion},
		{"type 0 (R-7.1-02)", v3(set(0, 0x30)), DropType},
		{"type 2 (R-7.1-02)", v3(set(0, 0x32)), DropType},
		{"type 15 (R-7.1-02)", v3(set(0, 0x3f)), DropType},
		{"nothing (R-7.1-03)", cut(0), DropLength},
		{"one byte (R-7.1-03)", cut(1), DropLength},
		{"cut inside the header (R-7.1-03)", cut(7), DropLength},
		{"cut before the address (R-7.1-03)", cut(8), DropLength},
		{"cut inside the address (R-7.1-03)", cut(11), DropLength},
		{"count one too big (R-7.1-03)", v3(set(3, 2)), DropLength},
		{"count 255 (R-7.1-03)", v3(set(3, 255)), DropLength},
		{"version 2 without authentication data", func(t *testing.T) []byte {
			return fixed(t, "2133c801 00010000 c0000264", FormMessage, none)
		}, DropLength},
		{"one address more than counted", raw(v3Message + "c0000265"), DropLength},
		{"one byte less than a HMAC trailer", raw(v3Trailer[:len(v3Trailer)-2]), DropLength},
		{"one byte more than a HMAC trailer", raw(v2Trailer + "00"), DropLength},
		{"checksum before a HMAC trailer", raw(strings.Replace(v3Trailer, "4402", "4403", 1)), DropChecksum},
		{"checksum (R-7.1-04)", raw("3133c801 00644403 c0000264"), DropChecksum},
		{"checksum, version 2 (R-7.1-04)", raw("2133c801 00015466 c0000264 0000000000000000"), DropChecksum},
		{"version 2 with a pseudo-header", func(t *testing.T) []byte { return fixed(t, v2Plain, FormPseudoHeader, none) }, DropChecksum},
		{"version 2 authentication data outside the checksum", raw("2133c801 00015465 c0000264 0000000000000001"), DropChecksum},
		{"group in the pseudo-header of another sender", raw("3133c801 00643936 c0000264"), DropChecksum},
		{"count 0 and interval 0 (R-5.2.5-01)", func(t *testing.T) []byte { return fixed(t, v3NoAddresses, FormMessage, set(5, 0)) }, DropCount},
		{"interval 0 (R-7.1-07)", raw(v3NoInterval), DropIntervalZero},
		{"interval 0 with reserved bits (R-7.1-07)", v3(func(b []byte) { b[4], b[5] = 0xf0, 0 }), DropIntervalZero},
		{"interval 0, priority 0 (R-7.1-07)", v3(func(b []byte) { b[2], b[5] = 0, 0 }), DropIntervalZero},
		{"interval 0, priority 255 (R-7.1-07)", v3(func(b []byte) { b[2], b[5] = 255, 0 }), DropIntervalZero},
		{"interval 0, version 2", func(t *testing.T) []byte { return fixed(t, v2Plain, FormMessage, set(5, 0)) }, DropIntervalZero},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, control := range []string{v3Message, v2Plain} {
				if _, err := ParsePacket(wire(t, control), vectorSource, Group4); err != nil {
					t.Fatalf("control: %v", err)
				}
			}
			p, err := ParsePacket(tt.msg(t), vectorSource, Group4)
			if err != tt.want {
				t.Fatalf("got error %v, want %v", err, tt.want)
			}
			if diff := cmp.Diff(Packet{}, p, compareAddr); diff != "" {
				t.Errorf("a refused packet is not empty (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParsePacketRefusesAnyFlippedBit(t *testing.T) { // R-7.1-04
	for _, vector := range []string{v3Message, v3Pseudo, v2Plain} {
		good := wire(t, vector)
		for bit := range 8 * len(good) {
			b := wire(t, vector)
			b[bit/8] ^= 0x80 >> (bit % 8)
			if p, err := ParsePacket(b, vectorSource, Group4); err == nil {
				t.Errorf("%s with bit %d flipped was parsed: %+v", vector, bit, p)
			}
		}
	}
}

func TestParsePacketIgnoresReservedBits(t *testing.T) { // R-5.2.6-02
	got, err := ParsePacket(wire(t, v3Reserved), vectorSource, Group4)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(vectorPacket(nil), got, compareAddr); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParsePacketIgnoresEthernetPadding(t *testing.T) {
	for _, tt := range []struct {
		name  string
		wire  string
		extra int
		want  error
	}{
		{"control", v3Message, 0, nil},
		{"to 46 bytes of payload", v3Message, 14, nil},
		{"to 42 bytes and a VLAN tag", v3Message, 10, nil},
		{"version 2, to 46 bytes", v2Plain, 6, nil},
		{"a whole address", v3Message, 4, DropLength},
		{"beyond 46 bytes", v3Message, 18, DropLength},
		{"odd", v3Message, 13, DropLength},
		{"version 2, beyond 46 bytes", v2Plain, 10, DropLength},
	} {
		t.Run(tt.name, func(t *testing.T) {
			padding := strings.Repeat("a5", tt.extra) // what a switch leaves there is not zero
			got, err := ParsePacket(wire(t, tt.wire+padding), vectorSource, Group4)
			if err != tt.want {
				t.Fatalf("got error %v, want %v", err, tt.want)
			}
			if err == nil && len(got.Addresses) != 1 {
				t.Errorf("got addresses %v, want 192.0.2.100 alone", got.Addresses)
			}
		})
	}
}

func TestParsePacketRefusesAMixtureOfFamilies(t *testing.T) {
	v6 := netip.MustParseAddr("fe80::10")
	for _, tt := range []struct {
		name     string
		src, dst netip.Addr
	}{
		{"source", v6, Group4},
		{"destination", vectorSource, netip.MustParseAddr("ff02::12")},
		{"unset", netip.Addr{}, netip.Addr{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParsePacket(wire(t, v3Message), tt.src, tt.dst); err != DropFamily {
				t.Errorf("got error %v, want %v", err, DropFamily)
			}
		})
	}
}

// The old unicast form is one of unicast: to another group it is a wrong checksum.
func TestParsePacketKnowsTheOldUnicastFormForUnicastOnly(t *testing.T) {
	for _, tt := range []struct {
		to   string
		want error
	}{{"198.51.100.20", nil}, {"224.0.0.5", DropChecksum}} {
		if _, err := ParsePacket(wire(t, v3Pseudo), vectorSource, netip.MustParseAddr(tt.to)); err != tt.want {
			t.Errorf("to %s: got error %v, want %v", tt.to, err, tt.want)
		}
	}
}

func TestParsedPacketDoesNotReferToTheBuffer(t *testing.T) {
	b := wire(t, v3Message)
	p, err := ParsePacket(b, vectorSource, Group4)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if diff := cmp.Diff(vectorPacket(nil), p, compareAddr); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParsePacketReadsVersion2Authentication(t *testing.T) {
	b := fixed(t, "2133c801 01010000 c0000264 7365637265740000", FormMessage, func([]byte) {})
	got, err := ParsePacket(b, vectorSource, Group4)
	if err != nil {
		t.Fatal(err)
	}
	want := vectorPacket(func(p *Packet) { v2(p); p.AuthType = AuthSimple; p.Password = [8]byte{'s', 'e', 'c', 'r', 'e', 't'} })
	if diff := cmp.Diff(want, got, compareAddr); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(b, got.Marshal(vectorSource, Group4)); diff != "" {
		t.Errorf("bytes (-want +got):\n%s", diff)
	}
}

func TestMarshalWritesTheInterval(t *testing.T) { // R-5.2.6-01, R-5.2.7-01
	for _, tt := range []struct {
		version  Version
		interval time.Duration
		want     [2]byte // bytes 4 and 5
	}{
		{V3, 10 * time.Millisecond, [2]byte{0, 1}},
		{V3, time.Second, [2]byte{0, 100}},
		{V3, 40950 * time.Millisecond, [2]byte{0x0f, 0xff}},
		{V3, 40960 * time.Millisecond, [2]byte{0, 0}}, // refused by Validate; must not reach the reserved bits all the same
		{V2, time.Second, [2]byte{0, 1}},
		{V2, 255 * time.Second, [2]byte{0, 255}},
	} {
		b := vectorPacket(func(p *Packet) { p.Version, p.Interval = tt.version, tt.interval }).Marshal(vectorSource, Group4)
		if got := [2]byte(b[4:6]); got != tt.want {
			t.Errorf("version %d, %s: bytes 4-5 are %x, want %x", tt.version, tt.interval, got, tt.want)
		}
	}
}

// Counts from 1 to 255 with addresses full of high bits make every number of carries.
func TestMarshalledChecksumAgreesWithTheReference(t *testing.T) { // R-5.2.8-01
	for _, form := range []Form{FormPseudoHeader, FormMessage, FormOldUnicast} {
		for count := 1; count <= MaxAddresses; count++ {
			p := vectorPacket(func(p *Packet) { p.Form, p.Addresses = form, nil })
			for i := range count {
				p.Addresses = append(p.Addresses, netip.AddrFrom4([4]byte{255, 255 - byte(i), 254, byte(i * 7)}))
			}
			b := p.Marshal(vectorSource, vectorPeer)
			if !referenceRight(b, form, vectorSource, vectorPeer) {
				t.Fatalf("form %d, %d addresses: checksum %x is wrong", form, count, b[6:8])
			}
			got, err := ParsePacket(b, vectorSource, vectorPeer)
			if err != nil {
				t.Fatalf("form %d, %d addresses: %v", form, count, err)
			}
			if diff := cmp.Diff(p, got, compareAddr); diff != "" {
				t.Fatalf("form %d, %d addresses (-want +got):\n%s", form, count, diff)
			}
		}
	}
}

func TestNewPacketSaysWhatIsConfigured(t *testing.T) { // R-7.2-01, R-5.2.9-03
	addresses := []Address{
		{Prefix: netip.MustParsePrefix("192.0.2.101/24")},
		{Prefix: netip.MustParsePrefix("192.0.2.7/24"), Excluded: true},
		{Prefix: netip.MustParsePrefix("192.0.2.100/24")},
	}
	descending := []netip.Addr{netip.MustParseAddr("192.0.2.101"), vectorVIP}
	for _, tt := range []struct {
		name string
		c    Config
		want Packet
	}{
		{"version 3", Config{Version: V3, VRID: 51, Priority: 200, AdvertInterval: time.Second, Checksum: FormMessage, Addresses: addresses},
			Packet{Version: V3, VRID: 51, Priority: 77, Interval: time.Second, Form: FormMessage, Addresses: descending}},
		{"version 2", Config{Version: V2, VRID: 51, Priority: 200, AdvertInterval: 3 * time.Second, Addresses: addresses},
			Packet{Version: V2, VRID: 51, Priority: 77, Interval: 3 * time.Second, Form: FormMessage, Addresses: descending}},
		{"version 2 with the longest password", Config{Version: V2, VRID: 51, AdvertInterval: time.Second, Password: "12345678", Addresses: addresses},
			Packet{Version: V2, VRID: 51, Priority: 77, Interval: time.Second, Form: FormMessage, Addresses: descending,
				AuthType: AuthSimple, Password: [8]byte([]byte("12345678"))}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, NewPacket(&tt.c, 77), compareAddr); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAdvertPathAllocatesForAddressesOnly(t *testing.T) {
	p, b := vectorPacket(nil), wire(t, v3Message)
	buf := make([]byte, 0, MaxPacket4)
	if n := testing.AllocsPerRun(100, func() { p.Append(buf, vectorSource, Group4) }); n != 0 {
		t.Errorf("Append allocates %v times, want 0", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = ParsePacket(b, vectorSource, Group4) }); n != 1 {
		t.Errorf("ParsePacket allocates %v times, want 1", n)
	}
	b[7]++
	if n := testing.AllocsPerRun(100, func() { _, _ = ParsePacket(b, vectorSource, Group4) }); n != 0 {
		t.Errorf("ParsePacket allocates %v times to refuse a packet, want 0", n)
	}
}

func BenchmarkParsePacket(b *testing.B) {
	msg := wire(b, v3Pseudo)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParsePacket(msg, vectorSource, Group4); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParsePacketRefused(b *testing.B) {
	msg := wire(b, v3Pseudo)
	msg[7]++
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParsePacket(msg, vectorSource, Group4); err == nil {
			b.Fatal("accepted")
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	p, buf := vectorPacket(nil), make([]byte, 0, MaxPacket4)
	b.ReportAllocs()
	for b.Loop() {
		p.Append(buf, vectorSource, Group4)
	}
}

func TestOnlyUnicastMayHaveAnotherTTL(t *testing.T) { // R-5.1.1.3-01
	for _, tt := range []struct {
		name string
		dst  netip.Addr
		ttl  uint8 // as configured
		want uint8
	}{
		{"multicast", Group4, 64, 255},
		{"unicast", vectorPeer, 64, 64},
		{"unicast by default", vectorPeer, 0, 255},
	} {
		if got := (Packet{TTL: tt.ttl}).HopLimit(tt.dst); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

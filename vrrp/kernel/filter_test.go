package kernel

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/net/bpf"

	"github.com/govrrpd/govrrpd/vrrp"
)

var (
	sourceAddr = netip.MustParseAddr("192.0.2.1")
	peerAddr   = netip.MustParseAddr("192.0.2.2")
)

func testAdvert() vrrp.Packet {
	return vrrp.Packet{Version: vrrp.V3, VRID: 51, Priority: 100, Interval: time.Second, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.10")}}
}

func TestAdvertIsByteExact(t *testing.T) {
	got := appendAdvert(nil, sourceAddr, vrrp.Group4, 0x1234, testAdvert())
	want := unhex(t, `45c0 0020 1234 0000 ff70 0000 c0000201 e0000012`)
	want = append(want, testAdvert().Marshal(sourceAddr, vrrp.Group4)...)
	if diff := cmp.Diff(hex.EncodeToString(want), hex.EncodeToString(got)); diff != "" {
		t.Errorf("packet (-want +got):\n%s", diff)
	}
	ip, ok := gopacket.NewPacket(got, layers.LayerTypeIPv4, gopacket.Default).NetworkLayer().(*layers.IPv4)
	if !ok || ip.TTL != 255 || ip.Protocol != layers.IPProtocolVRRP || ip.TOS != 0xc0 || ip.Id != 0x1234 || int(ip.Length) != len(got) {
		t.Errorf("gopacket reads %+v", ip)
	}
	h, payload, ok := parseIPv4(got)
	if want := (ipHeader{src: sourceAddr, dst: vrrp.Group4, ttl: 255}); !ok || !reflect.DeepEqual(h, want) {
		t.Errorf("we read %+v %t, want %+v", h, ok, want)
	}
	if p, err := vrrp.ParsePacket(payload, h.src, h.dst); err != nil || p.VRID != 51 {
		t.Errorf("the advert reads %+v, %v", p, err)
	}
}

func TestHeadersThatContradictThePacketAreRefused(t *testing.T) {
	good := func() []byte { return appendAdvert(nil, sourceAddr, vrrp.Group4, 1, testAdvert()) }
	edit := func(f func(b []byte)) []byte {
		b := good()
		f(b)
		return b
	}
	for _, test := range []struct {
		name string
		b    []byte
		ok   bool
	}{
		{"as sent", good(), true},
		{"don't fragment is no fragment", edit(func(b []byte) { b[6] = 0x40 }), true},
		{"bytes after the packet", append(good(), 0, 0, 0), true},
		{"options", edit(func(b []byte) { b[0] = 0x46 }), true},
		{"empty", nil, false},
		{"cut header", good()[:19], false},
		{"cut payload", good()[:31], false},
		{"version 6", edit(func(b []byte) { b[0] = 0x65 }), false},
		{"header length 16", edit(func(b []byte) { b[0] = 0x44 }), false},
		{"total length below the header", edit(func(b []byte) { binary.BigEndian.PutUint16(b[2:], 19) }), false},
		{"header longer than the packet", edit(func(b []byte) { b[0] = 0x4f }), false},
		{"first fragment", edit(func(b []byte) { b[6] = 0x20 }), false},
		{"last fragment", edit(func(b []byte) { b[7] = 1 }), false},
		{"another protocol", edit(func(b []byte) { b[9] = 111 }), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, payload, ok := parseIPv4(test.b)
			if ok != test.ok {
				t.Errorf("parseIPv4 = %t, want %t", ok, test.ok)
			}
			if ok && test.name != "options" && len(payload) != 12 {
				t.Errorf("payload has %d bytes, want 12", len(payload))
			}
		})
	}
}

func TestFilterPassesWhatIsAddressedToUs(t *testing.T) {
	other := netip.MustParseAddr("192.0.2.3")
	to := func(dst netip.Addr, fragment uint16) []byte {
		b := appendAdvert(nil, peerAddr, dst, 1, testAdvert())
		binary.BigEndian.PutUint16(b[6:], fragment)
		return b
	}
	wrongTTL := to(vrrp.Group4, 0)
	wrongTTL[8] = 64
	for _, test := range []struct {
		name    string
		sources []netip.Addr
		b       []byte
		pass    bool
	}{
		{"the group", nil, to(vrrp.Group4, 0), true},
		{"the group, don't fragment", nil, to(vrrp.Group4, 0x4000), true},
		{"a wrong TTL is counted in user space", nil, wrongTTL, true},
		{"our source", []netip.Addr{other, sourceAddr}, to(sourceAddr, 0), true},
		{"no source in use", nil, to(sourceAddr, 0), false},
		{"somebody else", []netip.Addr{sourceAddr}, to(other, 0), false},
		{"another group", nil, to(netip.MustParseAddr("224.0.0.19"), 0), false},
		{"first fragment", nil, to(vrrp.Group4, 0x2000), false},
		{"later fragment", nil, to(vrrp.Group4, 0x0001), false},
		{"cut before the destination", nil, to(vrrp.Group4, 0)[:18], false},
	} {
		t.Run(test.name, func(t *testing.T) {
			vm, err := bpf.NewVM(filter(append([]netip.Addr{vrrp.Group4}, test.sources...)))
			if err != nil {
				t.Fatal(err)
			}
			n, err := vm.Run(test.b)
			if err != nil || n > 0 != test.pass || test.pass && n < len(test.b) {
				t.Errorf("filter passes %d bytes (%v), want pass %t", n, err, test.pass)
			}
		})
	}
}

// 255 routers may have a source each; a jump of the program spans 255 instructions.
func TestFilterTakesManySources(t *testing.T) {
	var sources []netip.Addr
	for i := range 400 {
		sources = append(sources, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
	}
	prog := filter(append([]netip.Addr{vrrp.Group4}, sources...))
	if _, err := bpf.Assemble(prog); err != nil {
		t.Fatal(err)
	}
	vm, err := bpf.NewVM(prog)
	if err != nil {
		t.Fatal(err)
	}
	for _, dst := range []netip.Addr{sources[0], sources[399], vrrp.Group4} {
		if n, err := vm.Run(appendAdvert(nil, peerAddr, dst, 1, testAdvert())); n == 0 || err != nil {
			t.Errorf("a packet to %s does not pass (%v)", dst, err)
		}
	}
}

// An IPsec peer on this host may send us gigabits with the same protocol number.
func TestFilterOfAuthenticationHeadersLetsIPsecGoBy(t *testing.T) {
	vm, err := bpf.NewVM(filterAH([]netip.Addr{vrrp.Group4, sourceAddr}))
	if err != nil {
		t.Fatal(err)
	}
	advert := func(next byte, options int, dst netip.Addr) []byte {
		b := appendAdvert(nil, peerAddr, dst, 1, testAdvert())[:ipv4HeaderLen]
		b[0], b[9] = 0x45+byte(options), vrrp.ProtocolAH
		return append(append(b, make([]byte, 4*options)...), next, 4, 0, 0)
	}
	for _, c := range []struct {
		name string
		b    []byte
		pass bool
	}{
		{"VRRP to the group", advert(vrrp.Protocol, 0, vrrp.Group4), true},
		{"VRRP to us, with IP options", advert(vrrp.Protocol, 3, sourceAddr), true},
		{"ESP to us", advert(50, 0, sourceAddr), false},
		{"TCP to us, with IP options", advert(6, 3, sourceAddr), false},
		{"VRRP to somebody else", advert(vrrp.Protocol, 0, peerAddr), false},
		{"cut", advert(vrrp.Protocol, 0, vrrp.Group4)[:ipv4HeaderLen], false},
	} {
		if n, err := vm.Run(c.b); err != nil || n > 0 != c.pass {
			t.Errorf("%s: the filter passes %d bytes (%v), want pass %t", c.name, n, err, c.pass)
		}
	}
}

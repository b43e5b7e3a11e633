package kernel

import (
	"encoding/binary"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

func TestAliasKeepsTheRecord(t *testing.T) {
	was := record{base: 7, valid: true, was: map[string]string{"arp_ignore": "0", "arp_announce": "1"}}
	for _, router := range []string{"web", "a; b base=9 arp_ignore=8", "", strings.Repeat("long", 100)} {
		alias := was.alias(router)
		if len(alias) > 255 {
			t.Errorf("alias of %.10q has %d bytes", router, len(alias))
		}
		got, ok := parseAlias(alias)
		if diff := cmp.Diff(was, got, cmp.AllowUnexported(record{})); !ok || diff != "" {
			t.Errorf("%s (-want +got):\n%s", alias, diff)
		}
	}
	if got, want := was.alias("web"), "govrrpd: web; base=7 arp_ignore=0 arp_announce=1"; got != want {
		t.Errorf("alias %q, want %q", got, want)
	}
	for _, foreign := range []string{"", "uplink", "govrrpd"} {
		if _, ok := parseAlias(foreign); ok {
			t.Errorf("alias %q is taken for ours", foreign)
		}
	}
	if got, ok := parseAlias("govrrpd: web"); !ok || got.valid {
		t.Errorf("an alias without a record gives %+v", got)
	}
}

func TestMacvlansOfARouter(t *testing.T) {
	c := &vrrp.Config{
		Name: "web", Interface: "eth0", VMAC: &vrrp.VMAC{Name: "vrrp.51", Address: vrrp.VirtualMAC(51, vrrp.IPv4)},
		Addresses: []vrrp.Address{
			{Prefix: netip.MustParsePrefix("10.0.0.1/24")},
			{Prefix: netip.MustParsePrefix("10.1.0.1/24"), Interface: "eth1"},
			{Prefix: netip.MustParsePrefix("2001:db8::1/64"), Interface: "eth1", Excluded: true},
		},
	}
	own := macvlan{router: "web", name: "vrrp.51", base: "eth0", mac: c.VMAC.Address}
	other := macvlan{router: "web", name: "vrrp.51.eth1", base: "eth1", mac: c.VMAC.Address, ipv6: true}
	check := func(want ...macvlan) {
		t.Helper()
		if diff := cmp.Diff(want, macvlansOf(c), cmp.AllowUnexported(macvlan{})); diff != "" {
			t.Errorf("macvlans (-want +got):\n%s", diff)
		}
	}
	check(own)
	c.VMAC.Everywhere = true
	check(own, other)
	c.VMAC = nil
	if got := macvlansOf(c); got != nil {
		t.Errorf("without a VMAC: %v", got)
	}
}

func TestMacvlanFits(t *testing.T) {
	m := macvlan{mac: vrrp.VirtualMAC(51, vrrp.IPv4)}
	base := link{index: 3}
	good := link{index: 9, lower: 3, mac: m.mac, macvlan: macvlanModePrivate}
	for _, test := range []struct {
		name string
		base link
		edit func(l *link)
		want bool
	}{
		{"right", base, func(*link) {}, true},
		{"on another base", base, func(l *link) { l.lower = 4 }, false},
		{"another address", base, func(l *link) { l.mac[5]++ }, false},
		{"another mode", base, func(l *link) { l.macvlan = 4 }, false},
		{"no macvlan", base, func(l *link) { l.macvlan = 0 }, false},
		{"on a macvlan it sits on what that sits on", link{index: 5, lower: 3, macvlan: 4}, func(*link) {}, true},
	} {
		l := good
		test.edit(&l)
		if got := m.fits(l, test.base); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// R-7.2-03, R-7.2-06, R-7.2-07: what leaves from a virtual hardware address, byte by byte.
func TestFramesFromTheVMAC(t *testing.T) {
	v := &voice{mac: vrrp.VirtualMAC(51, vrrp.IPv4)}
	p := vrrp.Packet{Version: vrrp.V3, VRID: 51, Priority: 200, Interval: time.Second, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.100")}}
	b := v.appendPacket(nil, netip.MustParseAddr("198.51.100.10"), vrrp.Group4, p)
	if headerSum(b) != 0xffff {
		t.Error("the header checksum is wrong")
	}
	h, payload, ok := (&port{family: vrrp.IPv4}).unwrap(b)
	if want := (ipHeader{src: netip.MustParseAddr("198.51.100.10"), dst: vrrp.Group4, ttl: 255}); !ok || !reflect.DeepEqual(h, want) {
		t.Errorf("header %+v, %v", h, ok)
	}
	if _, err := vrrp.ParsePacket(payload, h.src, h.dst); err != nil {
		t.Error(err)
	}
	src := netip.MustParseAddr("fe80::10")
	p.Addresses = []netip.Addr{netip.MustParseAddr("fe80::100")}
	b = v.appendPacket(nil, src, vrrp.Group6, p)
	h, payload, ok = (&port{family: vrrp.IPv6}).unwrap(b)
	if want := (ipHeader{src: src, dst: vrrp.Group6, ttl: 255}); !ok || !reflect.DeepEqual(h, want) {
		t.Errorf("header %+v, %v", h, ok)
	}
	if _, err := vrrp.ParsePacket(payload, h.src, h.dst); err != nil {
		t.Error(err)
	}
	if class := binary.BigEndian.Uint32(b) >> 20 & 0xff; class != tosControl {
		t.Errorf("traffic class %#x", class)
	}
	if got := multicastMAC(vrrp.Group6); got != [6]byte{0x33, 0x33, 0, 0, 0, 0x12} {
		t.Errorf("IPv6 group goes to %x", got)
	}
	if got := multicastMAC(vrrp.Group4); got != [6]byte{0x01, 0, 0x5e, 0, 0, 0x12} {
		t.Errorf("IPv4 group goes to %x", got)
	}
}

// The tap hears nothing but adverts to the group, and takes no header for right that IP would refuse.
func TestTapRefuses(t *testing.T) {
	v := &voice{}
	p := vrrp.Packet{Version: vrrp.V3, VRID: 51, Priority: 200, Interval: time.Second, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.100")}}
	good := v.appendPacket(nil, netip.MustParseAddr("198.51.100.10"), vrrp.Group4, p)
	// The machine for tests knows no offsets from the header, so only IPv4 runs here; IPv6 runs in the kernel's.
	vm, err := bpf.NewVM(tapFilter(vrrp.Group4))
	if err != nil {
		t.Fatal(err)
	}
	port := &port{family: vrrp.IPv4}
	for _, test := range []struct {
		name             string
		edit             func(b []byte)
		passes, admitted bool
	}{
		{"an advert", func([]byte) {}, true, true},
		{"another protocol", func(b []byte) { b[9] = unix.IPPROTO_TCP; fillHeaderChecksum(b) }, false, false},
		{"another destination", func(b []byte) { b[19]++; fillHeaderChecksum(b) }, false, true},
		{"a fragment", func(b []byte) { b[6] = 0x20; fillHeaderChecksum(b) }, false, false},
		{"a wrong header checksum", func(b []byte) { b[8]-- }, true, false},
		{"a length beyond the end", func(b []byte) { b[3]++; fillHeaderChecksum(b) }, true, false},
	} {
		b := append([]byte{}, good...)
		test.edit(b)
		if n, err := vm.Run(b); err != nil || n > 0 != test.passes {
			t.Errorf("%s: the filter passes %d, %v", test.name, n, err)
		}
		if _, _, ok := port.unwrap(b); ok != test.admitted {
			t.Errorf("%s: admitted %v, want %v", test.name, ok, test.admitted)
		}
	}
	for n := range ipv6HeaderLen + 8 {
		if _, _, ok := parseWholeIPv6(make([]byte, n)); ok {
			t.Errorf("%d zero bytes are taken for IPv6", n)
		}
	}
}

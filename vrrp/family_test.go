package vrrp

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The setting of the IPv6 vectors: VRID 51, priority 200, 1 s.
var (
	vectorSource6 = netip.MustParseAddr("fe80::10")
	vectorPeer6   = netip.MustParseAddr("fe80::20")
	vectorLocal6  = netip.MustParseAddr("fe80::100")
	vectorVIP6    = netip.MustParseAddr("2001:db8::100")
)

// v3IPv6 is right to the group; v3IPv6Message has the sum over the message only, which IPv6 does not know.
const (
	v3IPv6        = "3133c802 0064d9ed fe800000000000000000000000000100 20010db8000000000000000000000100"
	v3IPv6Message = "3133c802 0064d82b fe800000000000000000000000000100 20010db8000000000000000000000100"
)

func vectorPacket6(change func(*Packet)) Packet {
	p := Packet{Version: V3, VRID: 51, Priority: 200, Interval: time.Second, Addresses: []netip.Addr{vectorLocal6, vectorVIP6}, Form: FormPseudoHeader}
	if change != nil {
		change(&p)
	}
	return p
}

// overIPv6 makes a vectorConfig one of IPv6.
func overIPv6(c *Config) {
	c.Addresses = []Address{{Prefix: netip.PrefixFrom(vectorLocal6, 64)}, {Prefix: netip.PrefixFrom(vectorVIP6, 64)}}
}

func asIPv6(a *Advert) { a.From, a.To, a.Packet = vectorSource6, Group6, vectorPacket6(nil) }

func TestIPv6VectorParsesAndMarshalsToTheSameBytes(t *testing.T) { // R-5.2.8-02, R-7.2-01, R-5.2.9-03
	b := wire(t, v3IPv6)
	got, err := ParsePacket(b, vectorSource6, Group6)
	if err != nil {
		t.Fatalf("ParsePacket: %v", err)
	}
	if diff := cmp.Diff(vectorPacket6(nil), got, compareAddr); diff != "" {
		t.Errorf("packet (-want +got):\n%s", diff)
	}
	for _, form := range []Form{FormAuto, FormPseudoHeader, FormMessage} { // forms are those of IPv4
		got.Form = form
		if diff := cmp.Diff(b, got.Marshal(vectorSource6, Group6)); diff != "" {
			t.Errorf("form %d (-want +got):\n%s", form, diff)
		}
	}
}

// Each row is refused for its own reason only: the unchanged vector is parsed beside it.
func TestParsePacketRefusesOverIPv6(t *testing.T) {
	change := func(f func(*Packet)) []byte { return vectorPacket6(f).Marshal(vectorSource6, Group6) }
	good := wire(t, v3IPv6)
	for _, tt := range []struct {
		name     string
		msg      []byte
		src, dst netip.Addr
		want     Reason
	}{
		{"sum over the message only (R-5.2.8-02)", wire(t, v3IPv6Message), vectorSource6, Group6, DropChecksum},
		{"another destination (R-5.2.8-02)", good, vectorSource6, vectorPeer6, DropChecksum},
		{"another source", good, vectorPeer6, Group6, DropChecksum},
		{"version 2", change(func(p *Packet) { p.Version = V2 }), vectorSource6, Group6, DropVersion},
		{"cut in the last address (R-7.1-03)", good[:len(good)-1], vectorSource6, Group6, DropLength},
		{"cut before the last address (R-7.1-03)", good[:len(good)-16], vectorSource6, Group6, DropLength},
		{"cut in the header (R-7.1-03)", good[:7], vectorSource6, Group6, DropLength},
		{"one address more than counted", append(wire(t, v3IPv6), make([]byte, 16)...), vectorSource6, Group6, DropLength},
		{"two bytes too long: no frame of IPv6 is padded", append(wire(t, v3IPv6), 0, 0), vectorSource6, Group6, DropLength},
		{"HMAC trailer that the checksum does not cover", append(wire(t, v3IPv6), slices.Repeat([]byte{1}, 28)...), vectorSource6, Group6, DropChecksum},
		{"no address (R-5.2.5-01)", change(func(p *Packet) { p.Addresses = nil }), vectorSource6, Group6, DropCount},
		{"interval 0 (R-7.1-07)", change(func(p *Packet) { p.Interval = 0 }), vectorSource6, Group6, DropIntervalZero},
		{"source of IPv4", good, vectorSource, Group6, DropFamily},
		{"IPv4 in IPv6 form", good, netip.MustParseAddr("::ffff:198.51.100.10"), Group6, DropFamily},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParsePacket(good, vectorSource6, Group6); err != nil {
				t.Fatalf("control: %v", err)
			}
			if _, err := ParsePacket(tt.msg, tt.src, tt.dst); err != tt.want {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestParsePacketRefusesAnyFlippedBitOverIPv6(t *testing.T) { // R-7.1-04
	for i := range 8 * len(wire(t, v3IPv6)) {
		b := wire(t, v3IPv6)
		b[i/8] ^= 1 << (i % 8)
		if p, err := ParsePacket(b, vectorSource6, Group6); err == nil {
			t.Errorf("bit %d: parsed as %+v", i, p)
		}
	}
}

// 90 addresses fill an MTU of 1,500 bytes, and a receiver on a link of a larger one takes 255.
func TestIPv6AdvertHoldsWhatFits(t *testing.T) { // R-5.2.5-01
	many := func(p *Packet, n int) {
		for i := range n {
			p.Addresses = append(p.Addresses, netip.AddrFrom16([16]byte{0: 0x20, 14: byte(i >> 8), 15: byte(i)}))
		}
	}
	full := vectorPacket6(func(p *Packet) { many(p, MaxAddresses6-len(p.Addresses)) }).Marshal(vectorSource6, Group6)
	if got := ipv6HeaderLen + len(full); MaxAddresses6 != 90 || got > 1500 || got+16 <= 1500 {
		t.Errorf("%d addresses make a packet of %d bytes, want the most that 1500 hold", MaxAddresses6, got)
	}
	most := vectorPacket6(func(p *Packet) { many(p, MaxAddresses-len(p.Addresses)) }).Marshal(vectorSource6, Group6)
	if _, err := ParsePacket(most, vectorSource6, Group6); err != nil || len(most) != MaxPacket6 {
		t.Errorf("255 addresses in %d bytes: %v, want %d and no error", len(most), err, MaxPacket6)
	}
}

func TestIPv6AdvertAllocatesForAddressesOnly(t *testing.T) {
	p, b := vectorPacket6(nil), wire(t, v3IPv6)
	buf := make([]byte, 0, MaxPacket6)
	if n := testing.AllocsPerRun(100, func() { p.Append(buf, vectorSource6, Group6) }); n != 0 {
		t.Errorf("Append allocates %v times, want 0", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = ParsePacket(b, vectorSource6, Group6) }); n != 1 {
		t.Errorf("ParsePacket allocates %v times, want 1", n)
	}
}

func TestAdmitOverIPv6(t *testing.T) {
	globalFirst := func(a *Advert) { a.Packet.Addresses = []netip.Addr{vectorVIP6, vectorLocal6} }
	lenient := func(c *Config) { c.GlobalFirst = true }
	onePeer := func(c *Config) { c.Peers = []netip.Addr{vectorSource6} }
	for _, tt := range []struct {
		name   string
		c      func(*Config)
		change func(*Advert)
		want   error
	}{
		{"the vector", nil, func(*Advert) {}, nil},
		{"hop limit 254 (R-5.1.2.3-02)", nil, func(a *Advert) { a.TTL = 254 }, DropTTL},
		{"hop limit not known (R-5.1.2.3-02)", nil, func(a *Advert) { a.TTL = 0 }, DropTTL},
		{"first address not link-local (R-7.1-08)", nil, globalFirst, DropFirstAddress},
		{"first address not link-local, where that is allowed", lenient, globalFirst, nil},
		{"only link-local addresses", nil, func(a *Advert) { a.Packet.Addresses = a.Packet.Addresses[:1] }, nil},
		{"our own", nil, func(a *Advert) { a.From = netip.MustParseAddr("fe80::1") }, DropOwn},
		{"IPv4 (R-1-01)", nil, func(a *Advert) { *a = vectorAdvert(nil) }, DropFamily},
		{"a peer some hops away", onePeer, func(a *Advert) { a.To, a.TTL = vectorPeer6, 61 }, nil},
		{"a stranger", onePeer, func(a *Advert) { a.To, a.From = vectorPeer6, netip.MustParseAddr("fe80::99") }, DropPeer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := vectorConfig(overIPv6)
			if tt.c != nil {
				tt.c(c)
			}
			a := vectorAdvert(asIPv6)
			tt.change(&a)
			if err := Admit(c, netip.MustParseAddr("fe80::1"), a); err != tt.want {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestFamilyIsThatOfTheAdvertisedAddresses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   Family
		group  netip.Addr
	}{
		{"IPv4", nil, IPv4, Group4},
		{"IPv6 (R-7.2-07)", overIPv6, IPv6, Group6},
		{"IPv4 that takes IPv6 along", addIPv6(true), IPv4, Group4},
		{"IPv6 that takes IPv4 along", func(c *Config) {
			c.Addresses[0].Excluded = true
			addIPv6(false)(c)
		}, IPv6, Group6},
		{"nothing but a source", func(c *Config) { c.Addresses, c.Source = nil, vectorSource6 }, IPv6, Group6},
		{"nothing", func(c *Config) { c.Addresses = nil }, IPv4, Group4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := vectorConfig(tt.change)
			if got := c.Family(); got != tt.want || c.Destinations()[0] != tt.group {
				t.Errorf("got %s to %s, want %s to %s", got, c.Destinations()[0], tt.want, tt.group)
			}
		})
	}
}

// Each row makes one mistake in an IPv6 configuration that is right without it.
func TestValidateNamesTheMistakeOverIPv6(t *testing.T) {
	for _, tt := range []struct {
		name   string
		base   func(*Config)
		change func(*Config)
		want   string
	}{
		{"version 2", nil, version2, "version 2 knows no IPv6: use version 3"},
		{"checksum", nil, func(c *Config) { c.Checksum = FormMessage }, "checksum has one form over IPv6 (RFC 9568 section 5.2.8): remove checksum"},
		{"global first (R-5.2.9-01, R-6.1-07)", nil, func(c *Config) { c.Addresses[0], c.Addresses[1] = c.Addresses[1], c.Addresses[0] },
			"the first virtual address is 2001:db8::100, over IPv6 it must be link-local (RFC 9568 section 5.2.9): put an fe80:: address first"},
		{"no link-local (R-5.2.9-01)", nil, func(c *Config) { c.Addresses = c.Addresses[1:] },
			"the first virtual address is 2001:db8::100, over IPv6 it must be link-local (RFC 9568 section 5.2.9): put an fe80:: address first"},
		{"IPv4 in second place (R-5.2.9-02)", nil, func(c *Config) { c.Addresses[1].Prefix = netip.MustParsePrefix("192.0.2.1/24") },
			"virtual address 192.0.2.1 is not IPv6: in an IPv6 router it must have advertised = false"},
		{"IPv4 in IPv6 form", nil, func(c *Config) { c.Addresses[1].Prefix = netip.MustParsePrefix("::ffff:192.0.2.1/128") },
			"virtual address ::ffff:192.0.2.1 is not IPv6: in an IPv6 router it must have advertised = false"},
		{"91 addresses", func(c *Config) { c.Addresses = manyAddresses6(90) }, func(c *Config) { c.Addresses = manyAddresses6(91) },
			"91 advertised virtual addresses, an advert holds 90: give the rest advertised = false"},
		{"90 addresses and the trailer of signed adverts", func(c *Config) { c.HMAC, c.Addresses = hmacConfig(), manyAddresses6(89) }, func(c *Config) { c.Addresses = manyAddresses6(90) },
			"90 advertised virtual addresses, an advert holds 89: give the rest advertised = false"},
		{"IPv4 source", nil, func(c *Config) { c.Source = ourSource },
			"source 198.51.100.1 is not link-local, and IPv6 multicast comes from such a one (RFC 9568 section 5.1.2.1): remove source\n" +
				"source 198.51.100.1 is not IPv6, and the virtual addresses are"},
		{"global source of multicast (R-7.2-05)", nil, func(c *Config) { c.Source = netip.MustParseAddr("2001:db8::1") },
			"source 2001:db8::1 is not link-local, and IPv6 multicast comes from such a one (RFC 9568 section 5.1.2.1): remove source"},
		{"IPv4 peer", nil, peers("198.51.100.2"), "peer 198.51.100.2 is not IPv6, and the virtual addresses are"},
		{"multicast peer", nil, peers("ff02::12"), "peer ff02::12 is not the address of a router: remove unicast for multicast"},
		{"link-local source and another peer", func(c *Config) { c.Source = vectorSource6 }, peers("2001:db8::2"),
			"peer 2001:db8::2 and fe80::10 are not both link-local: use one kind for source and peers"},
		{"two kinds of peers", nil, peers("fe80::2", "2001:db8::2"), "peer 2001:db8::2 and fe80::2 are not both link-local: use one kind for source and peers"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := vectorConfig(overIPv6)
			if tt.base != nil {
				tt.base(c)
			}
			if err := c.Validate(); err != nil {
				t.Fatalf("control: %v", err)
			}
			tt.change(c)
			if diff := cmp.Diff(tt.want, fmt.Sprint(c.Validate())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func manyAddresses6(n int) []Address {
	out := []Address{{Prefix: netip.PrefixFrom(vectorLocal6, 64)}}
	for i := range n - 1 {
		out = append(out, Address{Prefix: netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0x20, 14: byte(i >> 8), 15: byte(i)}), 64)})
	}
	return out
}

func TestValidateAcceptsOverIPv6(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
	}{
		{"global first where that is allowed", func(c *Config) { c.GlobalFirst, c.Addresses = true, c.Addresses[1:] }},
		{"IPv4, not advertised", func(c *Config) {
			c.Addresses = append(c.Addresses, Address{Prefix: netip.MustParsePrefix("192.0.2.1/24"), Excluded: true})
		}},
		{"link-local source", func(c *Config) { c.Source = vectorSource6 }},
		{"link-local peers", peers("fe80::2", "fe80::3")},
		{"other peers", peers("2001:db8::2", "fd00::3")},
		{"other source and peers", func(c *Config) { c.Source = netip.MustParseAddr("2001:db8::1"); peers("2001:db8::2")(c) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := vectorConfig(overIPv6)
			tt.change(c)
			if err := c.Validate(); err != nil {
				t.Errorf("got %v, want nil", err)
			}
		})
	}
}

// The sources are compared as unsigned numbers in network order, RFC 9568 section 6.4.3.
func TestTieIsDecidedByIPv6Source(t *testing.T) { // R-6.4.3-12
	for _, pair := range [][2]string{{"fe80::1", "fe80::ff00:0:0:1"}, {"fe80::7f", "fe80::80"}, {"fe80::ff", "fe80::100"}, {"2001:db8::9", "fe80::1"}} {
		low, high := netip.MustParseAddr(pair[0]), netip.MustParseAddr(pair[1])
		c := machineConfig(overIPv6)
		master := func(source netip.Addr) State {
			return State{Role: Master, Priority: 200, MasterInterval: time.Second, Master: source, Source: source}
		}
		if st, _ := Step(c, master(low), advert(high, 200, time.Second)); st.Role != Backup {
			t.Errorf("%s hears %s: role is %s, want backup", low, high, st.Role)
		}
		if st, _ := Step(c, master(high), advert(low, 200, time.Second)); st.Role != Master {
			t.Errorf("%s hears %s: role is %s, want master", high, low, st.Role)
		}
	}
}

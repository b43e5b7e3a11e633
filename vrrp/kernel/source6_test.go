package kernel

import (
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// The table is a host with eth0 (3) and eth1 (4), whose addresses are the rows'.
func TestSourceOfIPv6Adverts(t *testing.T) { // R-7.2-05
	type a struct {
		prefix string
		flags  uint32
	}
	const (
		tentative = unix.IFA_F_TENTATIVE | unix.IFA_F_PERMANENT
		duplicate = unix.IFA_F_DADFAILED | tentative
	)
	source := func(s string) func(*vrrp.Config) { return func(c *vrrp.Config) { c.Source = netip.MustParseAddr(s) } }
	peer := func(s string) func(*vrrp.Config) {
		return func(c *vrrp.Config) { c.Peers = []netip.Addr{netip.MustParseAddr(s)} }
	}
	mixed := func(f ...func(*vrrp.Config)) func(*vrrp.Config) {
		return func(c *vrrp.Config) {
			for _, f := range f {
				f(c)
			}
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*vrrp.Config)
		addrs  []a
		want   string // address
		fault  string
	}{
		{"none", nil, nil, "", "source: eth0 has no IPv6 link-local address of its own"},
		{"a global one will not do", nil, []a{{"2001:db8::1/64", 0}}, "", "source: eth0 has no IPv6 link-local address of its own"},
		{"the link-local one", nil, []a{{"2001:db8::1/64", 0}, {"fe80::1/64", 0}}, "fe80::1", ""},
		{"the lowest, whatever came first", nil, []a{{"fe80::ff00:1/64", 0}, {"fe80::2/64", 0}, {"fe80::100:1/64", 0}}, "fe80::2", ""},
		{"not the virtual one", nil, []a{{"fe80::100/64", 0}, {"fe80::ff00:1/64", 0}}, "fe80::ff00:1", ""},
		{"a usable one before a lower one that is not", nil, []a{{"fe80::2/64", tentative}, {"fe80::3/64", 0}, {"fe80::1/64", duplicate}}, "fe80::3", ""},
		{"tentative", nil, []a{{"fe80::1/64", tentative}}, "", "source: link-local address is tentative (DAD): fe80::1 on eth0"},
		{"optimistic is usable", nil, []a{{"fe80::1/64", tentative | unix.IFA_F_OPTIMISTIC}}, "fe80::1", ""},
		{"duplicate", nil, []a{{"fe80::1/64", duplicate}}, "", "source: link-local address is a duplicate of another host's (DAD failed): fe80::1 on eth0"},
		{"unicast among link-local addresses", peer("fe80::9"), []a{{"2001:db8::1/64", 0}, {"fe80::1/64", 0}}, "fe80::1", ""},
		{"unicast to others", peer("2001:db8::9"), []a{{"fe80::1/64", 0}, {"2001:db8::2/64", 0}, {"2001:db8::3/64", 0}}, "2001:db8::2", ""},
		{"unicast, no privacy address", peer("2001:db8::9"), []a{{"2001:db8::2/64", unix.IFA_F_TEMPORARY}, {"2001:db8::3/64", 0}}, "2001:db8::3", ""},
		{"unicast, no deprecated address", peer("2001:db8::9"), []a{{"2001:db8::2/64", unix.IFA_F_DEPRECATED}}, "", "source: eth0 has no IPv6 address of its own"},
		{"configured", source("fe80::7"), []a{{"fe80::1/64", 0}, {"fe80::7/64", 0}}, "fe80::1", ""},
		{"configured, not there", source("fe80::7"), []a{{"fe80::1/64", 0}}, "fe80::1", "source: fe80::7 is not an address of eth0"},
		{"configured, tentative", source("fe80::7"), []a{{"fe80::7/64", tentative}}, "", "source: fe80::7 is tentative (DAD)"},
		{"configured, on the other interface", source("fe80::eee"), []a{{"fe80::1/64", 0}}, "fe80::1", "source: fe80::eee is not an address of eth0"},
		{"configured for unicast, on the other interface", mixed(peer("2001:db8::9"), source("2001:db8::eee")), nil, "", ""},
		{"configured for unicast, nowhere", mixed(peer("2001:db8::9"), source("2001:db8::7")), nil, "", "source: 2001:db8::7 is not an address of this host"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := newTable()
			table.putLink(link{index: 3, name: "eth0"})
			table.putLink(link{index: 4, name: "eth1"})
			for _, a := range tt.addrs {
				table.putAddr(addrKey{3, netip.MustParsePrefix(a.prefix)}, addrFact{flags: a.flags})
			}
			for _, other := range []string{"fe80::eee/64", "2001:db8::eee/64"} {
				table.putAddr(addrKey{4, netip.MustParsePrefix(other)}, addrFact{})
			}
			c := config6()
			if tt.change != nil {
				tt.change(c)
			}
			got, fault := table.judge6(c, map[netip.Addr]bool{netip.MustParseAddr("fe80::100"): true})
			if want := tt.want; got.IsValid() != (want != "") || want != "" && got != netip.MustParseAddr(want) {
				t.Errorf("source %s, want %q", got, want)
			}
			if fault != tt.fault {
				t.Errorf("fault %q, want %q", fault, tt.fault)
			}
		})
	}
}

func config6() *vrrp.Config {
	return &vrrp.Config{
		Name: "web", Interface: "eth0", VRID: 51, Version: vrrp.V3, Priority: 100, AdvertInterval: 1e9,
		Addresses: []vrrp.Address{{Prefix: netip.MustParsePrefix("fe80::100/64")}},
	}
}

// An advert that the interface cannot carry whole would be one that nobody hears: two masters.
func TestAdvertThatDoesNotFitTheMTUIsAFault(t *testing.T) {
	c := config6()
	for i := range 76 { // 48 bytes, and 16 for each address
		c.Addresses = append(c.Addresses, vrrp.Address{Prefix: netip.MustParsePrefix(fmt.Sprintf("2001:db8::1:%x/64", i))})
	}
	for _, tt := range []struct {
		mtu   int
		fault string
	}{
		{0, ""}, // not known
		{1280, ""},
		{1279, "mtu: an advert has 1280 bytes, eth0 takes 1279, and adverts are not fragmented: advertise fewer addresses"},
	} {
		table := newTable()
		table.putLink(link{index: 3, name: "eth0", mtu: tt.mtu})
		table.putAddr(addrKey{3, netip.MustParsePrefix("fe80::1/64")}, addrFact{})
		if _, fault := table.judge6(c, nil); fault != tt.fault {
			t.Errorf("MTU %d: fault %q, want %q", tt.mtu, fault, tt.fault)
		}
	}
}

package vrrp

import (
	"net/netip"
	"slices"
	"testing"
)

func TestWhoCannotBeBesideWhom(t *testing.T) {
	addr := netip.MustParseAddr
	config := func(edits ...func(*Config)) *Config {
		c := &Config{Interface: "eth0", VRID: 51, Addresses: []Address{{Prefix: netip.MustParsePrefix("192.0.2.10/24")}}}
		for _, edit := range edits {
			edit(c)
		}
		return c
	}
	to := func(peers ...string) func(*Config) {
		return func(c *Config) {
			for _, p := range peers {
				c.Peers = append(c.Peers, addr(p))
			}
		}
	}
	by := func(ifname, address string) func(*Config) {
		return func(c *Config) { c.Paths = []Path{{Peer: c.Peers[0], Address: addr(address), Interface: ifname}} }
	}
	on := func(ifname string) func(*Config) { return func(c *Config) { c.Interface = ifname } }
	group := func(g string) func(*Config) { return func(c *Config) { c.Group = addr(g) } }
	ipv6 := func(c *Config) { c.Addresses = []Address{{Prefix: netip.MustParsePrefix("fe80::10/64")}} }
	for _, tt := range []struct {
		name string
		a, b *Config
		want bool
	}{
		{"multicast", config(), config(), true},
		{"another VRID", config(), config(func(c *Config) { c.VRID = 52 }), false},
		{"another interface", config(), config(on("eth1")), false},
		{"the other family", config(), config(ipv6), false},
		{"another group", config(), config(group("224.0.0.99")), false},
		{"the group of the RFC, named", config(), config(group("224.0.0.18")), true},
		{"unicast beside multicast", config(), config(to("192.0.2.2")), true},
		{"one peer", config(to("192.0.2.2", "192.0.2.3")), config(to("192.0.2.3")), true},
		{"other peers", config(to("192.0.2.2")), config(to("192.0.2.3")), false},
		{"a path to the other's peer", config(to("192.0.2.2"), by("", "192.0.2.3")), config(to("192.0.2.3")), true},
		{"a path over the other's interface", config(to("192.0.2.2"), by("eth1", "198.51.100.2")), config(on("eth1")), true},
		{"paths over one interface to other peers", config(to("192.0.2.2"), by("eth1", "198.51.100.2")),
			config(on("eth2"), to("203.0.113.3"), by("eth1", "198.51.100.3")), false},
		{"paths over one interface to one address", config(to("192.0.2.2"), by("eth1", "198.51.100.2")),
			config(on("eth2"), to("203.0.113.3"), by("eth1", "198.51.100.2")), true},
	} {
		if got, back := tt.a.Clashes(tt.b), tt.b.Clashes(tt.a); got != tt.want || back != tt.want {
			t.Errorf("%s: Clashes = %t and %t, want %t", tt.name, got, back, tt.want)
		}
	}
}

func TestAdvertsAreHeardOnEachInterfaceOfAPath(t *testing.T) {
	c := &Config{Interface: "eth0"}
	c.Paths = []Path{{Interface: "eth1"}, {}, {Interface: "eth0"}, {Interface: "eth1"}, {Interface: "eth2"}}
	if got := c.Interfaces(); !slices.Equal(got, []string{"eth0", "eth1", "eth2"}) {
		t.Errorf("Interfaces = %v", got)
	}
}

package vrrp

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Each row makes one mistake in a configuration that is right without it.
func TestValidateNamesTheMistake(t *testing.T) {
	interval := func(d time.Duration) func(*Config) { return func(c *Config) { c.AdvertInterval = d } }
	for _, tt := range []struct {
		name   string
		base   func(*Config)
		change func(*Config)
		want   string
	}{
		{"VRID 0 (R-5.2.3-01)", nil, func(c *Config) { c.VRID = 0 }, "virtual_router_id is 0, want 1 to 255"},
		{"priority 0 (R-5.2.4-02)", nil, func(c *Config) { c.Priority = 0 }, "priority is 0, want 1 to 254, or 255 for the owner of the address"},
		{"owner without preemption", nil, func(c *Config) { c.Priority, c.NoPreempt = 255, true }, "priority 255 (the owner) always preempts: remove preempt = false or lower the priority"},
		{"version 1", nil, func(c *Config) { c.Version = 1 }, "version is 1, want 2 or 3"},
		{"version 4", nil, func(c *Config) { c.Version = 4 }, "version is 4, want 2 or 3"},
		{"interval 0 (R-6.1-03)", nil, interval(0), "advert_interval is 0s, want 10ms to 40.95s in steps of 10ms"},
		{"interval 9ms (R-6.1-03)", nil, interval(9 * time.Millisecond), "advert_interval is 9ms, want 10ms to 40.95s in steps of 10ms"},
		{"interval 15ms (R-5.2.7-01)", nil, interval(15 * time.Millisecond), "advert_interval is 15ms, want 10ms to 40.95s in steps of 10ms"},
		{"interval 40.96s (R-6.1-03)", nil, interval(40960 * time.Millisecond), "advert_interval is 40.96s, want 10ms to 40.95s in steps of 10ms"},
		{"password in version 3 (R-9-02)", nil, func(c *Config) { c.Password = "x" }, "version 3 has no password authentication (RFC 9568 section 9): remove it or use version 2"},
		{"the form that is only learned", nil, func(c *Config) { c.Checksum = FormOldUnicast }, `checksum is unknown, want "auto", "pseudo-header" or "message"`},
		{"half a second in version 2", version2, interval(500 * time.Millisecond), "advert_interval is 500ms, version 2 knows whole seconds from 1s to 255s; version 3 knows shorter ones"},
		{"1.5s in version 2", version2, interval(1500 * time.Millisecond), "advert_interval is 1.5s, version 2 knows whole seconds from 1s to 255s; version 3 knows shorter ones"},
		{"256s in version 2", version2, interval(256 * time.Second), "advert_interval is 4m16s, version 2 knows whole seconds from 1s to 255s; version 3 knows shorter ones"},
		{"long password", version2, func(c *Config) { c.Password = "123456789" }, "password has 9 bytes, version 2 carries 8"},
		{"checksum in version 2", version2, func(c *Config) { c.Checksum = FormPseudoHeader }, "version 2 has one checksum form (message): remove checksum"},
		{"no address", nil, func(c *Config) { c.Addresses = nil }, "no advertised virtual address: an advert names at least one"},
		{"no advertised address", nil, func(c *Config) { c.Addresses[0].Excluded = true }, "no advertised virtual address: an advert names at least one"},
		{"256 addresses", nil, func(c *Config) { c.Addresses = manyAddresses(256) }, "256 advertised virtual addresses, an advert holds 255: give the rest advertised = false"},
		{"IPv6 in second place (R-5.2.9-02)", nil, addIPv6(false), "virtual address 2001:db8::1 is not IPv4: in an IPv4 router it must have advertised = false"},
		{"IPv6 source", nil, func(c *Config) { c.Source = netip.MustParseAddr("fe80::1") }, "source fe80::1 is not IPv4, and the virtual addresses are"},
		{"IPv6 peer", nil, peers("fe80::2"), "peer fe80::2 is not IPv4, and the virtual addresses are"},
		{"multicast peer", nil, peers("224.0.0.18"), "peer 224.0.0.18 is not the address of a router: remove unicast for multicast"},
		{"unset peer", nil, peers("0.0.0.0"), "peer 0.0.0.0 is not the address of a router: remove unicast for multicast"},
		{"ourselves as peer", func(c *Config) { c.Source = ourSource }, peers("198.51.100.1"), "peer 198.51.100.1 is our own source: name the other routers only"},
		{"a peer twice", nil, peers("198.51.100.2", "198.51.100.3", "198.51.100.2"), "peer 198.51.100.2 is named twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := vectorConfig(tt.base)
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

func addIPv6(excluded bool) func(*Config) {
	return func(c *Config) {
		c.Addresses = append(c.Addresses, Address{Prefix: netip.MustParsePrefix("2001:db8::1/64"), Excluded: excluded})
	}
}

func peers(addrs ...string) func(*Config) {
	return func(c *Config) {
		for _, a := range addrs {
			c.Peers = append(c.Peers, netip.MustParseAddr(a))
		}
	}
}

func manyAddresses(n int) []Address {
	var out []Address
	for i := range n {
		out = append(out, Address{Prefix: netip.PrefixFrom(addr4(0xc0000200+uint32(i)), 24)})
	}
	return out
}

func TestValidateAcceptsTheLimits(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
	}{
		{"VRID 1 (R-5.2.3-01)", func(c *Config) { c.VRID = 1 }},
		{"VRID 255 (R-5.2.3-01)", func(c *Config) { c.VRID = 255 }},
		{"priority 1 (R-5.2.4-02)", func(c *Config) { c.Priority = 1 }},
		{"priority 254 (R-5.2.4-02)", func(c *Config) { c.Priority = 254 }},
		{"priority 255 (R-5.2.4-01)", func(c *Config) { c.Priority = 255 }},
		{"interval 10ms (R-6.1-03)", func(c *Config) { c.AdvertInterval = 10 * time.Millisecond }},
		{"interval 40.95s (R-6.1-03)", func(c *Config) { c.AdvertInterval = 40950 * time.Millisecond }},
		{"version 2, 255s and 8 bytes", func(c *Config) { c.Version, c.AdvertInterval, c.Password = V2, 255*time.Second, "12345678" }},
		{"version 2 with the only form", func(c *Config) { c.Version, c.Checksum = V2, FormMessage }},
		{"255 addresses", func(c *Config) { c.Addresses = manyAddresses(255) }},
		{"255 addresses and an excluded one", func(c *Config) { c.Addresses = manyAddresses(256); c.Addresses[9].Excluded = true }},
		{"IPv6, not advertised", addIPv6(true)},
		{"unicast", peers("198.51.100.2", "198.51.100.3")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := vectorConfig(tt.change).Validate(); err != nil {
				t.Errorf("got %v, want nil", err)
			}
		})
	}
}

func TestValidateReportsAllMistakesAtOnce(t *testing.T) {
	c := &Config{Version: V2, AdvertInterval: time.Millisecond, Password: "123456789", Peers: []netip.Addr{Group4}}
	lines := strings.Split(c.Validate().Error(), "\n")
	if len(lines) != 6 { // VRID, priority, interval, password, addresses, peer
		t.Errorf("got %d mistakes, want 6:\n%s", len(lines), strings.Join(lines, "\n"))
	}
}

func TestDestinations(t *testing.T) { // R-7.2-07
	if diff := cmp.Diff([]netip.Addr{Group4}, vectorConfig(nil).Destinations(), compareAddr); diff != "" {
		t.Errorf("multicast (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]netip.Addr{Group6}, vectorConfig(overIPv6).Destinations(), compareAddr); diff != "" {
		t.Errorf("multicast over IPv6 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]netip.Addr{vectorPeer, vectorSource}, vectorConfig(unicast).Destinations(), compareAddr); diff != "" {
		t.Errorf("unicast (-want +got):\n%s", diff)
	}
}

package vrrp

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// advertising makes a vectorConfig one that advertises itself to hosts.
func advertising(c *Config) {
	overIPv6(c)
	ra := DefaultRA(600 * time.Second)
	ra.Prefixes = []AdvertisedPrefix{{Prefix: netip.MustParsePrefix("2001:db8::/64"), Valid: DefaultPrefixValid, Preferred: DefaultPrefixPreferred}}
	ra.DNS = []netip.Addr{netip.MustParseAddr("2001:db8::53")}
	c.RA = &ra
}

func TestDefaultsOfRouterAdvertisements(t *testing.T) { // RFC 4861 section 6.2.1, R-8.2.3-02
	for _, tt := range []struct{ interval, shortest, lifetime time.Duration }{
		{600 * time.Second, 198 * time.Second, 1800 * time.Second},
		{4 * time.Second, 3 * time.Second, 12 * time.Second},
		{9 * time.Second, 3 * time.Second, 27 * time.Second},
		{1800 * time.Second, 594 * time.Second, 5400 * time.Second},
	} {
		ra := DefaultRA(tt.interval)
		want := RouterAdvertisement{Interval: tt.interval, MinInterval: tt.shortest, Lifetime: tt.lifetime, HopLimit: 64, DNSLifetime: tt.lifetime}
		if diff := cmp.Diff(want, ra); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.interval, diff)
		}
		c := vectorConfig(overIPv6)
		c.RA = &ra
		if err := c.Validate(); err != nil {
			t.Errorf("%s: the defaults are wrong: %v", tt.interval, err)
		}
	}
}

// Each row makes one mistake in a configuration that is right without it.
func TestValidateNamesTheMistakeInRouterAdvertisements(t *testing.T) {
	prefix := func(s string) func(*Config) {
		return func(c *Config) { c.RA.Prefixes[0].Prefix = netip.MustParsePrefix(s) }
	}
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"IPv4", func(c *Config) { c.Addresses = vectorConfig(nil).Addresses }, "needs an IPv6 instance whose first virtual address is link-local: advertisements come from there"},
		{"no link-local address", func(c *Config) { c.GlobalFirst, c.Addresses = true, c.Addresses[1:] }, "needs an IPv6 instance whose first virtual address is link-local: advertisements come from there"},
		{"interval", func(c *Config) { c.RA.Interval = 1801 * time.Second }, "interval is 30m1s, want 4s to 30m0s\nrouter_advertisement: lifetime is 30m0s, want 0s, or interval to 2h30m0s"},
		{"shortest", func(c *Config) { c.RA.MinInterval = 451 * time.Second }, "min_interval is 7m31s, want 3s to three quarters of interval"},
		{"lifetime below interval", func(c *Config) { c.RA.Lifetime = 599 * time.Second }, "lifetime is 9m59s, want 0s, or interval to 2h30m0s"},
		{"MTU", func(c *Config) { c.RA.MTU = 1279 }, "mtu is 1279, want 1280 and more"},
		{"link-local prefix", prefix("fe80::/64"), "prefix fe80::/64 is not one of IPv6 that hosts can have addresses of"},
		{"IPv4 prefix", prefix("192.0.2.0/24"), "prefix 192.0.2.0/24 is not one of IPv6 that hosts can have addresses of"},
		{"host bits", prefix("2001:db8::1/64"), "prefix 2001:db8::1/64 has bits beyond its length: write 2001:db8::/64"},
		{"length", prefix("2001:db8::/48"), "prefix 2001:db8::/48: hosts make addresses of a /64 only"},
		{"lifetimes", func(c *Config) { c.RA.Prefixes[0].Preferred = DefaultPrefixValid + time.Second }, "prefix 2001:db8::/64 is preferred for 720h0m1s and valid for 720h0m0s"},
		{"DNS", func(c *Config) { c.RA.DNS[0] = vectorVIP }, "DNS server 192.0.2.100 is not the IPv6 address of a host"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := vectorConfig(advertising)
			if err := c.Validate(); err != nil {
				t.Fatalf("control: %v", err)
			}
			tt.change(c)
			if diff := cmp.Diff("router_advertisement: "+tt.want, fmt.Sprint(c.Validate())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

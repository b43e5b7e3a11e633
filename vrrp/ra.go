package vrrp

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"time"
)

// Limits of router advertisements: RFC 4861 section 6.2.1, RFC 8200 section 5 for the MTU.
const (
	MinRAInterval = 4 * time.Second // of the longest interval
	MaxRAInterval = 1800 * time.Second
	MaxRALifetime = 9000 * time.Second
	MinIPv6MTU    = 1280 // bytes

	minRAShortest = 3 * time.Second // of the shortest interval
)

// Preference is how much hosts like a default router among several, RFC 4191 section 2.1.
type Preference uint8

// The preferences; the zero Preference is the medium one.
const (
	PreferenceMedium Preference = iota
	PreferenceHigh
	PreferenceLow
)

// A RouterAdvertisement is what a master tells the hosts of its segment about the virtual router as their default router, RFC 4861
// section 6.2.1 and RFC 9568 section 8.2.3. All routers of the address have to be told the same: hosts see one router. DefaultRA has
// the values to begin with.
type RouterAdvertisement struct {
	Interval    time.Duration // longest time between two, 4 s to 30 min
	MinInterval time.Duration // shortest, 3 s to three quarters of Interval
	Lifetime    time.Duration // as default router: 0 for none, otherwise Interval to 2.5 h, whole seconds
	Preference  Preference
	HopLimit    uint8         // that hosts send with; 0 leaves it to them
	Managed     bool          // addresses come by DHCPv6
	Other       bool          // other configuration comes by DHCPv6
	Reachable   time.Duration // how long a neighbour is reachable after it was confirmed to be; 0 leaves it to the hosts
	Retransmit  time.Duration // between two solicitations of a neighbour; 0 leaves it to the hosts
	MTU         uint32        // bytes; 0 for none

	Prefixes []AdvertisedPrefix

	DNS         []netip.Addr // recursive DNS servers, RFC 8106
	Search      []string     // domains, RFC 8106
	DNSLifetime time.Duration
}

// An AdvertisedPrefix is one prefix of the segment, RFC 4861 section 4.6.2.
type AdvertisedPrefix struct {
	Prefix    netip.Prefix
	OffLink   bool          // hosts reach its addresses through the router
	Managed   bool          // hosts make no addresses of it themselves (the A flag is off)
	Valid     time.Duration // whole seconds
	Preferred time.Duration // whole seconds, at most Valid
}

// DefaultRA returns the defaults of RFC 4861 section 6.2.1 and RFC 8106 section 5.1 for a longest interval.
func DefaultRA(interval time.Duration) RouterAdvertisement {
	shortest := max(minRAShortest, (interval * 33 / 100).Truncate(time.Second))
	lifetime := min(3*interval, MaxRALifetime)
	return RouterAdvertisement{Interval: interval, MinInterval: shortest, Lifetime: lifetime, HopLimit: 64, DNSLifetime: lifetime}
}

// Defaults of RFC 4861 section 6.2.1 for prefixes.
const (
	DefaultPrefixValid     = 30 * 24 * time.Hour
	DefaultPrefixPreferred = 7 * 24 * time.Hour
)

// RASource returns the virtual address that router advertisements come from: the first, which is link-local.
func (c *Config) RASource() (Address, bool) {
	for _, a := range c.Addresses {
		if !a.Excluded {
			return a, c.RA != nil && a.Prefix.Addr().IsLinkLocalUnicast() && FamilyOf(a.Prefix.Addr()) == IPv6
		}
	}
	return Address{}, false
}

// Equal reports whether hosts are told the same.
func (ra *RouterAdvertisement) Equal(other *RouterAdvertisement) bool {
	return reflect.DeepEqual(ra, other)
}

// validateRA checks what is told to hosts; they drop or misread what is out of range.
func (c *Config) validateRA() error {
	ra := c.RA
	if ra == nil {
		return nil
	}
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("router_advertisement: "+format, args...))
	}
	if _, ok := c.RASource(); !ok {
		bad("needs an IPv6 instance whose first virtual address is link-local: advertisements come from there")
	}
	if ra.Interval < MinRAInterval || ra.Interval > MaxRAInterval {
		bad("interval is %s, want %s to %s", ra.Interval, MinRAInterval, MaxRAInterval)
	}
	if ra.MinInterval < minRAShortest || ra.MinInterval > ra.Interval*3/4 {
		bad("min_interval is %s, want %s to three quarters of interval", ra.MinInterval, minRAShortest)
	}
	if ra.Lifetime != 0 && (ra.Lifetime < ra.Interval || ra.Lifetime > MaxRALifetime) {
		bad("lifetime is %s, want 0s, or interval to %s", ra.Lifetime, MaxRALifetime)
	}
	if ra.MTU != 0 && ra.MTU < MinIPv6MTU {
		bad("mtu is %d, want %d and more", ra.MTU, MinIPv6MTU)
	}
	for _, p := range ra.Prefixes {
		if err := p.validate(); err != nil {
			bad("%w", err)
		}
	}
	for _, a := range ra.DNS {
		if FamilyOf(a) != IPv6 || a.IsMulticast() {
			bad("DNS server %s is not the IPv6 address of a host", a)
		}
	}
	return errors.Join(errs...)
}

func (p AdvertisedPrefix) validate() error {
	a := p.Prefix.Addr()
	switch {
	case FamilyOf(a) != IPv6 || a.IsMulticast() || a.IsLinkLocalUnicast():
		return fmt.Errorf("prefix %s is not one of IPv6 that hosts can have addresses of", p.Prefix)
	case p.Prefix != p.Prefix.Masked():
		return fmt.Errorf("prefix %s has bits beyond its length: write %s", p.Prefix, p.Prefix.Masked())
	case !p.Managed && p.Prefix.Bits() != 64:
		return fmt.Errorf("prefix %s: hosts make addresses of a /64 only", p.Prefix)
	case p.Preferred > p.Valid:
		return fmt.Errorf("prefix %s is preferred for %s and valid for %s", p.Prefix, p.Preferred, p.Valid)
	}
	return nil
}

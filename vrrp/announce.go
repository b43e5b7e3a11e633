package vrrp

import (
	"errors"
	"fmt"
	"time"
)

// Limits of Announce.
const (
	MaxAnnounceRepeat  = 100 // packets per address and burst
	MinAnnounceDelay   = 100 * time.Millisecond
	MaxAnnounceDelay   = time.Hour
	MinAnnounceRefresh = time.Second
	MaxAnnounceRefresh = 24 * time.Hour
	MaxAnnounceGap     = 10 * time.Second // between two packets on an interface
)

// Announce says how gratuitous ARP (for IPv6, unsolicited neighbour advertisements) is sent after a router became master.
type Announce struct {
	Repeat        int           // packets per address and burst
	Delay         time.Duration // from the first burst to the second; 0 for one burst only
	Refresh       time.Duration // between announcements for as long as the role lasts; 0 for none
	RefreshRepeat int           // packets per address and refresh; 0 means 1

	// Provoked is how it is done when a master hears of another one; nil means Repeat and Delay.
	Provoked *Burst
	// ExtraRefresh is Refresh for the interfaces other than the router's that have addresses of it; 0 for Refresh.
	ExtraRefresh time.Duration

	Gap   time.Duration // least time between two gratuitous ARPs on an interface; 0 for groups of 50 every 2 ms
	GapNA time.Duration // the same for neighbour advertisements
}

// A Burst is what is sent at one occasion: some packets for each address, and as many again after a while.
type Burst struct {
	Repeat int           // packets per address; 0 for none
	Delay  time.Duration // until the same once more; 0 for never
}

// An AnnounceGroup keeps announcements apart on several interfaces together, as those that are plugged into one switch.
type AnnounceGroup struct {
	Interfaces []string
	Gap        time.Duration // least time between two gratuitous ARPs on any of them, 0 to 10 s; 0 for none
	GapNA      time.Duration // the same for neighbour advertisements
}

// AnnounceDefault is what keepalived sends: 5 packets, and 5 more after 5 s.
var AnnounceDefault = Announce{Repeat: 5, Delay: 5 * time.Second}

// provoked returns c with the plan for announcements because of another master in place of the usual one.
func (c *Config) provoked() *Config {
	if c.Announce.Provoked == nil {
		return c
	}
	as := *c
	as.Announce.Repeat, as.Announce.Delay = c.Announce.Provoked.Repeat, c.Announce.Provoked.Delay
	return &as
}

// Equal reports whether two plans are the same.
func (a Announce) Equal(b Announce) bool {
	same := (a.Provoked == nil) == (b.Provoked == nil) && (a.Provoked == nil || *a.Provoked == *b.Provoked)
	a.Provoked, b.Provoked = nil, nil
	return same && a == b
}

// validateAnnounce checks the ranges of Announce.
func (c *Config) validateAnnounce() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	a := c.Announce
	count := func(name string, n int) {
		if n < 0 || n > MaxAnnounceRepeat {
			bad("garp %s is %d, want 0 to %d", name, n, MaxAnnounceRepeat)
		}
	}
	span := func(name string, d, low, high time.Duration) {
		if d != 0 && (d < low || d > high) {
			bad("%s is %s, want %s to %s, or 0s", name, d, low, high)
		}
	}
	count("repeat", a.Repeat)
	count("refresh_repeat", a.RefreshRepeat)
	span("garp delay", a.Delay, MinAnnounceDelay, MaxAnnounceDelay)
	span("garp refresh", a.Refresh, MinAnnounceRefresh, MaxAnnounceRefresh)
	span("garp extra_interfaces", a.ExtraRefresh, MinAnnounceRefresh, MaxAnnounceRefresh)
	span("garp interval", a.Gap, 1, MaxAnnounceGap)
	span("garp na_interval", a.GapNA, 1, MaxAnnounceGap)
	if a.Provoked != nil {
		count("lower_priority_repeat", a.Provoked.Repeat)
		span("garp lower_priority_delay", a.Provoked.Delay, MinAnnounceDelay, MaxAnnounceDelay)
	}
	span("verify_addresses", c.VerifyAddresses, time.Second, 24*time.Hour)
	return errors.Join(errs...)
}

// Announce tells the network again where the addresses are, as a new master does. The error says that there is nothing to announce: only a
// master does that. It does not wait until the packets are sent.
func (m *Member) Announce() error {
	if s := m.Status(); s.Role != Master {
		return fmt.Errorf("%s is %s here, and only a master announces its addresses", s.Name, s.Role)
	}
	m.facts.mu.Lock()
	m.facts.announce, m.facts.fresh = true, true
	m.facts.mu.Unlock()
	m.wake()
	return nil
}

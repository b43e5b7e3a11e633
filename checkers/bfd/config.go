package bfd

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Limits and defaults. The defaults are keepalived's.
const (
	// MinInterval is the shortest interval between two control packets that can be asked for.
	MinInterval = time.Millisecond
	// MaxInterval is the longest one while a session is up.
	MaxInterval = 60 * time.Second
	// IntervalDefault is what MinRx and MinTx are unless configured.
	IntervalDefault = 10 * time.Millisecond
	// MinIdle is the shortest interval while a session is not up, RFC 5880 section 6.8.3.
	MinIdle = time.Second
	// MaxIdle is the longest one.
	MaxIdle = 1000 * time.Second
	// MultiplierDefault is how many packets may be missed unless configured.
	MultiplierDefault = 5
	// MaxTTL is that of packets which crossed no router, RFC 5881 section 5.
	MaxTTL = 255
	// HopsDefault is how many routers a multihop session may cross unless configured: the neighbour is behind one of them.
	HopsDefault = 1
)

// A Config is what one session is told. It is never changed after it was handed over.
type Config struct {
	Name       string        // unique; what logs and status call it
	Neighbor   netip.Addr    // without a zone; a link-local one needs Interface
	Source     netip.Addr    // of our packets; the zero Addr for the one that the kernel chooses
	Interface  string        // where packets leave and arrive; empty for any. One hop only
	Multihop   bool          // UDP port 4784 and routers between (RFC 5883), instead of 3784 and none (RFC 5881)
	MinTTL     uint8         // of packets received, 1-255; 255 unless Multihop
	TTL        uint8         // of packets sent, 1-255; 255 unless Multihop
	MinRx      time.Duration // Required Min RX Interval: the shortest at which we listen, MinInterval to MaxInterval
	MinTx      time.Duration // Desired Min TX Interval: the shortest at which we send while up, MinInterval to MaxInterval
	IdleTx     time.Duration // the shortest at which we send while not up, MinIdle to MaxIdle
	Multiplier uint8         // how many of our packets the neighbour may miss in a row, 1-255
	Passive    bool          // say nothing before the neighbour does
	AdminDown  bool          // keep the session down and tell the neighbour that it is meant
}

// Default returns a Config with every default filled in for one hop to a neighbour.
func Default(name string, neighbor netip.Addr) Config {
	return Config{
		Name: name, Neighbor: neighbor, MinTTL: MaxTTL, TTL: MaxTTL,
		MinRx: IntervalDefault, MinTx: IntervalDefault, IdleTx: MinIdle, Multiplier: MultiplierDefault,
	}
}

// Validate returns every rule that c breaks, joined. The caller adds the place in the file.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	between := func(what string, d, low, high time.Duration) {
		if d < low || d > high || d%time.Microsecond != 0 {
			bad("%s is %s, want %s to %s in whole microseconds", what, d, low, high)
		}
	}
	between("min_rx", c.MinRx, MinInterval, MaxInterval)
	between("min_tx", c.MinTx, MinInterval, MaxInterval)
	between("idle_tx", c.IdleTx, MinIdle, MaxIdle)
	if c.Multiplier == 0 {
		bad("multiplier is 0, want 1 to 255")
	}
	if c.TTL == 0 || c.MinTTL == 0 {
		bad("ttl is 0, want 1 to 255")
	}
	return errors.Join(append(errs, c.validateEnds(), c.validateHops())...)
}

// validateEnds checks the addresses.
func (c *Config) validateEnds() error {
	switch n, s := c.Neighbor, c.Source; {
	case !n.IsValid() || n.IsMulticast() || n.IsUnspecified():
		return fmt.Errorf("neighbor %s is not the address of a host", n)
	case n.Zone() != "" || s.Zone() != "":
		return errors.New("an address has a zone: write interface instead")
	case s.IsValid() && s.Is4() != n.Is4():
		return fmt.Errorf("source %s and neighbor %s are of two address families", s, n)
	case s == n:
		return fmt.Errorf("neighbor %s is our own source", n)
	case n.IsLinkLocalUnicast() && n.Is6() && c.Interface == "":
		return fmt.Errorf("neighbor %s is link-local: interface must say on which link", n)
	}
	return nil
}

// validateHops checks what differs between one hop and several.
func (c *Config) validateHops() error {
	switch {
	case c.Multihop && c.Interface != "":
		return errors.New("a multihop session follows the routes: remove interface")
	case !c.Multihop && (c.TTL != MaxTTL || c.MinTTL != MaxTTL):
		return errors.New("ttl is not 255: only a multihop session may cross routers (RFC 5881 section 5)")
	}
	return nil
}

// SameSession reports whether a session of c can go on as one of d: what differs can be told to the neighbour while it is up.
func (c *Config) SameSession(d *Config) bool {
	return c.Name == d.Name && c.Neighbor == d.Neighbor && c.Source == d.Source && c.Interface == d.Interface && c.Multihop == d.Multihop
}

// Collides reports whether a first packet of the neighbour could be for a session of c and for one of d.
func (c *Config) Collides(d *Config) bool {
	overlap := func(a, b string) bool { return a == "" || b == "" || a == b }
	return c.Neighbor == d.Neighbor && c.Multihop == d.Multihop && overlap(c.Interface, d.Interface) &&
		(!c.Source.IsValid() || !d.Source.IsValid() || c.Source == d.Source)
}

package vrrp

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Limits and defaults of Options.
const (
	// DownAdvertsDefault is how many intervals without an advert RFC 9568 section 6.1 waits.
	DownAdvertsDefault = 3
	// MaxDownAdverts is keepalived's limit.
	MaxDownAdverts = 100
	// MaxPreemptDelay is keepalived's limit.
	MaxPreemptDelay = 1000 * time.Second
)

// Options are what keepalived adds to the protocol, and what differs between implementations. The zero value is what RFC 9568 says.
type Options struct {
	// PreemptDelay is how long a backup obeys a master of lower priority before it lets its timer run out; 0 to 1000 s. The first
	// advert of that master starts it, another master's ends it.
	PreemptDelay time.Duration
	// DownAdverts is how many intervals a backup waits for an advert, 1 to 100; 0 means 3. Skew_Time comes on top.
	DownAdverts int
	// QuietLower makes a master leave adverts of lesser routers unanswered (RFC 5798); otherwise it sends one at once (RFC 9568). One that
	// names a shorter interval than ours is answered all the same: a backup that does not preempt goes by it until it hears us, and would
	// take over in between, for ever.
	QuietLower bool
	// OwnerIgnores makes the owner (priority 255) drop all adverts, as RFC 9568 was published before erratum 8298.
	OwnerIgnores bool
	// Interval says what becomes of version 2 adverts that name another interval.
	Interval Mismatch
	// TrackSource makes it a fault when Source is no address of this host; with unicast peers it always is.
	TrackSource bool
	// Group is the multicast group of adverts; the zero Addr means that of RFC 9568. It must be the same on all routers.
	Group netip.Addr
	// AllowNoAddresses lets the router be without virtual addresses, or without advertised ones; version 3 only. RFC 9568 section 5.2.5
	// wants at least one. Adverts without an address are dropped otherwise.
	AllowNoAddresses bool
	// Paths are more ways to the unicast peers.
	Paths []Path
	// TTL is that of unicast adverts, 1 to 255; 0 means 255. Multicast always has 255.
	TTL uint8
	// PeerTTL bounds the TTL of adverts of unicast peers.
	PeerTTL map[netip.Addr]TTLRange
}

// Mismatch is what becomes of a version 2 advert that names another interval than ours. It is counted and shown in any case.
type Mismatch uint8

// RFC 3768 section 7.1 drops it, which makes two masters of routers that are configured differently.
const (
	MismatchIgnore Mismatch = iota // dropped
	MismatchAlive                  // obeyed, and waited for by the interval that it names
)

// A TTLRange bounds what a hop limit may be; a zero Max means 255.
type TTLRange struct {
	Min uint8 `json:"min"`
	Max uint8 `json:"max"`
}

// admits reports whether ttl is within the range.
func (r TTLRange) admits(ttl int) bool {
	limit := int(r.Max)
	if limit == 0 {
		limit = TTL
	}
	return ttl >= int(r.Min) && ttl <= limit
}

// downAdverts is how many intervals without an advert a backup waits.
func (c *Config) downAdverts() int {
	if c.DownAdverts == 0 {
		return DownAdvertsDefault
	}
	return c.DownAdverts
}

// learnsInterval reports whether a router of c goes by the interval that its master names.
func (c *Config) learnsInterval() bool { return c.Version == V3 || c.Interval == MismatchAlive }

// validateOptions returns what contradicts the rest.
func (c *Config) validateOptions() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch d := c.PreemptDelay; {
	case d < 0 || d > MaxPreemptDelay:
		bad("preempt_delay is %s, want 0s to %s", d, MaxPreemptDelay)
	case d > 0 && c.NoPreempt:
		bad("preempt_delay contradicts preempt = false: without preemption there is nothing to delay")
	case d > 0 && c.Priority == PriorityOwner:
		bad("preempt_delay contradicts priority 255: the owner always preempts at once")
	}
	if c.AllowNoAddresses && c.Version != V3 {
		bad("allow_no_addresses is for version 3")
	}
	if n := c.DownAdverts; n < 0 || n > MaxDownAdverts {
		bad("down_timer_adverts is %d, want 1 to %d", n, MaxDownAdverts)
	}
	if c.OwnerIgnores && c.Priority != PriorityOwner {
		bad("owner_ignore_adverts is for the owner (priority 255)")
	}
	if c.Interval != MismatchIgnore && c.Version != V2 {
		bad("interval_mismatch is for version 2: version 3 learns the interval of the master")
	}
	if (c.TTL != 0 || len(c.PeerTTL) > 0) && !c.Unicast() {
		bad("the TTL of multicast is always 255")
	}
	for peer, r := range c.PeerTTL {
		if r.Max != 0 && r.Max < r.Min {
			bad("max_ttl %d of peer %s is less than min_ttl %d", r.Max, peer, r.Min)
		}
	}
	return errors.Join(append(errs, c.validateGroup(), c.validatePaths())...)
}

// Delay is how far a backup is with the preempt delay.
type Delay uint8

// The first advert of a lesser master begins the delay. When it is over, such adverts no longer count.
const (
	DelayNone Delay = iota
	DelayRuns
	DelayOver
)

// delayed is T09 with a preempt delay: reports whether a lesser master is still to be obeyed, and what begins with that.
func delayed(c *Config, st State) (State, []Action, bool) {
	switch {
	case c.PreemptDelay == 0 || st.Priority == PriorityOwner || st.Delay == DelayOver:
		return st, nil, false
	case st.Delay == DelayRuns:
		return st, nil, true
	}
	st.Delay = DelayRuns
	return st, []Action{ArmDelay{c.PreemptDelay}}, true
}

// rivalOwners is how many adverts of another owner from a lower address an owner hears before it gives in. One that goes by T14
// yields to our first; keepalived does not, and expects the higher address to go after three intervals and a bit.
const rivalOwners = 4

// givesIn counts adverts of another owner that ought to yield and does not, and reports whether we have to.
func givesIn(st State, ev Received) (State, bool) {
	if st.Priority != PriorityOwner || ev.Packet.Priority != PriorityOwner {
		return st, false
	}
	st.Rival++
	return st, st.Rival >= rivalOwners
}

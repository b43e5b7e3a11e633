package vrrp

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// An Optional is a value that may be left to the kernel. The zero Optional does so.
type Optional[T comparable] struct {
	Value T
	Set   bool
}

// Some returns the Optional that holds v.
func Some[T comparable](v T) Optional[T] { return Optional[T]{v, true} }

// Or returns the value, or otherwise where there is none.
func (o Optional[T]) Or(otherwise T) T {
	if o.Set {
		return o.Value
	}
	return otherwise
}

// AddressOptions are the properties of an address that `ip address add` can give it. The zero value is what keepalived adds.
type AddressOptions struct {
	Scope            Optional[uint8] // IPv4: RT_SCOPE_*, global unless set; that of an IPv6 address follows from the address
	Broadcast        netip.Addr      // IPv4; the zero Addr for none
	Peer             netip.Addr      // other end of a point-to-point link; the zero Addr for none
	DetectDuplicates bool            // IPv6: run duplicate address detection, in which two routers that change roles may find each other
	Home             bool            // IPv6: home address, RFC 6275
	ManageTemporary  bool            // IPv6: temporary addresses are made from this one, RFC 8981
	NoPrefixRoute    bool            // no route to the network comes with the address
	AutoJoin         bool            // the address is a multicast group that the interface joins

	// Preferred is how long new connections may use the address as their source; 0 for never. Forever unless set, but never for an
	// IPv6 address that is a whole network (/128), as keepalived has it.
	Preferred Optional[time.Duration]
	Metric    uint32 // of the route to the network; 0 for the kernel's

	// Untracked leaves the address alone once the router is master: that it cannot be added is no fault, and it is not put back when
	// somebody deletes it.
	Untracked bool
}

// Forever is the AddressOptions.Preferred of an address that does not age.
const Forever time.Duration = -1

// Lifetime returns for how long new connections may use a as their source; forever is false with a duration.
func (a Address) Lifetime() (d time.Duration, forever bool) {
	if a.Preferred.Set {
		return a.Preferred.Value, a.Preferred.Value == Forever
	}
	return 0, !a.Prefix.Addr().Is6() || a.Prefix.Bits() < 128
}

// Validate returns the properties that contradict the family of the address or each other, joined.
func (a Address) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("virtual address %s: "+format, append([]any{a.Prefix.Addr()}, args...)...))
	}
	if a.Prefix.Addr().Is6() {
		if a.Broadcast.IsValid() || a.Scope.Set || a.Label != "" {
			bad("broadcast, scope and label are for IPv4 only")
		}
	} else if a.DetectDuplicates || a.Home || a.ManageTemporary {
		bad("dad, home and manage_temporary are for IPv6 only")
	}
	if a.Peer.IsValid() && a.Peer.Is4() != a.Prefix.Addr().Is4() {
		bad("peer %s is of another family", a.Peer)
	}
	if a.AutoJoin != a.Prefix.Addr().IsMulticast() {
		bad("autojoin is for multicast groups, and they need it")
	}
	if a.Preferred.Set && a.Preferred.Value != Forever && a.Preferred.Value%time.Second != 0 {
		bad("preferred_lifetime is %s, want whole seconds", a.Preferred.Value)
	}
	return errors.Join(errs...)
}

// LossPolicy says what a master does when somebody else deletes an address, a route or a rule of it.
type LossPolicy uint8

// RestoreLost puts back what is missing, announces it, and stays master. StepDownOnLoss is keepalived's way: resign, let go of
// everything, and be a backup that waits no longer than after the resignation of a master.
const (
	RestoreLost LossPolicy = iota
	StepDownOnLoss
)

// validateHeld checks addresses, routes and rules by themselves.
func (c *Config) validateHeld() error {
	var errs []error
	for _, a := range c.Addresses {
		errs = append(errs, a.Validate())
	}
	for _, r := range c.Routes {
		errs = append(errs, r.Validate())
	}
	for _, r := range c.Rules {
		errs = append(errs, r.Validate())
	}
	return errors.Join(errs...)
}

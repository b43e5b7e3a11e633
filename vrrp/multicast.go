package vrrp

import (
	"errors"
	"fmt"
	"net/netip"
)

// MulticastGroup returns the group that adverts of c are sent to, and heard from: Config.Group, or that of RFC 9568.
func (c *Config) MulticastGroup() netip.Addr {
	if c.Group.IsValid() {
		return c.Group
	}
	return c.Family().Group()
}

// validateGroup checks another multicast group than that of the RFC.
func (c *Config) validateGroup() error {
	g := c.Group
	switch {
	case !g.IsValid():
		return nil
	case c.Unicast():
		return errors.New("multicast_group contradicts unicast: adverts go to the peers only")
	}
	return GroupFault(g, c.Family())
}

// GroupFault returns why adverts of a family cannot be sent to a group, or nil. Those of IPv6 must stay on the link, as RFC 9568 section
// 5.1.2.2 has its own.
func GroupFault(g netip.Addr, f Family) error {
	switch {
	case FamilyOf(g) != f:
		return fmt.Errorf("multicast_group %s is not %s, and the virtual addresses are", g, f)
	case f == IPv6 && !g.IsLinkLocalMulticast():
		return fmt.Errorf("multicast_group %s is no IPv6 multicast group of link-local scope, want one such as %s", g, Group6)
	case !g.IsMulticast():
		return fmt.Errorf("multicast_group %s is no multicast group, want one such as %s", g, Group4)
	}
	return nil
}

package kernel

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// source6 returns where IPv6 adverts that leave an interface come from, RFC 9568 section 5.1.2.1: its link-local address, or one that is not
// for unicast peers further away. It takes the lowest: the kernel lists addresses in no order that lasts. Without one it returns the best that
// cannot be used yet, for the fault.
func (t *table) source6(index int, virtual map[netip.Addr]bool, linkLocal bool) (best netip.Addr, flags uint32) {
	const passing = unix.IFA_F_TEMPORARY | unix.IFA_F_DEPRECATED
	for p, e := range t.addrs[index] {
		a := p.Addr()
		if vrrp.FamilyOf(a) != vrrp.IPv6 || a.IsLinkLocalUnicast() != linkLocal || !real(a, e, virtual) {
			continue
		}
		if !linkLocal && e.flags&passing != 0 {
			continue
		}
		better := unusable(e.flags) == "" && unusable(flags) != ""
		same := (unusable(e.flags) == "") == (unusable(flags) == "")
		if !best.IsValid() || better || same && a.Less(best) {
			best, flags = a, e.flags
		}
	}
	return best, flags
}

// unusable says why an IPv6 address with these flags cannot be sent from; it is empty when it can. The kernel uses an optimistic address.
func unusable(flags uint32) string {
	switch {
	case flags&unix.IFA_F_DADFAILED != 0:
		return "is a duplicate of another host's (DAD failed)"
	case flags&unix.IFA_F_TENTATIVE != 0 && flags&unix.IFA_F_OPTIMISTIC == 0:
		return "is tentative (DAD)"
	}
	return ""
}

// judge6 returns the source of c's adverts that the interface offers, and what is wrong with the one to be used.
func (t *table) judge6(c *vrrp.Config, virtual map[netip.Addr]bool) (primary netip.Addr, fault string) {
	l, _ := t.byName(c.Interface)
	if n := c.PacketLen(); l.mtu > 0 && n > l.mtu {
		return netip.Addr{}, fmt.Sprintf("mtu: an advert has %d bytes, %s takes %d, and adverts are not fragmented: advertise fewer addresses", n, c.Interface, l.mtu)
	}
	found, flags := t.source6(l.index, virtual, c.FromLinkLocal())
	why := unusable(flags)
	if why == "" {
		primary = found
	}
	if c.Source.IsValid() {
		return primary, t.configured6(c, l.index, virtual)
	}
	kind := "address"
	if c.FromLinkLocal() {
		kind = "link-local address"
	}
	switch {
	case !found.IsValid():
		return primary, "source: " + c.Interface + " has no IPv6 " + kind + " of its own"
	case why != "":
		return primary, "source: " + kind + " " + why + ": " + found.String() + " on " + c.Interface
	}
	return primary, ""
}

// configured6 says why adverts cannot come from the source that c names. A link-local one belongs to the interface with that index.
func (t *table) configured6(c *vrrp.Config, index int, virtual map[netip.Addr]bool) string {
	for on, addrs := range t.addrs {
		for p, e := range addrs {
			if p.Addr() != c.Source || !real(c.Source, e, virtual) || c.Source.IsLinkLocalUnicast() && on != index {
				continue
			}
			if why := unusable(e.flags); why != "" {
				return "source: " + c.Source.String() + " " + why
			}
			return ""
		}
	}
	if c.Source.IsLinkLocalUnicast() {
		return "source: " + c.Source.String() + " is not an address of " + c.Interface
	}
	return "source: " + c.Source.String() + " is not an address of this host"
}

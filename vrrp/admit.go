package vrrp

import (
	"crypto/subtle"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// An Advert is a parsed packet with what its IP header said.
type Advert struct {
	From   netip.Addr // IP source
	To     netip.Addr // IP destination
	TTL    int
	Packet Packet

	Datagram []byte // the whole IPv4 datagram, when it has an authentication header; nil otherwise
}

// Admit makes the checks of RFC 9568 section 7.1 and RFC 3768 section 7.1 that need the router's configuration, and those of unicast
// operation, which no RFC has. Source is where our own adverts come from; the zero Addr when that is not known. The error is
// a Reason. The caller has found c by the receiving interface and the VRID.
//
// It does not look at what a signature protects: a router does so between the checks of the path and those of the content.
func Admit(c *Config, source netip.Addr, a Advert) error {
	if err := admitPath(c, source, a); err != nil {
		return err
	}
	return admitContent(c, a)
}

// admitPath checks where an advert comes from, and what needs no trust.
func admitPath(c *Config, source netip.Addr, a Advert) error {
	switch {
	case a.To.IsMulticast() && a.TTL != TTL: // a unicast peer may be some hops away
		return DropTTL
	case a.Packet.Version != c.Version:
		return DropVersion
	case a.Packet.VRID != c.VRID:
		return DropVRID
	case FamilyOf(a.From) != c.Family():
		return DropFamily
	case a.From == source: // the machine would answer itself without end
		return DropOwn
	case a.To.IsMulticast() && c.Unicast():
		return DropMulticast
	case a.To.IsMulticast() && a.To != c.MulticastGroup():
		return DropGroup
	case !a.To.IsMulticast() && !c.Unicast():
		return DropUnicast
	case c.Unicast() && !c.peer(a.From):
		return DropPeer
	case c.Unicast() && !c.PeerTTL[c.identify(a.From)].admits(a.TTL):
		return DropPeerTTL
	case a.Packet.Trailer != nil && c.HMAC == nil:
		return DropHMAC
	}
	return nil
}

// admitContent checks what an advert says.
func admitContent(c *Config, a Advert) error {
	if c.Version == V2 {
		return admitV2(c, a.Packet)
	}
	switch {
	case len(a.Packet.Addresses) == 0 && !c.AllowNoAddresses:
		return DropCount
	case a.Packet.Form == FormNone && c.formOf(a.From) != FormAny:
		return DropChecksum
	case !formAdmitted(c, a):
		return DropForm
	}
	if !firstAdmitted(c, a.Packet) {
		return DropFirstAddress
	}
	return nil
}

// admitV2 makes the checks that only version 2 has. Its interval is not learned, so that two intervals would be two masters.
func admitV2(c *Config, p Packet) error {
	authType, password := c.authentication()
	switch {
	case p.AuthType != authType:
		return DropAuthType
	case authType == AuthSimple && subtle.ConstantTimeCompare(p.Password[:], password[:]) != 1:
		return DropPassword
	case p.Interval != c.AdvertInterval && c.Interval == MismatchIgnore:
		return DropInterval
	}
	return nil
}

// Differences returns in words what an admitted advert says that our configuration does not, and that is no reason to drop it: the
// interval, the set of addresses, and priorities that leave the election to the addresses. RFC 9568 sections 7.1 and 8.3.2 want these
// logged at a limited rate. It is nil, without allocation, for an advert of a router that is configured alike.
func Differences(c *Config, a Advert) []Observation {
	var out []Observation
	p := a.Packet
	if p.Interval != c.AdvertInterval {
		out = append(out, Observation{WarnInterval, intervalDiffers(p.Interval, c.AdvertInterval)})
	}
	if p.Priority == PriorityOwner && c.Priority == PriorityOwner {
		out = append(out, Observation{WarnOwners, "has priority 255, and so have we: only one can own the addresses"})
	} else if p.Priority == c.Priority {
		out = append(out, Observation{WarnPriority, fmt.Sprintf("has our priority %d: the higher address decides", p.Priority)})
	}
	if !sameOrder(c, p.Addresses) {
		out = append(out, setDifferences(c.Advertised(), p.Addresses)...)
	}
	return out
}

func intervalDiffers(theirs, ours time.Duration) string {
	return fmt.Sprintf("advertises every %s, we every %s", theirs, ours)
}

// sameOrder reports whether theirs is what c advertises, in that order: the usual case, decided without allocation.
func sameOrder(c *Config, theirs []netip.Addr) bool {
	i := 0
	for _, a := range c.Addresses {
		if a.Excluded {
			continue
		}
		if i >= len(theirs) || theirs[i] != a.Prefix.Addr() {
			return false
		}
		i++
	}
	return i == len(theirs)
}

// setDifferences compares without regard to order.
func setDifferences(ours, theirs []netip.Addr) []Observation {
	var out []Observation
	if extra := without(theirs, ours); len(extra) > 0 {
		out = append(out, Observation{WarnAddresses, "advertises addresses that we do not have: " + join(extra)})
	}
	if missing := without(ours, theirs); len(missing) > 0 {
		out = append(out, Observation{WarnAddresses, "does not advertise our addresses: " + join(missing)})
	}
	return out
}

// without returns the elements of a that are not in b.
func without(a, b []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for _, x := range a {
		if !slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return out
}

func join(addrs []netip.Addr) string {
	words := make([]string, len(addrs))
	for i, a := range addrs {
		words[i] = a.String()
	}
	return strings.Join(words, ", ")
}

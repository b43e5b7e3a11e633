package vrrp

import (
	"fmt"
	"net/netip"
	"slices"
)

// rivalSign reports whether an advert that was refused for reason shows that its sender acts as master. Our own packets, and those that
// we take no notice of because of ourselves, do not.
func rivalSign(p Packet, reason Reason) bool {
	switch reason {
	case DropNotRunning, DropOwn, DropQueue, DropVRID, DropFamily, DropIPHeader, DropHMACReplayed, DropAHReplayed:
		return false
	}
	return p.Priority != PriorityResign
}

// whoYields says which of two masters has to make way by RFC 9568 section 6.4.3.
func whoYields(st State, a Advert) string {
	if better(Received{From: a.From, Packet: a.Packet}, st) {
		return WeYield
	}
	return RivalYields
}

// whyStays says, in words for an operator, why there probably are two masters, this one and the sender of a. Refusal is why a was
// refused here, numReasons when it was admitted: then the sender has to yield, and ought to have done so.
func whyStays(c *Config, a Advert, refusal Reason) string {
	clash := ""
	if foreign(c, a.Packet.Addresses) {
		clash = fmt.Sprintf("it advertises other addresses (%s): another group of routers uses virtual_router_id %d, too, give one of the two another number",
			join(a.Packet.Addresses), c.VRID)
	}
	switch {
	case refusal != numReasons && clash != "":
		return clash + "; its adverts are refused here: " + refusal.Error()
	case refusal != numReasons:
		return "its adverts are refused here: " + refusal.Error() + remedy(c, a, refusal)
	case clash != "":
		return clash
	}
	return whyDeaf(c, a)
}

// foreign reports whether an advert names addresses, and none of them is ours.
func foreign(c *Config, theirs []netip.Addr) bool {
	ours := c.Advertised()
	return len(theirs) > 0 && !slices.ContainsFunc(theirs, func(a netip.Addr) bool { return slices.Contains(ours, a) })
}

// whyDeaf says why a master that has to yield to our adverts does not.
func whyDeaf(c *Config, a Advert) string {
	p := a.Packet
	switch {
	case p.Version == V2 && p.Interval != c.AdvertInterval:
		return fmt.Sprintf("it %s, and under version 2 it refuses ours for that: give both the same advert_interval", intervalDiffers(p.Interval, c.AdvertInterval))
	case c.HMAC != nil && p.Trailer == nil:
		return "its adverts are not signed and ours are, so that it probably refuses them: give both the same hmac keys"
	case !sameOrder(c, p.Addresses) && len(setDifferences(c.Advertised(), p.Addresses)) > 0:
		return "it hears none of our adverts, or refuses them because its addresses are not ours: " + setDifferences(c.Advertised(), p.Addresses)[0].Text
	}
	return "it hears none of our adverts, or refuses them: its log, its firewall and the way from here to there may tell"
}

// remedy is what to do about adverts of a router that ought to be a peer, as the end of a sentence.
func remedy(c *Config, a Advert, refusal Reason) string {
	switch refusal {
	case DropVersion:
		return fmt.Sprintf(" (it sends version %d, this router version %d): give both the same", a.Packet.Version, c.Version)
	case DropPassword, DropAuthType, DropAHHeader, DropAHInvalid:
		return "; it probably refuses ours for the same: give both the same authentication"
	case DropInterval:
		return fmt.Sprintf(" (it %s): give both the same", intervalDiffers(a.Packet.Interval, c.AdvertInterval))
	case DropHMAC, DropHMACMissing, DropHMACMalformed, DropHMACKey, DropHMACInvalid:
		return "; it probably refuses ours for the same: give both the same hmac keys"
	case DropForm:
		return `; write checksum = "auto" here, or the same form on both`
	case DropTTL, DropPeerTTL:
		return fmt.Sprintf(" (TTL %d): two networks are joined that ought not to be, or the way has another length", a.TTL)
	case DropMulticast, DropUnicast, DropPeer:
		return "; write unicast with each other's addresses on both, or on none"
	}
	return ""
}

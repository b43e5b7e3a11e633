package vrrp

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// A Reason says why an advert was dropped. It is an error, it allocates nothing, and its String is a stable metric label.
type Reason uint8

// One reason for each check that can refuse an advert, roughly in the order in which the checks are made.
const (
	DropIPHeader      Reason = iota // the IP header is cut, a fragment, or contradicts the bytes read
	DropFamily                      // an IPv6 packet for IPv4 routers, or the reverse
	DropTTL                         // multicast that was forwarded by a router: TTL or hop limit is not 255
	DropVersion                     // not version 2 or 3, or not the configured one of the two
	DropType                        // not an ADVERTISEMENT
	DropLength                      // cut, or longer than its address count says
	DropHMAC                        // has the HMAC trailer of keepalived 2.4, and the router uses none
	DropChecksum                    // wrong under every checksum form
	DropVRID                        // no virtual router with this VRID on the receiving interface
	DropCount                       // names no address
	DropIntervalZero                // advertisement interval 0
	DropOwn                         // sent by ourselves and looped back
	DropMulticast                   // multicast, and the router is configured for unicast
	DropUnicast                     // unicast, and the router is configured for multicast
	DropPeer                        // unicast, and the sender is not a configured peer
	DropForm                        // the checksum form is not the configured one
	DropAuthType                    // version 2: another authentication type than configured
	DropPassword                    // version 2: another password
	DropInterval                    // version 2: another advertisement interval
	DropQueue                       // the receive queue of the group was full
	DropNotRunning                  // the virtual router is in role init or fault
	DropFirstAddress                // IPv6: the first address is not link-local
	DropHMACMissing                 // has no HMAC trailer, and the router demands one
	DropHMACMalformed               // the trailer is of another type, or its reserved bytes are not zero
	DropHMACStale                   // the sender's clock is further from ours than the time window allows
	DropHMACKey                     // signed with a key that the router does not have
	DropHMACInvalid                 // the HMAC is wrong
	DropHMACReplayed                // the sequence is not newer than the sender's last
	DropHMACSenders                 // there are more senders than can be remembered
	DropAHHeader                    // version 2: the authentication header is not that of VRRP
	DropAHInvalid                   // version 2: the authentication header was made with another password
	DropAHReplayed                  // version 2: the sequence is not newer than the sender's last
	DropPeerTTL                     // unicast: the TTL is not within what the peer is configured with
	DropOwner                       // owner_ignore_adverts, and we own the addresses
	DropGroup                       // multicast, to another group than the configured one
	numReasons
)

// Reasons is how many reasons there are; each Reason is less than Reasons.
const Reasons = int(numReasons)

// reasonText is never changed. The labels are part of the metrics contract: add, but do not rename.
var reasonText = [Reasons]struct{ label, text string }{
	DropIPHeader:      {"ip_header", "IP header is cut, a fragment, or contradicts the length"},
	DropFamily:        {"address_family", "address family is not that of the virtual router"},
	DropTTL:           {"ttl", "TTL is not 255: the packet crossed a router"},
	DropVersion:       {"version", "VRRP version is not the configured one"},
	DropType:          {"type", "VRRP type is not ADVERTISEMENT"},
	DropLength:        {"length", "length does not match the address count"},
	DropHMAC:          {"hmac_trailer", "HMAC trailer of keepalived 2.4, which this router does not use"},
	DropChecksum:      {"checksum", "checksum is wrong under every form"},
	DropVRID:          {"unknown_vrid", "VRID is not configured on the receiving interface"},
	DropCount:         {"address_count", "advert names no address"},
	DropIntervalZero:  {"interval_zero", "advertisement interval is 0"},
	DropOwn:           {"own_packet", "own advert came back"},
	DropMulticast:     {"multicast_on_unicast", "multicast advert for a router configured for unicast"},
	DropUnicast:       {"unicast_on_multicast", "unicast advert for a router configured for multicast"},
	DropPeer:          {"not_a_peer", "sender is not a configured peer"},
	DropForm:          {"checksum_form", "checksum form is not the configured one"},
	DropAuthType:      {"auth_type", "authentication type is not the configured one"},
	DropPassword:      {"password", "password is wrong"},
	DropInterval:      {"interval_mismatch", "advertisement interval is not ours, and version 2 demands it: two masters are likely"},
	DropHMACMissing:   {"hmac_missing", "advert is not signed: it has no HMAC trailer"},
	DropHMACMalformed: {"hmac_malformed", "HMAC trailer is of an unknown type"},
	DropHMACStale:     {"hmac_stale", "HMAC trailer is older or newer than the time window allows: do the clocks agree?"},
	DropHMACKey:       {"hmac_unknown_key", "HMAC trailer was signed with a key number that is not configured"},
	DropHMACInvalid:   {"hmac_invalid", "HMAC is wrong: another key, or a forged advert"},
	DropHMACReplayed:  {"hmac_replayed", "HMAC trailer is not newer than the last one of its sender: a recorded advert"},
	DropAHHeader:      {"ah_header", "authentication header is cut, or carries something else than VRRP"},
	DropAHInvalid:     {"ah_invalid", "authentication header is wrong: another password, or a forged advert"},
	DropAHReplayed:    {"ah_replayed", "authentication header is not newer than the last one of its sender: a recorded advert"},
	DropHMACSenders:   {"hmac_senders", "more senders sign adverts than can be remembered"},
	DropQueue:         {"queue_full", "receive queue is full"},
	DropNotRunning:    {"not_running", "virtual router takes no part at the moment"},
	DropFirstAddress:  {"first_address", "first IPv6 address is not link-local"},
	DropPeerTTL:       {"peer_ttl", "TTL is not within min_ttl and max_ttl of the peer"},
	DropGroup:         {"multicast_group", "multicast group is not the configured one"},
	DropOwner:         {"owner", "this router owns the addresses and ignores adverts"},
}

// String returns the stable metric label, for example "unknown_vrid".
func (r Reason) String() string {
	if int(r) < Reasons {
		return reasonText[r].label
	}
	return fmt.Sprintf("reason_%d", uint8(r))
}

// Error returns the reason as words for an operator.
func (r Reason) Error() string {
	if int(r) < Reasons {
		return reasonText[r].text
	}
	return r.String()
}

// ReasonOf returns the Reason that err is or wraps, and false when there is none.
func ReasonOf(err error) (Reason, bool) {
	if r, ok := err.(Reason); ok { // the only case on the advert path, and without allocation
		return r, true
	}
	var r Reason
	ok := errors.As(err, &r)
	return r, ok
}

// Drops counts dropped adverts by reason. The zero value is ready; all methods may be called from any goroutine.
type Drops struct {
	counts [Reasons]atomic.Uint64
}

// Count adds one advert that was dropped for r.
func (d *Drops) Count(r Reason) { d.counts[r].Add(1) }

// Load returns how many adverts were dropped for r.
func (d *Drops) Load(r Reason) uint64 { return d.counts[r].Load() }

// Snapshot returns the counts by label. Every reason is in it, those with count 0 too, so that a metric exists before its first drop.
func (d *Drops) Snapshot() map[string]uint64 {
	m := make(map[string]uint64, Reasons)
	for r := range Reasons {
		m[Reason(r).String()] = d.counts[r].Load()
	}
	return m
}

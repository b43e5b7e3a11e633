package bfd

import (
	"fmt"
	"sync/atomic"
)

// A Reason says why a control packet was dropped. It is an error, it allocates nothing, and its String is a stable metric label.
type Reason uint8

// One reason for each rule of RFC 5880 section 6.8.6, RFC 5881 and RFC 5883 that refuses a packet, roughly in their order.
const (
	DropVersion      Reason = iota // not version 1
	DropLength                     // cut, shorter than the fixed part, or shorter than it says
	DropMultiplier                 // detection multiplier 0
	DropMultipoint                 // the multipoint bit is set
	DropMyDiscr                    // the sender's discriminator is 0
	DropYourDiscr                  // our discriminator is 0 though the sender is in init or up
	DropAuth                       // authenticated, and we use no authentication
	DropPollAndFinal               // both bits, RFC 5880 section 6.5
	DropUnknownDiscr               // no session has the discriminator
	DropUnknownPeer                // no session is with the sender, in a packet without discriminator
	DropPort                       // for a session of the other kind: one hop or several
	DropTTL                        // crossed more routers than it may
	DropInterface                  // arrived on another interface than that of the session
	DropAdminDown                  // the session is administratively down
	numReasons
)

// Reasons is how many reasons there are; each Reason is less than Reasons.
const Reasons = int(numReasons)

// reasonText is never changed. The labels are part of the metrics contract: add, but do not rename.
var reasonText = [Reasons]struct{ label, text string }{
	DropVersion:      {"version", "BFD version is not 1"},
	DropLength:       {"length", "length does not match the packet"},
	DropMultiplier:   {"multiplier_zero", "detection multiplier is 0"},
	DropMultipoint:   {"multipoint", "multipoint bit is set"},
	DropMyDiscr:      {"my_discriminator_zero", "sender's discriminator is 0"},
	DropYourDiscr:    {"your_discriminator_zero", "no discriminator of ours in a packet of a session that is not down"},
	DropAuth:         {"authentication", "packet is authenticated, and this session is not"},
	DropPollAndFinal: {"poll_and_final", "poll and final bits are both set"},
	DropUnknownDiscr: {"unknown_discriminator", "no session has this discriminator"},
	DropUnknownPeer:  {"unknown_neighbor", "no session is configured with the sender"},
	DropPort:         {"port", "packet of a single-hop session for a multihop one, or the reverse"},
	DropTTL:          {"ttl", "TTL is too low: the packet crossed more routers than it may"},
	DropInterface:    {"interface", "packet arrived on another interface than the session's"},
	DropAdminDown:    {"admin_down", "session is administratively down"},
}

// String returns the stable metric label, for example "unknown_neighbor".
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

// drops counts dropped packets by reason. The zero value is ready.
type drops [Reasons]atomic.Uint64

// snapshot returns the counts by label. Every reason is in it, so that a metric exists before its first drop.
func (d *drops) snapshot() map[string]uint64 {
	m := make(map[string]uint64, Reasons)
	for r := range Reasons {
		m[Reason(r).String()] = d[r].Load()
	}
	return m
}

package vrrp

import "fmt"

// A WarningKind says what sort of thing a Warning is about, and is part of the contract with users.
type WarningKind string

// The kinds, by their words in JSON.
const (
	WarnInterval  WarningKind = "interval"       // the peer advertises at another interval
	WarnAddresses WarningKind = "addresses"      // the peer advertises other addresses
	WarnPriority  WarningKind = "equal_priority" // the peer has our priority
	WarnOwners    WarningKind = "two_owners"     // two routers have priority 255
	WarnFlapping  WarningKind = "flapping"       // the peer takes over again and again
)

// line returns the message of the log line about k, and the key of its attribute.
func (k WarningKind) line() (message, key string) {
	switch k {
	case WarnInterval, WarnAddresses:
		return "peer is configured differently", "difference"
	case WarnPriority:
		return "peer has our priority", "detail"
	case WarnOwners:
		return "two owners of the addresses", "detail"
	case WarnFlapping:
		return "peer does not hear us and takes over again and again", "detail"
	}
	return fmt.Sprintf("peer is amiss: %s", string(k)), "detail"
}

// An Observation is what is amiss with the router that an advert came from, and no reason to drop the advert.
type Observation struct {
	Kind WarningKind
	Text string // what follows the name of that router in a sentence
}

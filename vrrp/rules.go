package vrrp

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// RuleAction says what a Rule does. The values are those of rtnetlink (FR_ACT_*).
type RuleAction uint8

// The actions of `ip rule`.
const (
	RuleTable       RuleAction = 1 // look the destination up in Rule.Table
	RuleGoto        RuleAction = 2 // go on at the rule of priority Rule.Goto
	RuleNop         RuleAction = 3 // go on with the next rule
	RuleBlackhole   RuleAction = 6
	RuleUnreachable RuleAction = 7
	RuleProhibit    RuleAction = 8
)

// RulePriorityFirst is where priorities for rules that name none begin; RulePriorityLast is the last one. The kernel's own rules
// for the tables main and default come after, at 32766 and 32767.
const (
	RulePriorityFirst = 20000
	RulePriorityLast  = 29999
)

// A PortRange is one port (First equal to Last) or several. The zero value is any port.
type PortRange struct{ First, Last uint16 }

// A UIDRange is the users that packets of this host belong to.
type UIDRange struct{ First, Last uint32 }

// A Rule is a rule of policy routing that a virtual router holds while it is master. Fields are conditions unless they say otherwise;
// a zero one matches all packets.
type Rule struct {
	IPv6 bool // the family

	Priority uint32 // place among the rules, 1 to 2^32-1, lower ones come first; 0 until AssignPriorities
	Not      bool   // matches what the conditions do not
	From, To netip.Prefix
	IIf, OIf string // interface that packets come in by, or that a socket of this host is bound to
	Mark     Optional[uint32]
	MarkMask uint32 // bits of Mark that count; 0 is all
	TOS      uint8
	Protocol uint8 // of the packet, for example 6 for TCP
	SPort    PortRange
	DPort    PortRange
	UIDs     Optional[UIDRange]
	TunnelID uint64
	L3MDev   bool // the packet belongs to a VRF, whose table is looked up; it takes the place of Table

	Action RuleAction // 0 is RuleTable
	Table  uint32     // 0 is MainTable
	Goto   uint32

	SuppressPrefix Optional[uint32] // a route found is ignored when its prefix is not longer than this
	SuppressGroup  Optional[uint32] // a route found is ignored when its device is of this group
	Realms         uint32           // IPv4: given to packets, as HeldRoute.Realms
	Origin         uint8            // protocol number that the rule carries; 0 is RouteMark

	Untracked bool // it is no fault when it cannot be added, and it is not put back
}

// String returns the rule as messages name it: "rule 20000: from 192.0.2.10/32 table 100".
func (r Rule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "rule %d:", r.Priority)
	if r.Not {
		b.WriteString(" not")
	}
	part := func(word string, value any, set bool) {
		if set {
			fmt.Fprintf(&b, " %s %v", word, value)
		}
	}
	part("from", r.From, r.From.IsValid())
	part("to", r.To, r.To.IsValid())
	part("iif", r.IIf, r.IIf != "")
	part("oif", r.OIf, r.OIf != "")
	part("fwmark", r.Mark.Value, r.Mark.Set)
	switch {
	case r.Action == RuleGoto:
		part("goto", r.Goto, true)
	case r.Action > RuleTable:
		b.WriteString(" " + r.Action.String())
	case r.L3MDev:
		b.WriteString(" l3mdev")
	default:
		part("table", r.Lookup(), true)
	}
	return b.String()
}

// Lookup returns the table that the rule leads to; 0 where it leads to none.
func (r Rule) Lookup() uint32 {
	switch {
	case r.Action > RuleTable || r.L3MDev:
		return 0
	case r.Table == 0:
		return MainTable
	}
	return r.Table
}

// String returns the word that iproute2 has for the action.
func (a RuleAction) String() string {
	switch a {
	case 0, RuleTable:
		return "lookup"
	case RuleGoto:
		return "goto"
	case RuleNop:
		return "nop"
	}
	return RouteType(a).String()
}

// Validate returns what contradicts itself, joined.
func (r Rule) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: "+format, append([]any{r}, args...)...))
	}
	for _, p := range []netip.Prefix{r.From, r.To} {
		if p.IsValid() && (p.Addr().Is6() != r.IPv6 || p != p.Masked()) {
			bad("%s is not a network of the rule's family", p)
		}
	}
	if r.Action == RuleGoto && r.Priority != 0 && r.Goto <= r.Priority {
		bad("goto %d does not lead on", r.Goto)
	}
	if r.Action > RuleTable && (r.Table != 0 || r.L3MDev) {
		bad("%s looks up no table", r.Action)
	}
	if r.L3MDev && r.Table != 0 {
		bad("l3mdev names the table already")
	}
	if r.IPv6 && r.Realms != 0 {
		bad("realms are for IPv4 only")
	}
	if r.SPort.First > r.SPort.Last || r.DPort.First > r.DPort.Last {
		bad("a range of ports ends before it begins")
	}
	return errors.Join(errs...)
}

// AssignPriorities gives each rule without a priority one that no other has: from RulePriorityFirst on, in their order, so that the
// same configuration gives the same priorities on every router and at every load. Taken are priorities of other rules, and gets those
// that were assigned. It reports false when there are not enough.
func AssignPriorities(rules []Rule, taken map[uint32]bool) bool {
	next := uint32(RulePriorityFirst)
	for i := range rules {
		if rules[i].Priority != 0 {
			continue
		}
		for taken[next] {
			next++
		}
		if next > RulePriorityLast {
			return false
		}
		rules[i].Priority = next
		taken[next] = true
	}
	return true
}

package kernel

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// Sizes in bytes and flags of linux/fib_rules.h.
const (
	ruleHeaderLen = 12 // struct fib_rule_hdr
	ruleInvert    = 2  // FIB_RULE_INVERT
	fraSPortMask  = 28 // FRA_SPORT_MASK, Linux 6.15
	fraDPortMask  = 29
)

// originOf is the protocol number that a rule of r carries.
func originOf(r *vrrp.Rule) uint8 {
	if r.Origin != 0 {
		return r.Origin
	}
	return vrrp.RouteMark
}

func ruleFamily(r *vrrp.Rule) byte {
	if r.IPv6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// encodeRule returns the body of the request that adds or removes r.
func encodeRule(r *vrrp.Rule) []byte {
	flags := uint32(0)
	if r.Not {
		flags = ruleInvert
	}
	b := []byte{ruleFamily(r), bitsOf(r.To), bitsOf(r.From), r.TOS, smallTable(r.Lookup()), 0, 0, byte(max(r.Action, vrrp.RuleTable))}
	b = binary.NativeEndian.AppendUint32(b, flags)
	b = appendAttr(b, unix.FRA_PROTOCOL, []byte{originOf(r)})
	b = appendUint32(b, unix.FRA_PRIORITY, r.Priority)
	if t := r.Lookup(); t != 0 {
		b = appendUint32(b, unix.FRA_TABLE, t)
	}
	if r.Action == vrrp.RuleGoto {
		b = appendUint32(b, unix.FRA_GOTO, r.Goto)
	}
	return appendRuleResult(appendRuleConditions(b, r), r)
}

func bitsOf(p netip.Prefix) byte {
	if !p.IsValid() {
		return 0
	}
	return byte(p.Bits())
}

// appendRuleConditions appends what packets the rule is for.
func appendRuleConditions(b []byte, r *vrrp.Rule) []byte {
	if bitsOf(r.To) > 0 {
		b = appendAttr(b, unix.FRA_DST, r.To.Addr().AsSlice())
	}
	if bitsOf(r.From) > 0 {
		b = appendAttr(b, unix.FRA_SRC, r.From.Addr().AsSlice())
	}
	if r.IIf != "" {
		b = appendAttr(b, unix.FRA_IIFNAME, append([]byte(r.IIf), 0))
	}
	if r.OIf != "" {
		b = appendAttr(b, unix.FRA_OIFNAME, append([]byte(r.OIf), 0))
	}
	if r.Mark.Set {
		b = appendUint32(b, unix.FRA_FWMARK, r.Mark.Value)
	}
	if r.MarkMask != 0 {
		b = appendUint32(b, unix.FRA_FWMASK, r.MarkMask)
	}
	if r.TunnelID != 0 {
		b = appendAttr(b, unix.FRA_TUN_ID, binary.BigEndian.AppendUint64(nil, r.TunnelID))
	}
	if r.L3MDev {
		b = appendAttr(b, unix.FRA_L3MDEV, []byte{1})
	}
	if r.UIDs.Set {
		users := binary.NativeEndian.AppendUint32(nil, r.UIDs.Value.First)
		b = appendAttr(b, unix.FRA_UID_RANGE, binary.NativeEndian.AppendUint32(users, r.UIDs.Value.Last))
	}
	if r.Protocol != 0 {
		b = appendAttr(b, unix.FRA_IP_PROTO, []byte{r.Protocol})
	}
	b = appendPorts(b, unix.FRA_SPORT_RANGE, r.SPort)
	return appendPorts(b, unix.FRA_DPORT_RANGE, r.DPort)
}

func appendPorts(b []byte, typ uint16, p vrrp.PortRange) []byte {
	if p == (vrrp.PortRange{}) {
		return b
	}
	ports := binary.NativeEndian.AppendUint16(nil, p.First)
	return appendAttr(b, typ, binary.NativeEndian.AppendUint16(ports, p.Last))
}

// appendRuleResult appends what the rule does beyond its action.
func appendRuleResult(b []byte, r *vrrp.Rule) []byte {
	if r.SuppressPrefix.Set {
		b = appendUint32(b, unix.FRA_SUPPRESS_PREFIXLEN, r.SuppressPrefix.Value)
	}
	if r.SuppressGroup.Set {
		b = appendUint32(b, unix.FRA_SUPPRESS_IFGROUP, r.SuppressGroup.Value)
	}
	if r.Realms != 0 {
		b = appendUint32(b, unix.FRA_FLOW, r.Realms)
	}
	return b
}

// A ruleID is everything about a rule but its protocol number: the kernel has no shorter name for one.
type ruleID string

// parseRule reads a request, a line of a dump, or a notice about a rule. Request and answer give the same id: what the kernel adds to say
// that nothing was asked for is left out.
func parseRule(b []byte) (ruleID, foundObject, bool) {
	if len(b) < ruleHeaderLen || b[0] != unix.AF_INET && b[0] != unix.AF_INET6 {
		return "", foundObject{}, false
	}
	table := uint32(b[4])
	found := foundObject{}
	attrs := map[uint16][]byte{}
	for typ, value := range attributes(b[ruleHeaderLen:]) {
		switch {
		case typ == unix.FRA_TABLE && len(value) == 4:
			table = binary.NativeEndian.Uint32(value)
		case typ == unix.FRA_PROTOCOL && len(value) == 1:
			found.protocol = value[0]
		case !ruleDefault(typ, value):
			attrs[typ] = value
		}
	}
	id := []byte{b[0], b[1], b[2], b[3], b[7], b[8] & ruleInvert}
	id = binary.NativeEndian.AppendUint32(id, table)
	for _, typ := range sortedKeys(attrs) {
		id = appendAttr(id, typ, attrs[typ])
	}
	return ruleID(id), found, true
}

func sortedKeys(m map[uint16][]byte) []uint16 {
	var out []uint16
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// ruleDefault reports whether an attribute says nothing: no suppression and a full mask are all ones, the rest is zero.
func ruleDefault(typ uint16, value []byte) bool {
	none := byte(0)
	switch typ {
	case unix.FRA_SUPPRESS_PREFIXLEN, unix.FRA_SUPPRESS_IFGROUP, unix.FRA_FWMASK, fraSPortMask, fraDPortMask:
		none = 0xff
	case unix.FRA_UID_RANGE, unix.FRA_PRIORITY:
		return false
	}
	return !slices.ContainsFunc(value, func(b byte) bool { return b != none })
}

// appendRuleDump appends a request for the rules of a family.
func appendRuleDump(b []byte, family byte, seq uint32) []byte {
	start := len(b)
	b = appendHeader(b, unix.RTM_GETRULE, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, seq)
	return finish(append(append(b, family), make([]byte, ruleHeaderLen-1)...), start)
}

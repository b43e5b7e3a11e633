package conf

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/vrrp"
)

// rawRule is a rule block, or a static_rule at the top level; they differ in what track is.
type rawRule struct {
	Place          hcl.Range      `hcl:",def_range"`
	Family         *hcl.Attribute `hcl:"family,optional"`
	Priority       *hcl.Attribute `hcl:"priority,optional"`
	Not            *hcl.Attribute `hcl:"not,optional"`
	From           *hcl.Attribute `hcl:"from,optional"`
	To             *hcl.Attribute `hcl:"to,optional"`
	IIf            *hcl.Attribute `hcl:"iif,optional"`
	OIf            *hcl.Attribute `hcl:"oif,optional"`
	Mark           *hcl.Attribute `hcl:"fwmark,optional"`
	TOS            *hcl.Attribute `hcl:"tos,optional"`
	IPProto        *hcl.Attribute `hcl:"ipproto,optional"`
	SPort          *hcl.Attribute `hcl:"sport,optional"`
	DPort          *hcl.Attribute `hcl:"dport,optional"`
	UIDs           *hcl.Attribute `hcl:"uidrange,optional"`
	TunnelID       *hcl.Attribute `hcl:"tun_id,optional"`
	L3MDev         *hcl.Attribute `hcl:"l3mdev,optional"`
	Table          *hcl.Attribute `hcl:"table,optional"`
	Goto           *hcl.Attribute `hcl:"goto,optional"`
	Action         *hcl.Attribute `hcl:"action,optional"`
	SuppressPrefix *hcl.Attribute `hcl:"suppress_prefixlength,optional"`
	SuppressGroup  *hcl.Attribute `hcl:"suppress_ifgroup,optional"`
	Realms         *hcl.Attribute `hcl:"realms,optional"`
	Protocol       *hcl.Attribute `hcl:"protocol,optional"`
	Track          *hcl.Attribute `hcl:"track,optional"`
}

// rule reads one block. A priority that is not given stays 0.
func (d *decoder) rule(raw *rawRule, r *vrrp.Rule) bool {
	before := len(d.diags)
	d.network(raw.From, &r.From)
	d.network(raw.To, &r.To)
	d.ruleFamily(raw, r)
	d.uint32(raw.Priority, 1, math.MaxUint32, &r.Priority)
	d.flag(raw.Not, &r.Not)
	for _, i := range []struct {
		a    *hcl.Attribute
		into *string
	}{{raw.IIf, &r.IIf}, {raw.OIf, &r.OIf}} {
		if i.a != nil {
			d.device(i.a, i.into)
		}
	}
	d.ruleMark(raw, r)
	d.small(raw.TOS, dsNames(), &r.TOS)
	d.ruleTransport(raw, r)
	d.ruleUsers(raw, r)
	id := uint32(0)
	d.uint32(raw.TunnelID, 1, math.MaxUint32, &id)
	r.TunnelID = uint64(id)
	d.ruleResult(raw, r)
	if len(d.diags) == before && !d.undecoded && d.ruleSense(raw, r) {
		if err := r.Validate(); err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			d.problem(raw.Place, first, "")
		}
	}
	return len(d.diags) == before
}

// ruleFamily is that of from and to; a rule without either says it, or is IPv4.
func (d *decoder) ruleFamily(raw *rawRule, r *vrrp.Rule) {
	r.IPv6 = r.From.IsValid() && r.From.Addr().Is6() || r.To.IsValid() && r.To.Addr().Is6()
	if r.From.IsValid() && r.To.IsValid() && r.From.Addr().Is6() != r.To.Addr().Is6() {
		d.problem(raw.To.Expr.Range(), "from and to are of different families", "write two rules")
	}
	inferred, named := r.IPv6, r.From.IsValid() || r.To.IsValid()
	if d.given(raw.Family) && choice(d, raw.Family, []string{"ipv4", "ipv6"}, []bool{false, true}, &r.IPv6) && named && r.IPv6 != inferred {
		d.problem(raw.Family.Expr.Range(), "family contradicts from and to", "remove it")
	}
}

// ruleMark reads 1, "0x10" or "0x10/0xff".
func (d *decoder) ruleMark(raw *rawRule, r *vrrp.Rule) {
	text := ""
	if raw.Mark == nil || !d.text(raw.Mark, "0x10/0xff", &text) || text == "" {
		return
	}
	mark, mask, masked := strings.Cut(text, "/")
	value, err := strconv.ParseUint(mark, 0, 32)
	bits := uint64(0)
	if masked && err == nil {
		bits, err = strconv.ParseUint(mask, 0, 32)
	}
	switch {
	case err != nil || masked && bits == 0:
		d.problem(raw.Mark.Expr.Range(), fmt.Sprintf("fwmark %s is not a mark, or a mark and a mask", quote(text)), `write fwmark = "0x10/0xff", for example`)
	case value == 0 && !masked:
		d.problem(raw.Mark.Expr.Range(), "fwmark 0 without a mask matches every packet", `write fwmark = "0/0xff" for packets without a mark in these bits`)
	default:
		r.Mark, r.MarkMask = vrrp.Some(uint32(value)), uint32(bits)
	}
}

// ruleTransport reads conditions on the protocol and its ports.
func (d *decoder) ruleTransport(raw *rawRule, r *vrrp.Rule) {
	protocols := nameKind{"../protocols", "a protocol", 1, 255, map[string]uint32{"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "sctp": 132, "dccp": 33, "gre": 47, "esp": 50, "ah": 51}}
	d.small(raw.IPProto, protocols, &r.Protocol)
	d.ports(raw.SPort, &r.SPort)
	d.ports(raw.DPort, &r.DPort)
}

// ports reads 80, "80" or "1000-2000".
func (d *decoder) ports(a *hcl.Attribute, into *vrrp.PortRange) {
	low, high, ok := d.rangeOf(a, "1000-2000", 1, math.MaxUint16)
	if ok {
		*into = vrrp.PortRange{First: uint16(low), Last: uint16(high)}
	}
}

func (d *decoder) ruleUsers(raw *rawRule, r *vrrp.Rule) {
	low, high, ok := d.rangeOf(raw.UIDs, "1000-2000", 0, math.MaxUint32-1)
	if ok {
		r.UIDs = vrrp.Some(vrrp.UIDRange{First: uint32(low), Last: uint32(high)})
	}
}

// rangeOf reads a number, or two with a dash between them. ok is false when there is nothing good.
func (d *decoder) rangeOf(a *hcl.Attribute, example string, low, high uint64) (first, last uint64, ok bool) {
	text := ""
	if a == nil || !d.text(a, example, &text) || text == "" {
		return 0, 0, false
	}
	from, to, two := strings.Cut(text, "-")
	if !two {
		to = from
	}
	first, errFrom := strconv.ParseUint(from, 10, 64)
	last, errTo := strconv.ParseUint(to, 10, 64)
	if errFrom != nil || errTo != nil || first < low || last > high || first > last {
		d.problem(a.Expr.Range(), fmt.Sprintf("%s is %s, want a number from %d to %d, or two with a dash between them", a.Name, quote(text), low, high),
			fmt.Sprintf("write %s = %q, for example", a.Name, example))
		return 0, 0, false
	}
	return first, last, true
}

// ruleResult reads what is done with packets that match.
func (d *decoder) ruleResult(raw *rawRule, r *vrrp.Rule) {
	d.flag(raw.L3MDev, &r.L3MDev)
	d.named(raw.Table, tableNames(), &r.Table)
	d.uint32(raw.Goto, 1, math.MaxUint32, &r.Goto)
	if d.given(raw.Goto) {
		r.Action = vrrp.RuleGoto
	}
	actions := []vrrp.RuleAction{vrrp.RuleBlackhole, vrrp.RuleUnreachable, vrrp.RuleProhibit, vrrp.RuleNop}
	choice(d, raw.Action, []string{"blackhole", "unreachable", "prohibit", "nop"}, actions, &r.Action)
	length := uint32(0)
	if d.given(raw.SuppressPrefix) && d.uint32(raw.SuppressPrefix, 0, 128, &length) {
		r.SuppressPrefix = vrrp.Some(length)
	}
	group := uint32(0)
	if d.given(raw.SuppressGroup) && d.named(raw.SuppressGroup, groupNames(), &group) {
		r.SuppressGroup = vrrp.Some(group)
	}
	d.realms(raw.Realms, &r.Realms)
	d.small(raw.Protocol, protocolNames(), &r.Origin)
}

// ruleSense reports combinations that mean nothing.
func (d *decoder) ruleSense(raw *rawRule, r *vrrp.Rule) bool {
	before := len(d.diags)
	results := 0
	for _, a := range []*hcl.Attribute{raw.Table, raw.Goto, raw.Action} {
		if d.given(a) {
			results++
		}
	}
	if r.L3MDev {
		results++
	}
	looksUp := !d.given(raw.Goto) && !d.given(raw.Action)
	switch {
	case results == 0:
		d.problem(raw.Place, "the rule does not say what it does", `add table = 100, or action = "blackhole", goto or l3mdev = true`)
	case results > 1:
		d.problem(raw.Place, "the rule does two things: table, goto, action and l3mdev = true exclude each other", "keep one of them")
	case !looksUp && (r.SuppressPrefix.Set || r.SuppressGroup.Set):
		d.problem(raw.Place, "suppress_prefixlength and suppress_ifgroup are about the route that a table gives, and the rule looks up none", "remove them")
	case (r.SPort.Last > 0 || r.DPort.Last > 0) && r.Protocol == 0:
		d.problem(raw.Place, "sport and dport need the protocol whose ports they are", `add ipproto = "tcp"`)
	case d.given(raw.Goto) && r.Priority == 0:
		d.problem(raw.Place, "a rule with goto has no priority of its own, from which to go on", "add priority = 1000, for example, which must be less than goto")
	case r.Goto != 0 && r.Goto <= r.Priority:
		d.problem(raw.Goto.Expr.Range(), fmt.Sprintf("goto %d does not lead on from priority %d", r.Goto, r.Priority), "write a larger number")
	case r.IPv6 && r.Realms != 0:
		d.problem(raw.Realms.Expr.Range(), "realms are for IPv4, and the rule is IPv6", "remove it")
	}
	return len(d.diags) == before
}

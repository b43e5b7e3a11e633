package conf

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/mark"
)

const snatExample = `write snat = "auto", or snat = ["192.0.2.50-60"]`

// snat reads by which addresses the servers of s see its clients. The packets of s get a mark for it, which IPVS does not look at where
// there is no service with that mark.
func (d *decoder) snat(s *service) {
	a := s.raw.SNAT
	v, set, ok := d.value(a)
	if !set || !ok || !s.keyed || !d.snatSuits(s) {
		return
	}
	var pools []mark.Range
	if v.Type() != cty.String {
		if pools, ok = d.snatPools(a); !ok {
			return
		}
	} else if v.AsString() != "auto" {
		d.problem(a.Expr.Range(), fmt.Sprintf("snat is %s, want \"auto\" or a list of addresses", quote(v.AsString())), snatExample)
		return
	}
	s.snatMarks()
	for i := range s.rules {
		source := mark.Source{Replaced: true}
		v6 := s.rules[i].Addresses[0].First.Is6()
		if n := slices.IndexFunc(pools, func(p mark.Range) bool { return p.First.Is6() == v6 }); n >= 0 {
			source.Pool = pools[n]
		} else if pools != nil {
			d.problem(a.Expr.Range(), fmt.Sprintf("snat of %s has no address of the family of %s", s.name, s.rules[i].Addresses[0].First), "add one, or write snat = \"auto\"")
			return
		}
		s.rules[i].Source = source
	}
}

// snatSuits reports a service whose packets cannot be told from others, or reach a server with the client's address in them.
func (d *decoder) snatSuits(s *service) bool {
	at := s.raw.SNAT.NameRange
	if len(s.rules) == 0 && len(s.placed) > 0 && s.placed[0].Mark != 0 {
		d.problem(at, fmt.Sprintf("snat in %s, whose packets get their fwmark from others", s.name), "write match { addresses and ports } beside the fwmark, or remove snat")
		return false
	}
	forwards := append(s.forwards(), s.Forward)
	if s.Sorry != nil {
		forwards = append(forwards, s.Sorry.Forward)
	}
	for _, f := range forwards {
		if f != ipvs.NAT {
			d.problem(at, fmt.Sprintf("snat in %s, which has forward = %q: its servers answer the clients directly", s.name, f), `write forward = "nat" for all of its servers, or remove snat`)
			return false
		}
	}
	return true
}

// snatMarks gives s rules that mark its packets, if it has none.
func (s *service) snatMarks() {
	if len(s.rules) > 0 {
		return
	}
	if len(s.blocks) == 0 { // of a service with one address
		k := s.placed[0].Key
		s.blocks = []addressBlock{{first: k.Addr.Addr(), last: k.Addr.Addr(), low: k.Addr.Port(), high: k.Addr.Port()}}
	}
	s.markBlocks(ownMark(s.Name))
}

// snatPools reads a list of addresses into one range of each family that it has: the kernel takes no more for a connection.
func (d *decoder) snatPools(a *hcl.Attribute) (pools []mark.Range, ok bool) {
	parts, ok := d.ranges(a, false)
	if ok && len(parts) == 0 {
		d.problem(a.Expr.Range(), "snat has no addresses: the list is empty", snatExample)
		return nil, false
	}
	slices.SortFunc(parts, func(a, b mark.Range) int { return a.First.Compare(b.First) })
	for _, p := range parts {
		n := len(pools) - 1
		switch {
		case n < 0 || pools[n].First.Is6() != p.First.Is6():
			pools = append(pools, p)
		case !reaches(pools[n].Last, p.First):
			d.problem(a.Expr.Range(), fmt.Sprintf("snat has a gap between %s and %s", pools[n].Last, p.First), "write addresses that follow one another: the kernel takes one range of each family")
			return nil, false
		case pools[n].Last.Less(p.Last):
			pools[n].Last = p.Last
		}
	}
	return pools, ok
}

// reaches reports whether no address lies between last and first.
func reaches(last, first netip.Addr) bool { return !last.Next().Less(first) }

// snatSysctl has IPVS show its connections to netfilter where a service needs that.
func (d *decoder) snatSysctl(a *hcl.Attribute, c *Config) {
	if !slices.ContainsFunc(c.Marks, func(r mark.Rule) bool { return r.Source.Replaced }) {
		return
	}
	if given, set := c.IPVS.Sysctls["conntrack"]; set && given != "1" {
		d.problem(a.Expr.Range(), fmt.Sprintf("conntrack = %s in sysctls, and a virtual_server has snat, which needs 1", given), "write conntrack = 1, or leave it out")
		return
	}
	if c.IPVS.Sysctls == nil {
		c.IPVS.Sysctls = map[string]string{}
	}
	c.IPVS.Sysctls["conntrack"] = "1"
}

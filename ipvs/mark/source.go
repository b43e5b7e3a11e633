package mark

import (
	"fmt"
	"slices"
)

// A Source says by which address real servers see the clients of a Rule that IPVS forwards to them by NAT: where Replaced, by one of
// this host, or one of Pool. It needs net.ipv4.vs.conntrack = 1. A connection keeps its address when the table is made again.
type Source struct {
	Replaced bool
	Pool     Range // of the family of the Rule; the zero Range for the address of the interface that leads to the server
}

// String returns what the clients' addresses are replaced by: "192.0.2.50-192.0.2.60", or "auto".
func (s Source) String() string {
	switch {
	case !s.Replaced:
		return "none"
	case !s.Pool.First.IsValid():
		return "auto"
	case s.Pool.First == s.Pool.Last:
		return s.Pool.First.String()
	}
	return fmt.Sprintf("%s-%s", s.Pool.First, s.Pool.Last)
}

// replacesSources reports whether the table needs a chain that does.
func (l layout) replacesSources() bool {
	return slices.ContainsFunc(l.lines, func(n line) bool { return n.chain == chainNAT })
}

// A pool is what sources of a family are replaced by.
type pool struct {
	v6   bool
	from Source
}

// replaced says whose sources are replaced: a mark may be that of a service of each family.
type replaced struct {
	mark uint32
	v6   bool
}

// sources makes the lines that replace sources, one for each pool: a connection has one mark only.
func (b *builder) sources(rules []Rule) {
	var pools []pool
	sets := map[pool]*set{}
	has := map[pool]map[uint32]bool{}
	for _, r := range rules {
		p := pool{r.Addresses[0].First.Is6(), r.Source}
		if !r.Source.Replaced {
			continue
		}
		if sets[p] == nil {
			pools = append(pools, p)
			sets[p], has[p] = &set{kind: marks, v6: p.v6}, map[uint32]bool{}
		}
		if !has[p][r.Mark] {
			has[p][r.Mark] = true
			sets[p].elements = append(sets[p].elements, element{mark: r.Mark})
		}
	}
	for _, p := range pools {
		b.keep(sets[p], "snat_"+family(p.v6))
		b.lines = append(b.lines, line{chain: chainNAT, set: sets[p], from: p.from})
	}
}

// sourceText returns a line of chainNAT nearly as `nft list table` shows it.
func (l line) sourceText() string {
	what := "masquerade"
	if l.from.Pool.First.IsValid() {
		what = fmt.Sprintf("snat to %s-%s persistent", l.from.Pool.First, l.from.Pool.Last)
	}
	return fmt.Sprintf("oifname != lo meta nfproto %s meta mark @%s %s", family(l.set.v6), l.set.name, what)
}

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

// replacesSources reports whether the table needs a chain that does.
func (l layout) replacesSources() bool {
	return slices.ContainsFunc(l.lines, func(n line) bool { return n.chain == chainNAT })
}

// sourceText returns a line of chainNAT nearly as `nft list table` shows it.
func (l line) sourceText() string {
	family := "ipv4"
	if l.set.v6 {
		family = "ipv6"
	}
	if !l.from.Pool.First.IsValid() {
		return fmt.Sprintf("oifname != lo meta nfproto %s meta mark %d masquerade", family, l.mark)
	}
	return fmt.Sprintf("oifname != lo meta nfproto %s meta mark %d snat to %s-%s persistent", family, l.mark, l.from.Pool.First, l.from.Pool.Last)
}

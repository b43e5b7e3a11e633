package kernel

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The table, as `nft list table inet govrrpd` shows it:
//
//	chain input {
//		type filter hook input priority 150; policy accept;
//		icmpv6 type { 135, 136 } accept      neighbour discovery, or nobody would find the address
//		ip daddr @refused4 counter drop
//		ip6 daddr @refused6 counter drop
//	}
const (
	tableName = "govrrpd"
	chainName = "input"
	setName4  = "refused4"
	setName6  = "refused6"

	// fencePriority is after IPVS, which takes what is for its services out of the same hook at NF_IP_PRI_NAT_SRC - 2 and - 1, 98 and 99:
	// services on the address go on.
	fencePriority = 150

	// elementsPart is how many addresses one message takes: an attribute of netlink holds 64 KiB, and an IPv6 address some 30 bytes there.
	elementsPart = 1000

	neighborSolicitation  = 135 // RFC 4861 section 4.3; advertisements are 136
	neighborAdvertisement = 136
	offsetDest4           = 16
)

func fenceTable() *nftables.Table {
	return &nftables.Table{Name: tableName, Family: nftables.TableFamilyINet}
}

func fenceChain(t *nftables.Table) *nftables.Chain {
	accept := nftables.ChainPolicyAccept
	return &nftables.Chain{
		Name: chainName, Table: t, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput,
		Priority: nftables.ChainPriorityRef(fencePriority), Policy: &accept,
	}
}

// fenceSets returns the two sets and what belongs into them.
func fenceSets(t *nftables.Table, refused []netip.Addr) ([2]*nftables.Set, [2][]nftables.SetElement) {
	sets := [2]*nftables.Set{
		{Table: t, Name: setName4, KeyType: nftables.TypeIPAddr},
		{Table: t, Name: setName6, KeyType: nftables.TypeIP6Addr},
	}
	var elements [2][]nftables.SetElement
	for _, a := range refused {
		i := 0
		if a.Is6() {
			i = 1
		}
		elements[i] = append(elements[i], nftables.SetElement{Key: a.AsSlice()})
	}
	return sets, elements
}

// fenceRules returns what the chain consists of.
func fenceRules() [][]expr.Any {
	return [][]expr.Any{
		{
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_ICMPV6}},
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
			&expr.Cmp{Op: expr.CmpOpGte, Register: 1, Data: []byte{neighborSolicitation}},
			&expr.Cmp{Op: expr.CmpOpLte, Register: 1, Data: []byte{neighborAdvertisement}},
			&expr.Verdict{Kind: expr.VerdictAccept},
		},
		dropTo(unix.NFPROTO_IPV4, offsetDest4, 4, setName4),
		dropTo(unix.NFPROTO_IPV6, offsetDest6, 16, setName6),
	}
}

// dropTo returns the rule that drops what is for an address in a set.
func dropTo(family byte, offset, length uint32, set string) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{family}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length},
		&expr.Lookup{SourceRegister: 1, SetName: set},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}
}

// replaceTable puts the table in the place of one that may be there, in one transaction: no packet finds none.
func replaceTable(conn *nftables.Conn, refused []netip.Addr) error {
	t := fenceTable()
	conn.AddTable(t) // or there may be none to delete
	conn.DelTable(t)
	conn.AddTable(t)
	sets, elements := fenceSets(t, refused)
	for i, s := range sets {
		if err := conn.AddSet(s, nil); err != nil {
			return err
		}
		for part := range slices.Chunk(elements[i], elementsPart) {
			if err := conn.SetAddElements(s, part); err != nil {
				return err
			}
		}
	}
	chain := conn.AddChain(fenceChain(t))
	for _, exprs := range fenceRules() {
		conn.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: exprs})
	}
	return conn.Flush()
}

func removeTable(conn *nftables.Conn) error {
	t := fenceTable()
	conn.AddTable(t) // or there may be none to delete
	conn.DelTable(t)
	return conn.Flush()
}

func tableExists(conn *nftables.Conn) (bool, error) {
	tables, err := conn.ListTablesOfFamily(nftables.TableFamilyINet)
	return slices.ContainsFunc(tables, func(t *nftables.Table) bool { return t.Name == tableName }), err
}

// intact reports whether the table is as replaceTable makes it. What cannot be read is not.
func intact(conn *nftables.Conn, refused []netip.Addr) bool {
	t := fenceTable()
	want := fenceChain(t)
	chain, err := conn.ListChain(t, chainName)
	if err != nil || chain.Hooknum == nil || *chain.Hooknum != *want.Hooknum || chain.Priority == nil || *chain.Priority != *want.Priority {
		return false
	}
	rules, err := conn.GetRules(t, want)
	if err != nil || !slices.EqualFunc(rules, fenceRules(), func(r *nftables.Rule, exprs []expr.Any) bool { return text(r.Exprs) == text(exprs) }) {
		return false
	}
	sets, elements := fenceSets(t, refused)
	for i, s := range sets {
		got, err := conn.GetSetElements(s)
		if err != nil || !slices.Equal(keys(got), keys(elements[i])) {
			return false
		}
	}
	return true
}

// keys returns the elements of a set in order.
func keys(elements []nftables.SetElement) []string {
	out := make([]string, len(elements))
	for i, e := range elements {
		out[i] = string(e.Key)
	}
	slices.Sort(out)
	return out
}

// text returns what a rule does, without its counters. What we do not use ourselves is told by its type.
func text(exprs []expr.Any) string {
	var b strings.Builder
	for _, e := range exprs {
		switch e := e.(type) {
		case *expr.Meta:
			fmt.Fprintf(&b, "meta %d %d;", e.Key, e.Register)
		case *expr.Cmp:
			fmt.Fprintf(&b, "cmp %d %d %x;", e.Op, e.Register, e.Data)
		case *expr.Payload:
			fmt.Fprintf(&b, "payload %d %d %d %d;", e.DestRegister, e.Base, e.Offset, e.Len)
		case *expr.Lookup:
			fmt.Fprintf(&b, "lookup %d %s %t;", e.SourceRegister, e.SetName, e.Invert)
		case *expr.Counter:
			b.WriteString("counter;")
		case *expr.Verdict:
			fmt.Fprintf(&b, "verdict %d;", e.Kind)
		default:
			fmt.Fprintf(&b, "%T;", e)
		}
	}
	return b.String()
}

// refusals returns how many packets the table has dropped.
func refusals(conn *nftables.Conn) uint64 {
	rules, err := conn.GetRules(fenceTable(), fenceChain(fenceTable()))
	if err != nil {
		return 0
	}
	var sum uint64
	for _, r := range rules {
		for _, e := range r.Exprs {
			if c, ok := e.(*expr.Counter); ok {
				sum += c.Packets
			}
		}
	}
	return sum
}

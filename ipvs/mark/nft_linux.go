package mark

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

const (
	tableName = "govrrpd_lvs"
	chainIn   = "prerouting"
	chainOut  = "output"
	chainNAT  = "postrouting"

	// elementsPart is how many elements one message takes: an attribute of netlink holds 64 KiB, and an element of IPv6 some 130 bytes.
	elementsPart = 300
)

func nftTable() *nftables.Table {
	return &nftables.Table{Name: tableName, Family: nftables.TableFamilyINet}
}

// nftChains are where packets of others come in, and where those of this host go out, each before IPVS looks at them.
func (l layout) nftChains(t *nftables.Table) map[string]*nftables.Chain {
	accept := nftables.ChainPolicyAccept
	chain := func(name string, kind nftables.ChainType, hook *nftables.ChainHook) *nftables.Chain {
		return &nftables.Chain{Name: name, Table: t, Type: kind, Hooknum: hook, Priority: nftables.ChainPriorityMangle, Policy: &accept}
	}
	out := map[string]*nftables.Chain{
		chainIn:  chain(chainIn, nftables.ChainTypeFilter, nftables.ChainHookPrerouting),
		chainOut: chain(chainOut, nftables.ChainTypeRoute, nftables.ChainHookOutput),
	}
	if l.replacesSources() {
		nat := chain(chainNAT, nftables.ChainTypeNAT, nftables.ChainHookPostrouting)
		nat.Priority = nftables.ChainPriorityNATSource
		out[chainNAT] = nat
	}
	return out
}

// nftSet returns a set as the kernel has it, and what belongs into it.
func (s *set) nftSet(t *nftables.Table) (*nftables.Set, []nftables.SetElement) {
	addr := nftables.TypeIPAddr
	if s.v6 {
		addr = nftables.TypeIP6Addr
	}
	key := nftables.MustConcatSetType(addr, addr, nftables.TypeInetProto, nftables.TypeInetService)
	out := &nftables.Set{Table: t, Name: s.name, KeyType: key, Interval: true, Concatenation: true}
	elements := make([]nftables.SetElement, len(s.elements))
	for i, e := range s.elements {
		elements[i] = nftables.SetElement{
			Key:    joined(e.source.First.AsSlice(), e.dest.First.AsSlice(), e.proto, e.ports.First),
			KeyEnd: joined(e.source.Last.AsSlice(), e.dest.Last.AsSlice(), e.proto, e.ports.Last),
		}
	}
	return out, elements
}

// joined returns one end of an element, each part of which takes whole words.
func joined(source, dest []byte, proto uint8, port uint16) []byte {
	out := slices.Concat(source, dest, []byte{proto, 0, 0, 0})
	return append(binary.BigEndian.AppendUint16(out, port), 0, 0)
}

// register returns the number of the register that begins at a 32-bit word: the kernel calls those at whole 128 bits by other names.
func register(word int) uint32 {
	if word%4 == 0 {
		return uint32(unix.NFT_REG_1 + word/4)
	}
	return uint32(unix.NFT_REG32_00 + word)
}

// exprs returns a line as the kernel has it.
func (l line) exprs() []expr.Any {
	if l.chain == chainNAT {
		return l.sourceExprs()
	}
	family, source, dest, words := byte(unix.NFPROTO_IPV4), uint32(12), uint32(16), 1 // the header's offsets of the addresses
	if l.set.v6 {
		family, source, dest, words = unix.NFPROTO_IPV6, 8, 24, 4
	}
	load := func(word int, base expr.PayloadBase, offset, length uint32) expr.Any {
		return &expr.Payload{DestRegister: register(word), Base: base, Offset: offset, Len: length}
	}
	out := []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{family}}}
	if l.iface != "" {
		name := make([]byte, unix.IFNAMSIZ)
		copy(name, l.iface)
		out = append(out, &expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: name})
	}
	return append(out,
		load(0, expr.PayloadBaseNetworkHeader, source, uint32(4*words)),
		load(words, expr.PayloadBaseNetworkHeader, dest, uint32(4*words)),
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register(2 * words)},
		load(2*words+1, expr.PayloadBaseTransportHeader, 2, 2),
		&expr.Lookup{SourceRegister: 1, SetName: l.set.name},
		&expr.Counter{},
		&expr.Immediate{Register: 1, Data: binary.NativeEndian.AppendUint32(nil, l.mark)},
		&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1},
	)
}

// replace puts the table in the place of one that may be there, in one transaction: no packet finds none.
func (l layout) replace(conn *nftables.Conn) error {
	t := nftTable()
	conn.AddTable(t) // or there may be none to delete
	conn.DelTable(t)
	conn.AddTable(t)
	for _, s := range l.sets {
		set, elements := s.nftSet(t)
		if err := conn.AddSet(set, nil); err != nil {
			return fmt.Errorf("set %s: %w", s.name, err)
		}
		for part := range slices.Chunk(elements, elementsPart) {
			if err := conn.SetAddElements(set, part); err != nil {
				return fmt.Errorf("set %s: %w", s.name, err)
			}
		}
	}
	chains := l.nftChains(t)
	for _, name := range slices.Sorted(maps.Keys(chains)) {
		conn.AddChain(chains[name])
	}
	for _, n := range l.lines {
		conn.AddRule(&nftables.Rule{Table: t, Chain: chains[n.chain], Exprs: n.exprs()})
	}
	return conn.Flush()
}

func remove(conn *nftables.Conn) error {
	t := nftTable()
	conn.AddTable(t) // or there may be none to delete
	conn.DelTable(t)
	return conn.Flush()
}

// differs returns what about the table is not as replace makes it, "" for nothing. What cannot be read is not.
func (l layout) differs(conn *nftables.Conn) string {
	t := nftTable()
	if _, err := conn.ListChain(t, chainNAT); err == nil && !l.replacesSources() {
		return "chain " + chainNAT
	}
	for name, want := range l.nftChains(t) {
		chain, err := conn.ListChain(t, name)
		if err != nil || chain.Hooknum == nil || *chain.Hooknum != *want.Hooknum || chain.Priority == nil || *chain.Priority != *want.Priority {
			return "chain " + name
		}
		var lines []string
		for _, n := range l.lines {
			if n.chain == name {
				lines = append(lines, text(n.exprs()))
			}
		}
		rules, err := conn.GetRules(t, want)
		if err != nil || !slices.EqualFunc(rules, lines, func(r *nftables.Rule, line string) bool { return text(r.Exprs) == line }) {
			return "the rules of chain " + name
		}
	}
	for _, s := range l.sets {
		set, elements := s.nftSet(t)
		got, err := conn.GetSetElements(set)
		if err != nil || !slices.Equal(keys(got), keys(elements)) {
			return "set " + s.name
		}
	}
	return ""
}

// keys returns the elements of a set in order.
func keys(elements []nftables.SetElement) []string {
	out := make([]string, len(elements))
	for i, e := range elements {
		out[i] = string(e.Key) + string(e.KeyEnd)
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
			fmt.Fprintf(&b, "meta %d %d %t;", e.Key, e.Register, e.SourceRegister)
		case *expr.Cmp:
			fmt.Fprintf(&b, "cmp %d %d %x;", e.Op, e.Register, bytes.TrimRight(e.Data, "\x00"))
		case *expr.Payload:
			fmt.Fprintf(&b, "payload %d %d %d %d;", e.DestRegister, e.Base, e.Offset, e.Len)
		case *expr.Lookup:
			fmt.Fprintf(&b, "lookup %d %s %t;", e.SourceRegister, e.SetName, e.Invert)
		case *expr.Immediate:
			fmt.Fprintf(&b, "immediate %d %x;", e.Register, e.Data)
		case *expr.NAT:
			fmt.Fprintf(&b, "nat %d %d %d %d %t;", e.Type, e.Family, e.RegAddrMin, e.RegAddrMax, e.Persistent)
		case *expr.Counter:
			b.WriteString("counter;")
		default:
			fmt.Fprintf(&b, "%T;", e)
		}
	}
	return b.String()
}

// packets returns how many packets got each mark since the table was made.
func (l layout) packets(conn *nftables.Conn) map[uint32]uint64 {
	out := map[uint32]uint64{}
	t := nftTable()
	for _, chain := range l.nftChains(t) {
		rules, err := conn.GetRules(t, chain)
		if err != nil {
			continue
		}
		for _, r := range rules {
			var n uint64
			for _, e := range r.Exprs {
				switch e := e.(type) {
				case *expr.Counter:
					n = e.Packets
				case *expr.Immediate:
					if len(e.Data) == 4 {
						out[binary.NativeEndian.Uint32(e.Data)] += n
					}
				}
			}
		}
	}
	return out
}

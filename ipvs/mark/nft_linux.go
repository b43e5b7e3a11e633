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
	out := &nftables.Set{Table: t, Name: s.name, Counter: true}
	switch s.kind {
	case singles:
		out.KeyType = nftables.MustConcatSetType(addr, nftables.TypeInetProto, nftables.TypeInetService)
	case ranges:
		out.KeyType, out.Interval = nftables.MustConcatSetType(addr, addr, nftables.TypeInetProto, nftables.TypeInetService), true
	case marks:
		out.KeyType = nftables.TypeMark
	}
	if s.kind != marks {
		out.Concatenation, out.IsMap, out.DataType = true, true, nftables.TypeMark
	}
	elements := make([]nftables.SetElement, len(s.elements))
	for i, e := range s.elements {
		elements[i] = s.nftElement(e)
	}
	return out, elements
}

// nftElement returns e as the kernel has it.
func (s *set) nftElement(e element) nftables.SetElement {
	mark := binary.NativeEndian.AppendUint32(nil, e.mark)
	switch s.kind {
	case singles:
		return nftables.SetElement{Key: joined(nil, e.dest.First.AsSlice(), e.proto, e.ports.First), Val: mark}
	case ranges:
		return nftables.SetElement{
			Key:    joined(e.source.First.AsSlice(), e.dest.First.AsSlice(), e.proto, e.ports.First),
			KeyEnd: joined(e.source.Last.AsSlice(), e.dest.Last.AsSlice(), e.proto, e.ports.Last),
			Val:    mark,
		}
	case marks:
		return nftables.SetElement{Key: mark}
	}
	return nftables.SetElement{}
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
	family, words := byte(unix.NFPROTO_IPV4), 1
	if l.set.v6 {
		family, words = unix.NFPROTO_IPV6, 4
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
	word := 0
	for _, address := range l.addressOffsets() {
		out = append(out, load(word, expr.PayloadBaseNetworkHeader, address, uint32(4*words)))
		word += words
	}
	return append(out,
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register(word)},
		load(word+1, expr.PayloadBaseTransportHeader, 2, 2),
		&expr.Lookup{SourceRegister: 1, SetName: l.set.name, IsDestRegSet: true, DestRegister: 1},
		&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1},
	)
}

// addressOffsets are where the header has the addresses that l looks up.
func (l line) addressOffsets() []uint32 {
	source, dest := uint32(12), uint32(16)
	if l.set.v6 {
		source, dest = 8, 24
	}
	if l.set.kind == singles {
		return []uint32{dest}
	}
	return []uint32{source, dest}
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
	if found := l.strange(conn); found != "" {
		return found
	}
	for name, want := range l.nftChains(t) {
		chain, err := conn.ListChain(t, name)
		if err != nil || chain.Hooknum == nil || *chain.Hooknum != *want.Hooknum || chain.Priority == nil || *chain.Priority != *want.Priority {
			return "chain " + name
		}
		if !l.hasLines(conn, name) {
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

// strange returns a chain or a set of our table that is not ours, "" for none.
func (l layout) strange(conn *nftables.Conn) string {
	t := nftTable()
	ours := l.nftChains(t)
	chains, _ := conn.ListChainsOfTableFamily(t.Family) // of a kernel that shows none, ours will be missed
	for _, c := range chains {
		if c.Table.Name == t.Name && ours[c.Name] == nil {
			return "chain " + c.Name
		}
	}
	sets, _ := conn.GetSets(t)
	for _, s := range sets {
		if !slices.ContainsFunc(l.sets, func(ours *set) bool { return ours.name == s.Name }) {
			return "set " + s.Name
		}
	}
	return ""
}

// hasLines reports whether the kernel has the lines of a chain, and no others.
func (l layout) hasLines(conn *nftables.Conn, chain string) bool {
	var lines []string
	for _, n := range l.lines {
		if n.chain == chain {
			lines = append(lines, text(n.exprs()))
		}
	}
	t := nftTable()
	rules, err := conn.GetRules(t, &nftables.Chain{Name: chain, Table: t})
	return err == nil && slices.EqualFunc(rules, lines, func(r *nftables.Rule, line string) bool { return text(r.Exprs) == line })
}

// keys returns the elements of a set in order.
func keys(elements []nftables.SetElement) []string {
	out := make([]string, len(elements))
	for i, e := range elements {
		out[i] = string(e.Key) + string(e.KeyEnd) + string(e.Val)
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
			fmt.Fprintf(&b, "lookup %d %s %t %t %d;", e.SourceRegister, e.SetName, e.Invert, e.IsDestRegSet, e.DestRegister)
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

// counted returns how many packets each mark was given since the table was made, and how many connections of each mark in each family got another
// source; of families of which the kernel does not show that, nothing.
func (l layout) counted(conn *nftables.Conn) (packets map[uint32]uint64, connections map[replaced]uint64) {
	packets, connections = map[uint32]uint64{}, map[replaced]uint64{}
	for _, s := range l.sets {
		set, _ := s.nftSet(nftTable())
		elements, err := conn.GetSetElements(set)
		if err != nil {
			continue
		}
		for _, e := range elements {
			n := uint64(0)
			if e.Counter != nil {
				n = e.Counter.Packets
			}
			switch {
			case s.kind != marks && len(e.Val) == 4:
				packets[binary.NativeEndian.Uint32(e.Val)] += n
			case s.kind == marks && len(e.Key) == 4:
				connections[replaced{binary.NativeEndian.Uint32(e.Key), s.v6}] = n
			}
		}
	}
	return packets, connections
}

package mark

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// An element is one combination of a Rule's ranges, and the mark of the packets that fit it.
type element struct {
	source, dest Range
	proto        uint8
	ports        PortRange
	mark         uint32
}

// single reports whether e is for one port of one address and for clients everywhere: what a hash finds, at the same cost among ten thousand as
// among ten. Ranges take the kernel longer the more there are.
func (e element) single() bool {
	return e.dest.First == e.dest.Last && e.ports.First == e.ports.Last && e.source == everywhere(e.dest.First.Is6())
}

// A kind says what a set of the kernel is looked up by.
type kind int

const (
	singles kind = iota // a map of destination, protocol and port to a mark
	ranges              // a map of source, destination, protocol and port, each a range but the protocol, to a mark
	marks               // a set of marks
)

// A set is what packets are looked up in at once: a map or a set of the kernel.
type set struct {
	name     string
	kind     kind
	v6       bool
	elements []element // of a set of marks only their mark
}

// A line is one rule of a chain.
type line struct {
	chain string
	iface string // "" for all
	set   *set
	from  Source // of chainNAT
}

// A layout is what the table consists of.
type layout struct {
	sets  []*set
	lines []line
}

// A place is where elements are that one set can hold: none of them overlaps another one of the same level.
type place struct {
	level      int
	v6         bool
	interfaces string // of the rules, joined
	kind       kind
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.level, q.level), cmp.Compare(family(p.v6), family(q.v6)), cmp.Compare(p.interfaces, q.interfaces), cmp.Compare(p.kind, q.kind))
}

func family(v6 bool) string {
	if v6 {
		return "ipv6"
	}
	return "ipv4"
}

// layoutOf returns what the table consists of for rules. Equal rules give equal layouts. Rules that overlap are in lines one after the other, so
// that the last one counts.
func layoutOf(rules []Rule) layout {
	b := builder{sets: map[place]*set{}, interfaces: map[place][]string{}, named: map[string]int{}}
	elements := make([][]element, len(rules))
	for i, r := range rules {
		elements[i] = r.elements()
	}
	levels := levelsOf(elements)
	for i, r := range rules {
		b.add(r, elements[i], levels[i])
	}
	b.marking()
	b.sources(rules)
	return b.layout
}

// A builder makes a layout.
type builder struct {
	layout
	sets       map[place]*set
	interfaces map[place][]string
	named      map[string]int // how many sets have a name that begins like this
}

// add puts elements, those of r, where they belong.
func (b *builder) add(r Rule, elements []element, level int) {
	for _, e := range elements {
		p := place{level: level, v6: e.dest.First.Is6(), interfaces: strings.Join(r.Interfaces, ","), kind: ranges}
		if e.single() {
			p.kind = singles
		}
		s := b.sets[p]
		if s == nil {
			s = &set{kind: p.kind, v6: p.v6}
			b.sets[p], b.interfaces[p] = s, r.Interfaces
		}
		s.elements = append(s.elements, e)
	}
}

// marking makes the lines that mark, level after level.
func (b *builder) marking() {
	places := make([]place, 0, len(b.sets))
	for p := range b.sets {
		places = append(places, p)
	}
	slices.SortFunc(places, place.compare)
	for _, p := range places {
		s := b.sets[p]
		name := "ranges_"
		if p.kind == singles {
			name = "addresses_"
		}
		b.keep(s, name+family(p.v6))
		for _, iface := range b.interfaces[p] {
			b.lines = append(b.lines, line{chain: chainIn, iface: iface, set: s})
		}
		if p.interfaces == "" {
			b.lines = append(b.lines, line{chain: chainIn, set: s}, line{chain: chainOut, set: s})
		}
	}
}

// keep has s in the table, by a name.
func (b *builder) keep(s *set, name string) {
	b.named[name]++
	if n := b.named[name]; n > 1 {
		name = fmt.Sprintf("%s_%d", name, n)
	}
	s.name = name
	b.layout.sets = append(b.layout.sets, s)
}

// String returns the layout nearly as `nft list table` shows it.
func (l layout) String() string {
	var b strings.Builder
	for _, s := range l.sets {
		fmt.Fprintf(&b, "set %s\n", s.name)
		for _, e := range s.elements {
			fmt.Fprintf(&b, "  %s\n", s.elementText(e))
		}
	}
	for _, n := range l.lines {
		fmt.Fprintf(&b, "%s: %s\n", n.chain, n.text())
	}
	return b.String()
}

func (s *set) elementText(e element) string {
	switch s.kind {
	case singles:
		return fmt.Sprintf("%s . %d . %d counter : %d", e.dest.First, e.proto, e.ports.First, e.mark)
	case ranges:
		return fmt.Sprintf("%s-%s . %s-%s . %d . %d-%d counter : %d", e.source.First, e.source.Last, e.dest.First, e.dest.Last, e.proto, e.ports.First, e.ports.Last, e.mark)
	case marks:
		return fmt.Sprintf("%d counter", e.mark)
	}
	return ""
}

func (l line) text() string {
	if l.chain == chainNAT {
		return l.sourceText()
	}
	iface, source := "", ""
	if l.iface != "" {
		iface = fmt.Sprintf("iifname %q ", l.iface)
	}
	if l.set.kind == ranges {
		source = "saddr . "
	}
	return fmt.Sprintf("%smeta mark set %sdaddr . l4proto . dport map @%s", iface, source, l.set.name)
}

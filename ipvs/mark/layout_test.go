package mark

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// A packet is what a rule can be about.
type packet struct {
	source, dest netip.Addr
	proto        uint8
	port         uint16
	iface        string
}

func (p packet) fits(e element) bool {
	at := element{Range{p.source, p.source}, Range{p.dest, p.dest}, p.proto, PortRange{p.port, p.port}, 0}
	return p.dest.Is6() == e.dest.First.Is6() && at.meets(e)
}

// wanted is the mark that rules with elements give p: that of the last one that it fits.
func (p packet) wanted(rules []Rule, elements [][]element) (mark uint32) {
	for i, r := range rules {
		if len(r.Interfaces) > 0 && !slices.Contains(r.Interfaces, p.iface) {
			continue
		}
		if slices.ContainsFunc(elements[i], p.fits) {
			mark = r.Mark
		}
	}
	return mark
}

// marked is the mark that p has after the lines of l for what comes in.
func (p packet) marked(l layout) (mark uint32) {
	for _, n := range l.lines {
		if n.chain != chainIn || n.iface != "" && n.iface != p.iface {
			continue
		}
		if i := slices.IndexFunc(n.set.elements, p.fits); i >= 0 {
			mark = n.set.elements[i].mark
		}
	}
	return mark
}

// crowded returns rules that are about few packets, so that many of them overlap.
func crowded(wild *rand.Rand) []Rule {
	addr := func(v6 bool, low int) Range {
		high := low + max(0, wild.IntN(5)-2)
		if v6 {
			return addrs(fmt.Sprintf("::%d", low), fmt.Sprintf("::%d", high))
		}
		return addrs(fmt.Sprintf("10.0.0.%d", low), fmt.Sprintf("10.0.0.%d", high))
	}
	rules := make([]Rule, 1+wild.IntN(12))
	for i := range rules {
		v6 := wild.IntN(3) == 0
		r := Rule{Mark: uint32(1 + i), Protocols: []uint8{6}}
		for range 1 + wild.IntN(3) {
			r.Addresses = append(r.Addresses, addr(v6, 1+wild.IntN(4)))
			port := uint16(80 + wild.IntN(3))
			r.Ports = append(r.Ports, PortRange{port, port + uint16(max(0, wild.IntN(4)-2))})
		}
		if wild.IntN(3) == 0 {
			r.Sources = []Range{addr(v6, 1), addr(v6, 6)}
		}
		if wild.IntN(4) == 0 {
			r.Interfaces = [][]string{{"eth0"}, {"eth1"}, {"eth0", "eth1"}}[wild.IntN(3)]
		}
		rules[i] = r
	}
	return rules
}

// crowd are the packets that crowded rules are about.
func crowd(yield func(packet)) {
	for _, i := range []int{0, 1, 2, 5, 6, 7} {
		for j := range 8 {
			for port := uint16(79); port < 85; port++ {
				for _, iface := range []string{"", "eth0", "eth1"} {
					for _, form := range []string{"10.0.0.%d", "::%d"} {
						yield(packet{netip.MustParseAddr(fmt.Sprintf(form, i)), netip.MustParseAddr(fmt.Sprintf(form, j)), 6, port, iface})
					}
				}
			}
		}
	}
}

// The sets hold no two elements that overlap, which the kernel refuses, and every packet gets the mark of the last rule that it fits.
func TestLaidOutRulesMarkAsTheyStandOneAfterTheOther(t *testing.T) {
	deepest := 0
	for seed := range uint64(40) {
		rules := crowded(rand.New(rand.NewPCG(seed, 0)))
		l := layoutOf(rules)
		deepest = max(deepest, len(l.sets))
		elements := make([][]element, len(rules))
		for i, r := range rules {
			elements[i] = r.elements()
		}
		for _, s := range l.sets {
			for i, e := range s.elements {
				if slices.ContainsFunc(s.elements[:i], e.meets) {
					t.Fatalf("seed %d: %s overlaps another element of %s", seed, s.elementText(e), s.name)
				}
			}
		}
		crowd(func(p packet) {
			if got, want := p.marked(l), p.wanted(rules, elements); got != want {
				t.Fatalf("seed %d: %+v gets mark %d, want %d\n%+v\n%s", seed, p, got, want, rules, l)
			}
		})
	}
	if deepest < 6 {
		t.Errorf("at most %d sets: these rules do not overlap", deepest)
	}
}

// However many addresses there are, a packet meets one rule.
func TestRulesOfManyServicesAreOne(t *testing.T) {
	if l := layoutOf(services(10_000)); len(l.lines) != 3 || len(l.sets) != 2 {
		t.Errorf("%d rules and %d sets, want one rule in each chain, and a set of the services and one of their marks", len(l.lines), len(l.sets))
	}
}

// services has n services, each at an address of its own and with a source.
func services(n int) (rules []Rule) {
	for i := range n {
		a := netip.AddrFrom4([4]byte{127, 0, byte(i >> 8), byte(i)})
		rules = append(rules, Rule{Mark: uint32(i + 1), Addresses: []Range{{a, a}}, Ports: []PortRange{{80, 80}}, Protocols: []uint8{17}, Source: Source{Replaced: true}})
	}
	return rules
}

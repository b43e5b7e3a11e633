package conf

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/mark"
)

// rawMatch is a match block.
type rawMatch struct {
	Place      hcl.Range      `hcl:",def_range"`
	Addresses  *hcl.Attribute `hcl:"addresses,optional"`
	Ports      *hcl.Attribute `hcl:"ports,optional"`
	Protocols  *hcl.Attribute `hcl:"protocols,optional"`
	Interfaces *hcl.Attribute `hcl:"interfaces,optional"`
	Sources    *hcl.Attribute `hcl:"sources,optional"`
}

const (
	// maxElements is how many combinations of sources, addresses, ports and protocols one match may have.
	maxElements = 16384

	// ownMarks are the first of the 2^24 marks from which a service gets one that is given none.
	ownMarks = 0x67000000
)

// ownMark returns the mark of a service that is given none. It depends on the name alone, so that it stays over restarts, and both
// directors of a pair have the same, as the kernel's sync daemon needs it.
func ownMark(name string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return ownMarks | (h.Sum32()^h.Sum32()>>24)&0xffffff
}

// matchKey reads a service of the packets that its match blocks describe: we mark them ourselves.
func (d *decoder) matchKey(s *service) bool {
	raw := s.raw
	d.unsuitableBesideMatch(s)
	m := int(ownMark(s.Name))
	ok := d.number(raw.Mark, 1, math.MaxUint32, "write a number that no other rule of the firewall sets, or leave it out", &m)
	for i := range raw.Matches {
		ok = d.match(s, &raw.Matches[i], uint32(m)) && ok
	}
	s.placeMarks(uint32(m), raw.Matches[0].Place)
	return ok && len(s.placed) > 0
}

// unsuitableBesideMatch reports what says the same as a match.
func (d *decoder) unsuitableBesideMatch(s *service) {
	raw := s.raw
	for _, a := range []*hcl.Attribute{raw.Address, raw.Addresses, raw.Group} {
		if d.given(a) {
			d.problem(a.NameRange, fmt.Sprintf("%s has %s beside a match", s.name, a.Name), "remove one: write the addresses in the match, with ports = [\"80\"]")
		}
	}
	if d.given(raw.Protocol) {
		d.problem(raw.Protocol.NameRange, s.name+" has a protocol and a match", `remove it, and write protocols = ["tcp"] in the match`)
	}
	if d.given(raw.Family) {
		d.problem(raw.Family.NameRange, s.name+" has a family and a match: the addresses there have one already", "remove it")
	}
}

// placeMarks gives s a key for each family of its rules.
func (s *service) placeMarks(m uint32, at hcl.Range) {
	for _, f := range []ipvs.Family{ipvs.V4, ipvs.V6} {
		if slices.ContainsFunc(s.rules, func(r mark.Rule) bool { return r.Addresses[0].First.Is6() == (f == ipvs.V6) }) {
			s.placed = append(s.placed, placedKey{ipvs.Key{Mark: m, Family: f}, at})
		}
	}
}

// match reads one match block into the rules of s, one for each family.
func (d *decoder) match(s *service, raw *rawMatch, m uint32) bool {
	name := "match in " + s.name
	ok := d.required(raw.Addresses, raw.Place, name, "addresses", `["192.0.2.10-20"]`)
	ok = d.required(raw.Ports, raw.Place, name, "ports", `["80", "8000-8010"]`) && ok
	r := mark.Rule{Mark: m, Protocols: []uint8{uint8(ipvs.TCP)}}
	addrs, good := d.ranges(raw.Addresses, false)
	sources, fine := d.ranges(raw.Sources, true)
	for _, read := range []bool{d.matchPorts(raw.Ports, &r), d.matchProtocols(raw.Protocols, &r), d.matchInterfaces(raw.Interfaces, &r), good, fine} {
		ok = ok && read
	}
	if !ok {
		return false
	}
	return d.matchFamilies(s, raw, r, addrs, sources)
}

// matchFamilies appends a rule for each family that r has both addresses and sources of.
func (d *decoder) matchFamilies(s *service, raw *rawMatch, r mark.Rule, addrs, sources []mark.Range) bool {
	name, before := "match in "+s.name, len(s.rules)
	for _, v6 := range []bool{false, true} {
		other := func(x mark.Range) bool { return x.First.Is6() != v6 }
		r.Addresses, r.Sources = slices.DeleteFunc(slices.Clone(addrs), other), slices.DeleteFunc(slices.Clone(sources), other)
		if len(r.Addresses) == 0 || len(sources) > 0 && len(r.Sources) == 0 {
			continue
		}
		if r.Size() > maxElements {
			d.problem(raw.Place, fmt.Sprintf("%s has more than %d combinations of sources, addresses, ports and protocols", name, maxElements), "write ranges and prefixes in place of single ones")
			return false
		}
		s.rules = append(s.rules, r)
	}
	if len(s.rules) == before {
		d.problem(raw.Place, fmt.Sprintf("the sources of %s are of another address family than its addresses", name), "write sources of the family of the addresses, or remove them")
	}
	return len(s.rules) > before
}

// ranges reads a list of addresses, ranges and prefixes. Sources may be any.
func (d *decoder) ranges(a *hcl.Attribute, sources bool) (out []mark.Range, ok bool) {
	if a == nil {
		return nil, true
	}
	list, ok := d.list(a, "192.0.2.10-20")
	for _, e := range list {
		b := addressBlock{bare: true}
		if e.text == "" || !d.hostRange(unbracket(e.text), e, &b) || !sources && !d.usableBlock(e, &b) {
			ok = false
			continue
		}
		out = append(out, mark.Range{First: b.first, Last: b.last})
	}
	return out, ok
}

func (d *decoder) matchPorts(a *hcl.Attribute, r *mark.Rule) bool {
	if a == nil {
		return true // which was reported
	}
	list, ok := d.list(a, "80")
	if ok && len(list) == 0 {
		d.problem(a.Expr.Range(), "ports is empty", `write ports = ["80"], or ports = ["1-65535"] for all`)
		return false
	}
	for _, e := range list {
		low, high, isRange := strings.Cut(e.text, "-")
		if !isRange {
			high = low
		}
		from, err := strconv.ParseUint(low, 10, 16)
		to, err2 := strconv.ParseUint(high, 10, 16)
		if err != nil || err2 != nil || from == 0 || from > to {
			d.problem(e.at, fmt.Sprintf("port %s is not 1 to 65535, nor a range of these", quote(e.text)), `write "80" or "8000-8010", for example`)
			ok = false
			continue
		}
		r.Ports = append(r.Ports, mark.PortRange{First: uint16(from), Last: uint16(to)})
	}
	return ok
}

func (d *decoder) matchProtocols(a *hcl.Attribute, r *mark.Rule) bool {
	words, numbers := []string{"tcp", "udp", "sctp"}, []ipvs.Proto{ipvs.TCP, ipvs.UDP, ipvs.SCTP}
	list := d.elements(a, "tcp")
	if len(list) > 0 {
		r.Protocols = nil
	}
	ok := true
	for _, e := range list {
		i := slices.Index(words, e.text)
		if i < 0 {
			d.problem(e.at, fmt.Sprintf("protocol %s is not %s", quote(e.text), oneOf(words)), `write protocols = ["tcp"], for example`)
			ok = false
			continue
		}
		r.Protocols = append(r.Protocols, uint8(numbers[i]))
	}
	return ok
}

func (d *decoder) matchInterfaces(a *hcl.Attribute, r *mark.Rule) bool {
	ok := true
	for _, e := range d.elements(a, "eth0") {
		if !d.deviceName("interfaces", e.text, e.at) {
			ok = false
			continue
		}
		r.Interfaces = append(r.Interfaces, e.text)
	}
	return ok
}

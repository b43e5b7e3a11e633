package conf

import (
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/mark"
)

// maxKeys is how many services of the kernel one virtual_server may become.
const maxKeys = 65536

// addressesExample is what addresses look like.
const addressesExample = "192.0.2.10-20:80"

// rawServiceGroup is a virtual_server_group block.
type rawServiceGroup struct {
	Name      string         `hcl:"name,label"`
	NameRange hcl.Range      `hcl:"name,label_range"`
	Place     hcl.Range      `hcl:",def_range"`
	Addresses *hcl.Attribute `hcl:"addresses,optional"`
	Fold      *hcl.Attribute `hcl:"fold,optional"`
}

// A placedKey is a key and the text that it comes from.
type placedKey struct {
	ipvs.Key
	at hcl.Range
}

// An addressBlock is a range of addresses with a range of ports, both with their last.
type addressBlock struct {
	first, last netip.Addr
	low, high   uint16 // ports
	bare        bool   // it is written without ports
}

// serviceGroups notes the groups by name. Their addresses are read where a virtual_server names them.
func (d *decoder) serviceGroups(raw []rawServiceGroup) {
	names := map[string]hcl.Range{}
	d.serviceGroup = map[string]*rawServiceGroup{}
	d.groupUsed = map[string]bool{}
	for i := range raw {
		g := &raw[i]
		d.name("virtual_server_group", g.Name, g.NameRange, names)
		d.required(g.Addresses, g.Place, fmt.Sprintf("virtual_server_group %q", g.Name), "addresses", fmt.Sprintf("[%q]", addressesExample))
		d.serviceGroup[g.Name] = g
	}
}

// unusedGroups reports the groups that no virtual_server names: their addresses are not balanced, and their mistakes not found.
func (d *decoder) unusedGroups(raw []rawServiceGroup) {
	for i := range raw {
		if g := &raw[i]; !d.groupUsed[g.Name] {
			d.warn(g.NameRange, fmt.Sprintf("no virtual_server has the virtual_server_group %q, and nothing is balanced at its addresses", g.Name),
				fmt.Sprintf("write group = %q in a virtual_server, or remove it", g.Name))
		}
	}
}

// groupKeys reads a service at the addresses of a group.
func (d *decoder) groupKeys(s *service) bool {
	name := ""
	if !d.text(s.raw.Group, "edge", &name) || name == "" {
		return false
	}
	g, known := d.serviceGroup[name]
	if !known {
		d.problem(s.raw.Group.Expr.Range(), fmt.Sprintf("there is no virtual_server_group %q", name),
			suggest(name, keysOf(d.serviceGroup))+fmt.Sprintf("define it: virtual_server_group %q { addresses = [%q] }", name, addressesExample))
		return false
	}
	d.groupUsed[name] = true
	fold := false
	d.flag(g.Fold, &fold)
	ok := d.addressesKeys(s, g.Addresses)
	if fold && ok {
		s.fold(g.Addresses.Expr.Range())
	}
	return ok
}

// fold makes one service by mark for each family out of all addresses of s.
func (s *service) fold(at hcl.Range) {
	m := ownMark(s.Name)
	s.markBlocks(m)
	s.Proto, s.placed = 0, nil
	s.placeMarks(m, at)
}

// markBlocks gives s rules that mark what goes to its blocks.
func (s *service) markBlocks(m uint32) {
	for _, b := range s.blocks {
		ports := mark.PortRange{First: b.low, Last: b.high}
		if ports.Last == 0 { // all
			ports = mark.PortRange{First: 1, Last: math.MaxUint16}
		}
		s.rules = append(s.rules, mark.Rule{Mark: m, Addresses: []mark.Range{{First: b.first, Last: b.last}}, Ports: []mark.PortRange{ports}, Protocols: []uint8{uint8(s.Proto)}})
	}
}

// addressesKeys makes the keys of a service out of a list of blocks.
func (d *decoder) addressesKeys(s *service, a *hcl.Attribute) bool {
	if !d.serviceProtocol(s) || a == nil {
		return false
	}
	list, ok := d.list(a, addressesExample)
	if ok && len(list) == 0 {
		d.problem(a.Expr.Range(), s.name+" has no addresses: the list is empty", fmt.Sprintf("write addresses = [%q]", addressesExample))
		return false
	}
	for _, e := range list {
		b := addressBlock{}
		if e.text == "" || !d.serviceBlock(s, e, &b) {
			ok = false
			continue
		}
		if b.size()+len(s.placed) > maxKeys {
			d.problem(e.at, fmt.Sprintf("with %s %s has more than %d addresses with their ports", quote(e.text), s.name, maxKeys),
				"write fewer, or let the firewall mark the packets and write fwmark = 80")
			return false
		}
		s.blocks = append(s.blocks, b)
		s.expand(b, e.at)
	}
	return ok
}

// expand appends the keys of b.
func (s *service) expand(b addressBlock, at hcl.Range) {
	for a := b.first; a.Compare(b.last) <= 0 && a.IsValid(); a = a.Next() {
		for port := int(b.low); port <= int(b.high); port++ {
			s.placed = append(s.placed, placedKey{ipvs.Key{Proto: s.Proto, Addr: netip.AddrPortFrom(a, uint16(port))}, at})
		}
	}
}

// size returns how many keys b becomes; more than maxKeys for any larger number.
func (b addressBlock) size() int {
	first, last := b.first.As16(), b.last.As16()
	n := new(big.Int).Sub(new(big.Int).SetBytes(last[:]), new(big.Int).SetBytes(first[:]))
	if !n.IsInt64() || n.Int64() >= maxKeys {
		return maxKeys + 1
	}
	return (int(n.Int64()) + 1) * (int(b.high) - int(b.low) + 1)
}

// serviceBlock parses "192.0.2.10:80", "192.0.2.10-20:80", "2001:db8::/124:443", "[2001:db8::10-1f]:8000-8010" and their like.
func (d *decoder) serviceBlock(s *service, e element, b *addressBlock) bool {
	i := strings.LastIndexByte(e.text, ':')
	if _, err := netip.ParseAddr(e.text); err == nil || i < 0 {
		var single netip.AddrPort
		return d.parseHostPort("address", e.text, e.at, serviceExample, &single) // reports the missing port
	}
	return d.hostBlock(unbracket(e.text[:i]), e, b) && d.portBlock(s, e.text[i+1:], e, b)
}

// example returns what a block with ports, or a bare one, looks like.
func (b *addressBlock) example(host string) string {
	if b.bare {
		return strconv.Quote(host)
	}
	if strings.Contains(host, "-") && strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return strconv.Quote(host + ":80")
}

// hostBlock parses the addresses of a block, which are those of hosts.
func (d *decoder) hostBlock(text string, e element, b *addressBlock) bool {
	return d.hostRange(text, e, b) && d.usableBlock(e, b)
}

func (d *decoder) usableBlock(e element, b *addressBlock) bool {
	return d.usable("address", b.first, e.at, &b.first) && d.usable("address", b.last, e.at, &b.last)
}

// hostRange parses addresses of any kind.
func (d *decoder) hostRange(text string, e element, b *addressBlock) bool {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			d.problem(e.at, fmt.Sprintf("address %s is not a prefix", quote(e.text)), fmt.Sprintf("write %s or %s, for example", b.example("192.0.2.0/28"), b.example("2001:db8::/124")))
			return false
		}
		if p != p.Masked() {
			d.problem(e.at, fmt.Sprintf("address %s has bits set after the first %d", quote(e.text), p.Bits()), fmt.Sprintf("write %s, or a range", b.example(p.Masked().String())))
			return false
		}
		b.first, b.last = p.Addr(), lastOf(p)
	} else {
		low, high, isRange := strings.Cut(text, "-")
		if !d.parseHost("address", low, e.at, "192.0.2.10", &b.first) {
			return false
		}
		b.last = b.first
		if isRange && !d.rangeEnd(high, e, b) {
			return false
		}
	}
	return true
}

// rangeEnd parses the end of a range of addresses: a whole one, or what replaces the last part of the first.
func (d *decoder) rangeEnd(text string, e element, b *addressBlock) bool {
	last, err := netip.ParseAddr(text)
	if err != nil {
		whole := b.first.StringExpanded()
		last, err = netip.ParseAddr(whole[:strings.LastIndexAny(whole, ".:")+1] + text)
	}
	if err != nil || last.Unmap().Is4() != b.first.Is4() || last.Unmap().Less(b.first) {
		d.problem(e.at, fmt.Sprintf("address %s is not a range that ends at or after %s", quote(e.text), b.first),
			fmt.Sprintf("write %s, %s or %s, for example", b.example("192.0.2.10-20"), b.example("192.0.2.10-192.0.3.20"), b.example("2001:db8::10-1f")))
		return false
	}
	b.last = last.Unmap()
	return true
}

// portBlock parses the ports of a block. Port 0 is all of them.
func (d *decoder) portBlock(s *service, text string, e element, b *addressBlock) bool {
	low, high, isRange := strings.Cut(text, "-")
	if !isRange {
		high = low
	}
	from, err := strconv.ParseUint(low, 10, 16)
	to, err2 := strconv.ParseUint(high, 10, 16)
	switch {
	case err != nil || err2 != nil || from > to || from == 0 && to > 0:
		d.problem(e.at, fmt.Sprintf("the port in address %s is not 1 to 65535, nor a range of these", quote(e.text)), `write the port as a number after the last colon, or "192.0.2.10:8000-8010"`)
		return false
	case to == 0 && s.raw.Persistence == nil:
		d.allPortsNeedPersistence(s, e.text, e.at)
		return false
	}
	b.low, b.high = uint16(from), uint16(to)
	return true
}

// survey notes what the keys of s have in common.
func (s *service) survey() {
	s.Key = s.placed[0].Key
	for _, k := range s.placed {
		s.mixed = s.mixed || k.AF() != s.AF()
		s.manyPorts = s.manyPorts || k.Addr.Port() != s.Addr.Port()
	}
}

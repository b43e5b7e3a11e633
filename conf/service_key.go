package conf

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/ipvs"
)

// serviceKey reads what tells the service from others: addresses and a protocol, or a firewall mark and a family.
func (d *decoder) serviceKey(s *service) bool {
	if len(s.raw.Matches) > 0 {
		ok := d.matchKey(s)
		if ok {
			s.survey()
		}
		return ok
	}
	raw, ways := s.raw, []serviceWay{
		{s.raw.Address, "an address", d.addressKey},
		{s.raw.Addresses, "addresses", func(s *service) bool { return d.addressesKeys(s, s.raw.Addresses) }},
		{s.raw.Group, "a group", d.groupKeys},
		{s.raw.Mark, "a fwmark", d.markKey},
	}
	ways = slices.DeleteFunc(ways, func(w serviceWay) bool { return !d.given(w.attribute) })
	switch len(ways) {
	case 0:
		d.missing(raw.Place, s.name, "address", fmt.Sprintf("%q", serviceExample))
		return false
	case 1:
		ok := ways[0].read(s)
		if ok {
			s.survey()
		}
		return ok
	}
	last := ways[len(ways)-1]
	d.problem(last.attribute.NameRange, fmt.Sprintf("%s has %s and %s", s.name, ways[0].words, last.words),
		"remove one: a service takes the packets to its addresses, or those that the firewall gave its mark")
	return false
}

// A serviceWay is one of the keywords that say which packets a service takes. read appends to its placed keys.
type serviceWay struct {
	attribute *hcl.Attribute
	words     string
	read      func(*service) bool
}

// serviceProtocol reads the protocol of a service by address.
func (d *decoder) serviceProtocol(s *service) bool {
	raw := s.raw
	s.Proto = ipvs.TCP
	if d.given(raw.Family) {
		d.problem(raw.Family.NameRange, "family is for services with a fwmark: an address has one already", "remove it")
	}
	return choice(d, raw.Protocol, []string{"tcp", "udp", "sctp"}, []ipvs.Proto{ipvs.TCP, ipvs.UDP, ipvs.SCTP}, &s.Proto)
}

func (d *decoder) addressKey(s *service) bool {
	raw := s.raw
	ok := d.serviceProtocol(s)
	v, set, good := d.scalar(raw.Address, cty.String, fmt.Sprintf("write address = %q", serviceExample))
	if !set || !good || !d.serviceAddress(s, v.AsString(), raw.Address.Expr.Range()) {
		return false
	}
	s.placed = []placedKey{{s.Key, raw.Address.Expr.Range()}}
	return ok
}

// serviceAddress parses the address of a service. Port 0 is all ports, which the kernel keeps together by persistence.
func (d *decoder) serviceAddress(s *service, text string, at hcl.Range) bool {
	host, all := strings.CutSuffix(text, ":0")
	if a, err := netip.ParseAddr(text); err == nil && a.Is6() {
		all = false // 2001:db8:: with a last group of 0, and no port
	}
	if !all {
		return d.parseHostPort("address", text, at, serviceExample, &s.Addr)
	}
	var a netip.Addr
	if !d.parseHost("address", unbracket(host), at, "192.0.2.10", &a) {
		return false
	}
	s.Addr = netip.AddrPortFrom(a, 0)
	if s.raw.Persistence == nil {
		d.allPortsNeedPersistence(s, text, at)
		return false
	}
	return true
}

func (d *decoder) allPortsNeedPersistence(s *service, text string, at hcl.Range) {
	d.problem(at, fmt.Sprintf("address %s has port 0, which is all ports, and %s has no persistence", quote(text), s.name),
		"write a port, or add persistence { timeout = \"300s\" }, which keeps the connections of a client together")
}

func (d *decoder) markKey(s *service) bool {
	raw := s.raw
	mark := 0
	ok := d.number(raw.Mark, 1, math.MaxUint32, "write the number that the firewall's rule sets, such as fwmark = 80", &mark)
	s.Mark, s.Family = uint32(mark), ipvs.V4
	ok = choice(d, raw.Family, []string{"ipv4", "ipv6"}, []ipvs.Family{ipvs.V4, ipvs.V6}, &s.Family) && ok
	if d.given(raw.Protocol) {
		d.problem(raw.Protocol.NameRange, "protocol is for services with an address: a mark may be on packets of any", "remove it, and choose the protocol in the firewall's rule")
	}
	s.placed = []placedKey{{s.Key, raw.Mark.Expr.Range()}}
	return ok
}

// anyPort reports whether connections to more than one port may come to the service, so that its servers need not have one.
func (s *service) anyPort() bool {
	return s.Mark != 0 || s.raw.Mark != nil || s.Addr.IsValid() && s.Addr.Port() == 0 || s.manyPorts
}

// unbracket takes the brackets off an IPv6 address.
func unbracket(host string) string {
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

package conf

import (
	"fmt"
	"math"
	"net/netip"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/ipvs"
)

// serviceKey reads what tells the service from others: an address and a protocol, or a firewall mark and a family.
func (d *decoder) serviceKey(s *service) bool {
	raw := s.raw
	switch {
	case !d.given(raw.Mark):
		return d.addressKey(s)
	case d.given(raw.Address):
		d.problem(raw.Mark.NameRange, fmt.Sprintf("%s has an address and a fwmark", s.name),
			"remove one: a service takes the packets to its address, or those that the firewall gave its mark")
		return false
	}
	return d.markKey(s)
}

func (d *decoder) addressKey(s *service) bool {
	raw := s.raw
	s.Proto = ipvs.TCP
	ok := choice(d, raw.Protocol, []string{"tcp", "udp", "sctp"}, []ipvs.Proto{ipvs.TCP, ipvs.UDP, ipvs.SCTP}, &s.Proto)
	if d.given(raw.Family) {
		d.problem(raw.Family.NameRange, "family is for services with a fwmark: an address has one already", "remove it")
	}
	if !d.required(raw.Address, raw.Place, s.name, "address", fmt.Sprintf("%q", serviceExample)) {
		return false
	}
	v, set, good := d.scalar(raw.Address, cty.String, fmt.Sprintf("write address = %q", serviceExample))
	if !set || !good || !d.serviceAddress(s, v.AsString(), raw.Address.Expr.Range()) {
		return false
	}
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
		d.problem(at, fmt.Sprintf("address %s has port 0, which is all ports, and %s has no persistence", quote(text), s.name),
			"write a port, or add persistence { timeout = \"300s\" }, which keeps the connections of a client together")
		return false
	}
	return true
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
	return ok
}

// anyPort reports whether connections to more than one port may come to the service, so that its servers need not have one.
func (s *service) anyPort() bool { return s.raw.Mark != nil || s.Addr.IsValid() && s.Addr.Port() == 0 }

// unbracket takes the brackets off an IPv6 address.
func unbracket(host string) string {
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

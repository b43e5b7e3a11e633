package conf

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/ipvs"
)

// rawServer is a real_server block.
type rawServer struct {
	Address      string         `hcl:"address,label"`
	AddressRange hcl.Range      `hcl:"address,label_range"`
	Weight       *hcl.Attribute `hcl:"weight,optional"`
	Forward      *hcl.Attribute `hcl:"forward,optional"`
	Upper        *hcl.Attribute `hcl:"upper_threshold,optional"`
	Lower        *hcl.Attribute `hcl:"lower_threshold,optional"`
	OnFailure    *hcl.Attribute `hcl:"on_failure,optional"`
	UpWhen       *hcl.Attribute `hcl:"up_when,optional"`
	Tunnel       *rawTunnel     `hcl:"tunnel,block"`
	Checks       []rawCheck     `hcl:"check,block"`
	Loads        []rawLoad      `hcl:"load,block"`
}

// rawSorry is a sorry_server block.
type rawSorry struct {
	Address      string         `hcl:"address,label"`
	AddressRange hcl.Range      `hcl:"address,label_range"`
	Forward      *hcl.Attribute `hcl:"forward,optional"`
	Upper        *hcl.Attribute `hcl:"upper_threshold,optional"`
	Lower        *hcl.Attribute `hcl:"lower_threshold,optional"`
	Tunnel       *rawTunnel     `hcl:"tunnel,block"`
}

// maxThreshold is the bound of ipvsadm's -x and -y.
const maxThreshold = 65535

// servers builds the real servers of s and their checks.
func (d *decoder) servers(s *service) []Check {
	var out []Check
	places := map[netip.AddrPort]hcl.Range{}
	for i := range s.raw.Servers {
		raw := &s.raw.Servers[i]
		dest, ok := d.realServer(s, raw)
		if !ok {
			d.checksOf(subject{service: s}, raw.Checks, raw.Loads)
			continue
		}
		if first, again := places[dest.Addr]; again {
			d.problem(raw.AddressRange, fmt.Sprintf("real server %s is named twice in %s", dest.Addr, s.name), fmt.Sprintf("the first is at %s: remove one", place(first)))
		}
		places[dest.Addr] = raw.AddressRange
		server := ipvs.RealServer{Addr: dest.Addr, Forward: dest.Forward, Tunnel: dest.Tunnel, Weight: dest.Weight, Upper: dest.Upper, Lower: dest.Lower}
		choice(d, raw.OnFailure, []string{"remove", "quiesce"}, []ipvs.FailureAction{ipvs.Remove, ipvs.Quiesce}, &server.Failed)
		s.Servers = append(s.Servers, server)
		checks := raw.Checks
		if len(checks) == 0 {
			checks = s.raw.Checks
		}
		loads := raw.Loads
		if len(loads) == 0 {
			loads = s.raw.Loads
		}
		of := subject{service: s, addr: dest.Addr, weight: dest.Weight, dest: dest}
		d.upWhen(s.raw.UpWhen, &of)
		d.upWhen(raw.UpWhen, &of)
		out = append(out, d.checksOf(of, checks, loads)...)
	}
	d.checksOf(subject{service: s}, s.raw.Checks, s.raw.Loads) // finds mistakes in defaults that no server uses
	return out
}

// upWhen reads how many of a server's checks must be well.
func (d *decoder) upWhen(a *hcl.Attribute, of *subject) {
	choice(d, a, []string{"all", "any"}, []bool{false, true}, &of.anyCheck)
}

// realServer reads one real server; ok is false when its address is no good.
func (d *decoder) realServer(s *service, raw *rawServer) (dest ipvs.Dest, ok bool) {
	dest = s.server
	d.number(raw.Weight, 0, ipvs.MaxWeight, "write 1 to 65535; 0 takes no new connections", &dest.Weight)
	return dest, d.destination(s, "real server", rawSorry{raw.Address, raw.AddressRange, raw.Forward, raw.Upper, raw.Lower, raw.Tunnel}, &dest)
}

func (d *decoder) sorryServer(s *service) {
	raw := s.raw.Sorry
	if raw == nil {
		return
	}
	dest := ipvs.Dest{Forward: s.Forward, Weight: 1}
	if !d.destination(s, "sorry server", *raw, &dest) {
		return
	}
	if slices.ContainsFunc(s.Servers, func(rs ipvs.RealServer) bool { return rs.Addr == dest.Addr }) {
		d.problem(raw.AddressRange, fmt.Sprintf("sorry server %s is a real server of the same service", dest.Addr), "write the address of a server that stands in when those are down")
		return
	}
	s.Sorry = &dest
}

// destination reads what real servers and sorry servers have in common into a dest that has the defaults.
func (d *decoder) destination(s *service, what string, raw rawSorry, dest *ipvs.Dest) bool {
	name := fmt.Sprintf("%s %q", what, raw.Address)
	d.forward(raw.Forward, &dest.Forward)
	d.thresholds(raw.Upper, raw.Lower, name, dest)
	d.tunnelOf(s, raw.Tunnel, name, dest)
	return d.serverAddress(s, what, raw.Address, raw.AddressRange, &dest.Addr) &&
		d.reachable(s, what, raw.AddressRange, *dest)
}

// serverAddress parses the label of a server. Without a port, or with port 0, the server gets each connection at the port that the
// client asked for; that needs a service of more than one port.
func (d *decoder) serverAddress(s *service, what, text string, at hcl.Range, into *netip.AddrPort) bool {
	if !s.anyPort() {
		return d.parseHostPort(what, text, at, serverExample, into)
	}
	host, _ := strings.CutSuffix(text, ":0")
	if a, err := netip.ParseAddr(text); err == nil && a.Is6() {
		host = text
	}
	a, err := netip.ParseAddr(unbracket(host))
	if err != nil {
		return d.parseHostPort(what, text, at, serverExample, into)
	}
	if !d.usable(what, a, at, &a) {
		return false
	}
	*into = netip.AddrPortFrom(a, 0)
	return true
}

// reachable reports a server that the kernel refuses for its way of forwarding: no other port than with nat, no other address family than
// with tun.
func (d *decoder) reachable(s *service, what string, at hcl.Range, dest ipvs.Dest) bool {
	switch {
	case !s.keyed:
		return true
	case dest.Forward != ipvs.NAT && s.anyPort() && dest.Addr.Port() != 0:
		d.problem(at, fmt.Sprintf("%s %s has a port, and forward = %q cannot change that which clients ask for", what, dest.Addr, dest.Forward),
			fmt.Sprintf(`write %q, or forward = "nat"`, dest.Addr.Addr()))
	case dest.Forward != ipvs.NAT && !s.anyPort() && dest.Addr.Port() != s.Addr.Port():
		d.problem(at, fmt.Sprintf("%s %s has another port than the service (%d), and forward = %q cannot change ports", what, dest.Addr, s.Addr.Port(), dest.Forward),
			fmt.Sprintf(`write %q, or forward = "nat"`, netip.AddrPortFrom(dest.Addr.Addr(), s.Addr.Port())))
	case dest.Forward != ipvs.TUN && s.mixed:
		d.problem(at, fmt.Sprintf("%s has addresses of IPv4 and of IPv6, and forward = %q cannot cross over to %s %s", s.name, dest.Forward, what, dest.Addr),
			`make one virtual_server of each family, or write forward = "tun"`)
	case dest.Forward != ipvs.TUN && dest.Addr.Addr().Is6() != (s.AF() == ipvs.V6):
		d.problem(at, fmt.Sprintf("%s %s is of another address family than the service (%s), and forward = %q cannot cross over", what, dest.Addr, s.AF(), dest.Forward),
			fmt.Sprintf(`write an address of %s, or forward = "tun"`, s.AF()))
	default:
		d.cross(s, what, at, dest)
		d.noLoopback(s, what, at, dest)
		d.persistentPort(s, what, at, dest)
		return true
	}
	return false
}

// thresholds reads the bounds on connections of a server. Those that it does not say stay.
func (d *decoder) thresholds(upper, lower *hcl.Attribute, name string, dest *ipvs.Dest) {
	u, l := int(dest.Upper), int(dest.Lower)
	ok := d.number(upper, 0, maxThreshold, "write the most connections that the server may have, at most 65535, or 0 for no bound", &u)
	ok = d.number(lower, 0, maxThreshold, "write below how many connections a full server takes new ones, or 0 for three quarters of upper_threshold", &l) && ok
	switch {
	case !ok:
	case l > u:
		d.problem(cmp.Or(lower, upper).Expr.Range(), fmt.Sprintf("the lower_threshold of %s is %d, and its upper_threshold %d", name, l, u),
			"write a lower_threshold that is at most the upper_threshold")
	default:
		dest.Upper, dest.Lower = uint32(u), uint32(l)
	}
}

package conf

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/ipvs"
)

// rawService is a virtual_server block.
type rawService struct {
	Name         string          `hcl:"name,label"`
	NameRange    hcl.Range       `hcl:"name,label_range"`
	Place        hcl.Range       `hcl:",def_range"`
	Address      *hcl.Attribute  `hcl:"address,optional"`
	Protocol     *hcl.Attribute  `hcl:"protocol,optional"`
	Scheduler    *hcl.Attribute  `hcl:"scheduler,optional"`
	Forward      *hcl.Attribute  `hcl:"forward,optional"`
	OnFailure    *hcl.Attribute  `hcl:"on_failure,optional"`
	Quorum       *hcl.Attribute  `hcl:"quorum,optional"`
	QuorumOf     *hcl.Attribute  `hcl:"quorum_of,optional"`
	Hysteresis   *hcl.Attribute  `hcl:"hysteresis,optional"`
	Alpha        *hcl.Attribute  `hcl:"alpha,optional"`
	SorryInhibit *hcl.Attribute  `hcl:"sorry_inhibit,optional"`
	Persistence  *rawPersistence `hcl:"persistence,block"`
	Checks       []rawCheck      `hcl:"check,block"`
	Sorry        *rawSorry       `hcl:"sorry_server,block"`
	Servers      []rawServer     `hcl:"real_server,block"`
}

// rawPersistence is a persistence block.
type rawPersistence struct {
	Place   hcl.Range      `hcl:",def_range"`
	Timeout *hcl.Attribute `hcl:"timeout,optional"`
	Prefix  *hcl.Attribute `hcl:"prefix,optional"`
}

// rawSorry is a sorry_server block.
type rawSorry struct {
	Address      string         `hcl:"address,label"`
	AddressRange hcl.Range      `hcl:"address,label_range"`
	Forward      *hcl.Attribute `hcl:"forward,optional"`
}

// rawServer is a real_server block.
type rawServer struct {
	Address      string         `hcl:"address,label"`
	AddressRange hcl.Range      `hcl:"address,label_range"`
	Weight       *hcl.Attribute `hcl:"weight,optional"`
	Checks       []rawCheck     `hcl:"check,block"`
}

const (
	schedulerDefault = "wlc" // of ipvsadm and keepalived alike
	serviceExample   = "192.0.2.10:80"
	serverExample    = "10.0.0.11:8080"

	// maxPersistence is the bound of ipvsadm's -p, 31 days.
	maxPersistence = 31 * 24 * time.Hour
)

// A service is a virtual_server under construction.
type service struct {
	ipvs.VirtualServer
	raw   *rawService
	name  string // `virtual_server "shop"`, as messages begin
	keyed bool   // Key is what the file says
}

// services builds the virtual servers and the checks of their real servers, in file order.
func (d *decoder) services(raw []rawService) ([]ipvs.VirtualServer, []Check) {
	var out []ipvs.VirtualServer
	var checks []Check
	names := map[string]hcl.Range{}
	keys := map[ipvs.Key]*service{}
	for i := range raw {
		d.name("virtual_server", raw[i].Name, raw[i].NameRange, names)
		s := &service{raw: &raw[i], name: fmt.Sprintf("virtual_server %q", raw[i].Name)}
		d.serviceOptions(s)
		d.uniqueService(s, keys)
		theirs := d.servers(s)
		checks = append(checks, theirs...)
		d.sorryServer(s)
		d.quorumOptions(s)
		d.attainable(s, theirs)
		out = append(out, s.VirtualServer)
	}
	return out, checks
}

func (d *decoder) serviceOptions(s *service) {
	raw := s.raw
	s.VirtualServer = ipvs.VirtualServer{Name: raw.Name, Service: ipvs.Service{
		Key: ipvs.Key{Proto: ipvs.TCP}, Scheduler: schedulerDefault, Netmask: ipvs.SingleClient(ipvs.V4),
	}}
	if d.required(raw.Address, raw.Place, s.name, "address", fmt.Sprintf("%q", serviceExample)) {
		if v, set, ok := d.scalar(raw.Address, cty.String, fmt.Sprintf("write address = %q", serviceExample)); set && ok {
			d.parseHostPort("address", v.AsString(), raw.Address.Expr.Range(), serviceExample, &s.Addr)
		}
	}
	s.keyed = choice(d, raw.Protocol, []string{"tcp", "udp"}, []ipvs.Proto{ipvs.TCP, ipvs.UDP}, &s.Proto) && s.Addr.IsValid()
	choice(d, raw.Scheduler, ipvs.Schedulers(), ipvs.Schedulers(), &s.Scheduler)
	d.forward(raw.Forward, &s.Forward)
	choice(d, raw.OnFailure, []string{"remove", "quiesce"}, []ipvs.FailureAction{ipvs.Remove, ipvs.Quiesce}, &s.Failed)
	d.persistence(s)
}

func (d *decoder) forward(a *hcl.Attribute, into *ipvs.Forward) {
	choice(d, a, []string{"nat", "dr", "tun"}, []ipvs.Forward{ipvs.NAT, ipvs.DR, ipvs.TUN}, into)
}

func (d *decoder) persistence(s *service) {
	raw := s.raw.Persistence
	if raw == nil {
		return
	}
	prefix := 32
	d.number(raw.Prefix, 1, 32, "write 32 for each client by itself, or 24 for all clients of one /24 together", &prefix)
	s.Netmask = ipvs.PrefixMask(ipvs.V4, prefix)
	if !d.required(raw.Timeout, raw.Place, "persistence in "+s.name, "timeout", `"300s"`) {
		return
	}
	d.duration(raw.Timeout, span{low: time.Second, high: maxPersistence, step: time.Second}, &s.Persistence)
}

// uniqueService reports a service that the kernel's table could hold only once.
func (d *decoder) uniqueService(s *service, keys map[ipvs.Key]*service) {
	if !s.keyed {
		return
	}
	if first, again := keys[s.Key]; again {
		d.problem(s.raw.Address.Expr.Range(), fmt.Sprintf("%s is the address of %s at %s already", s.Key, first.name, place(first.raw.Address.Expr.Range())),
			"give one of them another address, port or protocol, or make them one virtual_server")
		return
	}
	keys[s.Key] = s
}

// servers builds the real servers of s and their checks.
func (d *decoder) servers(s *service) []Check {
	var out []Check
	places := map[netip.AddrPort]hcl.Range{}
	for i := range s.raw.Servers {
		raw := &s.raw.Servers[i]
		rs := ipvs.RealServer{Forward: s.Forward, Weight: 1}
		d.number(raw.Weight, 0, ipvs.MaxWeight, "write 1 to 65535; 0 takes no new connections", &rs.Weight)
		if !d.destination(s, "real server", raw.Address, raw.AddressRange, s.Forward, &rs.Addr) {
			d.checksOf(s, raw.Checks, netip.AddrPort{})
			continue
		}
		if first, again := places[rs.Addr]; again {
			d.problem(raw.AddressRange, fmt.Sprintf("real server %s is named twice in %s", rs.Addr, s.name), fmt.Sprintf("the first is at %s: remove one", place(first)))
		}
		places[rs.Addr] = raw.AddressRange
		s.Servers = append(s.Servers, rs)
		checks := raw.Checks
		if len(checks) == 0 {
			checks = s.raw.Checks
		}
		out = append(out, d.checksOf(s, checks, rs.Addr)...)
	}
	d.checksOf(s, s.raw.Checks, netip.AddrPort{}) // finds mistakes in defaults that no server uses
	return out
}

// destination parses the address of a server and checks that the forwarding method can reach its port.
func (d *decoder) destination(s *service, what, text string, at hcl.Range, forward ipvs.Forward, into *netip.AddrPort) bool {
	if !d.parseHostPort(what, text, at, serverExample, into) {
		return false
	}
	if forward != ipvs.NAT && s.Addr.IsValid() && into.Port() != s.Addr.Port() {
		d.problem(at, fmt.Sprintf("%s %s has another port than the service (%d), and forward = %q cannot change ports", what, into, s.Addr.Port(), forward),
			fmt.Sprintf(`write "%s:%d", or forward = "nat"`, into.Addr(), s.Addr.Port()))
		return false
	}
	return true
}

func (d *decoder) sorryServer(s *service) {
	raw := s.raw.Sorry
	if raw == nil {
		return
	}
	dest := ipvs.Dest{Forward: s.Forward, Weight: 1}
	d.forward(raw.Forward, &dest.Forward)
	if !d.destination(s, "sorry server", raw.Address, raw.AddressRange, dest.Forward, &dest.Addr) {
		return
	}
	if slices.ContainsFunc(s.Servers, func(rs ipvs.RealServer) bool { return rs.Addr == dest.Addr }) {
		d.problem(raw.AddressRange, fmt.Sprintf("sorry server %s is a real server of the same service", dest.Addr), "write the address of a server that stands in when those are down")
		return
	}
	s.Sorry = &dest
}

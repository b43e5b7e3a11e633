package conf

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/ipvs"
)

// targetKeywords say where a probe goes to, and how it leaves this host.
var targetKeywords = []string{"address", "source", "interface", "mark"}

// probeKeywords are those of checks, which may go by way of IPVS.
var probeKeywords = append(slices.Clone(targetKeywords), "via")

// target reads where a probe goes to.
func (d *decoder) target(raw *rawCheck, of subject) checkers.Target {
	t := checkers.Target{Addr: d.probeAddress(raw, of.addr)}
	d.sourceAddress(raw.Source, t.Addr.Addr(), &t.Source)
	d.text(raw.Interface, "eth0", &t.Device)
	if len(t.Device) > maxInterfaceName {
		d.problem(raw.Interface.Expr.Range(), fmt.Sprintf("interface %s has more than %d letters", quote(t.Device), maxInterfaceName), `write interface = "eth0", for example`)
	}
	mark := 0
	if d.number(raw.Mark, 1, 1<<32-1, "", &mark) {
		t.Mark = uint32(mark)
	}
	proxy := 0
	choice(d, raw.Proxy, []string{"v1", "v2"}, []int{1, 2}, &proxy)
	t.Proxy = uint8(proxy)
	if raw.Via != nil {
		d.way(raw, of, &t)
	}
	return t
}

// firstWay is the first of the marks of ways: behind those of services.
const firstWay = ownMarks + 1<<24

// way sends a probe to the virtual address, with a mark by which IPVS takes it to the server as it takes there what clients send.
func (d *decoder) way(raw *rawCheck, of subject, t *checkers.Target) {
	var forward ipvs.Forward
	ok := choice(d, raw.Via, []string{"dr", "tun"}, []ipvs.Forward{ipvs.DR, ipvs.TUN}, &forward)
	for _, a := range []*hcl.Attribute{raw.Address, raw.Interface, raw.Mark} {
		if a != nil {
			d.problem(a.NameRange, fmt.Sprintf("%s beside via: the probe goes to the virtual address, and IPVS says how", a.Name), "remove one of them")
			ok = false
		}
	}
	if !ok || !of.addr.IsValid() {
		return
	}
	s := of.service
	i := slices.IndexFunc(s.placed, func(k placedKey) bool { return k.Addr.IsValid() })
	switch {
	case of.dest.Forward != forward:
		d.problem(raw.Via.Expr.Range(), fmt.Sprintf("via = %q in %s, which reaches %s by %s", forward, s.name, of.addr, of.dest.Forward), "write the way that clients' packets take, or remove via")
	case i < 0:
		d.problem(raw.Via.Expr.Range(), fmt.Sprintf("via in %s, which has no address that a probe could be sent to", s.name), "remove via")
	default:
		t.Addr, t.Mark = s.placed[i].Addr, d.wayTo(of, s.placed[i].Key)
		if t.Addr.Addr().Is4() == of.addr.Addr().Is4() {
			t.Toward = of.addr.Addr()
		}
	}
}

// wayTo returns the mark of the service of IPVS that has one server only, which is made unless another check has asked for it.
func (d *decoder) wayTo(of subject, key ipvs.Key) uint32 {
	s := of.service
	name := fmt.Sprintf("%s via %s", s.Name, of.addr)
	for _, w := range s.ways {
		if w.Name == name {
			return w.Keys[0].Mark
		}
	}
	d.ways++
	family := ipvs.V4
	if key.Addr.Addr().Is6() {
		family = ipvs.V6
	}
	mark := firstWay + uint32(d.ways)
	s.ways = append(s.ways, ipvs.VirtualServer{
		Name: name, Keys: []ipvs.Key{{Mark: mark, Family: family}}, Service: ipvs.Service{Scheduler: "rr"}, Forward: of.dest.Forward,
		Servers: []ipvs.RealServer{{Addr: of.addr, Forward: of.dest.Forward, Tunnel: of.dest.Tunnel, Weight: 1}},
	})
	return mark
}

// maxInterfaceName is what the kernel has room for, IFNAMSIZ less the zero at the end.
const maxInterfaceName = 15

// sourceAddress reads the address that probes come from, which must be of the family of the server.
func (d *decoder) sourceAddress(a *hcl.Attribute, server netip.Addr, into *netip.Addr) {
	text := ""
	if !d.text(a, "10.0.0.1", &text) || a == nil {
		return
	}
	addr, err := netip.ParseAddr(text)
	switch {
	case err != nil || addr.Zone() != "":
		d.problem(a.Expr.Range(), fmt.Sprintf("source %s is no address", quote(text)), `write source = "10.0.0.1", for example`)
	case server.IsValid() && addr.Unmap().Is4() != server.Unmap().Is4():
		d.problem(a.Expr.Range(), fmt.Sprintf("source %s is of another family than the server %s", addr, server), "write an address of this host of the server's family")
	default:
		*into = addr.Unmap()
	}
}

// probeAddress is where a probe connects to: the server, or what address says. An address of ":9000" is another port of the server.
func (d *decoder) probeAddress(raw *rawCheck, server netip.AddrPort) netip.AddrPort {
	v, set, ok := d.scalar(raw.Address, cty.String, fmt.Sprintf("write address = %q", serverExample))
	if !set || !ok {
		if ok && server.IsValid() && server.Port() == 0 {
			d.missing(raw.Place, fmt.Sprintf("check %q of a server without a port", raw.Kind), "address", `":80"`)
		}
		return server
	}
	text, at := v.AsString(), raw.Address.Expr.Range()
	if port, found := strings.CutPrefix(text, ":"); found {
		n, _ := d.parsePort("address", text, port, at)
		return netip.AddrPortFrom(server.Addr(), n)
	}
	var out netip.AddrPort
	d.parseHostPort("address", text, at, serverExample, &out)
	return out
}

package conf

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/checkers"
)

// targetKeywords say where a probe goes to, and how it leaves this host.
var targetKeywords = []string{"address", "source", "interface", "mark"}

// target reads where a probe goes to.
func (d *decoder) target(raw *rawCheck, server netip.AddrPort) checkers.Target {
	t := checkers.Target{Addr: d.probeAddress(raw, server)}
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
	return t
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

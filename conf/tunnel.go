package conf

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/ipvs"
)

// rawTunnel is a tunnel block.
type rawTunnel struct {
	Place    hcl.Range      `hcl:",def_range"`
	Type     *hcl.Attribute `hcl:"type,optional"`
	Port     *hcl.Attribute `hcl:"port,optional"`
	Checksum *hcl.Attribute `hcl:"checksum,optional"`
}

// tunnelOf gives dest its tunnel: its own, or that of the service; only forward = "tun" has one.
func (d *decoder) tunnelOf(s *service, raw *rawTunnel, name string, dest *ipvs.Dest) {
	if raw == nil && dest.Forward == ipvs.TUN {
		dest.Tunnel = s.tunnel
	}
	if raw == nil {
		return
	}
	d.tunnelOptions(raw, name, &dest.Tunnel)
	if dest.Forward != ipvs.TUN {
		d.problem(raw.Place, fmt.Sprintf("%s has a tunnel, and forward = %q", name, dest.Forward), `write forward = "tun", or remove the tunnel`)
	}
}

// tunnelOptions reads how packets are wrapped.
func (d *decoder) tunnelOptions(raw *rawTunnel, name string, into *ipvs.Tunnel) {
	if raw == nil {
		return
	}
	port, t := 0, ipvs.Tunnel{}
	if !d.required(raw.Type, raw.Place, "the tunnel of "+name, "type", `"gue"`) ||
		!choice(d, raw.Type, []string{"ipip", "gue", "gre"}, []ipvs.TunnelKind{ipvs.IPIP, ipvs.GUE, ipvs.GRE}, &t.Kind) ||
		!d.number(raw.Port, 1, 65535, "write the UDP port at which the server takes GUE, such as port = 6080", &port) ||
		!choice(d, raw.Checksum, []string{"none", "full", "remote"}, []uint16{0, ipvs.TunnelChecksum, ipvs.TunnelRemoteChecksum}, &t.Flags) {
		return
	}
	t.Port = uint16(port)
	if d.tunnelIsWhole(raw, name, t) {
		*into = t
	}
}

// tunnelIsWhole reports options that the kind of tunnel does not have, and a missing one that it must have.
func (d *decoder) tunnelIsWhole(raw *rawTunnel, name string, t ipvs.Tunnel) bool {
	switch {
	case t.Kind == ipvs.GUE && t.Port == 0:
		d.missing(raw.Place, "the tunnel of "+name, "port", "6080")
	case t.Kind != ipvs.GUE && t.Port != 0:
		d.problem(raw.Port.NameRange, fmt.Sprintf("a tunnel of type %s has no port", t.Kind), `remove it, or write type = "gue"`)
	case t.Kind == ipvs.IPIP && t.Flags != 0:
		d.problem(raw.Checksum.NameRange, "a tunnel of type ipip has no checksum", `remove it, or write type = "gue" or "gre"`)
	case t.Kind == ipvs.GRE && t.Flags == ipvs.TunnelRemoteChecksum:
		d.problem(raw.Checksum.Expr.Range(), `checksum = "remote" is for tunnels of type gue, and this is gre`, `write checksum = "full", or type = "gue"`)
	default:
		return true
	}
	return false
}

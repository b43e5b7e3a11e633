package conf

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/vrrp"
)

// rawPath is a path block in a peer block.
type rawPath struct {
	Address      string         `hcl:"address,label"`
	AddressRange hcl.Range      `hcl:"address,label_range"`
	Interface    *hcl.Attribute `hcl:"interface,optional"`
}

// peerPaths reads the other ways to a peer.
func (d *decoder) peerPaths(r *router, raw *rawPeer, peer netip.Addr) {
	for i := range raw.Paths {
		path := vrrp.Path{Peer: peer}
		at := raw.Paths[i].AddressRange
		d.device(raw.Paths[i].Interface, &path.Interface)
		if d.parseEither("path", raw.Paths[i].Address, at, "10.1.0.2", &path.Address) && d.pathFits(r, path, at) {
			r.Paths = append(r.Paths, path)
		}
	}
}

// pathFits reports a path that cannot be one.
func (d *decoder) pathFits(r *router, path vrrp.Path, at hcl.Range) bool {
	a := path.Address
	switch {
	case vrrp.FamilyOf(a) != vrrp.FamilyOf(path.Peer):
		d.problem(at, fmt.Sprintf("path %s is %s, and peer %s is %s", a, vrrp.FamilyOf(a), path.Peer, vrrp.FamilyOf(path.Peer)), "write an address of one family with the peer's")
	case slices.Contains(r.Peers, a), slices.ContainsFunc(r.Paths, func(o vrrp.Path) bool { return o.Address == a }):
		d.problem(at, fmt.Sprintf("path %s is named twice: it is a peer or another path", a), "write another address of the same router, one that it has on a second network")
	case slices.ContainsFunc(r.Addresses, func(v vrrp.Address) bool { return v.Prefix.Addr() == a }):
		d.problem(at, fmt.Sprintf("path %s is one of the virtual addresses, which moves", a), "name an address that the other router always has")
	case r.Version == vrrp.V2 && r.raw.Auth != nil && d.wantsAH(r.raw.Auth):
		d.problem(at, "the authentication header goes over one path only", "remove path { }, or write version = 3 with hmac { }")
	default:
		return true
	}
	return false
}

// wantsAH reports whether an authentication block asks for an authentication header.
func (d *decoder) wantsAH(a *rawAuthentication) bool {
	if a.Type == nil {
		return false
	}
	v, set, ok := d.value(a.Type)
	return set && ok && v.Type() == cty.String && v.AsString() == "ah"
}

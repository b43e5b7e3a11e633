package conf

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/vrrp"
)

// startup reads for how long a process that begins keeps out.
func (d *decoder) startup(r *rawGlobal) {
	within := span{low: time.Millisecond, high: time.Hour, zero: "no delay"}
	d.duration(r.StartupDelay, within, &d.global.Startup.Delay)
	d.duration(r.AfterBoot, within, &d.global.Startup.AfterBoot)
}

// multicastGroups reads the groups of all instances that name none.
func (d *decoder) multicastGroups(r *rawGlobal) {
	d.groups = map[vrrp.Family]netip.Addr{}
	for f, a := range map[vrrp.Family]*hcl.Attribute{vrrp.IPv4: r.Group4, vrrp.IPv6: r.Group6} {
		var group netip.Addr
		if d.group(a, f, &group) {
			d.groups[f] = group
		}
	}
}

// multicastGroup reads the group of one instance. One that is named for all does not concern those with unicast peers.
func (d *decoder) multicastGroup(r *router) {
	raw := r.raw
	if raw.Unicast != nil {
		if d.given(raw.Group) {
			d.problem(raw.Group.Expr.Range(), "multicast_group contradicts unicast { }: adverts go to the peers only", "remove one of the two")
		}
		return
	}
	f := r.Family()
	if len(r.Addresses) == 0 && d.given(raw.Group) && !r.Source.IsValid() {
		f = 0 // the group is what tells it
	}
	r.Group = d.groups[f]
	d.group(raw.Group, f, &r.Group)
}

// group reads a multicast group of a family, 0 for either. It reports whether there is one.
func (d *decoder) group(a *hcl.Attribute, f vrrp.Family, into *netip.Addr) bool {
	if a == nil {
		return false
	}
	example := max(f, vrrp.IPv4).Group()
	v, set, ok := d.scalar(a, cty.String, fmt.Sprintf("write %s = %q", a.Name, example))
	if !set || !ok {
		return false
	}
	g, err := netip.ParseAddr(v.AsString())
	if f == 0 {
		f = max(vrrp.FamilyOf(g), vrrp.IPv4)
	}
	switch {
	case err != nil || vrrp.FamilyOf(g) != f || g.Zone() != "":
		d.problem(a.Expr.Range(), fmt.Sprintf("%s %s is not an %s address", a.Name, quote(v.AsString()), f), fmt.Sprintf("write one such as %q", f.Group()))
	case vrrp.GroupFault(g, f) != nil:
		d.problem(a.Expr.Range(), fmt.Sprintf("%s %s is not a multicast group%s", a.Name, g, scopeOf(f)), fmt.Sprintf("write one such as %q", f.Group()))
	default:
		*into = g
		return true
	}
	return false
}

// scopeOf says how far adverts of a family may travel.
func scopeOf(f vrrp.Family) string {
	if f == vrrp.IPv6 {
		return " of link-local scope (ffX2::)"
	}
	return ""
}

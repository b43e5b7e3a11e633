package conf

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/vrrp"
)

// addressBlock reads an address in the long form, of either family. Device is the interface that it is on unless it names another.
func (d *decoder) addressBlock(raw *rawAddress, device string, a *vrrp.Address) bool {
	before := len(d.diags)
	d.flag(raw.AutoJoin, &a.AutoJoin)
	switch group, err := netip.ParsePrefix(raw.Address); {
	case a.AutoJoin && err == nil && group.Addr().IsMulticast():
		a.Prefix = group
	case a.AutoJoin:
		d.problem(raw.AutoJoin.Expr.Range(), "autojoin is for multicast groups, and this address is none", "remove it")
	case err == nil && group.Addr().Is6() && !group.Addr().IsMulticast() && !group.Addr().IsUnspecified() && group.Bits() > 0:
		a.Prefix = group
	default:
		d.virtualAddress(raw.Address, raw.AddressRange, &a.Prefix)
	}
	d.longForm(raw, a)
	if len(d.diags) > before {
		return false
	}
	d.addressOptions(raw, a)
	d.addressSense(raw, cmp.Or(a.Interface, device), a)
	return len(d.diags) == before
}

// addressOptions reads the properties that `ip address add` knows.
func (d *decoder) addressOptions(raw *rawAddress, a *vrrp.Address) {
	d.optionalSmall(raw.Scope, scopeNames(), &a.Scope)
	d.broadcast(raw.Broadcast, a)
	d.anyHost(raw.Peer, "10.0.0.2", &a.Peer)
	for _, f := range []struct {
		a    *hcl.Attribute
		into *bool
	}{{raw.DAD, &a.DetectDuplicates}, {raw.Home, &a.Home}, {raw.Temporary, &a.ManageTemporary}, {raw.NoRoute, &a.NoPrefixRoute}} {
		d.flag(f.a, f.into)
	}
	d.lifetime(raw.Preferred, a)
	d.uint32(raw.Metric, 1, math.MaxUint32, &a.Metric)
	a.Untracked = !d.trackFlag(raw.Track)
}

// lifetime reads a duration, or "forever".
func (d *decoder) lifetime(a *hcl.Attribute, into *vrrp.Address) {
	if !d.given(a) {
		return
	}
	if v, set, ok := d.value(a); set && ok && v.Type() == cty.String && v.AsString() == "forever" {
		into.Preferred = vrrp.Some(vrrp.Forever)
		return
	}
	var t time.Duration
	if d.duration(a, span{low: time.Second, high: 24 * 365 * time.Hour, step: time.Second, zero: "never"}, &t) {
		into.Preferred = vrrp.Some(t)
	}
}

// broadcast reads an address, or "+" and "-" for the host bits all one or all zero.
func (d *decoder) broadcast(a *hcl.Attribute, into *vrrp.Address) {
	text := ""
	if a == nil || !d.text(a, "+", &text) || text == "" {
		return
	}
	if into.Prefix.Addr().Is6() {
		d.problem(a.Expr.Range(), "IPv6 has no broadcast addresses", "remove broadcast")
		return
	}
	switch text {
	case "none":
	case "+":
		into.Broadcast = lastOf(into.Prefix)
	case "-":
		into.Broadcast = into.Prefix.Masked().Addr()
	default:
		addr, err := netip.ParseAddr(text)
		if err != nil || !addr.Is4() {
			d.problem(a.Expr.Range(), fmt.Sprintf("broadcast is %s, want an IPv4 address", quote(text)), `write "+" for the last address of the network, "-" for the first, or "none"`)
			return
		}
		into.Broadcast = addr
	}
}

// addressSense reports properties of the other family, and labels that the tools of old do not find.
func (d *decoder) addressSense(raw *rawAddress, device string, a *vrrp.Address) {
	d.onlyFor4(a.Prefix, map[string]*hcl.Attribute{"scope": raw.Scope, "label": raw.Label})
	for name, flag := range map[string]*hcl.Attribute{"dad": raw.DAD, "home": raw.Home, "manage_temporary": raw.Temporary} {
		d.onlyFor6(a.Prefix, map[string]*hcl.Attribute{name: flag})
	}
	if a.Label != "" && device != "" && a.Label != device && !strings.HasPrefix(a.Label, device+":") {
		d.problem(raw.Label.Expr.Range(), fmt.Sprintf("label %s does not begin with the interface and a colon", quote(a.Label)),
			fmt.Sprintf("write label = %q, for example: iproute2 and ifconfig find no other", device+":web"))
	}
	if a.Peer.IsValid() && a.Peer.Is4() != a.Prefix.Addr().Is4() {
		d.problem(raw.Peer.Expr.Range(), fmt.Sprintf("peer %s is of another family than %s", a.Peer, a.Prefix.Addr()), "write an address of the same family")
	}
	if a.Broadcast.IsValid() && a.Prefix.Bits() > 30 {
		d.problem(raw.Broadcast.Expr.Range(), fmt.Sprintf("a network of /%d has no broadcast address", a.Prefix.Bits()), "remove broadcast, or write the length that the network has")
	}
}

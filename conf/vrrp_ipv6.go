package conf

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/vrrp"
)

const vip6Example = "fe80::100/64"

// hostOfEither reads the address of a host of either family.
func (d *decoder) hostOfEither(a *hcl.Attribute, example string, into *netip.Addr) {
	if a == nil {
		return
	}
	if v, set, ok := d.scalar(a, cty.String, fmt.Sprintf("write %s = %q", a.Name, example)); set && ok {
		d.parseEither(a.Name, v.AsString(), a.Expr.Range(), example, into)
	}
}

// parseEither parses the address of a host of either family. An IPv4 address in IPv6 form is one of IPv4.
func (d *decoder) parseEither(what, text string, at hcl.Range, example string, into *netip.Addr) bool {
	addr, err := netip.ParseAddr(text)
	switch {
	case err != nil && strings.Count(text, ":") > 1:
		d.problem(at, fmt.Sprintf("%s %s is not an IP address", what, quote(text)), `write an IPv6 address such as "fe80::100"`)
	case err != nil || vrrp.FamilyOf(addr) != vrrp.IPv6:
		return d.parseHost(what, text, at, example, into)
	case addr.Zone() != "":
		d.problem(at, fmt.Sprintf("%s %s names an interface", what, addr),
			fmt.Sprintf("leave out %%%s: a link-local address is one of the interface of the instance", addr.Zone()))
	case addr.IsUnspecified(), addr.IsMulticast(), addr.IsLoopback():
		d.problem(at, fmt.Sprintf("%s %s is not the address of a host", what, addr), "write an address that one machine can have")
	default:
		*into = addr
		return true
	}
	return false
}

// prefix6 parses the prefix length of an IPv6 virtual address. That of the network's routers, ::, is theirs all at once (RFC 4291 section 2.6.1).
func (d *decoder) prefix6(addr netip.Addr, length string, at hcl.Range, into *netip.Prefix) bool {
	p, err := netip.ParsePrefix(addr.String() + "/" + length)
	switch {
	case err != nil || p.Bits() == 0:
		d.problem(at, fmt.Sprintf("the prefix length of virtual address %s is %s, want 1 to 128", addr, quote(length)),
			fmt.Sprintf("write %q, with the length that the network has", addr.String()+"/64"))
	case p.Bits() < 127 && addr == p.Masked().Addr():
		d.problem(at, fmt.Sprintf("virtual address %s is that of all routers of its network", p), "write an address with other last digits, or /128")
	default:
		*into = p
		return true
	}
	return false
}

// routerFamily checks what depends on the family, once the addresses are known.
func (d *decoder) routerFamily(r *router) {
	raw := r.raw
	linkLocalFirst := true
	d.flag(raw.LinkFirst, &linkLocalFirst)
	r.GlobalFirst = !linkLocalFirst
	if len(r.Addresses) == 0 {
		return
	}
	d.oneFamily(r)
	f := r.Family()
	if r.Source.IsValid() && vrrp.FamilyOf(r.Source) != f {
		d.problem(r.sourceRange(), fmt.Sprintf("source %s is %s, the virtual addresses are %s", r.Source, vrrp.FamilyOf(r.Source), f),
			fmt.Sprintf("write an %s address of this host, or leave source out", f))
	}
	if f == vrrp.IPv6 {
		d.routerIPv6(r)
	} else if d.given(raw.LinkFirst) {
		d.problem(raw.LinkFirst.Expr.Range(), "link_local_first is about IPv6, and the virtual addresses are IPv4", "remove it")
	}
}

// sourceRange returns where the source is written.
func (r *router) sourceRange() hcl.Range {
	if u := r.raw.Unicast; u != nil && u.Source != nil {
		return u.Source.Expr.Range()
	}
	return r.raw.Source.Expr.Range()
}

// oneFamily reports the first advertised address that is of another family than the one before all.
func (d *decoder) oneFamily(r *router) {
	f := r.Family()
	if r.unread {
		return // that one may be the first
	}
	i := slices.IndexFunc(r.Addresses, func(a vrrp.Address) bool { return !a.Excluded && vrrp.FamilyOf(a.Prefix.Addr()) != f })
	if i < 0 {
		return
	}
	other := r.Addresses[i].Prefix.Addr()
	d.problem(r.vips[i], fmt.Sprintf("virtual address %s is %s, and the first advertised one is %s: an advert names one kind", other, vrrp.FamilyOf(other), f),
		`write it as virtual_address "…" { advertised = false }, or in an instance of its own, which may have the same virtual_router_id`)
}

// routerIPv6 checks what IPv6 demands.
func (d *decoder) routerIPv6(r *router) {
	raw := r.raw
	if r.Version == vrrp.V2 {
		d.problem(raw.Version.Expr.Range(), "version 2 knows no IPv6", "write version = 3, or leave it out")
	}
	if r.Checksum != vrrp.FormAuto {
		d.problem(raw.Checksum.Expr.Range(), "over IPv6 there is one form of checksum", "remove checksum")
		r.Checksum = vrrp.FormAuto
	}
	i := slices.IndexFunc(r.Addresses, func(a vrrp.Address) bool { return !a.Excluded })
	if first := r.Addresses[max(i, 0)].Prefix.Addr(); !first.IsLinkLocalUnicast() && !r.GlobalFirst && !r.unread {
		d.problem(r.vips[max(i, 0)], fmt.Sprintf("the first virtual address is %s, over IPv6 it must be link-local (RFC 9568 section 5.2.9)", first),
			fmt.Sprintf("write a link-local one before it, the same on all routers, such as %q; or link_local_first = false if all of them allow that, as keepalived does", vip6Example))
	}
}

package conf

import (
	"fmt"
	"math"
	"math/big"
	"net/netip"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/govrrpd/govrrpd/vrrp"
)

// rawEncap is an encap block: the tunnel that a route leads into.
type rawEncap struct {
	Kind      string         `hcl:"kind,label"`
	KindRange hcl.Range      `hcl:"kind,label_range"`
	Place     hcl.Range      `hcl:",def_range"`
	Labels    *hcl.Attribute `hcl:"labels,optional"`
	TTL       *hcl.Attribute `hcl:"ttl,optional"`
	ID        *hcl.Attribute `hcl:"id,optional"`
	Source    *hcl.Attribute `hcl:"source,optional"`
	Dest      *hcl.Attribute `hcl:"destination,optional"`
	TOS       *hcl.Attribute `hcl:"tos,optional"`
	Mode      *hcl.Attribute `hcl:"mode,optional"`
	Segments  *hcl.Attribute `hcl:"segments,optional"`
}

func (d *decoder) encap(raw *rawEncap, e *vrrp.Encap) {
	kinds := map[string]vrrp.EncapKind{"mpls": vrrp.EncapMPLS, "ip": vrrp.EncapIP, "ip6": vrrp.EncapIP6, "seg6": vrrp.EncapSEG6}
	kind, ok := kinds[raw.Kind]
	if !ok {
		d.problem(raw.KindRange, fmt.Sprintf("encap %s is not a tunnel that is known here", quote(raw.Kind)), `write encap "mpls", "ip", "ip6" or "seg6"`)
		return
	}
	e.Kind = kind
	d.encapFits(raw, kind)
	ttl := 0
	d.number(raw.TTL, 1, 255, "", &ttl)
	e.TTL = uint8(ttl)
	switch kind {
	case vrrp.EncapMPLS:
		d.labels(raw, e)
	case vrrp.EncapSEG6:
		d.segments(raw, e)
	default:
		d.tunnel(raw, e)
	}
}

// encapFits reports keywords of another kind.
func (d *decoder) encapFits(raw *rawEncap, kind vrrp.EncapKind) {
	ip := kind == vrrp.EncapIP || kind == vrrp.EncapIP6
	for _, k := range []struct {
		a    *hcl.Attribute
		good bool
	}{
		{raw.Labels, kind == vrrp.EncapMPLS}, {raw.TTL, kind != vrrp.EncapSEG6}, {raw.ID, ip}, {raw.Source, ip}, {raw.Dest, ip}, {raw.TOS, ip},
		{raw.Mode, kind == vrrp.EncapSEG6}, {raw.Segments, kind == vrrp.EncapSEG6},
	} {
		if d.given(k.a) && !k.good {
			d.problem(k.a.Expr.Range(), fmt.Sprintf("%s means nothing to encap %q", k.a.Name, raw.Kind), "remove it")
		}
	}
}

func (d *decoder) labels(raw *rawEncap, e *vrrp.Encap) {
	if !d.required(raw.Labels, raw.Place, `encap "mpls"`, "labels", "[100], the outermost first") {
		return
	}
	v, set, ok := d.value(raw.Labels)
	if !set || !ok {
		return
	}
	list, err := convert.Convert(v, cty.List(cty.Number))
	if err != nil || list.LengthInt() == 0 {
		d.problem(raw.Labels.Expr.Range(), fmt.Sprintf("labels is %s, want a list of numbers", shown(v)), "write labels = [100, 200]")
		return
	}
	for it := list.ElementIterator(); it.Next(); {
		_, element := it.Element()
		n, ok := mplsLabel(element)
		if !ok {
			d.problem(raw.Labels.Expr.Range(), "a label is not 0 to 1048575", "write labels = [100, 200], for example")
			return
		}
		e.Labels = append(e.Labels, n)
	}
}

// mplsLabel is a number of 20 bits.
func mplsLabel(v cty.Value) (uint32, bool) {
	if v.IsNull() {
		return 0, false
	}
	n, accuracy := v.AsBigFloat().Uint64()
	return uint32(n), accuracy == big.Exact && n <= 1<<20-1
}

func (d *decoder) segments(raw *rawEncap, e *vrrp.Encap) {
	e.Mode = vrrp.SEG6Encapsulate
	choice(d, raw.Mode, []string{"encap", "inline", "l2encap"}, []vrrp.SEG6Mode{vrrp.SEG6Encapsulate, vrrp.SEG6Inline, vrrp.SEG6EncapsulateL2}, &e.Mode)
	if !d.required(raw.Segments, raw.Place, `encap "seg6"`, "segments", `["fc00::1"], in the order of travel`) {
		return
	}
	list, _ := d.list(raw.Segments, "fc00::1")
	for _, one := range list {
		a, err := netip.ParseAddr(one.text)
		if err != nil || !a.Is6() || a.Is4In6() {
			d.problem(one.at, fmt.Sprintf("segment %s is not an IPv6 address", quote(one.text)), `write segments = ["fc00::1"]`)
			continue
		}
		e.Segments = append(e.Segments, a)
	}
}

func (d *decoder) tunnel(raw *rawEncap, e *vrrp.Encap) {
	id := uint32(0)
	d.uint32(raw.ID, 1, math.MaxUint32, &id)
	e.ID = uint64(id)
	d.anyHost(raw.Source, "10.0.0.1", &e.Source)
	if d.required(raw.Dest, raw.Place, fmt.Sprintf("encap %q", raw.Kind), "destination", `"10.0.0.2", the other end of the tunnel`) {
		d.anyHost(raw.Dest, "10.0.0.2", &e.Dest)
	}
	d.small(raw.TOS, dsNames(), &e.TOS)
	for _, a := range []struct {
		raw  *hcl.Attribute
		addr netip.Addr
	}{{raw.Source, e.Source}, {raw.Dest, e.Dest}} {
		if a.addr.IsValid() && a.addr.Is4() != (e.Kind == vrrp.EncapIP) {
			d.problem(a.raw.Expr.Range(), fmt.Sprintf("%s %s is of another family than encap %q", a.raw.Name, a.addr, raw.Kind), `write encap "ip" for IPv4, encap "ip6" for IPv6`)
		}
	}
}

package conf

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/vrrp"
)

// rawRoute is a route block, or a static_route at the top level; they differ in what track is.
type rawRoute struct {
	Prefix       string         `hcl:"destination,label"`
	PrefixRange  hcl.Range      `hcl:"destination,label_range"`
	Place        hcl.Range      `hcl:",def_range"`
	Type         *hcl.Attribute `hcl:"type,optional"`
	Via          *hcl.Attribute `hcl:"via,optional"`
	Interface    *hcl.Attribute `hcl:"interface,optional"`
	OnLink       *hcl.Attribute `hcl:"onlink,optional"`
	Table        *hcl.Attribute `hcl:"table,optional"`
	Metric       *hcl.Attribute `hcl:"metric,optional"`
	TOS          *hcl.Attribute `hcl:"tos,optional"`
	Scope        *hcl.Attribute `hcl:"scope,optional"`
	Protocol     *hcl.Attribute `hcl:"protocol,optional"`
	Source       *hcl.Attribute `hcl:"source,optional"`
	From         *hcl.Attribute `hcl:"from,optional"`
	Realms       *hcl.Attribute `hcl:"realms,optional"`
	Preference   *hcl.Attribute `hcl:"preference,optional"`
	Expires      *hcl.Attribute `hcl:"expires,optional"`
	TTLPropagate *hcl.Attribute `hcl:"ttl_propagate,optional"`
	Lock         *hcl.Attribute `hcl:"lock,optional"`
	MTU          *hcl.Attribute `hcl:"mtu,optional"`
	AdvMSS       *hcl.Attribute `hcl:"advmss,optional"`
	RTT          *hcl.Attribute `hcl:"rtt,optional"`
	RTTVar       *hcl.Attribute `hcl:"rttvar,optional"`
	RTOMin       *hcl.Attribute `hcl:"rto_min,optional"`
	Window       *hcl.Attribute `hcl:"window,optional"`
	CWnd         *hcl.Attribute `hcl:"cwnd,optional"`
	InitCWnd     *hcl.Attribute `hcl:"initcwnd,optional"`
	InitRWnd     *hcl.Attribute `hcl:"initrwnd,optional"`
	SSThresh     *hcl.Attribute `hcl:"ssthresh,optional"`
	Reordering   *hcl.Attribute `hcl:"reordering,optional"`
	HopLimit     *hcl.Attribute `hcl:"hoplimit,optional"`
	QuickAck     *hcl.Attribute `hcl:"quickack,optional"`
	FastOpen     *hcl.Attribute `hcl:"fastopen_no_cookie,optional"`
	Congestion   *hcl.Attribute `hcl:"congctl,optional"`
	ECN          *hcl.Attribute `hcl:"ecn,optional"`
	Track        *hcl.Attribute `hcl:"track,optional"`
	Encap        *rawEncap      `hcl:"encap,block"`
	Hops         []rawHop       `hcl:"nexthop,block"`
}

// rawHop is a nexthop block: one way of several.
type rawHop struct {
	Place     hcl.Range      `hcl:",def_range"`
	Via       *hcl.Attribute `hcl:"via,optional"`
	Interface *hcl.Attribute `hcl:"interface,optional"`
	Weight    *hcl.Attribute `hcl:"weight,optional"`
	OnLink    *hcl.Attribute `hcl:"onlink,optional"`
	Realms    *hcl.Attribute `hcl:"realms,optional"`
	Encap     *rawEncap      `hcl:"encap,block"`
}

const routeExample = "192.0.2.1"

// route reads one block, and reports whether nothing is wrong with it.
func (d *decoder) route(raw *rawRoute, r *vrrp.HeldRoute) bool {
	before := len(d.diags)
	d.routeNetwork("destination", raw.Prefix, raw.PrefixRange, raw.Via, &r.Prefix)
	types := []vrrp.RouteType{vrrp.RouteUnicast, vrrp.RouteLocal, vrrp.RouteBlackhole, vrrp.RouteUnreachable, vrrp.RouteProhibit, vrrp.RouteThrow}
	choice(d, raw.Type, []string{"unicast", "local", "blackhole", "unreachable", "prohibit", "throw"}, types, &r.Type)
	d.routePlace(raw, r)
	d.routeHops(raw, r)
	d.routeMetrics(raw, r)
	if len(d.diags) == before && !d.undecoded && d.routeSense(raw, r) {
		if err := r.Validate(); err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			d.problem(raw.PrefixRange, first, "")
		}
	}
	return len(d.diags) == before
}

// routePlace reads where the route is filed and whom it is for.
func (d *decoder) routePlace(raw *rawRoute, r *vrrp.HeldRoute) {
	d.named(raw.Table, tableNames(), &r.Table)
	d.uint32(raw.Metric, 0, math.MaxUint32, &r.Metric)
	d.small(raw.TOS, dsNames(), &r.TOS)
	d.optionalSmall(raw.Scope, scopeNames(), &r.Scope)
	d.small(raw.Protocol, protocolNames(), &r.Protocol)
	d.anyHost(raw.Source, routeExample, &r.Source)
	if raw.From != nil {
		d.network(raw.From, &r.From)
	}
	d.realms(raw.Realms, &r.Realms)
	var pref uint8
	if d.given(raw.Preference) && choice(d, raw.Preference, []string{"low", "medium", "high"}, []uint8{3, 0, 1}, &pref) {
		r.Preference = vrrp.Some(pref)
	}
	d.duration(raw.Expires, span{low: time.Second, high: 24 * 365 * time.Hour, step: time.Second}, &r.Expires)
	if d.given(raw.TTLPropagate) {
		var on bool
		d.flag(raw.TTLPropagate, &on)
		r.TTLPropagate = vrrp.Some(on)
	}
}

// routeNetwork reads a destination; "default" needs the family of the gateway.
func (d *decoder) routeNetwork(what, text string, at hcl.Range, via *hcl.Attribute, into *netip.Prefix) {
	if text == "default" {
		var gateway netip.Addr
		d.anyHost(via, routeExample, &gateway)
		if *into = netip.PrefixFrom(netip.IPv4Unspecified(), 0); gateway.Is6() {
			*into = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		return
	}
	d.parseNetwork(what, text, at, into)
}

// network reads "10.0.0.0/8", or an address for itself.
func (d *decoder) network(a *hcl.Attribute, into *netip.Prefix) {
	text := ""
	if a != nil && d.text(a, "10.0.0.0/8", &text) && text != "" {
		d.parseNetwork(a.Name, text, a.Expr.Range(), into)
	}
}

func (d *decoder) parseNetwork(what, text string, at hcl.Range, into *netip.Prefix) {
	if addr, err := netip.ParseAddr(text); err == nil {
		*into = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		return
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		d.problem(at, fmt.Sprintf("%s %s is not a network", what, quote(text)), `write "10.0.0.0/8", or "0.0.0.0/0" for everything`)
	case p != p.Masked():
		d.problem(at, fmt.Sprintf("%s %s has bits beyond its length", what, text), fmt.Sprintf("write %q for the network, or %q for the host", p.Masked(), p.Addr()))
	default:
		*into = p
	}
}

// anyHost reads an address of either family.
func (d *decoder) anyHost(a *hcl.Attribute, example string, into *netip.Addr) {
	text := ""
	if a == nil || !d.text(a, example, &text) || text == "" {
		return
	}
	addr, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		d.problem(a.Expr.Range(), fmt.Sprintf("%s %s is not an IP address", a.Name, quote(text)), addressHint(text, example))
	case addr.Zone() != "":
		d.problem(a.Expr.Range(), fmt.Sprintf("%s %s names an interface after the address", a.Name, quote(text)), `write interface = "`+addr.Zone()+`" beside it`)
	default:
		*into = addr.Unmap()
	}
}

// routeHops reads where packets go: one way in the block itself, or several in nexthop blocks.
func (d *decoder) routeHops(raw *rawRoute, r *vrrp.HeldRoute) {
	single := rawHop{Place: raw.Place, Via: raw.Via, Interface: raw.Interface, OnLink: raw.OnLink, Encap: raw.Encap}
	alone := d.given(raw.Via) || d.given(raw.Interface) || d.given(raw.OnLink) || raw.Encap != nil
	switch {
	case alone && len(raw.Hops) > 0:
		d.problem(raw.Hops[0].Place, "the route goes one way by its own via and interface, and several by nexthop", "move via and interface into a nexthop { } of their own")
	case alone:
		r.Hops = []vrrp.Hop{d.hop(&single)}
	}
	for i := range raw.Hops {
		r.Hops = append(r.Hops, d.hop(&raw.Hops[i]))
	}
}

func (d *decoder) hop(raw *rawHop) vrrp.Hop {
	var h vrrp.Hop
	d.anyHost(raw.Via, routeExample, &h.Via)
	if raw.Interface != nil {
		d.device(raw.Interface, &h.Interface)
	}
	d.number(raw.Weight, 1, 256, "", &h.Weight)
	d.flag(raw.OnLink, &h.OnLink)
	d.realms(raw.Realms, &h.Realms)
	if raw.Encap != nil {
		d.encap(raw.Encap, &h.Encap)
	}
	if h.OnLink && h.Interface == "" {
		d.problem(raw.OnLink.Expr.Range(), "onlink needs the interface that the gateway is on", `add interface = "eth0"`)
	}
	return h
}

// routeSense reports combinations that the kernel would refuse with "invalid argument", in the operator's words.
func (d *decoder) routeSense(raw *rawRoute, r *vrrp.HeldRoute) bool {
	before := len(d.diags)
	forwards := r.Type == 0 || r.Type == vrrp.RouteUnicast || r.Type == vrrp.RouteLocal
	switch {
	case forwards && len(r.Hops) == 0:
		d.problem(raw.Place, fmt.Sprintf("route %q says neither via nor interface: packets go nowhere", raw.Prefix),
			`add via = "192.0.2.1", or interface = "eth0" for a network on the link, or type = "blackhole"`)
	case !forwards && len(r.Hops) > 0:
		d.problem(raw.Type.Expr.Range(), fmt.Sprintf("a %s route goes nowhere, and this one has a gateway or an interface", r.Type), "remove via and interface, or type")
	}
	for i := range r.Hops {
		d.hopSense(raw, r, i)
	}
	d.onlyFor4(r.Prefix, map[string]*hcl.Attribute{"tos": raw.TOS, "scope": raw.Scope, "realms": raw.Realms})
	d.onlyFor6(r.Prefix, map[string]*hcl.Attribute{"preference": raw.Preference, "expires": raw.Expires, "from": raw.From})
	if r.Source.IsValid() && r.Source.Is4() != r.Prefix.Addr().Is4() {
		d.problem(raw.Source.Expr.Range(), fmt.Sprintf("source %s is of another family than the destination", r.Source), "write an address of the same family")
	}
	return len(d.diags) == before
}

func (d *decoder) hopSense(raw *rawRoute, r *vrrp.HeldRoute, i int) {
	at, h := raw.Via, r.Hops[i]
	place := raw.Place
	if len(raw.Hops) > 0 {
		at, place = raw.Hops[i].Via, raw.Hops[i].Place
	}
	switch {
	case !h.Via.IsValid() && h.Interface == "":
		d.problem(place, "nexthop says neither via nor interface", `add via = "192.0.2.1"`)
	case r.Prefix.Addr().Is6() && h.Via.Is4():
		d.problem(at.Expr.Range(), fmt.Sprintf("via %s is IPv4, and the destination IPv6", h.Via), "write an IPv6 gateway; only IPv4 may go by one of the other family")
	case h.Via.Is6() && h.Via.IsLinkLocalUnicast() && h.Interface == "":
		d.problem(at.Expr.Range(), fmt.Sprintf("via %s is a link-local address, which every interface may have", h.Via), `add interface = "eth0"`)
	}
}

func (d *decoder) onlyFor4(p netip.Prefix, attrs map[string]*hcl.Attribute) {
	for name, a := range attrs {
		if p.Addr().Is6() && d.given(a) {
			d.problem(a.Expr.Range(), fmt.Sprintf("%s is for IPv4, and %s is IPv6", name, p), "remove it")
		}
	}
}

func (d *decoder) onlyFor6(p netip.Prefix, attrs map[string]*hcl.Attribute) {
	for name, a := range attrs {
		if p.Addr().Is4() && d.given(a) {
			d.problem(a.Expr.Range(), fmt.Sprintf("%s is for IPv6, and %s is IPv4", name, p), "remove it")
		}
	}
}

// RTAX_* of linux/rtnetlink.h.
const (
	rtaxMTU = 2 + iota
	rtaxWindow
	rtaxRTT
	rtaxRTTVar
	rtaxSSThresh
	rtaxCWnd
	rtaxAdvMSS
	rtaxReordering
	rtaxHopLimit
	rtaxInitCWnd
	rtaxFeatures
	rtaxRTOMin
	rtaxInitRWnd
	rtaxQuickAck
	_ // congestion control is a name
	rtaxFastOpen
)

// routeMetrics reads what the kernel gives to connections. RTT is kept in eighths of a millisecond and its variance in quarters, as
// iproute2 writes them.
func (d *decoder) routeMetrics(raw *rawRoute, r *vrrp.HeldRoute) {
	var locked []string
	list, _ := d.list(raw.Lock, "mtu")
	for _, e := range list {
		locked = append(locked, e.text)
	}
	add := func(a *hcl.Attribute, id uint16, value uint32) {
		r.Metrics.Values = append(r.Metrics.Values, vrrp.RouteMetric{ID: id, Value: value, Locked: slices.Contains(locked, a.Name)})
	}
	for _, n := range []struct {
		a         *hcl.Attribute
		id        uint16
		low, high int
	}{
		{raw.MTU, rtaxMTU, 68, 65535}, {raw.Window, rtaxWindow, 1, math.MaxInt32}, {raw.SSThresh, rtaxSSThresh, 1, math.MaxInt32},
		{raw.CWnd, rtaxCWnd, 1, math.MaxInt32}, {raw.AdvMSS, rtaxAdvMSS, 1, 65535}, {raw.Reordering, rtaxReordering, 1, 300},
		{raw.HopLimit, rtaxHopLimit, 1, 255}, {raw.InitCWnd, rtaxInitCWnd, 1, math.MaxInt32}, {raw.InitRWnd, rtaxInitRWnd, 1, math.MaxInt32},
	} {
		v := 0
		if d.given(n.a) && d.number(n.a, n.low, n.high, "", &v) {
			add(n.a, n.id, uint32(v))
		}
	}
	for _, t := range []struct {
		a    *hcl.Attribute
		id   uint16
		unit time.Duration
	}{{raw.RTT, rtaxRTT, time.Millisecond / 8}, {raw.RTTVar, rtaxRTTVar, time.Millisecond / 4}, {raw.RTOMin, rtaxRTOMin, time.Millisecond}} {
		var v time.Duration
		if d.given(t.a) && d.duration(t.a, span{low: time.Millisecond, high: 10 * time.Minute, step: time.Millisecond}, &v) {
			add(t.a, t.id, uint32(v/t.unit))
		}
	}
	for _, f := range []struct {
		a  *hcl.Attribute
		id uint16
	}{{raw.ECN, rtaxFeatures}, {raw.QuickAck, rtaxQuickAck}, {raw.FastOpen, rtaxFastOpen}} {
		on := false
		d.flag(f.a, &on)
		if on {
			add(f.a, f.id, 1)
		}
	}
	d.text(raw.Congestion, "bbr", &r.Metrics.Congestion)
	d.checkLocked(raw, list)
}

// checkLocked reports names in lock that the route does not set.
func (d *decoder) checkLocked(raw *rawRoute, list []element) {
	set := map[string]bool{}
	for _, a := range []*hcl.Attribute{raw.MTU, raw.AdvMSS, raw.RTT, raw.RTTVar, raw.RTOMin, raw.Window, raw.CWnd, raw.InitCWnd, raw.InitRWnd, raw.SSThresh,
		raw.Reordering, raw.HopLimit} {
		if a != nil {
			set[a.Name] = true
		}
	}
	for _, e := range list {
		if !set[e.text] {
			d.problem(e.at, fmt.Sprintf("lock names %s, which the route does not set", quote(e.text)), `write lock = ["mtu"] beside mtu = 1400, for example`)
		}
	}
}

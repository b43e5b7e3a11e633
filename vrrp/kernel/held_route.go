package kernel

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// Sizes in bytes and numbers from linux/rtnetlink.h that the library has no name for.
const (
	routeHeaderLen = 12 // struct rtmsg
	nextHopLen     = 8  // struct rtnexthop
	rtaExpires     = 23 // RTA_EXPIRES
	rtaxLock       = 1
	rtaxCongestion = 16
)

// An ifIndexer finds the index of an interface.
type ifIndexer func(name string) (int, error)

// routeProtocol is the protocol number that a route of r carries.
func routeProtocol(r *vrrp.HeldRoute) uint8 {
	if r.Protocol != 0 {
		return r.Protocol
	}
	return vrrp.RouteMark
}

// routeMetric is the metric that the kernel gives r: IPv6 has no 0.
func routeMetric(r *vrrp.HeldRoute) uint32 {
	if r.Metric == 0 && r.Prefix.Addr().Is6() {
		return 1024 // IP6_RT_PRIO_USER
	}
	return r.Metric
}

// scopeOf is the scope that `ip route add` chooses: as wide as what the route reaches.
func scopeOf(r *vrrp.HeldRoute) uint8 {
	switch {
	case r.Scope.Set:
		return r.Scope.Value
	case r.Prefix.Addr().Is6():
		return unix.RT_SCOPE_UNIVERSE
	case r.Type == vrrp.RouteLocal:
		return unix.RT_SCOPE_HOST
	case (r.Type == 0 || r.Type == vrrp.RouteUnicast) && len(r.Hops) == 1 && !r.Hops[0].Via.IsValid():
		return unix.RT_SCOPE_LINK
	}
	return unix.RT_SCOPE_UNIVERSE
}

// appendRouteHeader appends struct rtmsg.
func appendRouteHeader(b []byte, r *vrrp.HeldRoute, scope, typ uint8) []byte {
	table, from := r.InTable(), 0
	if r.From.IsValid() {
		from = r.From.Bits()
	}
	flags := uint32(0)
	if len(r.Hops) == 1 && r.Hops[0].OnLink {
		flags = unix.RTNH_F_ONLINK
	}
	b = append(b, familyOf(r.Prefix.Addr()), byte(r.Prefix.Bits()), byte(from), r.TOS, smallTable(table), routeProtocol(r), scope, typ)
	return binary.NativeEndian.AppendUint32(b, flags)
}

// smallTable is the number of a table in a field of one byte, which an attribute goes before.
func smallTable(table uint32) byte {
	if table > 255 {
		return unix.RT_TABLE_UNSPEC
	}
	return byte(table)
}

// appendRouteKey appends the attributes that tell r from other routes.
func appendRouteKey(b []byte, r *vrrp.HeldRoute) []byte {
	if r.Prefix.Bits() > 0 {
		b = appendAttr(b, unix.RTA_DST, r.Prefix.Addr().AsSlice())
	}
	if r.From.IsValid() && r.From.Bits() > 0 {
		b = appendAttr(b, unix.RTA_SRC, r.From.Addr().AsSlice())
	}
	b = appendUint32(b, unix.RTA_TABLE, r.InTable())
	if m := routeMetric(r); m != 0 {
		b = appendUint32(b, unix.RTA_PRIORITY, m)
	}
	return b
}

// encodeRoute returns the body of the request that adds r.
func encodeRoute(r *vrrp.HeldRoute, index ifIndexer) ([]byte, error) {
	b := appendRouteHeader(nil, r, scopeOf(r), uint8(max(r.Type, vrrp.RouteUnicast)))
	b = appendRouteKey(b, r)
	if r.Source.IsValid() {
		b = appendAttr(b, unix.RTA_PREFSRC, r.Source.AsSlice())
	}
	if m := encodeMetrics(r.Metrics); len(m) > 0 {
		b = appendAttr(b, unix.RTA_METRICS, m)
	}
	if r.Realms != 0 {
		b = appendUint32(b, unix.RTA_FLOW, r.Realms)
	}
	if r.Preference.Set {
		b = appendAttr(b, unix.RTA_PREF, []byte{r.Preference.Value})
	}
	if r.Expires != 0 {
		b = appendUint32(b, rtaExpires, uint32(r.Expires/time.Second))
	}
	if r.TTLPropagate.Set {
		b = appendAttr(b, unix.RTA_TTL_PROPAGATE, []byte{oneIf(r.TTLPropagate.Value)})
	}
	return appendHops(b, r, index)
}

// encodeRouteRemoval returns the body of the request that removes r, whatever its other properties are.
func encodeRouteRemoval(r *vrrp.HeldRoute) []byte {
	return appendRouteKey(appendRouteHeader(nil, &vrrp.HeldRoute{
		Prefix: r.Prefix, From: r.From, Table: r.InTable(), TOS: r.TOS, Protocol: r.Protocol,
	}, unix.RT_SCOPE_NOWHERE, unix.RTN_UNSPEC), r)
}

func oneIf(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// encodeMetrics returns the attributes within RTA_METRICS; the locked ones are bits in one of them.
func encodeMetrics(m vrrp.RouteMetrics) []byte {
	var b []byte
	locked := uint32(0)
	for _, v := range m.Values {
		b = appendUint32(b, v.ID, v.Value)
		if v.Locked {
			locked |= 1 << v.ID
		}
	}
	if locked != 0 {
		b = appendUint32(b, rtaxLock, locked)
	}
	if m.Congestion != "" {
		b = appendAttr(b, rtaxCongestion, append([]byte(m.Congestion), 0))
	}
	return b
}

func appendHops(b []byte, r *vrrp.HeldRoute, index ifIndexer) ([]byte, error) {
	switch len(r.Hops) {
	case 0:
		return b, nil
	case 1:
		h := r.Hops[0]
		if h.Interface != "" {
			i, err := index(h.Interface)
			if err != nil {
				return nil, err
			}
			b = appendUint32(b, unix.RTA_OIF, uint32(i))
		}
		return appendHop(b, r, h), nil
	}
	var hops []byte
	for _, h := range r.Hops {
		var err error
		if hops, err = appendNextHop(hops, r, h, index); err != nil {
			return nil, err
		}
	}
	return appendAttr(b, unix.RTA_MULTIPATH, hops), nil
}

// appendNextHop appends struct rtnexthop, for one way of several, and its attributes.
func appendNextHop(b []byte, r *vrrp.HeldRoute, h vrrp.Hop, index ifIndexer) ([]byte, error) {
	i := 0
	if h.Interface != "" {
		var err error
		if i, err = index(h.Interface); err != nil {
			return nil, err
		}
	}
	start, flags := len(b), byte(0)
	if h.OnLink {
		flags = unix.RTNH_F_ONLINK
	}
	b = append(b, 0, 0, flags, byte(max(h.Weight, 1)-1))
	b = binary.NativeEndian.AppendUint32(b, uint32(i))
	b = appendHop(b, r, h)
	binary.NativeEndian.PutUint16(b[start:], uint16(len(b)-start))
	return b, nil
}

// appendHop appends the attributes of one way, besides its interface.
func appendHop(b []byte, r *vrrp.HeldRoute, h vrrp.Hop) []byte {
	switch {
	case !h.Via.IsValid():
	case h.Via.Is4() == r.Prefix.Addr().Is4():
		b = appendAttr(b, unix.RTA_GATEWAY, h.Via.AsSlice())
	default: // struct rtvia
		b = appendAttr(b, unix.RTA_VIA, append(binary.NativeEndian.AppendUint16(nil, uint16(familyOf(h.Via))), h.Via.AsSlice()...))
	}
	if h.Realms != 0 {
		b = appendUint32(b, unix.RTA_FLOW, h.Realms)
	}
	if h.Encap.Kind != vrrp.EncapNone {
		b = appendAttr(b, unix.RTA_ENCAP_TYPE, binary.NativeEndian.AppendUint16(nil, uint16(h.Encap.Kind)))
		b = appendAttr(b, unix.RTA_ENCAP|unix.NLA_F_NESTED, encodeEncap(h.Encap))
	}
	return b
}

// A routeID is what the kernel tells the routes of a host apart by, and what one of our routes is known by.
type routeID struct {
	prefix, from netip.Prefix
	table        uint32
	tos          uint8
	metric       uint32
}

func routeIDOf(r *vrrp.HeldRoute) routeID {
	from := r.From
	if from.IsValid() && from.Bits() == 0 {
		from = netip.Prefix{}
	}
	return routeID{r.Prefix.Masked(), from, r.InTable(), r.TOS, routeMetric(r)}
}

// A foundObject is a route or a rule that the kernel has.
type foundObject struct {
	protocol uint8
	form     string // everything about it but what changes by itself
}

// parseHeldRoute reads a line of a dump, or a notice, about a route.
func parseHeldRoute(b []byte) (routeID, foundObject, bool) {
	if len(b) < routeHeaderLen || b[0] != unix.AF_INET && b[0] != unix.AF_INET6 {
		return routeID{}, foundObject{}, false
	}
	flags := binary.NativeEndian.Uint32(b[8:])
	if flags&unix.RTM_F_CLONED != 0 { // a cached exception
		return routeID{}, foundObject{}, false
	}
	id := routeID{table: uint32(b[4]), tos: b[3]}
	dst, src := zeroOf(b[0]), netip.Addr{}
	form := append([]byte{b[5], b[6], b[7]}, byte(flags&unix.RTNH_F_ONLINK))
	for typ, value := range attributes(b[routeHeaderLen:]) {
		switch {
		case typ == unix.RTA_DST:
			dst, _ = netip.AddrFromSlice(value)
		case typ == unix.RTA_SRC:
			src, _ = netip.AddrFromSlice(value)
		case typ == unix.RTA_TABLE && len(value) == 4:
			id.table = binary.NativeEndian.Uint32(value)
		case typ == unix.RTA_PRIORITY && len(value) == 4:
			id.metric = binary.NativeEndian.Uint32(value)
		case typ == unix.RTA_CACHEINFO:
		case typ == unix.RTA_MULTIPATH:
			form = appendAttr(form, typ, steadyHops(value))
		default:
			form = appendAttr(form, typ, value)
		}
	}
	id.prefix = netip.PrefixFrom(dst, int(b[1]))
	if src.IsValid() {
		id.from = netip.PrefixFrom(src, int(b[2]))
	}
	return id, foundObject{b[5], string(form)}, id.prefix.IsValid()
}

// zeroOf is the unspecified address of a family.
func zeroOf(family byte) netip.Addr {
	if family == unix.AF_INET {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// steadyHops returns the ways of a route without the flags that say how their links are.
func steadyHops(b []byte) []byte {
	out := slices.Clone(b)
	for rest := out; len(rest) >= nextHopLen; {
		size := int(binary.NativeEndian.Uint16(rest))
		if size < nextHopLen || size > len(rest) {
			break
		}
		rest[2] &= unix.RTNH_F_ONLINK
		rest = rest[min(len(rest), size+padding(size)):]
	}
	return out
}

// appendHeldRouteDump appends a request for the routes of a family with one protocol number, or all with 0. Kernels before 4.20 list all.
func appendHeldRouteDump(b []byte, family, protocol byte, seq uint32) []byte {
	start := len(b)
	b = appendHeader(b, unix.RTM_GETROUTE, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, seq)
	return finish(append(b, family, 0, 0, 0, 0, protocol, 0, 0, 0, 0, 0, 0), start)
}

package vrrp

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"time"
)

// RouteType says what becomes of packets that a HeldRoute or a Rule matches. The values are those of rtnetlink (RTN_*).
type RouteType uint8

// The types that an operator may configure. Broadcast, anycast and multicast routes are the kernel's own.
const (
	RouteUnicast     RouteType = 1 // to the next hop
	RouteLocal       RouteType = 2 // to this host
	RouteBlackhole   RouteType = 6 // dropped in silence
	RouteUnreachable RouteType = 7 // refused: host unreachable
	RouteProhibit    RouteType = 8 // refused: administratively prohibited
	RouteThrow       RouteType = 9 // the next rule decides
)

// String returns the word that iproute2 has for the type.
func (t RouteType) String() string {
	switch t {
	case 0, RouteUnicast:
		return "unicast"
	case RouteLocal:
		return "local"
	case RouteBlackhole:
		return "blackhole"
	case RouteUnreachable:
		return "unreachable"
	case RouteProhibit:
		return "prohibit"
	case RouteThrow:
		return "throw"
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// forwards reports whether a route of the type has a next hop or a device.
func (t RouteType) forwards() bool { return t == 0 || t == RouteUnicast || t == RouteLocal }

// RouteMark is the protocol number that routes and rules of ours carry (rtm_protocol, FRA_PROTOCOL): the protocol number of VRRP.
const RouteMark = 112

const (
	// MainTable is the kernel's routing table that routes are in unless they say otherwise (RT_TABLE_MAIN).
	MainTable = 254
	// tableLocal is RT_TABLE_LOCAL.
	tableLocal = 255
)

// A HeldRoute is a route that a virtual router holds while it is master.
type HeldRoute struct {
	Prefix       netip.Prefix // destination, masked; its address says the family
	From         netip.Prefix // IPv6: only for packets from here; the zero Prefix for all
	Type         RouteType    // 0 is RouteUnicast
	Table        uint32       // 0 is MainTable, or the table local for RouteLocal
	Metric       uint32       // IPv6: 0 becomes 1024
	TOS          uint8        // IPv4: only for packets with this type of service
	Scope        Optional[uint8]
	Protocol     uint8      // 0 is RouteMark; with another one a crash leaves the route to the next start that names it
	Source       netip.Addr // preferred source of what this host sends by the route; the zero Addr for the kernel's choice
	Hops         []Hop      // several: packets are spread over them
	Metrics      RouteMetrics
	Realms       uint32          // IPv4: source realm in the upper 16 bits, destination realm in the lower
	Preference   Optional[uint8] // IPv6 router preference, RFC 4191: 0 medium, 1 high, 3 low
	Expires      time.Duration   // IPv6: the kernel removes the route after so long; 0 for never
	TTLPropagate Optional[bool]  // MPLS: copy the TTL at the end of the tunnel

	Untracked bool // it is no fault when it cannot be added, and it is not put back
}

// A Hop is where packets go next.
type Hop struct {
	Via       netip.Addr // gateway, of either family for an IPv4 route; the zero Addr where the destination is on the link
	Interface string     // empty: the one that leads to Via
	Weight    int        // 1 to 256 among several; 0 is 1
	OnLink    bool       // Via is on the link though no address of ours says so
	Realms    uint32
	Encap     Encap
}

// RouteMetrics are the properties that the kernel gives to connections over a route. The zero value leaves all to the kernel.
type RouteMetrics struct {
	Values     []RouteMetric // each once
	Congestion string        // name of the TCP congestion control; empty for the host's
}

// A RouteMetric is one number of them.
type RouteMetric struct {
	ID     uint16 // RTAX_*
	Value  uint32 // as the kernel has it
	Locked bool   // the kernel does not adapt it
}

// EncapKind is a kind of lightweight tunnel. The values are those of LWTUNNEL_ENCAP_*.
type EncapKind uint16

// The tunnels that a route can lead into.
const (
	EncapNone EncapKind = 0
	EncapMPLS EncapKind = 1
	EncapIP   EncapKind = 2
	EncapIP6  EncapKind = 4
	EncapSEG6 EncapKind = 5
)

// SEG6Mode says how the segment routing header gets onto a packet. The values are those of SEG6_IPTUN_MODE_*.
type SEG6Mode uint8

// Inline inserts the header (IPv6 only), Encapsulate puts it into an outer IPv6 header, EncapsulateL2 does that with whole frames.
const (
	SEG6Inline        SEG6Mode = 0
	SEG6Encapsulate   SEG6Mode = 1
	SEG6EncapsulateL2 SEG6Mode = 2
)

// An Encap wraps the packets of a hop.
type Encap struct {
	Kind     EncapKind
	Labels   []uint32     // MPLS, outermost first
	TTL      uint8        // MPLS, IP, IP6 (hop limit); 0 for the kernel's
	ID       uint64       // IP, IP6: tunnel key
	Source   netip.Addr   // IP, IP6
	Dest     netip.Addr   // IP, IP6
	TOS      uint8        // IP, IP6 (traffic class)
	Mode     SEG6Mode     // SEG6
	Segments []netip.Addr // SEG6, in the order of travel
}

// InTable returns the table that the route is in.
func (r HeldRoute) InTable() uint32 {
	switch {
	case r.Table != 0:
		return r.Table
	case r.Type == RouteLocal:
		return tableLocal
	}
	return MainTable
}

// String returns the route as messages name it: "route 0.0.0.0/0 via 192.0.2.1 dev eth0 table 100".
func (r HeldRoute) String() string {
	var b strings.Builder
	b.WriteString("route ")
	if r.Type > RouteUnicast {
		b.WriteString(r.Type.String() + " ")
	}
	b.WriteString(r.Prefix.String())
	for i, h := range r.Hops {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString(h.String())
	}
	if t := r.InTable(); t != MainTable {
		fmt.Fprintf(&b, " table %d", t)
	}
	if r.Metric != 0 {
		fmt.Fprintf(&b, " metric %d", r.Metric)
	}
	return b.String()
}

// String returns " via 192.0.2.1 dev eth0", with a space before each part.
func (h Hop) String() string {
	out := ""
	if h.Via.IsValid() {
		out = " via " + h.Via.String()
	}
	if h.Interface != "" {
		out += " dev " + h.Interface
	}
	return out
}

// Validate returns what the kernel would refuse whatever the state of the host, joined.
func (r HeldRoute) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: "+format, append([]any{r}, args...)...))
	}
	six := r.Prefix.Addr().Is6()
	switch {
	case !r.Prefix.IsValid() || r.Prefix != r.Prefix.Masked():
		bad("the destination is not a network")
	case r.Type.forwards() && len(r.Hops) == 0:
		bad("neither via nor interface says where packets go")
	case !r.Type.forwards() && len(r.Hops) > 0:
		bad("a route of this type has neither via nor interface")
	}
	for _, h := range r.Hops {
		if !h.Via.IsValid() && h.Interface == "" {
			bad("a next hop has neither via nor interface")
		}
		if six && h.Via.Is4() {
			bad("an IPv6 route has no IPv4 gateway")
		}
		if h.Via.IsLinkLocalUnicast() && h.Via.Is6() && h.Interface == "" {
			bad("a link-local gateway needs its interface")
		}
		if h.Weight < 0 || h.Weight > 256 {
			bad("weight is %d, want 1 to 256", h.Weight)
		}
	}
	if r.Source.IsValid() && r.Source.Is6() != six {
		bad("source %s is of another family", r.Source)
	}
	if six && (r.TOS != 0 || r.Realms != 0 || r.Scope.Set) {
		bad("tos, realms and scope are for IPv4 only")
	}
	if !six && (r.Preference.Set || r.Expires != 0 || r.From.IsValid()) {
		bad("preference, expires and from are for IPv6 only")
	}
	return errors.Join(errs...)
}

// sameHeld reports whether two configurations hold the same things besides addresses, in the same way.
func sameHeld(a, b *Config) bool {
	return reflect.DeepEqual(a.Routes, b.Routes) && reflect.DeepEqual(a.Rules, b.Rules) && a.OnLoss == b.OnLoss
}

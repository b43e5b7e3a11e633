package vrrp

import (
	"net/netip"
	"strings"
	"time"
)

// The kinds of sources that the host of a router finds out about by itself, before the slash of Tracker.Source.
const (
	KindInterface = "interface"
	KindRoute     = "route"
)

// MaxDelay is the longest delay of an InterfaceDelay, as of keepalived's interface_up_down_delays.
const MaxDelay = 255 * time.Second

// Surroundings are what a host watches for its routers besides their own interfaces.
type Surroundings struct {
	Delays []InterfaceDelay // one for each interface at most
	Routes []Route          // with different names

	AnnounceGroups []AnnounceGroup // of interfaces; each in one at most
}

// An InterfaceDelay puts off what routers are told about an interface: one that flaps for less is none that changed.
type InterfaceDelay struct {
	Interface string
	Down, Up  time.Duration // how long it must be down, or up, before that counts; 0 to MaxDelay
}

// A Route is a route of this host that is there or not; the source is "route/" and its name. It is there when a route to exactly Prefix that
// leads somewhere is in the table, with a next hop that is as the other fields want it and not dead.
type Route struct {
	Name      string
	Prefix    netip.Prefix // masked
	Table     int          // 1 to 2^32-1; MainTable, if nobody wants another
	Via       netip.Addr   // the gateway; the zero Addr for any, or none
	Interface string       // empty for any
}

// CutSource splits the source of a Tracker into its kind and the name of the thing: "script/nginx" into "script" and "nginx".
func CutSource(source string) (kind, name string) {
	kind, name, _ = strings.Cut(source, "/")
	return kind, name
}

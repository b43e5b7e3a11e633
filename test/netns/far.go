package netns

import (
	"fmt"
	"net/netip"
)

// Far is a real server of a Traffic on a subnet that the director only reaches through a router. It serves by tunnels.
//
//	outside .254 ──┐            far 198.51.100.0/24
//	               ├── router ── .1 ──────────────── rs4 .11
//	inside  .254 ──┘                2001:db8:0:3::/64 with the same numbers
//
// What the director sends it comes by inside. What it answers goes straight to the client, by outside.
type Far struct {
	*Node
	Router *Node
}

const (
	far4 = "198.51.100."
	far6 = "2001:db8:0:3::"
	// GUEPort is the UDP port at which the Far server takes GUE.
	GUEPort = 6080
)

// FarAddress returns the address of the Far server.
func FarAddress(v6 bool) netip.Addr {
	if v6 {
		return netip.MustParseAddr(far6 + "11")
	}
	return netip.MustParseAddr(far4 + "11")
}

// Far adds the router and the server, which has the virtual addresses and no end of a tunnel yet.
func (s *Traffic) Far() *Far {
	s.t.Helper()
	far := &Far{Node: s.Node("rs4"), Router: s.Node("router")}
	segment := s.Segment("far")
	s.Outside[s.Client].segment.Attach(far.Router, "outside", "192.0.2.254/24", outside6+"254/64")
	s.Inside[s.LB1].segment.Attach(far.Router, "inside", "10.0.0.254/24", inside6+"254/64")
	segment.Attach(far.Router, "far", far4+"1/24", far6+"1/64")
	segment.Attach(far.Node, "far", far4+"11/24", far6+"11/64")
	far.Router.Sysctl("net.ipv4.ip_forward", "1")
	far.Router.Sysctl("net/ipv6/conf/all/forwarding", "1")
	far.Router.reversePath("outside", "inside", "far")
	far.Route("0.0.0.0/0", far4+"1", "far")
	far.Route("::/0", far6+"1", "far")
	s.LB1.Route(far4+"0/24", "10.0.0.254", "inside")
	s.LB1.Route(far6+"/64", inside6+"254", "inside")
	for _, link := range []string{"all", "default"} {
		far.Sysctl("net/ipv4/conf/"+link+"/rp_filter", "0")
	}
	far.AddAddress("lo", VIP().String()+"/32")
	far.AddAddress("lo", outside6+"10/128")
	return far
}

// Decapsulate makes the server take tunnels of all kinds that every kernel has: IP in IP and GRE over both families, with either family within. The
// options are those of GRE's ends, as iproute2 has them.
func (f *Far) Decapsulate(options ...string) {
	f.w.t.Helper()
	over4, over6 := FarAddress(false).String(), FarAddress(true).String()
	f.up("tunl0")
	f.MustRun("ip", "link", "add", "six4", "type", "sit", "local", over4, "remote", "any")
	f.MustRun("ip", "link", "add", "any6", "type", "ip6tnl", "mode", "any", "local", over6, "remote", "any")
	f.MustRun(append([]string{"ip", "link", "add", "gre4", "type", "gre", "local", over4, "remote", "any"}, options...)...)
	f.MustRun(append([]string{"ip", "link", "add", "gre6", "type", "ip6gre", "local", over6, "remote", "any"}, options...)...)
	for _, link := range []string{"six4", "any6", "gre4", "gre6"} {
		f.up(link)
	}
}

// DecapsulateGUE makes the server take IP in GUE over both families; the kernel needs FOU_IP_TUNNELS.
func (f *Far) DecapsulateGUE() {
	f.w.t.Helper()
	f.MustRun("ip", "fou", "add", "port", fmt.Sprint(GUEPort), "gue")
	f.MustRun("ip", "-6", "fou", "add", "port", fmt.Sprint(GUEPort), "gue")
}

package netns

import (
	"fmt"
	"net/netip"
	"strings"
)

// A TrafficService is a service of a Traffic: one way to forward over one family.
type TrafficService struct {
	Name    string // nat4, dr6, …
	Forward string // nat, dr or tun
	Addr    netip.AddrPort
	Servers []netip.AddrPort // of rs1 to rs3, in this order
}

// Traffic is a Site over both families of which the one director, lb1, has the virtual addresses for itself, without VRRP. Its servers
// answer flows at TrafficServices.
//
//	outside 2001:db8:0:1::/64 and inside 2001:db8:0:2::/64 have the same numbers for the same nodes as the Site has over IPv4
type Traffic struct{ *Site }

const (
	outside6 = "2001:db8:0:1::"
	inside6  = "2001:db8:0:2::"
	// trafficPort is that of the first service; the real servers have the same, but for NAT.
	trafficPort = 7001
	natPort     = 8081
)

// TrafficServices returns the six services of a Traffic.
func TrafficServices() []TrafficService {
	var out []TrafficService
	for _, family := range []struct{ name, vip, inside string }{{"4", VIP().String(), "10.0.0."}, {"6", outside6 + "10", inside6}} {
		for i, forward := range []string{"nat", "dr", "tun"} {
			port := uint16(trafficPort + i)
			s := TrafficService{Name: forward + family.name, Forward: forward, Addr: netip.AddrPortFrom(netip.MustParseAddr(family.vip), port)}
			if forward == "nat" {
				port = natPort
			}
			for n := 1; n <= 3; n++ {
				s.Servers = append(s.Servers, netip.AddrPortFrom(netip.MustParseAddr(fmt.Sprintf("%s1%d", family.inside, n)), port))
			}
			out = append(out, s)
		}
	}
	return out
}

// NewTraffic builds the network and starts the servers of the flows. The director is the caller's to start.
func NewTraffic(t TB) *Traffic {
	t.Helper()
	s := &Traffic{Site: NewSite(t)}
	s.Client.AddAddress("outside", outside6+"100/64")
	s.LB1.Sysctl("net/ipv6/conf/all/forwarding", "1")
	for _, at := range []struct{ link, prefix string }{
		{"outside", outside6 + "11/64"}, {"inside", inside6 + "2/64"},
		{"outside", vipPrefix}, {"inside", gatewayPrefix}, {"outside", outside6 + "10/64"}, {"inside", inside6 + "1/64"},
	} {
		s.LB1.AddAddress(at.link, at.prefix)
	}
	for i, server := range s.Servers {
		s.over6(server.node, i+1)
	}
	return s
}

// Server returns the real server rs<i+1>.
func (s *Traffic) Server(i int) *Node { return s.Servers[i].node }

// SorryNode returns the sorry server, which has no way out but by the gateway inside.
func (s *Traffic) SorryNode() *Node { return s.Sorry.node }

// over6 makes the real server rs<i> ready for all three ways to forward over IPv6, and starts its end of the flows.
func (s *Traffic) over6(n *Node, i int) {
	s.t.Helper()
	n.AddAddress("outside", fmt.Sprintf("%s2%d/64", outside6, i))
	n.AddAddress("inside", fmt.Sprintf("%s1%d/64", inside6, i))
	// NAT: as over IPv4, what comes from inside goes back through the director.
	const natTable = 100
	n.RouteIn(natTable, inside6+"/64", "", "inside")
	n.RouteIn(natTable, "::/0", inside6+"1", "inside")
	n.RuleFrom(inside6+"/64", natTable)
	// DR and TUN: over IPv6 nobody is told of an address of the loopback anyway.
	n.AddAddress("lo", outside6+"10/128")
	n.up("ip6tnl0")
	var addrs []string
	for _, port := range []int{natPort, trafficPort + 1, trafficPort + 2} {
		addrs = append(addrs, fmt.Sprintf("[::]:%d", port))
	}
	n.FlowServer(addrs...)
}

// HCL returns the service as a configuration has it: with options as they stand, and servers as lines of real_server, each "1 weight = 3"
// for rs1 with that body.
func (s TrafficService) HCL(options string, servers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "virtual_server %q {\n  address = %q\n  protocol = \"tcp\"\n  forward = %q\n%s\n", s.Name, s.Addr, s.Forward, options)
	for _, line := range servers {
		number, body, _ := strings.Cut(line, " ")
		fmt.Fprintf(&b, "  real_server %q { %s }\n", s.Servers[number[0]-'1'], body)
	}
	b.WriteString("}\n\n")
	return b.String()
}

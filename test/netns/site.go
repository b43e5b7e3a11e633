package netns

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// A Site is a web site behind two directors, as `make demo` shows it and the end-to-end tests use it.
//
//	client .100 ──┐                                          ┌── rs1 .11
//	              ├── outside 192.0.2.0/24 ── lb1 .11 .2 ────┤── rs2 .12
//	              │      (.10 is virtual)  ── lb2 .12 .3 ────┤── rs3 .13
//	              │                                          └── sorry .99
//	              └── rs1-rs3 .21-.23        inside 10.0.0.0/24 (.1 is virtual)
//
// Each real server has a leg outside for the answers of direct routing and tunnelling, which do not go through the directors.
type Site struct {
	*World
	Client, LB1, LB2 *Node
	Servers          []*HTTPServer // rs1, rs2, rs3
	Sorry            *HTTPServer
	Outside          map[*Node]*Port
	Inside           map[*Node]*Port
}

// The addresses of a Site.
const (
	vipPrefix     = "192.0.2.10/24"
	gatewayPrefix = "10.0.0.1/24"
	sorryAddress  = "10.0.0.99"

	// RouterName is the name of the virtual router in SiteConfig.
	RouterName = "web"
	// AdvertInterval is what the issue measures takeovers with, see Takeover.
	AdvertInterval = 100 * time.Millisecond
	// CheckInterval, CheckTimeout and CheckFall are those of the checks in SiteConfig. A kernel in a process of a busy machine may stand still
	// for more than a second, which is no fault of a server.
	CheckInterval = 2 * time.Second
	CheckTimeout  = 2 * time.Second
	CheckFall     = 2
)

// VIP is the virtual address of a Site, where the services are.
func VIP() netip.Addr { return netip.MustParsePrefix(vipPrefix).Addr() }

// A SiteService is one way to forward.
type SiteService struct {
	Forward    string // nat, dr or tun
	Port       uint16 // of the virtual address
	ServerPort uint16 // of the real servers: the same, but for NAT
}

// SiteServices returns the three services of a Site.
func SiteServices() []SiteService {
	return []SiteService{{"nat", 80, 8080}, {"dr", 81, 81}, {"tun", 82, 82}}
}

// URL returns where clients find the service.
func (s SiteService) URL() string { return fmt.Sprintf("http://%s/", s.Addr()) }

// Addr returns the virtual address with the port.
func (s SiteService) Addr() netip.AddrPort { return netip.AddrPortFrom(VIP(), s.Port) }

// NewSite builds the network and starts the web servers. The directors are the caller's to start, see SiteConfig.
func NewSite(t TB) *Site {
	t.Helper()
	s := &Site{World: New(t), Outside: map[*Node]*Port{}, Inside: map[*Node]*Port{}}
	outside, inside := s.Segment("outside"), s.Segment("inside")
	attach := func(n *Node, out, in string) *Node {
		if out != "" {
			s.Outside[n] = outside.Attach(n, "outside", out+"/24")
		}
		if in != "" {
			s.Inside[n] = inside.Attach(n, "inside", in+"/24")
		}
		return n
	}
	s.Client = attach(s.Node("client"), "192.0.2.100", "")
	s.LB1 = s.director(attach(s.Node("lb1"), "192.0.2.11", "10.0.0.2"))
	s.LB2 = s.director(attach(s.Node("lb2"), "192.0.2.12", "10.0.0.3"))
	for i := 1; i <= 3; i++ {
		n := attach(s.Node(fmt.Sprintf("rs%d", i)), fmt.Sprintf("192.0.2.2%d", i), fmt.Sprintf("10.0.0.1%d", i))
		s.Servers = append(s.Servers, s.realServer(n))
	}
	sorry := attach(s.Node("sorry"), "", sorryAddress)
	sorry.Route("0.0.0.0/0", netip.MustParsePrefix(gatewayPrefix).Addr().String(), "inside")
	s.Sorry = sorry.HTTP("sorry", sorryAddress+":8080")
	return s
}

// AnswerAt has the web servers of rs1 to rs3 answer at more ports, too.
func (s *Site) AnswerAt(ports ...uint16) {
	s.t.Helper()
	for _, server := range s.Servers {
		for _, port := range ports {
			server.node.HTTP(server.Name, fmt.Sprintf("0.0.0.0:%d", port))
		}
	}
}

func (s *Site) director(n *Node) *Node {
	s.t.Helper()
	n.Sysctl("net.ipv4.ip_forward", "1")
	// By DR and TUN the director sees a connection end on one side only and remembers it for two minutes. A client that takes the same
	// port again would meet the server of then, which may be gone: without this the kernel drops its packets.
	n.Sysctl("net.ipv4.vs.expire_nodest_conn", "1")
	n.reversePath("outside", "inside")
	return n
}

// reversePath lets answers leave by another interface than the one that a packet came in by.
func (n *Node) reversePath(links ...string) {
	n.w.t.Helper()
	for _, link := range append(links, "all") {
		n.Sysctl("net/ipv4/conf/"+link+"/rp_filter", "0")
	}
}

// realServer makes n ready for all three ways to forward, and starts its web server.
func (s *Site) realServer(n *Node) *HTTPServer {
	s.t.Helper()
	// NAT: what comes from inside goes back through the director that has the gateway's address.
	const natTable = 100
	n.RouteIn(natTable, "10.0.0.0/24", "", "inside")
	n.RouteIn(natTable, "0.0.0.0/0", netip.MustParsePrefix(gatewayPrefix).Addr().String(), "inside")
	n.RuleFrom("10.0.0.0/24", natTable)
	// DR and TUN: the server has the virtual address itself, and tells nobody.
	n.Sysctl("net/ipv4/conf/all/arp_ignore", "1")
	n.Sysctl("net/ipv4/conf/all/arp_announce", "2")
	n.AddAddress("lo", VIP().String()+"/32")
	n.up("tunl0")
	n.reversePath("outside", "inside", "tunl0")
	var addrs []string
	for _, service := range SiteServices() {
		addrs = append(addrs, fmt.Sprintf("0.0.0.0:%d", service.ServerPort))
	}
	return n.HTTP(n.Name, addrs...)
}

// SiteConfig returns the configuration of a director of the Site. The real servers have the weights 3, 2 and 1.
func SiteConfig(priority int, interval time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, `vrrp_instance %q {
  interface         = "outside"
  virtual_router_id = 51
  priority          = %d
  version           = 3
  advert_interval   = %q
  virtual_addresses = [%q]

  virtual_address %q {
    interface  = "inside"
    advertised = false
  }
}
`, RouterName, priority, interval, vipPrefix, gatewayPrefix)
	for _, service := range SiteServices() {
		fmt.Fprintf(&b, `
virtual_server %q {
  address   = %q
  protocol  = "tcp"
  scheduler = "wrr"
  forward   = %q

  check "http" {
    path     = "/"
    status   = ["200"]
    interval = %q
    timeout  = %q
    rise     = 1
    fall     = %d
  }
  sorry_server "%s:8080" { forward = "nat" }
`, service.Forward, service.Addr(), service.Forward, CheckInterval, CheckTimeout, CheckFall, sorryAddress)
		for i := 1; i <= 3; i++ {
			fmt.Fprintf(&b, "  real_server \"10.0.0.1%d:%d\" { weight = %d }\n", i, service.ServerPort, 4-i)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// ServerOf returns the address of a real server in a service; i counts from 0.
func (s SiteService) ServerOf(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(11 + i)}), s.ServerPort)
}

// SorryAddr returns the address of the sorry server.
func SorryAddr() netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(sorryAddress), 8080) }

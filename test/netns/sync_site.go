package netns

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// syncPort is that of the first service of SyncServices; the real servers have the same, but for NAT.
const syncPort = 7101

// SyncServices returns services for flows through a Site, one for each way to forward.
func SyncServices() []SiteService {
	return []SiteService{{"nat", syncPort, natPort}, {"dr", syncPort + 1, syncPort + 1}, {"tun", syncPort + 2, syncPort + 2}}
}

// AnswerFlows has the real servers answer flows at SyncServices.
func (s *Site) AnswerFlows() {
	s.t.Helper()
	for _, server := range s.Servers {
		for _, service := range SyncServices() {
			server.node.FlowServer(fmt.Sprintf("0.0.0.0:%d", service.ServerPort))
		}
	}
}

// SyncConfig returns the configuration of a director that tells the other one of its connections, and balances SyncServices.
func SyncConfig(priority int, options string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `%s
vrrp_instance %q {
  interface         = "outside"
  virtual_router_id = 51
  priority          = %d
  virtual_addresses = [%q]

  virtual_address %q {
    interface  = "inside"
    advertised = false
  }
}
sync_daemon {
  interface = "inside"
  follow    = %q
}
`, options, RouterName, priority, vipPrefix, gatewayPrefix, RouterName)
	for _, service := range SyncServices() {
		fmt.Fprintf(&b, "virtual_server %q {\n  address = %q\n  scheduler = \"rr\"\n  forward = %q\n", service.Forward, service.Addr(), service.Forward)
		for i := range 3 {
			fmt.Fprintf(&b, "  real_server %q {}\n", service.ServerOf(i))
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// HearSync waits for a message of a sync daemon on the inside of the node and returns the sync_id in it.
func (n *Node) HearSync(limit time.Duration) (id byte, err error) {
	var conn *net.UDPConn
	if err := n.within(func() error {
		inside, err := net.InterfaceByName("inside")
		if err == nil {
			conn, err = net.ListenMulticastUDP("udp4", inside, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 81), Port: 8848})
		}
		return err
	}); err != nil {
		return 0, err
	}
	defer conn.Close()
	message := make([]byte, 64<<10)
	if err := conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return 0, err
	}
	got, _, err := conn.ReadFromUDP(message)
	if err == nil && got < 8 {
		err = fmt.Errorf("a message of %d bytes, want a header of 8", got)
	}
	return message[1], err
}

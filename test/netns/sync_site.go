package netns

import (
	"fmt"
	"strings"
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

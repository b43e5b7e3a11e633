//go:build netns

package netns_test

import (
	"fmt"
	"net/netip"
	"testing"
)

// keepalived returns the configuration of the same group.
func (n *syncNode) keepalived() string {
	instance := func(name, link, interval string, vrid int, addr netip.Addr) string {
		return fmt.Sprintf("vrrp_instance %s {\n  state BACKUP\n  interface %s\n  virtual_router_id %d\n  version 3\n  priority %d\n"+
			"  advert_int %s\n  virtual_ipaddress {\n    %s/24\n  }\n}\n", name, link, vrid, n.priority, interval, addr)
	}
	return instance("web", "eth0", "0.1", 51, syncOutside) + instance("gateway", "eth1", "0.25", 52, syncInside) +
		"vrrp_sync_group edge {\n  group {\n    web\n    gateway\n  }\n}\n"
}

// A sync group of ours and one of keepalived's move as a whole, whichever of them is the better one.
func TestSyncGroupAgainstKeepalived(t *testing.T) {
	for name, ours := range map[string]int{"govrrpd is better": 0, "keepalived is better": 1} {
		t.Run(name, func(t *testing.T) {
			s := newSyncSite(t)
			s.govern(s.nodes[ours])
			theirs := s.nodes[1-ours]
			theirs.Keepalived(keepalived, theirs.keepalived(), "--vrrp")
			s.play()
		})
	}
}

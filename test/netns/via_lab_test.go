//go:build lab

package netns_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// TestChecksTakeTheWayOfClients: by DR and TUN, a server that lost the virtual address answers at its own as ever. A check that goes the way of
// clients finds out, on the master, which has that address itself, and on the backup.
func TestChecksTakeTheWayOfClients(t *testing.T) {
	s := netns.NewSite(t)
	for _, n := range []*netns.Node{s.LB1, s.LB2} {
		n.Sysctl("net/ipv4/conf/all/accept_local", "1")
	}
	s.LB1.Govrrpd(viaConfig(200))
	s.WaitFor(20*time.Second, "lb1 to be master", func() bool { return s.LB1.Has(netns.VIP()) })
	s.LB2.Govrrpd(viaConfig(100))
	counts := func(n *netns.Node) string {
		table, err := n.IPVS()
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, service := range netns.SiteServices()[1:] {
			out = append(out, fmt.Sprintf("%s %d", service.Forward, len(table[service.Addr()])))
		}
		return strings.Join(out, ", ")
	}
	both := func(want string) {
		t.Helper()
		for _, n := range []*netns.Node{s.LB1, s.LB2} {
			s.WaitNone(40*time.Second, "the servers of "+n.Name, func() string {
				if got := counts(n); got != want {
					return fmt.Sprintf("%s, want %s", got, want)
				}
				return ""
			})
		}
	}
	both("dr 3, tun 3")
	var rs *netns.Node
	for n := range s.Inside {
		if n.Name == "rs2" {
			rs = n
		}
	}
	run := func(argv ...string) {
		t.Helper()
		if out, err := rs.Run(argv...); err != nil {
			t.Fatalf("%v: %v: %s", argv, err, out)
		}
	}
	run("ip", "addr", "del", netns.VIP().String()+"/32", "dev", "lo")
	both("dr 2, tun 2")
	rs.AddAddress("lo", netns.VIP().String()+"/32")
	both("dr 3, tun 3")
	run("ip", "link", "set", "tunl0", "down")
	both("dr 3, tun 2")
}

// viaConfig is a Site's of services by DR and TUN, in which no check goes straight to its server.
func viaConfig(priority int) string {
	config := netns.SiteConfig(priority, time.Second)
	var out []string
	for block := range strings.SplitSeq(config, "\nvirtual_server ") {
		forward, _, _ := strings.Cut(strings.TrimPrefix(block, "\""), "\"")
		switch forward {
		case "nat":
			continue
		case "dr", "tun":
			block = strings.Replace(block, "check \"http\" {\n", fmt.Sprintf("check \"http\" {\n    via = %q\n", forward), 1)
		}
		out = append(out, block)
	}
	return strings.Join(out, "\nvirtual_server ")
}

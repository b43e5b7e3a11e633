//go:build lab && qemu

package netns_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// These tests need IPVS and nftables for IPv4 in one kernel, which user-mode-linux has not: `make lab-6.12` runs them.

const matchConfig = `
global {
  flush_on_stop = true
}
virtual_server "shop" {
  scheduler = "rr"
  match {
    addresses  = ["192.0.2.10"]
    ports      = ["10080-10089"]
    interfaces = ["outside"]
  }
  real_server "10.0.0.11:8080" {}
  real_server "10.0.0.12:8080" {}
}
virtual_server_group "edge" {
  addresses = ["192.0.2.10:11080-11089", "192.0.2.13-14:80"]
  fold      = true
}
virtual_server "folded" {
  group = "edge"
  real_server "10.0.0.13:8080" {}
}
`

// Clients reach the servers of a service by mark through the marks that the director gives; others are refused. Flushed marks come back, and
// an orderly end takes them away.
func TestKernel612CarriesWhatIsMarked(t *testing.T) {
	const patience = 60 * time.Second
	site := netns.NewSite(t)
	for _, a := range []string{"192.0.2.10/24", "192.0.2.14/24"} {
		site.LB1.AddAddress("outside", a)
	}
	site.LB1.AddAddress("inside", "10.0.0.1/24")
	d := site.LB1.Govrrpd(matchConfig)
	get := func(addr string, port int) (string, error) {
		return site.Client.Get(fmt.Sprintf("http://%s/", netip.AddrPortFrom(netip.MustParseAddr(addr), uint16(port))), 10*time.Second)
	}
	site.WaitFor(patience, "all servers to be in the table", func() bool {
		return strings.Count(site.LB1.MustRun("ipvsadm", "-Sn"), "-a -f ") == 3
	})
	seen := map[string]bool{}
	for port := 10080; port < 10090; port++ {
		who, err := get("192.0.2.10", port)
		if err != nil {
			t.Errorf("port %d: %v", port, err)
		}
		seen[who] = true
	}
	if !seen["rs1"] || !seen["rs2"] || len(seen) != 2 {
		t.Errorf("answers came from %v, want rs1 and rs2", seen)
	}
	for _, to := range []struct {
		addr string
		port int
	}{{"192.0.2.10", 11085}, {"192.0.2.14", 80}} {
		if who, err := get(to.addr, to.port); who != "rs3" || err != nil {
			t.Errorf("%s port %d, folded: %q, %v", to.addr, to.port, who, err)
		}
	}
	if who, err := get("192.0.2.10", 10090); err == nil {
		t.Errorf("a port beside the range is answered by %s", who)
	}
	site.LB1.MustRun("nft", "flush", "ruleset")
	site.WaitFor(patience, "the marks to be put back", func() bool {
		who, err := get("192.0.2.10", 10080)
		return err == nil && who != ""
	})
	d.Stop()
	if left := site.LB1.MustRun("nft", "list", "ruleset"); strings.Contains(left, "govrrpd_lvs") {
		t.Errorf("after the end there is\n%s", left)
	}
}

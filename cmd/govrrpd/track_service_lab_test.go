//go:build lab

package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// trackingService is an instance that loses 50 of its priority while a service has no real server that is up.
const trackingService = `
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  priority          = %d
  advert_interval   = "500ms"
  virtual_addresses = ["192.0.2.10/24"]
  track {
    virtual_server "shop" { weight = -50 }
  }
}
virtual_server "shop" {
  address = "192.0.2.10:80"
  check "script" {
    command  = ["/bin/sh", "-c", "test -e %s/$0", server.ip]
    interval = "1s"
    timeout  = "1s"
    fall     = 1
  }
  real_server "10.0.0.11:80" {}
  real_server "10.0.0.12:80" {}
}
`

// TestDirectorWithoutRealServersGivesTheAddressAway: the other director still reaches its servers.
func TestDirectorWithoutRealServersGivesTheAddressAway(t *testing.T) {
	vip := netip.MustParseAddr("192.0.2.10")
	w := netns.New(t)
	a, b := w.Node("a"), w.Node("b")
	lan := w.Segment("lan0")
	lan.Attach(a, "eth0", "192.0.2.1/24")
	lan.Attach(b, "eth0", "192.0.2.2/24")
	seenByA, seenByB := t.TempDir(), t.TempDir()
	up := func(dir, server string) {
		if err := os.WriteFile(filepath.Join(dir, server), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	down := func(dir, server string) {
		if err := os.Remove(filepath.Join(dir, server)); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{seenByA, seenByB} {
		up(dir, "10.0.0.11")
		up(dir, "10.0.0.12")
	}
	a.Govrrpd(fmt.Sprintf(trackingService, 150, seenByA))
	b.Govrrpd(fmt.Sprintf(trackingService, 120, seenByB))
	holds := func(n, other *netns.Node, why string) {
		t.Helper()
		w.WaitFor(time.Minute, n.Name+" to hold the address alone: "+why, func() bool { return n.Has(vip) && !other.Has(vip) })
	}
	holds(a, b, "all is well")
	down(seenByA, "10.0.0.11")
	w.WaitFor(time.Minute, "one real server of a to be gone", func() bool {
		table, err := a.IPVS()
		return err == nil && len(table[netip.AddrPortFrom(vip, 80)]) == 1
	})
	holds(a, b, "one real server is left")
	down(seenByA, "10.0.0.12")
	holds(b, a, "none is left to a")
	up(seenByA, "10.0.0.12")
	holds(a, b, "one is back")
}

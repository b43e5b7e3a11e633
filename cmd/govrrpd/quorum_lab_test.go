//go:build lab

package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/govrrpd/govrrpd/test/netns"
)

// quorate is a service that serves with two of three servers, and needs all to come back.
const quorate = `
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  advert_interval   = "500ms"
  virtual_addresses = ["192.0.2.10/24"]
  track {
    virtual_server "shop" {}
  }
}
virtual_server "shop" {
  address       = "192.0.2.10:80"
  quorum        = 2
  hysteresis    = 1
  sorry_inhibit = true
  check "script" {
    command  = ["/bin/sh", "-c", "test -e %s/$0", server.ip]
    interval = "1s"
    timeout  = "1s"
    fall     = 1
  }
  sorry_server "10.0.0.99:80" {}
  real_server "10.0.0.11:80" {}
  real_server "10.0.0.12:80" {}
  real_server "10.0.0.13:80" {}
}
`

// TestQuorumDecidesTheTableAndTheRole: what the kernel's table shows of a quorum is what the instance that tracks the service acts on.
func TestQuorumDecidesTheTableAndTheRole(t *testing.T) {
	vip := netip.MustParseAddr("192.0.2.10")
	w := netns.New(t)
	lb := w.Node("lb")
	w.Segment("lan0").Attach(lb, "eth0", "192.0.2.1/24")
	seen := t.TempDir()
	lb.Govrrpd(fmt.Sprintf(quorate, seen))
	for i, s := range []struct {
		up, down string
		master   bool
		weights  map[string]int
	}{
		{"11 12 13", "", true, map[string]int{"11": 1, "12": 1, "13": 1, "99": 0}},
		{"", "11 12", true, map[string]int{"13": 1, "99": 0}},
		{"", "13", false, map[string]int{"99": 1}},
		{"11 12", "", false, map[string]int{"11": 0, "12": 0, "99": 1}},
		{"13", "", true, map[string]int{"11": 1, "12": 1, "13": 1, "99": 0}},
	} {
		for _, server := range inner(s.up) {
			if err := os.WriteFile(filepath.Join(seen, server), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for _, server := range inner(s.down) {
			if err := os.Remove(filepath.Join(seen, server)); err != nil {
				t.Fatal(err)
			}
		}
		want := netns.Weights{}
		for last, weight := range s.weights {
			want[netip.MustParseAddrPort("10.0.0."+last+":80")] = weight
		}
		w.WaitFor(time.Minute, fmt.Sprintf("step %d: weights %v, master %t", i, s.weights, s.master), func() bool {
			return cmp.Equal(want, lb.Weights(netip.AddrPortFrom(vip, 80)), cmpopts.EquateComparable(netip.AddrPort{})) && lb.Has(vip) == s.master
		})
	}
}

// inner returns the addresses of the servers with these last numbers.
func inner(last string) []string {
	out := strings.Fields(last)
	for i := range out {
		out[i] = "10.0.0." + out[i]
	}
	return out
}

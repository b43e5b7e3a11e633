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

// careful is a service that starts servers slowly and keeps those that fail together.
const careful = `
virtual_server "shop" {
  address         = "192.0.2.10:80"
  reentry_delay   = "1s"
  panic_threshold = "50%%"
  panic_window    = "30s"
  slow_start { duration = "4s" }
  check "script" {
    command  = ["/bin/sh", "-c", "test -e %s/$0", server.ip]
    interval = "1s"
    timeout  = "1s"
    rise     = 1
    fall     = 2
  }
  real_server "10.0.0.11:80" { weight = 100 }
  real_server "10.0.0.12:80" { weight = 100 }
  real_server "10.0.0.13:80" { weight = 100 }
}
`

// TestServersComeSlowlyAndStayInAPanic: one server that fails goes, and comes back by and by; when most fail at once, all stay as they were.
func TestServersComeSlowlyAndStayInAPanic(t *testing.T) {
	w := netns.New(t)
	lb := w.Node("lb")
	w.Segment("lan0").Attach(lb, "eth0", "192.0.2.1/24")
	seen := t.TempDir()
	up := func(servers string) {
		for _, s := range inner(servers) {
			if err := os.WriteFile(filepath.Join(seen, s), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	down := func(servers string) {
		for _, s := range inner(servers) {
			if err := os.Remove(filepath.Join(seen, s)); err != nil {
				t.Fatal(err)
			}
		}
	}
	weights := func() netns.Weights { return lb.Weights(netip.MustParseAddrPort("192.0.2.10:80")) }
	becomes := func(want ...int) {
		t.Helper()
		all := netns.Weights{}
		for i, weight := range want {
			if weight >= 0 {
				all[netip.MustParseAddrPort(inner("11 12 13")[i]+":80")] = weight
			}
		}
		w.WaitFor(time.Minute, fmt.Sprintf("weights %v", want), func() bool { return cmp.Equal(all, weights(), cmpopts.EquateComparable(netip.AddrPort{})) })
	}
	up("11 12 13")
	d := lb.Govrrpd(fmt.Sprintf(careful, seen))
	becomes(100, 100, 100)
	down("11")
	becomes(-1, 100, 100)
	up("11")
	steps := map[int]bool{}
	w.WaitFor(time.Minute, "the full weight", func() bool {
		weight := weights()[netip.MustParseAddrPort("10.0.0.11:80")]
		steps[weight] = true
		return weight == 100
	})
	delete(steps, 0)
	if len(steps) < 3 {
		t.Errorf("weights on the way: %v, want several", steps)
	}
	down("11 12")
	w.WaitFor(time.Minute, "the panic in the log", func() bool { return strings.Contains(d.Log(), "panic: too many real servers") })
	becomes(100, 100, 100)
	if out, err := d.Command("status", "ipvs"); err != nil || !strings.Contains(out, "PANIC") || strings.Count(out, "checks failed, kept") != 2 {
		t.Errorf("status: %v\n%s", err, out)
	}
	up("12")
	becomes(-1, 100, 100)
}

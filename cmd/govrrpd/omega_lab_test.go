//go:build lab

package main

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/govrrpd/govrrpd/test/netns"
)

const ending = `
virtual_server "shop" {
  address = "192.0.2.10:80"
  omega   = true
  sorry_server "10.0.0.99:80" {}
  real_server "10.0.0.11:80" { on_failure = "quiesce" }
  real_server "10.0.0.12:80" {}
}
virtual_server "mail" {
  address = "192.0.2.10:25"
  real_server "10.0.0.13:25" {}
}
`

// TestOmegaIsForAnOrderlyEnd: a director that is killed, or that leaves for another one, takes no server out.
func TestOmegaIsForAnOrderlyEnd(t *testing.T) {
	at := netip.MustParseAddrPort
	w := netns.New(t)
	lb := w.Node("lb")
	w.Segment("lan0").Attach(lb, "eth0", "192.0.2.1/24")
	d := lb.Govrrpd(ending)
	full := netns.Weights{at("10.0.0.11:80"): 1, at("10.0.0.12:80"): 1}
	is := func(want netns.Weights, when string) {
		t.Helper()
		w.WaitNone(time.Minute, when+" (-want +got)", func() string {
			return cmp.Diff(want, lb.Weights(at("192.0.2.10:80")), cmpopts.EquateComparable(netip.AddrPort{}))
		})
		if got := lb.Weights(at("192.0.2.10:25")); len(got) != 1 {
			t.Errorf("%s: the service without omega has %v", when, got)
		}
	}
	looked := func(what string) {
		t.Helper()
		w.WaitFor(time.Minute, "the director "+what, func() bool {
			s, err := d.Status(t.Context())
			return err == nil && len(s.IPVS) == 2 && s.IPVS[0].RealServers[0].Weight == 1 // of the kernel's table
		})
	}
	is(full, "at the start")
	d.Kill()
	is(full, "killed")
	d.Restart()
	looked("to be back")
	d.Signal(syscall.SIGUSR1)
	w.WaitFor(time.Minute, "the director to leave", func() bool { return !d.Running() })
	is(full, "left to another one")
	d.Restart()
	looked("to be back")
	if err := d.Stop(); err != nil {
		t.Errorf("end: %v", err)
	}
	is(netns.Weights{at("10.0.0.11:80"): 0, at("10.0.0.99:80"): 1}, "stopped")
	if !d.Logged("takes out the servers of services with omega") || !d.Logged("quorum lost") {
		t.Errorf("nothing is said of it:\n%s", d.Log())
	}
	d.Restart()
	is(full, "started again")
}

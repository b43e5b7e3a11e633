//go:build lab

package netns_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// TestServerFollowsItsSession: a real server whose check is a BFD session leaves the table when the other end of it dies, as fast as BFD
// finds that out, and is back with it; a reload that names another session for it goes by that one.
func TestServerFollowsItsSession(t *testing.T) {
	w := netns.New(t)
	lan := w.Segment("lan")
	lb, rs := w.Node("lb"), w.Node("rs")
	lan.Attach(lb, "lan", "10.0.0.1/24")
	lan.Attach(rs, "lan", "10.0.0.11/24", "10.0.0.12/24")
	session := func(name, neighbor string) string {
		return fmt.Sprintf("bfd_instance %q {\n  neighbor = %q\n  min_tx = \"100ms\"\n  min_rx = \"100ms\"\n}\n", name, neighbor)
	}
	config := func(name string) string {
		return "virtual_server \"shop\" {\n  address = \"192.0.2.10:80\"\n  real_server \"10.0.0.11:80\" {\n    check \"bfd\" { session = \"" + name + "\" }\n  }\n" +
			"  real_server \"10.0.0.12:80\" {}\n}\n" + session("first", "10.0.0.11") + session("second", "10.0.0.12")
	}
	// The peer of a session wants something to do beside it.
	far := rs.Govrrpd("vrrp_instance \"far\" {\n  interface = \"lan\"\n  virtual_router_id = 9\n  virtual_addresses = [\"10.0.0.99/24\"]\n}\nbfd_instance \"lb\" {\n" +
		"  neighbor = \"10.0.0.1\"\n  source = \"10.0.0.11\"\n  min_tx = \"100ms\"\n  min_rx = \"100ms\"\n}\n")
	d := lb.Govrrpd(config("first"))
	serves := func(n int) func() bool {
		return func() bool { return len(lb.Weights(netip.MustParseAddrPort("192.0.2.10:80"))) == n }
	}
	w.WaitFor(30*time.Second, "the session to be up", func() bool { return d.Logged(`real server is up.* server=10\.0\.0\.11:80`) })
	w.WaitFor(10*time.Second, "both servers", serves(2))
	rs.Crash()
	w.WaitFor(10*time.Second, "the server without its session to be gone", serves(1))
	far.Restart()
	w.WaitFor(30*time.Second, "the server to be back", serves(2))
	if out, err := d.Reload(config("second")); err != nil {
		t.Fatalf("reload: %v: %s", err, out)
	}
	w.WaitFor(30*time.Second, "the server with a session that nobody answers to be gone", serves(1))
}

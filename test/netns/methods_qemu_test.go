//go:build lab && qemu

package netns_test

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/govrrpd/govrrpd/test/netns"
)

// These ways need nftables and GUE, which user-mode-linux has not: `make lab-6.12` runs them.
func TestKernel612MethodsAreAsDocumented(t *testing.T) {
	tr := netns.NewTraffic(t)
	f := tr.Far()
	everyEnd(f)
	serve(f.Node, 1)
	tr.Server(0).TransferServer("[::]:8091")
	asDocumented(t, tr, tunnelDown,
		way{name: "nat with snat", options: "  forward = \"nat\"\n  snat = \"auto\"", server: [2]string{"10.0.0.11", "2001:db8:0:2::11"}, port: 8091},
		way{name: "tun, gue", options: fmt.Sprintf("  forward = \"tun\"\n  tunnel {\n    type = \"gue\"\n    port = %d\n  }", netns.GUEPort),
			server: [2]string{netns.FarAddress(false).String(), netns.FarAddress(true).String()}},
	)
}

// The rule of the page lets a server out by the director's address, and clients of a service by NAT notice nothing of it.
func TestKernel612ServersGetOutByTheDocumentedRule(t *testing.T) {
	page, err := os.ReadFile("../../contrib/forwarding.md")
	if err != nil {
		t.Fatal(err)
	}
	rule := regexp.MustCompile(`(?s)table inet outwards \{.*?\n\}\n`).FindString(string(page))
	file := t.TempDir() + "/outwards.nft"
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(rule, "eth0", "outside")), 0o600); err != nil || rule == "" {
		t.Fatalf("%v, rule %q", err, rule)
	}
	for _, conntrack := range []string{"0", "1"} {
		t.Run("net.ipv4.vs.conntrack="+conntrack, func(t *testing.T) {
			tr := netns.NewTraffic(t)
			tr.LB1.MustRun("nft", "-f", file)
			tr.Client.TransferServer("192.0.2.100:9000")
			tr.SorryNode().TransferServer("10.0.0.99:8091")
			tr.LB1.Govrrpd(fmt.Sprintf("ipvs {\n  sysctls = { conntrack = %s }\n}\nvirtual_server \"web\" {\n  address = \"192.0.2.10:7401\"\n  real_server \"10.0.0.99:8091\" {}\n}\n", conntrack))
			tr.WaitFor(settle, "the service", func() bool { return strings.Contains(tr.LB1.MustRun("ipvsadm", "-Sn"), "-a ") })
			got, err := tr.SorryNode().Transfer(netip.MustParseAddrPort("192.0.2.100:9000"), 1000, 1000, settle)
			if err != nil || !tr.LB1.Has(got.Seen.Addr()) {
				t.Errorf("outwards: %+v, %v, want an address of the director", got, err)
			}
			got, err = tr.Client.Transfer(netip.MustParseAddrPort("192.0.2.10:7401"), tunnelUp, tunnelUp, settle)
			if err != nil || got.Seen != got.Client || got.Server != "sorry" {
				t.Errorf("the service: %+v, %v, want an answer of sorry, which sees the client", got, err)
			}
		})
	}
}

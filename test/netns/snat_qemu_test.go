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

const snatConfig = `
global {
  flush_on_stop = true
}
virtual_server "away" {
  address = "192.0.2.10:12080"
  %s
  real_server "10.0.0.11:8081" {
    weight = %d
  }
}
`

// A server with no way back to the clients answers them when it sees an address of the director in place of theirs, and only then. A flow
// outlives a reload.
func TestKernel612ReplacesSources(t *testing.T) {
	for _, snat := range []string{`snat = "auto"`, `snat = ["10.0.0.50", "10.0.0.51-10.0.0.60"]`} {
		t.Run(snat, func(t *testing.T) {
			site := netns.NewSite(t)
			site.LB1.AddAddress("outside", "192.0.2.10/24")
			for i := 50; i <= 60; i++ {
				site.LB1.AddAddress("inside", fmt.Sprintf("10.0.0.%d/32", i))
			}
			site.AnswerFlows()
			// 10.0.0.1, to which the servers send what is for clients, is nobody's.
			d := site.LB1.Govrrpd(fmt.Sprintf(snatConfig, "", 1))
			to := netip.MustParseAddrPort("192.0.2.10:12080")
			site.WaitFor(settle, "the server to be in the table", func() bool {
				return strings.Contains(site.LB1.MustRun("ipvsadm", "-Sn"), "10.0.0.11:8081")
			})
			if _, err := site.Client.StartFlow(to, 3*time.Second); err == nil {
				t.Fatal("without snat the server answers, too: this test shows nothing")
			}
			d.Reload(fmt.Sprintf(snatConfig, snat, 1))
			flow, err := site.Client.StartFlow(to, settle)
			if err != nil {
				t.Fatalf("%v\n%s", err, site.LB1.MustRun("nft", "list", "ruleset"))
			}
			d.Reload(fmt.Sprintf(snatConfig, snat, 2))
			before := flow.State()
			site.WaitFor(settle, "the flow to go on", func() bool { return flow.State().Acknowledged > before.Acknowledged+3 })
			if s := flow.State(); s.Err != nil {
				t.Error(s.Err)
			}
		})
	}
}

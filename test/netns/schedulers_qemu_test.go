//go:build lab && qemu

package netns_test

import (
	"testing"

	"github.com/govrrpd/govrrpd/test/netns"
)

// Of two servers that are drawn by weight the one with less to do is taken: what is drawn too often is taken less.
func TestKernel612SharesByTwoChoices(t *testing.T) {
	site := newSinks(t)
	b := balance{scheduler: "twos", scale: 1, want: weighted, within: ofAll, active: true}
	sunk(site, b.hcl(0))
	site.Client.VolleyTCP(sinkService(0), netns.Clients(clientsPrefix, balancedClients), firstPort)
	b.check(t, site.LB1.Held(sinkService(0)))
}

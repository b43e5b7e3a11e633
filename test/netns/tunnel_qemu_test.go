//go:build lab && qemu

package netns_test

import (
	"fmt"
	"testing"

	"github.com/govrrpd/govrrpd/test/netns"
)

// GUE needs a receiving end that user-mode-linux has not: `make lab-6.12` runs this. Its header has 12 bytes with that of UDP.
func TestKernel612TunnelsByGUE(t *testing.T) {
	const header = 12
	port := fmt.Sprintf("    port = %d\n", netns.GUEPort)
	services := tunnels(overhead{"gue", port, header}, overhead{"gue", port + "    checksum = \"full\"\n", header}, overhead{name: "ipip"}, overhead{name: "gre", header: 4})
	tr := newTunnels(t, services, everyEnd, "")
	for _, s := range services {
		t.Run(s.name, func(t *testing.T) { carried(t, tr, s) })
	}
}

func everyEnd(f *netns.Far) {
	f.Decapsulate()
	f.DecapsulateGUE()
}

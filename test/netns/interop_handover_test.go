//go:build netns

package netns_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// The other router is keepalived: it takes part in a planned hand-over without knowing that there is such a thing. It keeps nothing
// of the address when it yields, so that only what govrrpd does decides whether a packet is lost.
func TestPlannedHandoverWithKeepalivedLosesNoPacket(t *testing.T) {
	for _, version := range []int{2, 3} {
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			c := newCrossing(newPair(t))
			v := netns.Instance{Version: version, Priority: 200, Interval: time.Second, Address: netip.PrefixFrom(virtual, 24)}
			a := c.a.Govrrpd(v.HCL())
			c.WaitFor(limit, "a to be master", func() bool { return c.a.Has(virtual) })
			v.Priority = 100
			k := c.b.Keepalived(keepalived, v.Keepalived(), "--vrrp")
			c.WaitFor(startup, "keepalived to be backup", func() bool { return k.Logged("Entering BACKUP STATE") })
			c.begin(c.a)
			c.lossless(t, "failover", c.b, func() { c.command(t, a, "failover", netns.InstanceName) })
			c.lossless(t, "takeover", c.a, func() { c.command(t, a, "takeover", netns.InstanceName) })
			c.lossless(t, "SIGTERM", c.b, func() { stopped(t, a) })
		})
	}
}

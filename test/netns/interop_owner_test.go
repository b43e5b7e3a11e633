//go:build netns

package netns_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// Two owners of one address are a mistake. Keepalived 2.2.7 calls it one and goes on with 254 as soon as it hears the other one, also when
// that is our last word because its address is the higher one. So ours is the only master soon, and stays it.
func TestTwoOwnersAgainstKeepalivedEndWithOneMaster(parent *testing.T) {
	for name, addresses := range map[string][2]string{"ours is higher": {"192.0.2.2/24", "192.0.2.1/24"}, "ours is lower": {"192.0.2.1/24", "192.0.2.2/24"}} {
		parent.Run(name, func(t *testing.T) {
			w := netns.New(t)
			lan := w.Segment("lan0")
			ours, theirs, client := w.Node("ours"), w.Node("theirs"), w.Node("client")
			lan.Attach(ours, "eth0", addresses[0])
			lan.Attach(theirs, "eth0", addresses[1])
			lan.Attach(client, "eth0", "192.0.2.77/24")
			v := netns.Instance{Version: 3, Priority: 255, Interval: time.Second, Address: netip.PrefixFrom(virtual, 24)}
			director := ours.Govrrpd(v.HCL())
			w.WaitFor(startup, "ours to be master", func() bool { return ours.Has(virtual) })
			k := theirs.Keepalived(keepalived, strings.Replace(v.Keepalived(), "state BACKUP", "state MASTER", 1), "--vrrp")
			w.WaitFor(startup, "both to have been master", func() bool { return k.Logged("Entering MASTER STATE") })
			w.WaitFor(startup, "keepalived to see the mistake", func() bool { return k.Logged("reducing local priority") })
			w.WaitFor(startup, "ours to be the only master", func() bool {
				return director.Role(netns.InstanceName) == "master" && ours.Has(virtual) && !theirs.Has(virtual)
			})
			w.Always(2*time.Second, "one master", func() bool { return ours.Has(virtual) && !theirs.Has(virtual) })
			if !strings.Contains(director.Log(), "two owners of the addresses") {
				t.Error("the log does not name the mistake")
			}
			ping := client.Ping(virtual, 10*time.Millisecond)
			w.WaitFor(limit, "an answer of ours", func() bool {
				_, ok := ping.Answered(time.Time{})
				return ok && client.Neighbor("eth0", virtual).String() == ours.MAC("eth0").String()
			})
			stopped(t, director)
			w.WaitFor(startup, "keepalived to take over", func() bool { return theirs.Has(virtual) && !ours.Has(virtual) })
		})
	}
}

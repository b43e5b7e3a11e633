//go:build lab

package netns_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/test/netns"
)

// What comes in for a service on a virtual hardware address is balanced as on any other, whatever way it goes on.
func TestServicesComeThroughAVirtualHardwareAddress(t *testing.T) {
	site := netns.NewSite(t)
	config := netns.SiteConfig(highPriority, calm)
	with := strings.Replace(config, "  version           = 3\n", "  version           = 3\n  vmac {}\n", 1)
	if with == config {
		t.Fatal("the configuration has no place for it")
	}
	site.LB1.Govrrpd(labGlobal + with)
	site.WaitFor(settle, "the address", func() bool { return site.LB1.Has(netns.VIP()) })
	site.WaitNone(settle, "all services", func() string { return whole(site.LB1) })
	for _, service := range netns.SiteServices() {
		got := site.Client.GetMany(service.URL(), 12, 5*time.Second)
		if diff := cmp.Diff(map[string]int{"rs1": 6, "rs2": 4, "rs3": 2}, got.Answers); diff != "" {
			t.Errorf("%s: answers (-want +got)\n%s\n%v", service.Forward, diff, got.Failures)
		}
	}
	if got, want := site.Client.Neighbor("outside", netns.VIP()).String(), "00:00:5e:00:01:33"; got != want {
		t.Errorf("the client sends to %s, want %s", got, want)
	}
}

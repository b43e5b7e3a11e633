//go:build lab

package netns_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/govrrpd/govrrpd/test/netns"
)

var equateAddrs = cmpopts.EquateComparable(netip.AddrPort{}, netip.Addr{})

// Without this one, a director that forwards nothing could not be told from a network that carries nothing.
func TestSiteCarriesWhatIpvsadmSetsUp(t *testing.T) {
	site := netns.NewSite(t)
	site.LB1.AddAddress("outside", "192.0.2.10/24")
	site.LB1.AddAddress("inside", "10.0.0.1/24")
	option := map[string]string{"nat": "-m", "dr": "-g", "tun": "-i"}
	for _, service := range netns.SiteServices() {
		site.LB1.MustRun("ipvsadm", "-A", "-t", service.Addr().String(), "-s", "wrr")
		want := netns.Weights{}
		for i := range site.Servers {
			site.LB1.MustRun("ipvsadm", "-a", "-t", service.Addr().String(), "-r", service.ServerOf(i).String(),
				option[service.Forward], "-w", fmt.Sprint(3-i))
			want[service.ServerOf(i)] = 3 - i
		}
		if diff := cmp.Diff(want, site.LB1.Weights(service.Addr()), equateAddrs); diff != "" {
			t.Errorf("%s: table (-want +got)\n%s", service.Forward, diff)
		}
		got := site.Client.GetMany(service.URL(), 12, 5*time.Second)
		if diff := cmp.Diff(map[string]int{"rs1": 6, "rs2": 4, "rs3": 2}, got.Answers); diff != "" {
			t.Errorf("%s: answers (-want +got)\n%s\n%v", service.Forward, diff, got.Failures)
		}
	}
	site.LB1.MustRun("ipvsadm", "-C")
	service := netns.SiteServices()[0]
	site.LB1.MustRun("ipvsadm", "-A", "-t", service.Addr().String())
	site.LB1.MustRun("ipvsadm", "-a", "-t", service.Addr().String(), "-r", netns.SorryAddr().String(), "-m")
	if body, err := site.Client.Get(service.URL(), 5*time.Second); err != nil || body != "sorry" {
		t.Errorf("sorry server: %q, %v", body, err)
	}
}

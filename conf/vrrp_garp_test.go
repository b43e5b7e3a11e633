package conf

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/vrrp"
)

func TestAnnouncementsAreThoseOfGlobalAndThenOfTheInstance(t *testing.T) {
	const second = time.Second
	for _, tt := range []struct {
		name, global, instance string
		want                   vrrp.Announce
	}{
		{"nothing", "", "", vrrp.AnnounceDefault},
		{"all", "", `repeat = 2
 delay = "1s"
 refresh = "60s"
 refresh_repeat = 3
 lower_priority_repeat = 0
 lower_priority_delay = "0s"
 extra_interfaces = "30s"
 interval = "5ms"
 na_interval = "6ms"`, vrrp.Announce{Repeat: 2, Delay: second, Refresh: 60 * second, RefreshRepeat: 3, Provoked: &vrrp.Burst{},
			ExtraRefresh: 30 * second, Gap: 5 * time.Millisecond, GapNA: 6 * time.Millisecond}},
		{"what is not said of a lesser master is as for a new one", "", "repeat = 2\n lower_priority_delay = \"0s\"",
			vrrp.Announce{Repeat: 2, Delay: 5 * second, Provoked: &vrrp.Burst{Repeat: 2}}},
		{"minimal", "minimal = true", "", vrrp.Announce{Repeat: 1}},
		{"global", "repeat = 7\n refresh = \"10s\"", "repeat = 3", vrrp.Announce{Repeat: 3, Delay: 5 * second, Refresh: 10 * second}},
		{"minimal but for one", "minimal = true", "repeat = 3", vrrp.Announce{Repeat: 3}},
		{"minimal in spite of global", "lower_priority_repeat = 9", "minimal = true", vrrp.Announce{Repeat: 1}},
		{"lesser masters as global has it", "lower_priority_repeat = 9", "lower_priority_delay = \"1s\"",
			vrrp.Announce{Repeat: 5, Delay: 5 * second, Provoked: &vrrp.Burst{Repeat: 9, Delay: second}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := "global {\n garp {\n " + tt.global + "\n }\n}\nvrrp_instance \"web\" {\n interface = \"eth0\"\n virtual_router_id = 51\n" +
				" virtual_addresses = [\"192.0.2.10/24\"]\n garp {\n " + tt.instance + "\n }\n}\n"
			got := mustLoad(t, nil, file(t, text)).Routers[0].Announce
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestGarpGroupsAndVerification(t *testing.T) {
	c := mustLoad(t, nil, file(t, `
garp_group "switch1" {
  interfaces  = ["eth0", "eth1"]
  interval    = "10ms"
  na_interval = "20ms"
}
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  verify_addresses  = "30s"
}
`))
	want := []vrrp.AnnounceGroup{{Interfaces: []string{"eth0", "eth1"}, Gap: 10 * time.Millisecond, GapNA: 20 * time.Millisecond}}
	if diff := cmp.Diff(want, c.Track.Surroundings.AnnounceGroups); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := c.Routers[0].VerifyAddresses; got != 30*time.Second {
		t.Errorf("verified every %s, want 30s", got)
	}
}

package conf

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/vrrp"
)

// instance is a configuration of one instance that says more.
func instance(t *testing.T, more string) *vrrp.Config {
	t.Helper()
	text := fmt.Sprintf("vrrp_instance \"web\" {\n  interface = \"eth0\"\n  virtual_router_id = 51\n  virtual_addresses = [\"192.0.2.10/24\"]\n%s\n}\n", more)
	return mustLoad(t, nil, file(t, text)).Routers[0]
}

func TestOptionsOfAnInstance(t *testing.T) {
	peer := netip.MustParseAddr("10.0.0.2")
	for _, tt := range []struct {
		name, text string
		want       vrrp.Options
	}{
		{"none", "", vrrp.Options{}},
		{"those of a backup", "preempt_delay = \"30s\"\n down_timer_adverts = 5\n lower_priority_advert = false",
			vrrp.Options{PreemptDelay: 30 * time.Second, DownAdverts: 5, QuietLower: true}},
		{"the owner's", "priority = 255\n owner_ignore_adverts = true", vrrp.Options{OwnerIgnores: true}},
		{"version 2", "version = 2\n interval_mismatch = \"alive\"", vrrp.Options{Interval: vrrp.MismatchAlive}},
		{"source", "source = \"10.0.0.1\"\n track_source = true", vrrp.Options{TrackSource: true}},
		{"unicast", "unicast {\n ttl = 64\n peer \"10.0.0.2\" {\n min_ttl = 254\n }\n }",
			vrrp.Options{TTL: 64, PeerTTL: map[netip.Addr]vrrp.TTLRange{peer: {Min: 254, Max: 255}}}},
		{"no addresses", "allow_no_addresses = true", vrrp.Options{AllowNoAddresses: true}},
		{"multicast group", "multicast_group = \"224.0.0.50\"", vrrp.Options{Group: netip.MustParseAddr("224.0.0.50")}},
		{"strict owner", "strict = true\n priority = 255", vrrp.Options{OwnerIgnores: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, instance(t, tt.text).Options, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPeersAreThoseOfTheListAndOfTheBlocks(t *testing.T) {
	got := instance(t, "unicast {\n peers = [\"10.0.0.3\"]\n peer \"10.0.0.2\" {}\n }").Peers
	if want := "[10.0.0.2 10.0.0.3]"; fmt.Sprint(got) != want {
		t.Errorf("peers %v, want %s", got, want)
	}
}

func TestStrictKeepsToTheRFC(t *testing.T) {
	c := instance(t, "strict = true")
	if c.Checksum != vrrp.FormMessage || !c.QuietYield || c.QuietLower || c.Announce != (vrrp.Announce{Repeat: 1}) {
		t.Errorf("got %+v", c)
	}
}

func TestAddressesThatAnAdvertHasNoRoomForMoveAlongUnnamed(t *testing.T) {
	text := "vrrp_instance \"web\" {\n interface = \"eth0\"\n virtual_router_id = 51\n" +
		" virtual_addresses = [for i in range(1, 301) : cidrhost(\"10.0.0.0/16\", i)]\n}\n"
	c, _ := Load([]string{file(t, text)}, nil)
	if c == nil {
		t.Fatal("refused")
	}
	r := c.Routers[0]
	if named := r.Advertised(); len(r.Addresses) != 300 || len(named) != vrrp.MaxAddresses || named[254] != netip.MustParseAddr("10.0.0.255") {
		t.Errorf("%d addresses, %d of them advertised", len(r.Addresses), len(named))
	}
}

func TestGlobalMulticastGroupIsForInstancesThatNameNone(t *testing.T) {
	text := `global {
  startup_delay        = "5s"
  delay_after_boot     = "1m"
  multicast_group_ipv4 = "224.0.0.50"
  multicast_group_ipv6 = "ff02::50"
}
`
	for i, more := range []string{
		`virtual_addresses = ["192.0.2.10/24"]`,
		`virtual_addresses = ["fe80::10/64"]`,
		"virtual_addresses = [\"192.0.2.11/24\"]\n multicast_group = \"224.0.0.51\"",
		"virtual_addresses = [\"192.0.2.12/24\"]\n unicast {\n peers = [\"10.0.0.2\"]\n }",
		"allow_no_addresses = true\n multicast_group = \"ff02::51\"",
		"allow_no_addresses = true",
	} {
		text += fmt.Sprintf("vrrp_instance \"i%d\" {\n interface = \"eth0\"\n virtual_router_id = %d\n %s\n}\n", i, i+1, more)
	}
	c := mustLoad(t, nil, file(t, text))
	var got []string
	for _, r := range c.Routers {
		got = append(got, fmt.Sprint(r.Destinations()[0]))
	}
	if diff := cmp.Diff([]string{"224.0.0.50", "ff02::50", "224.0.0.51", "10.0.0.2", "ff02::51", "224.0.0.50"}, got); diff != "" {
		t.Errorf("destinations (-want +got):\n%s", diff)
	}
	if want := (vrrp.Startup{Delay: 5 * time.Second, AfterBoot: time.Minute}); c.Global.Startup != want {
		t.Errorf("startup %+v, want %+v", c.Global.Startup, want)
	}
}

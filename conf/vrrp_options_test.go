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

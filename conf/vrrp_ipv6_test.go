package conf

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/vrrp"
)

func TestIPv6InstancesMeanWhatTheySay(t *testing.T) {
	got := mustLoad(t, nil, file(t, `
vrrp_instance "six" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["fe80::100/64", "2001:db8::100"]
  virtual_address "192.0.2.10/24" { advertised = false }
}
vrrp_instance "four" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.11/24"]
  virtual_address "2001:db8::11/64" { advertised = false }
}
vrrp_instance "unicast" {
  interface         = "eth0"
  virtual_router_id = 52
  link_local_first  = false
  virtual_addresses = ["2001:db8::52/64"]
  unicast {
    source = "2001:db8::1"
    peers  = ["2001:db8::2"]
  }
}
`))
	base := func(name string, vrid uint8, addrs ...vrrp.Address) *vrrp.Config {
		return &vrrp.Config{
			Name: name, Interface: "eth0", VRID: vrid, Version: vrrp.V3, Priority: 100, AdvertInterval: time.Second,
			Addresses: addrs, Announce: vrrp.AnnounceDefault,
		}
	}
	hidden := func(s string) vrrp.Address { return vrrp.Address{Prefix: netip.MustParsePrefix(s), Excluded: true} }
	uni := base("unicast", 52, prefixes("2001:db8::52/64")...)
	uni.GlobalFirst, uni.Source, uni.Peers = true, netip.MustParseAddr("2001:db8::1"), []netip.Addr{netip.MustParseAddr("2001:db8::2")}
	want := []*vrrp.Config{
		base("six", 51, append(prefixes("fe80::100/64", "2001:db8::100/128"), hidden("192.0.2.10/24"))...),
		base("four", 51, append(prefixes("192.0.2.11/24"), hidden("2001:db8::11/64"))...),
		uni,
	}
	if diff := cmp.Diff(want, got.Routers, domain); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNinetyIPv6AddressesFitAnAdvert(t *testing.T) {
	text := func(n int) string {
		addrs := []string{`"fe80::1:0"`}
		for i := range n - 1 {
			addrs = append(addrs, fmt.Sprintf(`"2001:db8::1:%x/64"`, i))
		}
		return "vrrp_instance \"web\" {\n interface = \"eth0\"\n virtual_router_id = 1\n virtual_addresses = [" + strings.Join(addrs, ", ") + "]\n}\n"
	}
	mustLoad(t, nil, file(t, text(90)))
	if got := diagnose(t, nil, file(t, text(91))); !strings.Contains(got, "has 91 addresses to advertise, an advert holds 90: the last 1 are not advertised") {
		t.Errorf("91 addresses: %s", got)
	}
}

func TestRouterAdvertisementMeansWhatItSays(t *testing.T) {
	got := mustLoad(t, nil, file(t, `
vrrp_instance "six" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["fe80::100/64"]
  router_advertisement {
    interval         = "60s"
    lifetime         = "0s"
    preference       = "low"
    hop_limit        = 0
    managed          = true
    other            = true
    reachable_time   = "30s"
    retransmit_timer = "1s"
    mtu              = 1400
    dns_servers      = ["2001:db8::53"]
    dns_search       = ["example.net."]
    prefix "2001:db8::/64" { valid_lifetime = "1h" }
    prefix "2001:db8:1::/48" {
      on_link    = false
      autonomous = false
    }
  }
}
`))
	want := &vrrp.RouterAdvertisement{
		Interval: time.Minute, MinInterval: 19 * time.Second, Preference: vrrp.PreferenceLow, Managed: true, Other: true,
		Reachable: 30 * time.Second, Retransmit: time.Second, MTU: 1400,
		Prefixes: []vrrp.AdvertisedPrefix{
			{Prefix: netip.MustParsePrefix("2001:db8::/64"), Valid: time.Hour, Preferred: time.Hour},
			{Prefix: netip.MustParsePrefix("2001:db8:1::/48"), OffLink: true, Managed: true, Valid: 720 * time.Hour, Preferred: 168 * time.Hour},
		},
		DNS: []netip.Addr{netip.MustParseAddr("2001:db8::53")}, Search: []string{"example.net"}, DNSLifetime: 3 * time.Minute,
	}
	if diff := cmp.Diff(want, got.Routers[0].RA, domain); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

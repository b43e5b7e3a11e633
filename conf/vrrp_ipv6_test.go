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
	if got := diagnose(t, nil, file(t, text(91))); !strings.Contains(got, "advertises 91 IPv6 addresses, an advert holds 90") {
		t.Errorf("91 addresses: %s", got)
	}
}

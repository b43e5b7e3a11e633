package conf

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/mark"
)

func between(first, last string) []mark.Range {
	return []mark.Range{{First: netip.MustParseAddr(first), Last: netip.MustParseAddr(last)}}
}

// TestMatchBecomesServicesByMark: one for each family, and rules that give their mark.
func TestMatchBecomesServicesByMark(t *testing.T) {
	c := mustLoad(t, nil, file(t, `
virtual_server "voice" {
  forward = "tun"
  match {
    addresses  = ["192.0.2.10-20", "2001:db8::/124"]
    ports      = ["5060", "10000-20000"]
    protocols  = ["udp", "tcp"]
    interfaces = ["eth0"]
  }
  match {
    addresses = ["192.0.2.30"]
    ports     = ["80"]
    sources   = ["10.0.0.0/8", "2001:db8::/32"]
  }
  real_server "10.0.0.11" {}
}
virtual_server "given" {
  fwmark = 7
  match {
    addresses = ["192.0.2.40"]
    ports     = ["80"]
  }
  real_server "10.0.0.11:8080" {}
}
`))
	own := ownMark("voice")
	if keys := []ipvs.Key{{Mark: own, Family: ipvs.V4}, {Mark: own, Family: ipvs.V6}}; !cmp.Equal(keys, c.Services[0].Keys, domain) {
		t.Errorf("the keys are %v, want %v", c.Services[0].Keys, keys)
	}
	if keys := []ipvs.Key{{Mark: 7, Family: ipvs.V4}}; !cmp.Equal(keys, c.Services[1].Keys, domain) {
		t.Errorf("the keys are %v, want %v", c.Services[1].Keys, keys)
	}
	voice := mark.Rule{Service: "voice", Mark: own, Addresses: between("192.0.2.10", "192.0.2.20"), Ports: []mark.PortRange{{First: 5060, Last: 5060}, {First: 10000, Last: 20000}},
		Protocols: []uint8{17, 6}, Interfaces: []string{"eth0"}}
	voice6 := voice
	voice6.Addresses = between("2001:db8::", "2001:db8::f")
	web := []mark.PortRange{{First: 80, Last: 80}}
	want := []mark.Rule{voice, voice6,
		{Service: "voice", Mark: own, Addresses: between("192.0.2.30", "192.0.2.30"), Sources: between("10.0.0.0", "10.255.255.255"), Ports: web, Protocols: []uint8{6}},
		{Service: "given", Mark: 7, Addresses: between("192.0.2.40", "192.0.2.40"), Ports: web, Protocols: []uint8{6}}}
	if d := cmp.Diff(want, c.Marks, domain); d != "" {
		t.Errorf("rules (-want +got):\n%s", d)
	}
}

// TestGroupFoldsIntoOneService: by a mark, with one rule for each block of addresses.
func TestGroupFoldsIntoOneService(t *testing.T) {
	c := mustLoad(t, nil, file(t, `
virtual_server_group "edge" {
  addresses = ["192.0.2.10-20:80", "192.0.2.30:10000-20000"]
  fold      = true
}
virtual_server "shop" {
  group    = "edge"
  protocol = "udp"
  real_server "10.0.0.11" {}
}
`))
	own := ownMark("shop")
	if keys := []ipvs.Key{{Mark: own, Family: ipvs.V4}}; !cmp.Equal(keys, c.Services[0].Keys, domain) {
		t.Errorf("the keys are %v, want %v", c.Services[0].Keys, keys)
	}
	want := []mark.Rule{
		{Service: "shop", Mark: own, Addresses: between("192.0.2.10", "192.0.2.20"), Ports: []mark.PortRange{{First: 80, Last: 80}}, Protocols: []uint8{17}},
		{Service: "shop", Mark: own, Addresses: between("192.0.2.30", "192.0.2.30"), Ports: []mark.PortRange{{First: 10000, Last: 20000}}, Protocols: []uint8{17}}}
	if d := cmp.Diff(want, c.Marks, domain); d != "" {
		t.Errorf("rules (-want +got):\n%s", d)
	}
}

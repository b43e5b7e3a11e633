package conf

import (
	"fmt"
	"testing"

	"github.com/govrrpd/govrrpd/ipvs"
)

// TestAddressesBecomeTheKeysOfOneVirtualServer: ranges, prefixes and ports, each as it is written.
func TestAddressesBecomeTheKeysOfOneVirtualServer(t *testing.T) {
	for text, want := range map[string]struct {
		n           int
		first, last string
	}{
		`"192.0.2.10:80"`:                       {1, "192.0.2.10:80", "192.0.2.10:80"},
		`"192.0.2.10-20:80"`:                    {11, "192.0.2.10:80", "192.0.2.20:80"},
		`"192.0.2.250-192.0.3.5:80"`:            {12, "192.0.2.250:80", "192.0.3.5:80"},
		`"192.0.2.16/28:80-81"`:                 {32, "192.0.2.16:80", "192.0.2.31:81"},
		`"192.0.2.10:1-65535"`:                  {65535, "192.0.2.10:1", "192.0.2.10:65535"},
		`"10.0.0.0/16:80"`:                      {65536, "10.0.0.0:80", "10.0.255.255:80"},
		`"2001:db8::/124:443"`:                  {16, "[2001:db8::]:443", "[2001:db8::f]:443"},
		`"[2001:db8::/124]:443"`:                {16, "[2001:db8::]:443", "[2001:db8::f]:443"},
		`"[2001:db8::10-1f]:443"`:               {16, "[2001:db8::10]:443", "[2001:db8::1f]:443"},
		`"[2001:db8::fffe-2001:db8::1:1]:443"`:  {4, "[2001:db8::fffe]:443", "[2001:db8::1:1]:443"},
		`"192.0.2.10:80", "[2001:db8::10]:443"`: {2, "192.0.2.10:80", "[2001:db8::10]:443"},
	} {
		for _, hcl := range []string{
			"virtual_server \"a\" {\n addresses = [%s]\n protocol = \"udp\"\n}\n",
			"virtual_server \"a\" {\n group = \"g\"\n protocol = \"udp\"\n}\nvirtual_server_group \"g\" {\n addresses = [%s]\n}\n",
		} {
			keys := mustLoad(t, nil, file(t, fmt.Sprintf(hcl, text))).Services[0].Keys
			first, last := ipvs.Key{Proto: ipvs.UDP, Addr: at(want.first)}, ipvs.Key{Proto: ipvs.UDP, Addr: at(want.last)}
			if len(keys) != want.n || keys[0] != first || keys[len(keys)-1] != last {
				t.Errorf("%s: %d keys from %s to %s, want %d from %s to %s", text, len(keys), keys[0], keys[len(keys)-1], want.n, first, last)
			}
		}
	}
}

// TestOneGroupServesTwoProtocols: what differs in the protocol is no overlap.
func TestOneGroupServesTwoProtocols(t *testing.T) {
	c := mustLoad(t, nil, file(t, `
virtual_server_group "dns" { addresses = ["192.0.2.10-11:53"] }
virtual_server "dns-udp" {
  group    = "dns"
  protocol = "udp"
}
virtual_server "dns-tcp" { group = "dns" }
`))
	if got := len(c.Services[0].Keys) + len(c.Services[1].Keys); got != 4 {
		t.Errorf("%d keys, want 4", got)
	}
}

// TestServersOfSeveralPortsNeedNone: with different ports a server gets each connection at that which the client asked for.
func TestServersOfSeveralPortsNeedNone(t *testing.T) {
	c := mustLoad(t, nil, file(t, `
virtual_server "a" {
  addresses = ["192.0.2.10:80", "192.0.2.10:443"]
  forward   = "dr"
  real_server "10.0.0.11" {}
}
virtual_server "b" {
  addresses = ["192.0.2.11:80", "[2001:db8::11]:80"]
  forward   = "tun"
  persistence { timeout = "60s" }
  real_server "10.0.0.11:80" {}
}
`))
	if got := c.Services[0].Servers[0].Addr; got != at("10.0.0.11:0") {
		t.Errorf("the server is at %s", got)
	}
	for k, e := range ipvs.Desired(c.Services[1:], nil) {
		if want := ipvs.SingleClient(k.AF()); e.Service.Netmask != want {
			t.Errorf("%s persists by mask %v, want %v", k, e.Service.Netmask, want)
		}
	}
}

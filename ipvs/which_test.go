package ipvs

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

const connText = `Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP C0000264 10D8 C000020A 0050 0A000002 0050 ESTABLISHED     890
TCP C0000200 0000 C000020A 0050 0A000001 0050 NONE     290
TCP 2001:0db8:0000:0000:0000:0000:0000:0064 10D8 2001:0db8:0000:0000:0000:0000:0000:0010 0050 2001:0db8:0000:0000:0000:0000:0000:0001 0050 ESTABLISHED     890
ESP C0000264 10D8 C000020A 0050 0A000002 0050 NONE     890
TCP nonsense
`

func TestParseConns(t *testing.T) {
	got := ParseConns(connText)
	at := netip.MustParseAddrPort
	want := []Conn{
		{TCP, at("192.0.2.100:4312"), at("192.0.2.10:80"), at("10.0.0.2:80")}, {TCP, at("192.0.2.0:0"), at("192.0.2.10:80"), at("10.0.0.1:80")},
		{TCP, at("[2001:db8::64]:4312"), at("[2001:db8::10]:80"), at("[2001:db8::1]:80")},
	}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Fatalf("connections %v, want %v", got, want)
		}
	}
	if len(got) != len(want) {
		t.Errorf("connections %v, want %v", got, want)
	}
}

func TestWhich(t *testing.T) {
	persistent := shop()
	persistent.Persistence, persistent.Netmask = 5*time.Minute, 0xffffff00
	hashed := hashedShop()
	for _, tt := range []struct {
		name        string
		vs          VirtualServer
		service     string
		src         string
		server, why string
	}{
		{"a connection", persistent, "shop", "192.0.2.100:4312", "10.0.0.2:80", "a connection"},
		{"a template", persistent, "shop", "192.0.2.100:4313", "10.0.0.1:80", "persistent"},
		{"another client", persistent, "shop", "192.0.3.100:4313", "", "not fixed: scheduler wlc"},
		{"a hash", hashed, "shop", "10.9.0.1:4312", "10.0.0.2:80", "hash of scheduler mh"},
		{"no such service", hashed, "shpo", "10.9.0.1:4312", "", `no virtual_server "shpo"; there are shop`},
		{"another family", hashed, "shop", "[2001:db8::1]:80", "", "no clients of ipv6"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := start(t, newMapKernel(), Options{}, tt.vs)
				got, err := b.Which(tt.service, netip.MustParseAddrPort(tt.src), ParseConns(connText))
				if err != nil {
					got = []Which{{Why: err.Error()}}
				}
				server := ""
				if got[0].Server.IsValid() {
					server = got[0].Server.String()
				}
				if server != tt.server || !strings.Contains(got[0].Why, tt.why) {
					t.Errorf("%+v, want %q by %q", got[0], tt.server, tt.why)
				}
			})
		})
	}
}

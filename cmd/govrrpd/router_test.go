package main

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/vrrp"
)

// fullConfig has every field set.
func fullConfig() *vrrp.Config {
	return &vrrp.Config{
		Name: "web", Interface: "eth0", VRID: 51, Version: vrrp.V2, Priority: 150, AdvertInterval: time.Second,
		NoPreempt: true, QuietYield: true, Checksum: vrrp.FormMessage, Password: "secret",
		Source: netip.MustParseAddr("10.0.0.1"), Peers: []netip.Addr{netip.MustParseAddr("10.0.0.2")},
		Addresses: []vrrp.Address{{Prefix: netip.MustParsePrefix("192.0.2.10/24"), Interface: "eth1", Label: "eth1:web", Excluded: true}},
		Announce:  vrrp.Announce{Repeat: 3, Delay: time.Second, Refresh: time.Minute},
		AH:        true,
		HMAC: &vrrp.HMAC{Mode: vrrp.HMACPermissive, AntiReplay: vrrp.ReplayMonotonic, Window: time.Second, ActiveKey: 7,
			Keys: []vrrp.HMACKey{{ID: 7, Secret: vrrp.Secret("\xff\x00 no text")}}},
		Track: []vrrp.Tracker{{Source: "script/nginx", Weight: -30, Reverse: true}},
	}
}

func TestConfigCrossesTheSocketUnchanged(t *testing.T) {
	for name, config := range map[string]*vrrp.Config{"every field": fullConfig(), "zero fields": {Name: "a"}} {
		t.Run(name, func(t *testing.T) {
			facts := map[string]vrrp.Verdict{"script/nginx": {Fault: "f", State: vrrp.Number, Value: -3, Reason: "r"}, "bfd/x": {}}
			want := routerRequest{Facts: facts, Configure: &routerConfig{RTPriority: 50, LockMemory: true, Routers: []*vrrp.Config{config}}}
			b, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			var got routerRequest
			if err := json.Unmarshal(b, &got); err != nil {
				t.Fatal(err)
			}
			same := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
			samePrefix := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
			if diff := cmp.Diff(want, got, same, samePrefix); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestIdentityDecidesWhetherAReloadKeepsTheRole(t *testing.T) {
	tests := []struct {
		name   string
		change func(*vrrp.Config)
		same   bool
	}{
		{"nothing", func(*vrrp.Config) {}, true},
		{"priority", func(c *vrrp.Config) { c.Priority = 10 }, true},
		{"addresses", func(c *vrrp.Config) { c.Addresses = nil }, true},
		{"another peer", func(c *vrrp.Config) { c.Peers = []netip.Addr{netip.MustParseAddr("10.0.0.3")} }, true},
		{"interface", func(c *vrrp.Config) { c.Interface = "eth1" }, false},
		{"VRID", func(c *vrrp.Config) { c.VRID++ }, true},
		{"VRID and all addresses", func(c *vrrp.Config) { c.VRID++; c.Addresses = nil }, false},
		{"version", func(c *vrrp.Config) { c.Version = vrrp.V3 }, true},
		{"unicast to multicast", func(c *vrrp.Config) { c.Peers = nil }, true},
		{"virtual hardware address", func(c *vrrp.Config) { c.VMAC = &vrrp.VMAC{Name: "other"} }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			changed := fullConfig()
			tt.change(changed)
			if got := fullConfig().GoesOn(changed); got != tt.same {
				t.Errorf("GoesOn = %t, want %t", got, tt.same)
			}
		})
	}
}

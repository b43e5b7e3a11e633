package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/conf"
	"github.com/govrrpd/govrrpd/vrrp"
)

func TestMissingInterfacesAreNamedOncePerInstance(t *testing.T) {
	config := &conf.Config{Routers: []*vrrp.Config{
		{Name: "web", Interface: "eth0", Addresses: []vrrp.Address{{}, {Interface: "eth1"}}},
		{Name: "mail", Interface: "eth8", Addresses: []vrrp.Address{{}, {}, {Interface: "eth9"}}},
	}}
	want := []string{
		`vrrp_instance "mail": this host has no interface eth8 now, it has lo, eth0, eth1; the instance stays in fault until it is there`,
		`vrrp_instance "mail": this host has no interface eth9 now, it has lo, eth0, eth1; the instance stays in fault until it is there`,
	}
	if diff := cmp.Diff(want, missingInterfaces(config, []string{"lo", "eth0", "eth1"})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

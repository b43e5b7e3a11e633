package vrrp

import (
	"net/netip"
	"strings"
	"testing"
)

// R-7.3-01.
func TestVirtualMAC(t *testing.T) {
	for _, test := range []struct {
		vrid   uint8
		family Family
		want   string
	}{
		{1, IPv4, "00:00:5e:00:01:01"},
		{51, IPv4, "00:00:5e:00:01:33"},
		{255, IPv4, "00:00:5e:00:01:ff"},
		{1, IPv6, "00:00:5e:00:02:01"},
		{255, IPv6, "00:00:5e:00:02:ff"},
	} {
		m := VirtualMAC(test.vrid, test.family)
		if m.String() != test.want {
			t.Errorf("VirtualMAC(%d, %s) = %s, want %s", test.vrid, test.family, m, test.want)
		}
		var back MAC
		if err := back.UnmarshalText([]byte(m.String())); err != nil || back != m {
			t.Errorf("%s reads as %s, %v", m, back, err)
		}
	}
	var m MAC
	if err := m.UnmarshalText([]byte("00:00:5e:00:01:33:44:55")); err == nil {
		t.Error("eight bytes are taken for a MAC")
	}
}

func TestValidateVMAC(t *testing.T) {
	good := VirtualMAC(51, IPv4)
	for _, test := range []struct {
		name   string
		vmac   VMAC
		change func(c *Config)
		want   string // part of the error; empty for none
	}{
		{"right", VMAC{Name: "vrrp.51", Address: good}, nil, ""},
		{"no name", VMAC{Address: good}, nil, "want 1 to 15 bytes"},
		{"long name", VMAC{Name: "vrrp.5123456789a", Address: good}, nil, "want 1 to 15 bytes"},
		{"name of the base", VMAC{Name: "eth0", Address: good}, nil, "another name than that of the interface"},
		{"no address", VMAC{Name: "vrrp.51"}, nil, "not the address of one interface"},
		{"group address", VMAC{Name: "vrrp.51", Address: MAC{1, 0, 0x5e, 0, 0, 1}}, nil, "not the address of one interface"},
		{"unicast", VMAC{Name: "vrrp.51", Address: good}, func(c *Config) { c.Peers = []netip.Addr{netip.MustParseAddr("10.0.0.2")} }, "send them from the base"},
		{"unicast from the base", VMAC{Name: "vrrp.51", Address: good, SendFromBase: true}, func(c *Config) {
			c.Peers = []netip.Addr{netip.MustParseAddr("10.0.0.2")}
		}, ""},
		{"name too long for another interface", VMAC{Name: "vrrp.51", Address: good, Everywhere: true}, func(c *Config) {
			c.Addresses = append(c.Addresses, Address{Prefix: netip.MustParsePrefix("10.1.0.1/24"), Interface: "management0"})
		}, `"vrrp.51.management0"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &Config{
				Name: "web", Interface: "eth0", VRID: 51, Version: V3, Priority: 100, AdvertInterval: MinAdvertInterval,
				Addresses: []Address{{Prefix: netip.MustParsePrefix("10.0.0.1/24")}}, VMAC: &test.vmac,
			}
			if test.change != nil {
				test.change(c)
			}
			err := c.Validate()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("Validate: %v, want %q", err, test.want)
			}
		})
	}
}

func TestAddressInterface(t *testing.T) {
	for _, test := range []struct {
		name    string
		vmac    *VMAC
		address string
		want    string
	}{
		{"own interface", nil, "", "eth0"},
		{"another interface", nil, "eth1", "eth1"},
		{"with a VMAC", &VMAC{Name: "vrrp.51"}, "", "vrrp.51"},
		{"own interface by name", &VMAC{Name: "vrrp.51"}, "eth0", "vrrp.51"},
		{"another interface without", &VMAC{Name: "vrrp.51"}, "eth1", "eth1"},
		{"another interface with", &VMAC{Name: "vrrp.51", Everywhere: true}, "eth1", "vrrp.51.eth1"},
	} {
		c := &Config{Interface: "eth0", VMAC: test.vmac}
		if got := c.AddressInterface(Address{Interface: test.address}); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

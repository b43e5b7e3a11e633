package conf

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/vrrp"
)

func TestVMACValues(t *testing.T) {
	for _, test := range []struct {
		name, addresses, block string
		want                   *vrrp.VMAC
	}{
		{"none", `["192.0.2.10/24"]`, "", nil},
		{"defaults", `["192.0.2.10/24"]`, "vmac {}", &vrrp.VMAC{Name: "vrrp.51", Address: vrrp.VirtualMAC(51, vrrp.IPv4)}},
		{"defaults of IPv6", `["fe80::10/64"]`, "vmac {}", &vrrp.VMAC{Name: "vrrp6.51", Address: vrrp.VirtualMAC(51, vrrp.IPv6)}},
		{"all values", `["192.0.2.10/24"]`, `vmac {
			name = "virtual0"
			address = "02:00:00:00:00:0a"
			send_from_base = true
			all_interfaces = true
		}`, &vrrp.VMAC{Name: "virtual0", Address: vrrp.MAC{2, 0, 0, 0, 0, 10}, SendFromBase: true, Everywhere: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "a.hcl")
			text := "vrrp_instance \"web\" {\ninterface = \"eth0\"\nvirtual_router_id = 51\nvirtual_addresses = " + test.addresses + "\n" + test.block + "\n}\n"
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			got := mustLoad(t, nil, file)
			if diff := cmp.Diff(test.want, got.Routers[0].VMAC); diff != "" {
				t.Errorf("vmac (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAccept(t *testing.T) {
	for line, want := range map[string]bool{"": false, "accept = true": false, "accept = false": true} {
		got := mustLoad(t, nil, file(t, `
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  `+line+`
}`))
		if got.Routers[0].NoAccept != want {
			t.Errorf("%q: NoAccept is %t", line, got.Routers[0].NoAccept)
		}
	}
}

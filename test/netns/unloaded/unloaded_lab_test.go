//go:build lab

// Package unloaded_test is by itself since its test takes IPVS out of the kernel: no other's namespace may use it.
package unloaded_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// settle is how long something may take that has no limit of its own.
const settle = time.Minute

const config = `
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  advert_interval   = "500ms"
  virtual_addresses = ["192.0.2.10/24"]
}
virtual_server "shop" {
  address = "192.0.2.10:80"
  real_server "10.0.0.11:80" {}
}
`

// serves tells whether shop is in the kernel's table, with its server.
func serves(n *netns.Node) bool {
	out, err := n.Run("ipvsadm", "-Sn")
	return err == nil && strings.Contains(out, "-a -t 192.0.2.10:80 -r 10.0.0.11:80")
}

// unload takes IPVS out of the kernel as long as the returned function is not called. Who uses it has its services taken away.
func unload(w *netns.World, lb *netns.Node) (again func()) {
	const block = "/run/modprobe.d/ip_vs.conf" // in the lab's own memory
	lb.MustRun("sh", "-c", "mkdir -p /run/modprobe.d && echo 'install ip_vs /bin/false' >"+block)
	w.WaitNone(settle, "IPVS to be unloaded", func() string {
		out, _ := lb.Run("sh", "-c", "ipvsadm -C; rmmod $(lsmod | awk '/^ip_vs_/ { print $1 }') ip_vs; lsmod | grep ip_vs; ls /run/netns")
		if _, err := os.Stat("/sys/module/ip_vs"); err != nil {
			return ""
		}
		return out
	})
	return func() { _ = os.Remove(block) }
}

// Without IPVS in the kernel a director does not start, and says what to do. One that loses it goes on with VRRP, tells of it, and has everything in
// the table again soon after it is back.
func TestDirectorWithoutIPVSSaysSoAndGoesOn(t *testing.T) {
	if name, err := os.Hostname(); err != nil || name != "lab" {
		t.Log("the modules of this host's kernel are left alone")
		return
	}
	w := netns.New(t)
	lb := w.Node("lb")
	w.Segment("lan0").Attach(lb, "eth0", "192.0.2.1/24")
	again := unload(w, lb)
	d := lb.Govrrpd(config)
	w.WaitFor(settle, "the director to give up", func() bool { return !d.Running() })
	for _, words := range []string{"this kernel has no IPVS", "CONFIG_IP_VS", "in a container load ip_vs on the host"} {
		if !strings.Contains(d.Log(), words) {
			t.Errorf("the log has no %q:\n%s", words, d.Log())
		}
	}
	again()
	d.Restart()
	w.WaitFor(settle, "shop to be served", func() bool { return serves(lb) && d.Role("web") == "master" })

	again = unload(w, lb)
	w.WaitFor(settle, "the status to say so", func() bool {
		out, err := d.Command("status", "ipvs")
		return err == nil && strings.Contains(out, "THE KERNEL'S TABLE CANNOT BE READ: ipvs: this kernel has no IPVS")
	})
	if role := d.Role("web"); role != "master" || !lb.Has(netns.VIP()) {
		t.Errorf("role %q without IPVS, want master as before, with the address", role)
	}
	again()
	w.WaitFor(settle, "shop to be served again", func() bool { return serves(lb) })
	out, err := d.Command("status", "ipvs")
	if err != nil || strings.Contains(out, "CANNOT BE READ") {
		t.Errorf("status in the end: %v\n%s", err, out)
	}
}

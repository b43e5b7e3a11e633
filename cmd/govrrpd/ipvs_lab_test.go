//go:build lab

package main

import (
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

const (
	onlyAddress = "vrrp_instance \"web\" {\n  interface         = \"eth0\"\n  virtual_router_id = 51\n  virtual_addresses = [\"192.0.2.10/24\"]\n}\n"
	andService  = onlyAddress + "virtual_server \"shop\" {\n  address = \"192.0.2.10:80\"\n  real_server \"10.0.0.11:80\" {}\n}\n"
)

// A stop leaves the services, and the next configuration may have none: then nothing else would open the kernel's table.
func TestServiceOfAnEarlierDirectorGoesAwayWhenNoneIsConfigured(t *testing.T) {
	w := netns.New(t)
	node := w.Node("a")
	w.Segment("lan0").Attach(node, "eth0", "192.0.2.1/24")
	services := func(n int) func() bool {
		return func() bool { table, err := node.IPVS(); return err == nil && len(table) == n }
	}
	d := node.Govrrpd(andService)
	w.WaitFor(time.Minute, "the service to be there", services(1))
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	w.WaitFor(time.Second, "the service to be left", services(1))
	d.Write(onlyAddress)
	d.Restart()
	w.WaitFor(time.Minute, "the service to be gone", services(0))
}

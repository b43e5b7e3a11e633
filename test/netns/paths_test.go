//go:build netns

package netns_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

const (
	pathInterval = 100 * time.Millisecond
	// pathTakeoverSlack is what a takeover may need beyond the down interval, with the address and the look at it.
	pathTakeoverSlack = 200 * time.Millisecond
)

// pathConfig is one of two routers that reach each other over two networks.
func pathConfig(priority, me, other int) string {
	return fmt.Sprintf(`vrrp_instance "v" {
  interface         = "eth0"
  virtual_router_id = 51
  priority          = %d
  advert_interval   = %q
  virtual_addresses = ["%s/24"]
  unicast {
    source = "192.0.2.%d"
    peer "192.0.2.%d" {
      path "10.1.0.%d" { interface = "eth1" }
    }
  }
}
`, priority, pathInterval, virtual, me, other, other)
}

func TestOneLivePathPreventsATakeover(t *testing.T) {
	p := newPair(t)
	second := p.Segment("lan1")
	otherA := second.Attach(p.a, "eth1", "10.1.0.1/24")
	second.Attach(p.b, "eth1", "10.1.0.2/24")
	stalls := p.WatchStalls()
	a := p.a.Govrrpd(pathConfig(200, 1, 2))
	p.WaitFor(limit, "a to be master", func() bool { return p.a.Has(virtual) })
	b := p.b.Govrrpd(pathConfig(100, 2, 1))
	p.WaitFor(limit, "b to be backup", func() bool { return b.Role("v") == "backup" })
	p.Always(5*pathInterval, "no path is lost", func() bool { return !lostPath(b, "") })

	for name, port := range map[string]*netns.Port{"192.0.2.1 of peer 192.0.2.1 on eth0": p.portA, "10.1.0.1 of peer 192.0.2.1 on eth1": otherA} {
		start := time.Now()
		port.Unplug()
		p.WaitFor(limit, "the alarm about "+name, func() bool { return lostPath(b, name) })
		p.Always(5*pathInterval, "b stays backup", func() bool { return b.Role("v") == "backup" || stalls.Since(start) > pathInterval })
		if role := a.Role("v"); role != "master" && stalls.Since(start) <= pathInterval {
			t.Errorf("%s is lost: a is %s", name, role)
		}
		port.Heal()
		p.WaitFor(limit, "the end of the alarm about "+name, func() bool { return !lostPath(b, "") })
	}

	p.portA.Unplug()
	p.WaitFor(limit, "the alarm", func() bool { return lostPath(b, "192.0.2.1") })
	if out, err := a.Command("failover", "v"); err != nil { // over the other path
		t.Errorf("failover: %v: %s", err, out)
	}
	p.WaitFor(limit, "b to be master", func() bool { return p.b.Has(virtual) && !p.a.Has(virtual) })
	if out, err := a.Command("takeover", "v"); err != nil {
		t.Errorf("takeover: %v: %s", err, out)
	}
	p.WaitFor(limit, "a to be master", func() bool { return p.a.Has(virtual) && !p.b.Has(virtual) })

	start := time.Now()
	otherA.Unplug()
	took := p.WaitFor(limit, "b to take over when both paths are cut", func() bool { return p.b.Has(virtual) })
	if down := 361 * time.Millisecond; took < down-pathInterval-50*time.Millisecond || took > down+pathTakeoverSlack+stalls.Since(start) {
		t.Errorf("b took over after %s, want about %s; the machine stood still for %s", took, down, stalls.Since(start))
	}
	p.portA.Heal()
	p.WaitFor(limit, "one master on the path that is back", func() bool { return p.a.Has(virtual) && !p.b.Has(virtual) })
}

// lostPath reports whether status tells of a lost path, of any with an empty name.
func lostPath(d *netns.Director, name string) bool {
	out, err := d.Command("status", "vrrp")
	return err == nil && strings.Contains(out, "PATH LOST: "+name)
}

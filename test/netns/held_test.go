//go:build netns

package netns_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// heldConfig is an instance that holds routes and rules in all it can hold, beside static objects.
func heldConfig(priority int, onLoss string) string {
	return fmt.Sprintf(`
vrrp_instance "gateway" {
  interface         = "eth0"
  virtual_router_id = 51
  priority          = %d
  advert_interval   = "100ms"
  on_address_lost   = %q
  virtual_addresses = ["192.0.2.10/24"]
  virtual_address "198.18.0.11/24" {
    label     = "eth0:held"
    broadcast = "+"
    scope     = "link"
  }
  route "0.0.0.0/0" {
    via    = "192.0.2.254"
    source = "192.0.2.10"
    table  = 100
    mtu    = 1400
    lock   = ["mtu"]
  }
  route "198.51.100.0/24" { type = "blackhole" }
  rule {
    from  = "192.0.2.10"
    table = 100
  }
}
static_address "203.0.113.1/24" {
  interface = "eth0"
  track     = ["gateway"]
}
static_route "10.0.0.0/8" {
  via   = "203.0.113.2"
  track = ["gateway"]
}
static_rule {
  from  = "10.0.0.0/8"
  table = 101
}
`, priority, onLoss)
}

// A heldDirector is a director whose kernel is asked what it holds.
type heldDirector struct {
	*netns.Node
	*netns.Director
}

// has reports whether all of what is in the kernel.
func (d heldDirector) has(what ...string) bool {
	all := d.MustRun("ip", "-d", "route", "show", "table", "all", "proto", "112") + d.MustRun("ip", "-d", "rule", "show") + d.MustRun("ip", "-d", "addr", "show", "dev", "eth0")
	for _, w := range what {
		if !strings.Contains(all, w) {
			return false
		}
	}
	return true
}

// mastersThings is what only a master has, in the words of iproute2.
var mastersThings = []string{"default via 192.0.2.254 dev eth0 table 100", "mtu lock 1400", "blackhole 198.51.100.0/24", "from 192.0.2.10 lookup 100",
	"198.18.0.11/24 brd 198.18.0.255 scope link eth0:held"}

func (d heldDirector) master() bool { return d.has(mastersThings...) }

// bare reports whether nothing of a master is there, and all that is static.
func (d heldDirector) bare() bool {
	for _, w := range mastersThings {
		if d.has(w) {
			return false
		}
	}
	return d.has("10.0.0.0/8 via 203.0.113.2", "from 10.0.0.0/8 lookup 101", "203.0.113.1/24")
}

func newHeld(t *testing.T, onLoss string) (w *netns.World, better, worse heldDirector) {
	t.Helper()
	w = netns.New(t)
	lan := w.Segment("lan")
	start := func(name, address string, priority int) heldDirector {
		n := w.Node(name)
		lan.Attach(n, "eth0", address)
		return heldDirector{n, n.Govrrpd(heldConfig(priority, onLoss))}
	}
	better, worse = start("better", "192.0.2.1/24", 200), start("worse", "192.0.2.2/24", 100)
	w.WaitFor(startup, "the better one to hold everything, the other only what is static", func() bool { return better.master() && worse.bare() })
	return w, better, worse
}

func TestRoutesAndRulesFollowTheMaster(t *testing.T) {
	w, better, worse := newHeld(t, "restore")
	if err := better.Stop(); err != nil {
		t.Fatal(err)
	}
	w.WaitFor(startup, "the other to hold everything", worse.master)
	if better.has("10.0.0.0/8") || better.has("lookup 101") || better.has("203.0.113.1/24") {
		t.Error("static objects survived the daemon")
	}
	better.Restart()
	w.WaitFor(startup, "the better one to have all back", func() bool { return better.master() && worse.bare() })

	// Somebody tidies up behind its back; nobody else notices.
	for _, damage := range []string{"ip rule del from 192.0.2.10 table 100", "ip route flush table 100", "ip addr del 192.0.2.10/24 dev eth0", "ip route del 10.0.0.0/8"} {
		better.MustRun(strings.Fields(damage)...)
		w.WaitFor(startup, "repair after "+damage, func() bool { return better.master() && better.has("10.0.0.0/8 via 203.0.113.2") })
	}
	if role := better.Role("gateway"); role != "master" {
		t.Errorf("role %s, want master still", role)
	}
	out, err := better.Command("status")
	if err != nil || !strings.Contains(out, "route 0.0.0.0/0 via 192.0.2.254") || !strings.Contains(out, "held") {
		t.Errorf("status (%v):\n%s", err, out)
	}

	// A reload changes one route and drops the rule.
	changed := strings.ReplaceAll(heldConfig(200, "restore"), "mtu    = 1400", "mtu    = 1300")
	changed = strings.ReplaceAll(changed, "  rule {\n    from  = \"192.0.2.10\"\n    table = 100\n  }\n", "")
	if out, err := better.Reload(changed); err != nil {
		t.Fatalf("reload: %v: %s", err, out)
	}
	w.WaitFor(startup, "the reload in the kernel", func() bool { return better.has("mtu lock 1300") && !better.has("from 192.0.2.10 lookup 100") })
}

func TestAMasterStepsDownForALostAddress(t *testing.T) {
	w, better, worse := newHeld(t, "step-down")
	logged := func(d heldDirector, expr string) func() bool { return func() bool { return d.Logged(expr) } }
	better.MustRun("ip", "addr", "del", "192.0.2.10/24", "dev", "eth0")
	w.WaitFor(startup, "the master to step down", logged(better, `stepped down: address 192.0.2.10/24 on eth0 is gone`))
	w.WaitFor(startup, "one of them to be master with everything", func() bool { return better.master() && worse.bare() })
}

func TestAFaultOfAStaticRouteIsOneOfTheRoutersThatTrackIt(t *testing.T) {
	w := netns.New(t)
	n := w.Node("alone")
	w.Segment("lan").Attach(n, "eth0", "192.0.2.1/24")
	n.MustRun("ip", "route", "add", "10.0.0.0/8", "via", "192.0.2.2", "proto", "static") // in the way
	d := heldDirector{n, n.Govrrpd(heldConfig(100, "restore"))}
	w.WaitFor(startup, "the fault", func() bool { return d.Role("gateway") == "fault" })
	out, _ := d.Command("status")
	if !strings.Contains(out, "that is not ours is there") {
		t.Errorf("status does not say why:\n%s", out)
	}
	n.MustRun("ip", "route", "del", "10.0.0.0/8")
	w.WaitFor(2*time.Minute, "the end of the fault", d.master) // somebody else's route goes without a notice to us
}

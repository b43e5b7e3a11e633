//go:build netns

package kernel

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

// gateway is a router that holds an address, a route whose source that is, and a rule that leads to the route's table.
func gateway(l *lan) *vrrp.Config {
	c := l.config("web", 51, "192.0.2.10/24")
	c.Routes = []vrrp.HeldRoute{{Prefix: prefix("0.0.0.0/0"), Table: 100, Source: host("192.0.2.10"), Hops: []vrrp.Hop{{Via: host("192.0.2.2")}}}}
	c.Rules = []vrrp.Rule{{Priority: 20000, From: prefix("192.0.2.10/32"), Table: 100}}
	return c
}

func routeLines(t *testing.T, args ...string) []string {
	t.Helper()
	var out []string
	for line := range strings.Lines(ip(t, append([]string{"route", "show"}, args...)...)) {
		out = append(out, strings.TrimSpace(line))
	}
	return out
}

// there reports whether all that gateway's router holds is in the kernel.
func there(t *testing.T) bool {
	return len(routesShown(t, "-4")) == 1 && len(rulesShown(t, "-4")) == 1
}

func TestWhatSomebodyDeletesComesBack(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	h := newHost(t)
	c := gateway(l)
	listener := newRecorder()
	must(t, h.Attach(c, listener))
	run(t, h)
	must(t, h.Hold(c, true))
	if !there(t) {
		t.Fatalf("route %v, rule %v", routesShown(t, "-4"), rulesShown(t, "-4"))
	}
	for _, damage := range []struct{ name, args string }{
		{"the route", "route del default table 100"},
		{"the rule", "rule del priority 20000"},
		{"the address", "addr del 192.0.2.10/24 dev " + l.near},
		{"the route, with another metric of ours in its place", "route replace default via 192.0.2.3 table 100 proto 112"},
	} {
		before := h.Status().Restored
		ip(t, strings.Fields(damage.args)...)
		eventually(t, damage.name+" is back", func() bool {
			return h.Status().Restored > before && there(t) && slices.Contains(l.addresses(), "192.0.2.10/24") &&
				strings.Contains(strings.Join(routeLines(t, "table", "100"), ";"), "via 192.0.2.2 ")
		})
	}
	if n := len(listener.losses); n != 0 {
		t.Errorf("the router heard of %d losses, want none: all came back", n)
	}
	must(t, h.Hold(c, false))
	if len(routesShown(t, "-4"))+len(rulesShown(t, "-4")) != 0 {
		t.Errorf("after the release there are %v and %v", routesShown(t, "-4"), rulesShown(t, "-4"))
	}
}

func TestWhoStepsDownForALossIsToldAndGetsNothingBack(t *testing.T) {
	for _, damage := range []string{"route del default table 100", "rule del priority 20000", "addr del 192.0.2.10/24 dev DEV"} {
		t.Run(damage, func(t *testing.T) {
			l := newLAN(t)
			l.address("192.0.2.1/24")
			h := newHost(t)
			c := gateway(l)
			c.OnLoss = vrrp.StepDownOnLoss
			listener := newRecorder()
			must(t, h.Attach(c, listener))
			run(t, h)
			must(t, h.Hold(c, true))
			ip(t, strings.Fields(strings.ReplaceAll(damage, "DEV", l.near))...)
			eventually(t, "the loss is told", func() bool {
				listener.mu.Lock()
				defer listener.mu.Unlock()
				return len(listener.losses) > 0 && !listener.losses[0].Final && strings.Contains(listener.losses[0].Reason, "gone")
			})
			if n := h.Status().Restored; n != 0 {
				t.Errorf("%d things were put back, want none", n)
			}
		})
	}
}

func TestUntrackedThingsStayAway(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	h := newHost(t)
	c := gateway(l)
	c.Addresses[0].Untracked, c.Routes[0].Untracked = true, true
	c.Routes = append(c.Routes, vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Untracked: true, Hops: []vrrp.Hop{{Via: host("203.0.113.1")}}})
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	must(t, h.Hold(c, true)) // though the second route has no way
	ip(t, "addr", "del", "192.0.2.10/24", "dev", l.near)
	ip(t, "route", "del", "default", "table", "100")
	ip(t, "rule", "del", "priority", "20000")
	eventually(t, "the rule, which is tracked, is back", func() bool { return len(rulesShown(t, "-4")) == 1 })
	if addrs := l.addresses(); slices.Contains(addrs, "192.0.2.10/24") {
		t.Error("the address is back")
	}
	if routes := routesShown(t, "-4"); len(routes) != 0 {
		t.Errorf("routes %v, want none", routes)
	}
}

func TestWhatCannotBeRoutedIsNamedWithTheReason(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	h := newHost(t)
	ip(t, "route", "add", "10.1.0.0/16", "via", "192.0.2.2", "proto", "static")
	c := l.config("web", 51, "192.0.2.10/24")
	c.Routes = []vrrp.HeldRoute{
		{Prefix: prefix("10.0.0.0/16"), Hops: []vrrp.Hop{{Via: host("203.0.113.1")}}},
		{Prefix: prefix("10.1.0.0/16"), Hops: []vrrp.Hop{{Via: host("192.0.2.3")}}},
		{Prefix: prefix("10.2.0.0/16"), Source: host("192.0.2.99"), Hops: []vrrp.Hop{{Via: host("192.0.2.2")}}},
		{Prefix: prefix("10.3.0.0/16"), Hops: []vrrp.Hop{{Interface: "nowhere0"}}},
		{Prefix: prefix("10.4.0.0/16"), Hops: []vrrp.Hop{{Via: host("192.0.2.2")}}},
	}
	must(t, h.Attach(c, newRecorder()))
	err := h.Hold(c, true)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"10.0.0.0/16 via 203.0.113.1", "no address or route of this host leads to the gateway", "that is not ours is there",
		"source 192.0.2.99 is not an address of this host", "nowhere0: interface does not exist"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	if lines := routeLines(t, "10.1.0.0/16"); len(lines) != 1 || !strings.Contains(lines[0], "192.0.2.2") {
		t.Errorf("somebody else's route is %v", lines)
	}
	held := 0
	for _, o := range h.Status().Objects {
		if o.Held {
			held++
		} else if o.Error == "" {
			t.Errorf("%s is not held, and status does not say why", o.Object)
		}
	}
	if held != 1 {
		t.Errorf("status shows %d routes held, want 1", held)
	}
	must(t, h.Hold(c, false))
	if lines := routeLines(t, "10.1.0.0/16"); len(lines) != 1 {
		t.Errorf("somebody else's route went: %v", lines)
	}
}

func TestLeftoversAreAdoptedOrSwept(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	dead := newHost(t)
	c := gateway(l)
	c.Routes = append(c.Routes, vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Type: vrrp.RouteBlackhole})
	c.Rules = append(c.Rules, vrrp.Rule{Priority: 20001, IPv6: true, From: prefix("2001:db8::/32"), Action: vrrp.RuleProhibit})
	must(t, dead.Attach(c, newRecorder()))
	must(t, dead.Hold(c, true))

	// A new process wants one route of them, by another gateway, and the first rule.
	h := newHost(t)
	next := gateway(l)
	next.Routes[0].Hops[0].Via = host("192.0.2.3")
	must(t, h.Attach(next, newRecorder()))
	if _, err := h.Sweep(); err != nil {
		t.Fatal(err)
	}
	if n, m := len(routesShown(t, "-4")), len(rulesShown(t, "-4"))+len(rulesShown(t, "-6")); n != 1 || m != 1 {
		t.Errorf("%d routes and %d rules are left after the sweep, want those that the configuration names", n, m)
	}
	must(t, h.Hold(next, true))
	if lines := routeLines(t, "table", "100"); len(lines) != 1 || !strings.Contains(lines[0], "via 192.0.2.3") {
		t.Errorf("the route that was adopted is %v", lines)
	}
	must(t, h.Hold(next, false))
	if len(routesShown(t, "-4"))+len(rulesShown(t, "-4")) != 0 {
		t.Error("what was adopted is not released")
	}
}

func TestABackupLetsGoOfWhatADeadProcessHeld(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	dead, h := newHost(t), newHost(t)
	c := gateway(l)
	must(t, dead.Attach(c, newRecorder()))
	must(t, dead.Hold(c, true))
	must(t, h.Attach(c, newRecorder()))
	must(t, h.Hold(c, false))
	if there(t) || slices.Contains(l.addresses(), "192.0.2.10/24") {
		t.Error("it is still there")
	}
}

func TestAReloadChangesWhatDiffers(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	h := newHost(t)
	c := gateway(l)
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	must(t, h.Hold(c, true))
	next := gateway(l)
	next.Routes[0].Metrics.Values = []vrrp.RouteMetric{{ID: 2, Value: 1400}}
	next.Routes = append(next.Routes, vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Hops: []vrrp.Hop{{Interface: l.near}}})
	next.Rules = []vrrp.Rule{{Priority: 20000, From: prefix("192.0.2.10/32"), TOS: 16, Table: 100}}
	must(t, h.Configure(next))
	must(t, h.Hold(next, true))
	if lines := routeLines(t, "table", "100"); len(lines) != 1 || !strings.Contains(lines[0], "mtu 1400") {
		t.Errorf("route %v", lines)
	}
	if rules := rulesShown(t, "-4"); len(rules) != 1 || fmt.Sprint(rules[0]["tos"]) != "0x10" {
		t.Errorf("rules %v", rules)
	}
	if n := len(routesShown(t, "-4")); n != 2 {
		t.Errorf("%d routes, want 2", n)
	}
	if n := h.Status().Restored; n != 0 {
		t.Errorf("%d things were restored: our own changes were taken for somebody else's", n)
	}
}

func TestARouteWaitsForItsSource(t *testing.T) {
	l := newLAN(t)
	h := newHost(t)
	c := l.config("web", 51, "192.0.2.10/24", "2001:db8::10/64")
	c.Addresses[1].Excluded, c.Addresses[1].DetectDuplicates = true, true
	c.Routes = []vrrp.HeldRoute{{Prefix: prefix("2001:db8:1::/48"), Source: host("2001:db8::10"), Hops: []vrrp.Hop{{Interface: l.near}}}}
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	must(t, h.Hold(c, true)) // duplicate address detection takes a second
	eventually(t, "the route follows its source", func() bool { return len(routesShown(t, "-6")) == 1 })
}

func TestChangedPropertiesAreCorrected(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	h := newHost(t)
	c := l.config("web", 51, "192.0.2.10/24")
	c.Addresses[0].Broadcast, c.Addresses[0].Metric = host("192.0.2.255"), 50
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	must(t, h.Hold(c, true))
	ip(t, "addr", "change", "192.0.2.10/24", "dev", l.near, "metric", "7")
	eventually(t, "the metric is right again", func() bool { return fmt.Sprint(addressShown(t, l.near, "192.0.2.10")["metric"]) == "50" })
	if b := addressShown(t, l.near, "192.0.2.10")["broadcast"]; b != "192.0.2.255" {
		t.Errorf("broadcast %v", b)
	}
}

func TestStaticObjectsAreThereWhateverTheRoles(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	h := newHost(t)
	listener := newRecorder()
	must(t, h.Attach(l.config("web", 51, "192.0.2.10/24"), listener))
	run(t, h)
	s := vrrp.Static{
		Addresses: []vrrp.StaticAddress{{Address: vrrp.Address{Prefix: prefix("198.51.100.1/24"), Interface: l.near}, Track: []string{"web"}}},
		Routes:    []vrrp.StaticRoute{{HeldRoute: vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Hops: []vrrp.Hop{{Via: host("198.51.100.2")}}}, Track: []string{"web"}}},
		Rules:     []vrrp.StaticRule{{Rule: vrrp.Rule{Priority: 20000, From: prefix("10.0.0.0/8"), Table: 100}}},
	}
	must(t, h.SetStatic(s))
	ip(t, "addr", "del", "198.51.100.1/24", "dev", l.near) // and the route with it
	eventually(t, "the static objects are back", func() bool {
		return there(t) && slices.Contains(l.addresses(), "198.51.100.1/24")
	})
	if _, err := h.Sweep(); err != nil || !there(t) {
		t.Errorf("sweep: %v", err)
	}
	fault := func() string {
		listener.mu.Lock()
		defer listener.mu.Unlock()
		return listener.verdicts["static"]
	}
	ip(t, "link", "set", l.near, "down") // the route cannot be while it is
	eventually(t, "the router hears of it", func() bool { return strings.Contains(fault(), "10.0.0.0/8") })
	ip(t, "link", "set", l.near, "up")
	eventually(t, "the fault ends", func() bool { return fault() == "" && there(t) })
	must(t, h.SetStatic(vrrp.Static{}))
	if there(t) || slices.Contains(l.addresses(), "198.51.100.1/24") {
		t.Error("something is left")
	}
}

func TestManyDeletionsAreRepairedAtOnce(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	var addrs []string
	for i := range 4000 {
		addrs = append(addrs, fmt.Sprintf("10.%d.%d.1/32", 1+i>>8, i&255))
	}
	c := l.config("web", 51, addrs...)
	for i := range c.Addresses {
		c.Addresses[i].Excluded = i >= 255
	}
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	begin := time.Now()
	must(t, h.Hold(c, true))
	added := time.Since(begin)
	ip(t, "addr", "flush", "dev", l.near, "to", "10.0.0.0/8")
	begin = time.Now()
	eventually(t, "all are back", func() bool { return len(l.addresses()) == 4001 })
	repaired := time.Since(begin)
	begin = time.Now()
	must(t, h.Hold(c, false))
	t.Logf("4000 addresses: added in %s, repaired in %s, removed in %s", added, repaired, time.Since(begin))
	l.expect("192.0.2.1/24")
}

func TestPromotionIsPutBack(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	must(t, os.WriteFile(promotionPath(l.near), []byte("0"), 0))
	h := newHost(t)
	c := l.config("web", 51, "192.0.2.10/24")
	c.PromoteSecondaries = true
	read := func() string {
		b, err := os.ReadFile(promotionPath(l.near))
		must(t, err)
		return strings.TrimSpace(string(b))
	}
	must(t, h.Attach(c, newRecorder()))
	if got := read(); got != "1" {
		t.Errorf("promote_secondaries is %s, want 1", got)
	}
	h.Detach("web")
	if got := read(); got != "0" {
		t.Errorf("promote_secondaries is %s after it, want 0 as before", got)
	}
}

func TestRouterWithoutTrackPrimaryKnowsNoLinkFault(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	h := newHost(t)
	c := l.config("web", 51, "192.0.2.10/24")
	c.IgnoreLink = true
	listener, other := newRecorder(), newRecorder()
	must(t, h.Attach(c, listener))
	must(t, h.Attach(l.config("other", 52, "192.0.2.11/24"), other))
	run(t, h)
	l.setNear(false)
	eventually(t, "the other hears that the link is down", func() bool {
		other.mu.Lock()
		defer other.mu.Unlock()
		return other.verdicts["link"] != ""
	})
	listener.mu.Lock()
	defer listener.mu.Unlock()
	if fault := listener.verdicts["link"]; fault != "" {
		t.Errorf("fault %q", fault)
	}
}

//go:build netns

package netns_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/ndp"

	"github.com/govrrpd/govrrpd/test/netns"
)

// gateway returns an IPv6 instance that advertises itself to hosts, or does not.
func gateway(priority string, advertise bool) string {
	ra := ""
	if advertise {
		ra = `
  router_advertisement {
    interval = "4s"
    mtu      = 1400
    prefix "2001:db8::/64" {}
  }
`
	}
	return `vrrp_instance "lan" {
  interface         = "eth0"
  virtual_router_id = 61
  priority          = ` + priority + `
  advert_interval   = "100ms"
  virtual_addresses = ["fe80::100/64", "2001:db8::100/64"]
` + ra + "}\n"
}

// A team of gateways, and a host that knows nothing.
func newGateways(t *testing.T) *team {
	t.Helper()
	m := &team{World: netns.New(t)}
	m.a, m.b, m.client = m.Node("a"), m.Node("b"), m.Node("client")
	lan := m.Segment("lan0")
	m.portA = lan.Attach(m.a, "eth0", "fe80::1/64")
	m.portB = lan.Attach(m.b, "eth0", "fe80::2/64")
	for _, n := range []*netns.Node{m.a, m.b} {
		n.Sysctl("net/ipv6/conf/all/forwarding", "1")
	}
	m.capture = m.Capture(m.portA, m.portB)
	lan.Attach(m.client, "eth0")
	return m
}

// advertisements returns the router advertisements that came out of a port after a moment.
func (m *team) advertisements(from *netns.Port, since time.Time) []netns.ND {
	var out []netns.ND
	for _, nd := range m.capture.NDs() {
		if _, ok := nd.Message.(*ndp.RouterAdvertisement); ok && nd.From == from && nd.At.After(since) {
			out = append(out, nd)
		}
	}
	return out
}

// routed tells whether the host's default router is the virtual one.
func (m *team) routed() bool {
	out, err := m.client.Run("ip", "-6", "route", "show", "default")
	return err == nil && strings.Contains(out, "via fe80::100 ")
}

// judgeRA demands that an advertisement is the virtual router's, and not its last.
func judgeRA(t *testing.T, nd netns.ND, mac string) {
	t.Helper()
	ra := nd.Message.(*ndp.RouterAdvertisement)
	if nd.Src != vip6Local || nd.Dst != allNodes || nd.HopLimit != 255 || nd.MAC.String() != mac {
		t.Errorf("advertisement from %s (%s) to %s with hop limit %d", nd.Src, nd.MAC, nd.Dst, nd.HopLimit)
	}
	if ra.RouterLifetime != 12*time.Second {
		t.Errorf("lifetime %s, want 12s: a successor goes on with this address", ra.RouterLifetime)
	}
}

// Hosts have one default router, whichever director is master, and none of them hears that it ends.
func TestHostsKeepTheirDefaultRouterWhenTheMasterChanges(t *testing.T) { // R-6.4.2-03, R-6.4.3-04, R-8.2.3-01
	m := newGateways(t)
	m.govA, m.govB = m.a.Govrrpd(gateway("200", true)), m.b.Govrrpd(gateway("100", true))
	m.WaitFor(startup, "the default router at the host", m.routed)
	m.WaitFor(startup, "an address of the prefix", func() bool {
		out, err := m.client.Run("ip", "-6", "address", "show", "dev", "eth0", "scope", "global")
		return err == nil && strings.Contains(out, "2001:db8::")
	})
	if out := m.client.MustRun("ip", "-6", "route", "show", "default"); !strings.Contains(out, "mtu 1400") {
		t.Errorf("default route %q, want mtu 1400", out)
	}
	if got := m.advertisements(m.portB, time.Time{}); len(got) != 0 {
		t.Errorf("the backup advertised itself %d times", len(got))
	}

	pulled := time.Now()
	m.portA.Cut()
	m.WaitFor(startup, "b to advertise itself", func() bool { return len(m.advertisements(m.portB, pulled)) > 0 })
	healed := time.Now()
	m.portA.Heal()
	m.WaitFor(startup, "a to advertise itself", func() bool { return len(m.advertisements(m.portA, healed)) > 0 })
	m.WaitFor(startup, "b to be backup", func() bool { return m.govB.Role("lan") == "backup" })
	back := time.Now()
	m.Always(5*time.Second, "the host keeps its default router", m.routed)
	if got := m.advertisements(m.portB, back); len(got) != 0 {
		t.Errorf("b went on advertising itself as a backup, %d times", len(got))
	}
	if got := m.advertisements(m.portA, back); len(got) == 0 {
		t.Error("a did not advertise itself for 5s, with an interval of 4s")
	}

	resigned := time.Now()
	if err := m.govA.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	m.WaitFor(startup, "b to advertise itself again", func() bool { return len(m.advertisements(m.portB, resigned)) > 0 })
	if !m.routed() {
		t.Error("the host lost its default router when the master resigned")
	}
	for _, nd := range m.advertisements(m.portA, time.Time{}) {
		judgeRA(t, nd, m.a.MAC("eth0").String())
	}
	for _, nd := range m.advertisements(m.portB, time.Time{}) {
		judgeRA(t, nd, m.b.MAC("eth0").String())
	}
}

// A host that comes up does not wait for the next advertisement, and one whose router ceases to be one hears of that.
func TestHostsAreAnsweredAndDismissed(t *testing.T) { // RFC 4861 sections 6.2.5 and 6.2.6
	m := newGateways(t)
	slow := strings.Replace(gateway("200", true), `"4s"`, `"600s"`, 1)
	m.govA = m.a.Govrrpd(slow)
	m.WaitFor(startup, "the first advertisement", func() bool { return len(m.advertisements(m.portA, time.Time{})) > 0 })
	m.WaitFor(startup, "the default router at the host", m.routed)
	asked := time.Now()
	m.client.MustRun("ip", "link", "set", "eth0", "down")
	m.client.MustRun("ip", "link", "set", "eth0", "up") // after duplicate address detection it asks for routers
	m.WaitFor(time.Minute, "an answer", func() bool { return len(m.advertisements(m.portA, asked)) > 0 })
	m.WaitFor(startup, "the default router at the host again", m.routed)
	if took := time.Since(asked); took > 14*time.Second {
		t.Errorf("answered after %s, which the second initial advertisement would have done, too", took)
	}

	removed := time.Now()
	if out, err := m.govA.Reload(gateway("200", false)); err != nil {
		t.Fatalf("reload: %v\n%s", err, out)
	}
	m.WaitFor(startup, "the host to look elsewhere", func() bool { return !m.routed() })
	got := m.advertisements(m.portA, removed)
	if len(got) != 1 || got[0].Message.(*ndp.RouterAdvertisement).RouterLifetime != 0 {
		t.Errorf("after the block was removed: %d advertisements, want one with lifetime 0", len(got))
	}
	if role := m.govA.Role("lan"); role != "master" {
		t.Errorf("role %s, want master as before", role)
	}
}

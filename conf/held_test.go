package conf

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/vrrp"
)

func TestWhatAnInstanceHolds(t *testing.T) {
	c := mustLoad(t, nil, file(t, `
vrrp_instance "web" {
  interface           = "eth0"
  virtual_router_id   = 51
  on_address_lost     = "step-down"
  track_primary       = false
  promote_secondaries = true
  virtual_addresses   = ["192.0.2.10/24"]
  virtual_address "192.0.2.11/24" {
    broadcast          = "-"
    scope              = 200
    preferred_lifetime = "60s"
    track              = false
  }
  route "default" {
    nexthop {
      via    = "192.0.2.1"
      weight = 3
    }
    nexthop { interface = "eth1" }
    table  = 100
    rtt    = "100ms"
    rttvar = "50ms"
    mtu    = 1400
    lock   = ["mtu"]
    ecn    = true
    realms = "2/3"
  }
  route "10.0.0.0/8" {
    via   = "192.0.2.1"
    track = false
    encap "mpls" { labels = [100, 200] }
  }
  rule {
    from   = "192.0.2.10"
    fwmark = "0x10/0xff"
    table  = "main"
  }
  rule {
    priority = 20000
    ipproto  = "udp"
    dport    = "1000-2000"
    uidrange = "0"
    action   = "prohibit"
  }
}
static_rule {
  family = "ipv6"
  table  = 5
  track  = ["web"]
}
`))
	r := c.Routers[0]
	p := netip.MustParsePrefix
	if r.OnLoss != vrrp.StepDownOnLoss || !r.IgnoreLink || !r.PromoteSecondaries {
		t.Errorf("on loss %v, ignore link %v, promote %v", r.OnLoss, r.IgnoreLink, r.PromoteSecondaries)
	}
	options := vrrp.AddressOptions{Broadcast: netip.MustParseAddr("192.0.2.0"), Scope: vrrp.Some(uint8(200)), Preferred: vrrp.Some(time.Minute), Untracked: true}
	gateway := netip.MustParseAddr("192.0.2.1")
	routes := []vrrp.HeldRoute{
		{Prefix: p("0.0.0.0/0"), Table: 100, Realms: 2<<16 | 3, Hops: []vrrp.Hop{{Via: gateway, Weight: 3}, {Interface: "eth1"}},
			Metrics: vrrp.RouteMetrics{Values: []vrrp.RouteMetric{{ID: 2, Value: 1400, Locked: true}, {ID: 4, Value: 800}, {ID: 5, Value: 200}, {ID: 12, Value: 1}}}},
		{Prefix: p("10.0.0.0/8"), Untracked: true, Hops: []vrrp.Hop{{Via: gateway, Encap: vrrp.Encap{Kind: vrrp.EncapMPLS, Labels: []uint32{100, 200}}}}},
	}
	rules := []vrrp.Rule{
		{Priority: 20001, From: p("192.0.2.10/32"), Mark: vrrp.Some(uint32(16)), MarkMask: 255, Table: 254},
		{Priority: 20000, Protocol: 17, DPort: vrrp.PortRange{First: 1000, Last: 2000}, UIDs: vrrp.Some(vrrp.UIDRange{}), Action: vrrp.RuleProhibit},
	}
	static := vrrp.Static{Rules: []vrrp.StaticRule{{Rule: vrrp.Rule{Priority: 20002, IPv6: true, Table: 5}, Track: []string{"web"}}}}
	for _, d := range []string{cmp.Diff(options, r.Addresses[1].AddressOptions, domain), cmp.Diff(routes, r.Routes, domain), cmp.Diff(rules, r.Rules, domain),
		cmp.Diff(static, c.Static, domain)} {
		if d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
}

func TestNamesOfIproute2(t *testing.T) {
	text := []byte("# comment\n255\tlocal\n0x64 web # ours\n1 2 3\n")
	for name, want := range map[string]uint32{"local": 255, "web": 100} {
		if got, ok := findName(text, name); !ok || got != want {
			t.Errorf("%s is %d (%v), want %d", name, got, ok, want)
		}
	}
	if _, ok := findName(text, "2"); ok {
		t.Error("a line of three words names something")
	}
}

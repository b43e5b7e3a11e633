//go:build netns

package kernel

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/vrrp"
)

// ip runs iproute2, the referee of these tests.
func ip(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// shown is what iproute2 shows, as values.
func shown(t *testing.T, args ...string) []map[string]any {
	t.Helper()
	var out []map[string]any
	text := ip(t, append([]string{"-j", "-d", "-N"}, args...)...)
	if strings.TrimSpace(text) == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("ip %v says %q: %v", args, text, err)
	}
	return out
}

// routesShown lists the routes of our mark in all tables, the volatile left out.
func routesShown(t *testing.T, family string) []map[string]any {
	t.Helper()
	out := shown(t, family, "route", "show", "table", "all", "proto", "112")
	for _, r := range out {
		delete(r, "cache")
		delete(r, "expires")
	}
	return out
}

func rulesShown(t *testing.T, family string) []map[string]any {
	t.Helper()
	var ours []map[string]any
	for _, r := range shown(t, family, "rule", "show") {
		if fmt.Sprint(r["protocol"]) == "112" {
			ours = append(ours, r)
		}
	}
	return ours
}

// twinLAN is a cable with addresses of both families, and a host that holds what it is told.
func twinLAN(t *testing.T) (*lan, *Host, *vrrp.Config) {
	t.Helper()
	l := newLAN(t)
	l.address("192.0.2.1/24")
	ip(t, "addr", "add", "2001:db8::1/64", "dev", l.near, "nodad")
	h := newHost(t)
	return l, h, l.config("web", 51, "192.0.2.10/24")
}

func prefix(text string) netip.Prefix { return netip.MustParsePrefix(text) }
func host(text string) netip.Addr     { return netip.MustParseAddr(text) }

func TestRoutesAreWhatIPRouteAddMakes(t *testing.T) {
	l, h, c := twinLAN(t)
	must(t, h.Attach(c, newRecorder()))
	dev := vrrp.Hop{Interface: l.near}
	via := vrrp.Hop{Via: host("192.0.2.2")}
	metrics := func(values ...vrrp.RouteMetric) vrrp.RouteMetrics { return vrrp.RouteMetrics{Values: values} }
	for _, test := range []struct {
		name  string
		args  string // of ip route add
		route vrrp.HeldRoute
	}{
		{"via", "10.0.0.0/8 via 192.0.2.2", vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Hops: []vrrp.Hop{via}}},
		{"default", "default via 192.0.2.2 metric 50", vrrp.HeldRoute{Prefix: prefix("0.0.0.0/0"), Metric: 50, Hops: []vrrp.Hop{via}}},
		{"on the link", "10.0.0.0/8 dev DEV", vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Hops: []vrrp.Hop{dev}}},
		{"by the other family", "10.0.0.0/8 via inet6 fe80::9 dev DEV", vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Hops: []vrrp.Hop{{Via: host("fe80::9"), Interface: l.near}}}},
		{"onlink", "10.0.0.0/8 via 203.0.113.9 dev DEV onlink", vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Hops: []vrrp.Hop{{Via: host("203.0.113.9"), Interface: l.near, OnLink: true}}}},
		{"table of a byte", "10.0.0.0/8 via 192.0.2.2 table 100", vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Table: 100, Hops: []vrrp.Hop{via}}},
		{"large table", "10.0.0.0/8 via 192.0.2.2 table 100000", vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Table: 100000, Hops: []vrrp.Hop{via}}},
		{"source", "10.0.0.0/8 via 192.0.2.2 src 192.0.2.10", vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Source: host("192.0.2.10"), Hops: []vrrp.Hop{via}}},
		{"tos", "10.0.0.0/8 via 192.0.2.2 tos 0x10", vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), TOS: 16, Hops: []vrrp.Hop{via}}},
		{"scope", "10.0.0.0/8 dev DEV scope site", vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Scope: vrrp.Some(uint8(200)), Hops: []vrrp.Hop{dev}}},
		{"local", "local 10.0.0.0/8 dev lo", vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Type: vrrp.RouteLocal, Hops: []vrrp.Hop{{Interface: "lo"}}}},
		{"blackhole", "blackhole 10.0.0.0/8", vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Type: vrrp.RouteBlackhole}},
		{"unreachable", "unreachable 10.0.0.0/8", vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Type: vrrp.RouteUnreachable}},
		{"prohibit", "prohibit 10.0.0.0/8 table 7", vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Type: vrrp.RouteProhibit, Table: 7}},
		{"throw", "throw 10.0.0.0/8 table 7", vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Type: vrrp.RouteThrow, Table: 7}},
		{"realms", "10.0.0.0/8 via 192.0.2.2 realms 2/3", vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Realms: 2<<16 | 3, Hops: []vrrp.Hop{via}}},
		{"metrics", "10.0.0.0/8 via 192.0.2.2 mtu lock 1400 advmss 1360 rtt 100ms rttvar 50ms rto_min 40ms window 65536 cwnd 40 initcwnd 20 initrwnd 21" +
			" ssthresh 30 reordering 5 hoplimit 32 quickack 1 fastopen_no_cookie 1 congctl reno features ecn",
			vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Hops: []vrrp.Hop{via}, Metrics: vrrp.RouteMetrics{Congestion: "reno", Values: []vrrp.RouteMetric{
				{ID: 2, Value: 1400, Locked: true}, {ID: 8, Value: 1360}, {ID: 4, Value: 800}, {ID: 5, Value: 200}, {ID: 13, Value: 40}, {ID: 3, Value: 65536},
				{ID: 7, Value: 40}, {ID: 11, Value: 20}, {ID: 14, Value: 21}, {ID: 6, Value: 30}, {ID: 9, Value: 5}, {ID: 10, Value: 32}, {ID: 15, Value: 1},
				{ID: 17, Value: 1}, {ID: 12, Value: 1}}}}},
		{"several ways", "10.0.0.0/8 nexthop via 192.0.2.2 weight 2 nexthop via 192.0.2.3 dev DEV weight 3 nexthop via 203.0.113.9 dev DEV onlink",
			vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Hops: []vrrp.Hop{{Via: host("192.0.2.2"), Weight: 2}, {Via: host("192.0.2.3"), Interface: l.near, Weight: 3},
				{Via: host("203.0.113.9"), Interface: l.near, OnLink: true}}}},
		{"into IP", "10.0.0.0/8 encap ip id 7 src 192.0.2.1 dst 192.0.2.9 ttl 5 tos 16 dev DEV",
			vrrp.HeldRoute{Prefix: prefix("10.0.0.0/8"), Hops: []vrrp.Hop{{Interface: l.near, Encap: vrrp.Encap{Kind: vrrp.EncapIP, ID: 7, Source: host("192.0.2.1"),
				Dest: host("192.0.2.9"), TTL: 5, TOS: 0x16}}}}},
		{"IPv6 into segments", "2001:db8:1::/48 encap seg6 mode encap segs fc00::1,fc00::2 dev DEV",
			vrrp.HeldRoute{Prefix: prefix("2001:db8:1::/48"), Hops: []vrrp.Hop{{Interface: l.near, Encap: vrrp.Encap{Kind: vrrp.EncapSEG6, Mode: vrrp.SEG6Encapsulate,
				Segments: []netip.Addr{host("fc00::1"), host("fc00::2")}}}}}},
		{"IPv6 via", "2001:db8:1::/48 via 2001:db8::2", vrrp.HeldRoute{Prefix: prefix("2001:db8:1::/48"), Hops: []vrrp.Hop{{Via: host("2001:db8::2")}}}},
		{"IPv6 default by a link-local gateway", "default via fe80::2 dev DEV metric 5 pref high",
			vrrp.HeldRoute{Prefix: prefix("::/0"), Metric: 5, Preference: vrrp.Some(uint8(1)), Hops: []vrrp.Hop{{Via: host("fe80::2"), Interface: l.near}}}},
		{"IPv6 on the link that expires", "2001:db8:1::/48 dev DEV expires 3600",
			vrrp.HeldRoute{Prefix: prefix("2001:db8:1::/48"), Expires: time.Hour, Hops: []vrrp.Hop{dev}}},
		{"IPv6 source and mtu", "2001:db8:1::/48 via 2001:db8::2 src 2001:db8::1 mtu 1300",
			vrrp.HeldRoute{Prefix: prefix("2001:db8:1::/48"), Source: host("2001:db8::1"), Metrics: metrics(vrrp.RouteMetric{ID: 2, Value: 1300}), Hops: []vrrp.Hop{{Via: host("2001:db8::2")}}}},
		{"IPv6 several ways", "2001:db8:1::/48 nexthop via 2001:db8::2 weight 2 nexthop via 2001:db8::3",
			vrrp.HeldRoute{Prefix: prefix("2001:db8:1::/48"), Hops: []vrrp.Hop{{Via: host("2001:db8::2"), Weight: 2}, {Via: host("2001:db8::3")}}}},
		{"IPv6 unreachable", "unreachable 2001:db8:1::/48 table 7", vrrp.HeldRoute{Prefix: prefix("2001:db8:1::/48"), Type: vrrp.RouteUnreachable, Table: 7}},
	} {
		t.Run(test.name, func(t *testing.T) {
			family := "-4"
			if test.route.Prefix.Addr().Is6() {
				family = "-6"
			}
			c2 := *c
			c2.Routes = []vrrp.HeldRoute{test.route}
			must(t, h.Configure(&c2))
			must(t, h.Hold(&c2, true))
			ours := routesShown(t, family)
			must(t, h.Hold(&c2, true)) // again
			if diff := cmp.Diff(ours, routesShown(t, family)); diff != "" {
				t.Errorf("a second Hold changes (-first +second):\n%s", diff)
			}
			c3 := *c
			must(t, h.Configure(&c3))
			must(t, h.Hold(&c3, true)) // a reload without it
			if left := routesShown(t, family); len(left) != 0 {
				t.Errorf("after the reload there is still %v", left)
			}
			args := strings.Fields("proto 112 " + strings.ReplaceAll(test.args, "DEV", l.near))
			ip(t, append([]string{family, "route", "add"}, args...)...)
			theirs := routesShown(t, family)
			ip(t, family, "route", "flush", "table", "all", "proto", "112")
			if len(theirs) == 0 {
				t.Fatal("iproute2 shows nothing")
			}
			if diff := cmp.Diff(theirs, ours); diff != "" {
				t.Errorf("route (-ip route add +ours):\n%s", diff)
			}
		})
	}
}

func TestRulesAreWhatIPRuleAddMakes(t *testing.T) {
	l, h, c := twinLAN(t)
	must(t, h.Attach(c, newRecorder()))
	for _, test := range []struct {
		name string
		args string // of ip rule add
		rule vrrp.Rule
	}{
		{"from and table", "from 192.0.2.10 table 100", vrrp.Rule{From: prefix("192.0.2.10/32"), Table: 100}},
		{"to, large table", "to 10.0.0.0/8 table 100000", vrrp.Rule{To: prefix("10.0.0.0/8"), Table: 100000}},
		{"not", "not from 10.0.0.0/8 table 100", vrrp.Rule{Not: true, From: prefix("10.0.0.0/8"), Table: 100}},
		{"interfaces", "iif DEV oif lo table 100", vrrp.Rule{IIf: l.near, OIf: "lo", Table: 100}},
		{"mark", "fwmark 0x10 table 100", vrrp.Rule{Mark: vrrp.Some(uint32(16)), Table: 100}},
		{"mark and mask", "fwmark 0x10/0xff table 100", vrrp.Rule{Mark: vrrp.Some(uint32(16)), MarkMask: 255, Table: 100}},
		{"no mark in a mask", "fwmark 0/0xff table 100", vrrp.Rule{Mark: vrrp.Some(uint32(0)), MarkMask: 255, Table: 100}},
		{"tos", "tos 0x10 table 100", vrrp.Rule{TOS: 16, Table: 100}},
		{"ports", "ipproto tcp sport 1000-2000 dport 80 table 100", vrrp.Rule{Protocol: 6, SPort: vrrp.PortRange{First: 1000, Last: 2000}, DPort: vrrp.PortRange{First: 80, Last: 80}, Table: 100}},
		{"users", "uidrange 1000-2000 table 100", vrrp.Rule{UIDs: vrrp.Some(vrrp.UIDRange{First: 1000, Last: 2000}), Table: 100}},
		{"user 0", "uidrange 0-0 table 100", vrrp.Rule{UIDs: vrrp.Some(vrrp.UIDRange{}), Table: 100}},
		{"tunnel", "tun_id 7 table 100", vrrp.Rule{TunnelID: 7, Table: 100}},
		{"goto", "goto 30000", vrrp.Rule{Action: vrrp.RuleGoto, Goto: 30000}},
		{"blackhole", "from 10.0.0.0/8 blackhole", vrrp.Rule{From: prefix("10.0.0.0/8"), Action: vrrp.RuleBlackhole}},
		{"unreachable", "from 10.0.0.0/8 unreachable", vrrp.Rule{From: prefix("10.0.0.0/8"), Action: vrrp.RuleUnreachable}},
		{"prohibit", "from 10.0.0.0/8 prohibit", vrrp.Rule{From: prefix("10.0.0.0/8"), Action: vrrp.RuleProhibit}},
		{"suppression", "table main suppress_prefixlength 0 suppress_ifgroup 1", vrrp.Rule{SuppressPrefix: vrrp.Some(uint32(0)), SuppressGroup: vrrp.Some(uint32(1))}},
		{"realms", "from 10.0.0.0/8 table 100 realms 2/3", vrrp.Rule{From: prefix("10.0.0.0/8"), Table: 100, Realms: 2<<16 | 3}},
		{"VRF", "l3mdev", vrrp.Rule{L3MDev: true}},
		{"IPv6", "from 2001:db8::/32 table 100", vrrp.Rule{IPv6: true, From: prefix("2001:db8::/32"), Table: 100}},
		{"IPv6 prohibit", "to 2001:db8::/32 iif DEV prohibit", vrrp.Rule{IPv6: true, To: prefix("2001:db8::/32"), IIf: l.near, Action: vrrp.RuleProhibit}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.rule.Priority = 20000
			family := "-4"
			if test.rule.IPv6 {
				family = "-6"
			}
			c2 := *c
			c2.Rules = []vrrp.Rule{test.rule}
			must(t, h.Configure(&c2))
			for range 2 {
				must(t, h.Hold(&c2, true))
			}
			ours := rulesShown(t, family)
			must(t, h.Hold(&c2, false))
			if left := rulesShown(t, family); len(left) != 0 {
				t.Errorf("after the release there is still %v", left)
			}
			args := strings.Fields(strings.ReplaceAll(test.args, "DEV", l.near) + " priority 20000 protocol 112")
			ip(t, append([]string{family, "rule", "add"}, args...)...)
			theirs := rulesShown(t, family)
			ip(t, append([]string{family, "rule", "del"}, args...)...)
			if len(theirs) != 1 {
				t.Fatalf("iproute2 shows %v", theirs)
			}
			if diff := cmp.Diff(theirs, ours); diff != "" {
				t.Errorf("rule (-ip rule add +ours):\n%s", diff)
			}
		})
	}
}

// addressShown is what iproute2 shows of one address, times left out.
func addressShown(t *testing.T, dev, addr string) map[string]any {
	t.Helper()
	for _, link := range shown(t, "addr", "show", "dev", dev) {
		infos, _ := link["addr_info"].([]any)
		for _, info := range infos {
			if m, _ := info.(map[string]any); m["local"] == addr {
				return m
			}
		}
	}
	return nil
}

func TestAddressesAreWhatIPAddressAddMakes(t *testing.T) {
	l, h, c := twinLAN(t)
	must(t, h.Attach(c, newRecorder()))
	for _, test := range []struct {
		name    string
		args    string // of ip addr add
		address vrrp.Address
	}{
		{"plain", "198.51.100.1/24", vrrp.Address{Prefix: prefix("198.51.100.1/24")}},
		{"label", "198.51.100.1/24 label DEV:web", vrrp.Address{Prefix: prefix("198.51.100.1/24"), Label: l.near + ":web"}},
		{"scope", "198.51.100.1/24 scope link", vrrp.Address{Prefix: prefix("198.51.100.1/24"), AddressOptions: vrrp.AddressOptions{Scope: vrrp.Some(uint8(253))}}},
		{"broadcast", "198.51.100.1/24 brd +", vrrp.Address{Prefix: prefix("198.51.100.1/24"), AddressOptions: vrrp.AddressOptions{Broadcast: host("198.51.100.255")}}},
		{"peer", "198.51.100.1 peer 203.0.113.1/32", vrrp.Address{Prefix: prefix("198.51.100.1/32"), AddressOptions: vrrp.AddressOptions{Peer: host("203.0.113.1")}}},
		{"no prefix route, metric", "198.51.100.1/24 noprefixroute metric 50",
			vrrp.Address{Prefix: prefix("198.51.100.1/24"), AddressOptions: vrrp.AddressOptions{NoPrefixRoute: true, Metric: 50}}},
		{"deprecated", "198.51.100.1/24 preferred_lft 0", vrrp.Address{Prefix: prefix("198.51.100.1/24"), AddressOptions: vrrp.AddressOptions{Preferred: vrrp.Some(time.Duration(0))}}},
		{"multicast", "239.1.2.3/32 autojoin", vrrp.Address{Prefix: prefix("239.1.2.3/32"), AddressOptions: vrrp.AddressOptions{AutoJoin: true}}},
		{"IPv6", "2001:db8:5::1/64 nodad", vrrp.Address{Prefix: prefix("2001:db8:5::1/64")}},
		{"IPv6 host", "2001:db8:5::1/128 nodad preferred_lft 0", vrrp.Address{Prefix: prefix("2001:db8:5::1/128")}},
		{"IPv6 home, temporary", "2001:db8:5::1/64 nodad home mngtmpaddr",
			vrrp.Address{Prefix: prefix("2001:db8:5::1/64"), AddressOptions: vrrp.AddressOptions{Home: true, ManageTemporary: true}}},
		{"IPv6 peer", "2001:db8:5::1 peer 2001:db8:5::2/128 nodad preferred_lft forever",
			vrrp.Address{Prefix: prefix("2001:db8:5::1/128"), AddressOptions: vrrp.AddressOptions{Peer: host("2001:db8:5::2"), Preferred: vrrp.Some(vrrp.Forever)}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr := test.address.Prefix.Addr().String()
			c2 := *c
			c2.Addresses = append([]vrrp.Address{}, c.Addresses...)
			c2.Addresses = append(c2.Addresses, test.address)
			must(t, h.Configure(&c2))
			must(t, h.Hold(&c2, true))
			ours := addressShown(t, l.near, addr)
			c3 := *c
			must(t, h.Hold(&c3, true))
			if left := addressShown(t, l.near, addr); left != nil {
				t.Errorf("after the reload there is still %v", left)
			}
			args := strings.Fields(strings.ReplaceAll(test.args, "DEV", l.near) + " dev " + l.near)
			ip(t, append([]string{"addr", "add"}, args...)...)
			theirs := addressShown(t, l.near, addr)
			ip(t, append([]string{"addr", "del"}, args...)...)
			for _, m := range []map[string]any{ours, theirs} {
				delete(m, "protocol") // ours is marked
			}
			if theirs == nil || !reflect.DeepEqual(theirs, ours) {
				t.Errorf("address (-ip addr add +ours):\n%s", cmp.Diff(theirs, ours))
			}
		})
	}
}

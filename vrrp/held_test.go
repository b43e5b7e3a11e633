package vrrp

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestPrioritiesAreAssignedInOrderAroundThoseTaken(t *testing.T) {
	rules := []Rule{{}, {Priority: 20001}, {}, {Priority: 5}, {}}
	taken := map[uint32]bool{20001: true, 5: true}
	if !AssignPriorities(rules, taken) {
		t.Fatal("not enough priorities")
	}
	for i, want := range []uint32{20000, 20001, 20002, 5, 20003} {
		if rules[i].Priority != want {
			t.Errorf("rule %d has priority %d, want %d", i, rules[i].Priority, want)
		}
	}
	if AssignPriorities(make([]Rule, RulePriorityLast-RulePriorityFirst+2), map[uint32]bool{}) {
		t.Error("more rules than priorities got one each")
	}
}

func TestHeldThingsThatTheKernelWouldRefuse(t *testing.T) {
	p := netip.MustParsePrefix
	via4, via6 := []Hop{{Via: netip.MustParseAddr("192.0.2.1")}}, []Hop{{Via: netip.MustParseAddr("2001:db8::1")}}
	for _, test := range []struct {
		what interface{ Validate() error }
		want string // in the error; empty for none
	}{
		{HeldRoute{Prefix: p("10.0.0.0/8"), Hops: via4}, ""},
		{HeldRoute{Prefix: p("10.0.0.0/8"), Hops: via6}, ""},
		{HeldRoute{Prefix: p("10.0.0.0/8"), Type: RouteBlackhole}, ""},
		{HeldRoute{Prefix: p("10.0.0.1/8"), Hops: via4}, "is not a network"},
		{HeldRoute{Prefix: p("10.0.0.0/8")}, "neither via nor interface"},
		{HeldRoute{Prefix: p("10.0.0.0/8"), Type: RouteThrow, Hops: via4}, "neither via nor interface"},
		{HeldRoute{Prefix: p("10.0.0.0/8"), Hops: []Hop{{}}}, "a next hop has neither"},
		{HeldRoute{Prefix: p("10.0.0.0/8"), Hops: []Hop{{Via: via4[0].Via, Weight: 257}}}, "weight is 257"},
		{HeldRoute{Prefix: p("2001:db8::/32"), Hops: via4}, "no IPv4 gateway"},
		{HeldRoute{Prefix: p("2001:db8::/32"), Hops: []Hop{{Via: netip.MustParseAddr("fe80::1")}}}, "needs its interface"},
		{HeldRoute{Prefix: p("2001:db8::/32"), Hops: via6, TOS: 4}, "for IPv4 only"},
		{HeldRoute{Prefix: p("10.0.0.0/8"), Hops: via4, Expires: time.Hour}, "for IPv6 only"},
		{HeldRoute{Prefix: p("10.0.0.0/8"), Hops: via4, Source: via6[0].Via}, "another family"},
		{Rule{From: p("10.0.0.0/8"), Table: 100}, ""},
		{Rule{From: p("2001:db8::/32")}, "not a network of the rule's family"},
		{Rule{Priority: 5, Action: RuleGoto, Goto: 5}, "does not lead on"},
		{Rule{Action: RuleProhibit, Table: 100}, "looks up no table"},
		{Rule{L3MDev: true, Table: 100}, "names the table already"},
		{Rule{IPv6: true, Realms: 1}, "for IPv4 only"},
		{Rule{DPort: PortRange{First: 2, Last: 1}}, "ends before it begins"},
		{Address{Prefix: p("192.0.2.1/24")}, ""},
		{Address{Prefix: p("2001:db8::1/64"), Label: "eth0:x"}, "for IPv4 only"},
		{Address{Prefix: p("192.0.2.1/24"), AddressOptions: AddressOptions{Home: true}}, "for IPv6 only"},
		{Address{Prefix: p("192.0.2.1/24"), AddressOptions: AddressOptions{AutoJoin: true}}, "multicast"},
		{Address{Prefix: p("239.1.1.1/32"), AddressOptions: AddressOptions{AutoJoin: true}}, ""},
		{Address{Prefix: p("192.0.2.1/24"), AddressOptions: AddressOptions{Preferred: Some(time.Millisecond)}}, "whole seconds"},
		{Address{Prefix: p("192.0.2.1/24"), AddressOptions: AddressOptions{Preferred: Some(Forever)}}, ""},
		{Address{Prefix: p("192.0.2.1/24"), AddressOptions: AddressOptions{Peer: via6[0].Via}}, "another family"},
	} {
		err := test.what.Validate()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: error %v, want %q", test.what, err, test.want)
		}
	}
}

func TestHeldThingsAreNamedAsIPRouteNamesThem(t *testing.T) {
	p := netip.MustParsePrefix
	for _, test := range []struct {
		got  string
		want string
	}{
		{HeldRoute{Prefix: p("0.0.0.0/0"), Metric: 5, Table: 100, Hops: []Hop{{Via: netip.MustParseAddr("192.0.2.1"), Interface: "eth0"}}}.String(),
			"route 0.0.0.0/0 via 192.0.2.1 dev eth0 table 100 metric 5"},
		{HeldRoute{Prefix: p("10.0.0.0/8"), Type: RouteLocal, Hops: []Hop{{Interface: "lo"}}}.String(), "route local 10.0.0.0/8 dev lo table 255"},
		{HeldRoute{Prefix: p("10.0.0.0/8"), Hops: []Hop{{Interface: "a"}, {Interface: "b"}}}.String(), "route 10.0.0.0/8 dev a, dev b"},
		{Rule{Priority: 7, Not: true, From: p("10.0.0.0/8"), Mark: Some(uint32(3))}.String(), "rule 7: not from 10.0.0.0/8 fwmark 3 table 254"},
		{Rule{Priority: 7, IIf: "eth0", Action: RuleGoto, Goto: 9}.String(), "rule 7: iif eth0 goto 9"},
		{Rule{Priority: 7, To: p("10.0.0.0/8"), Action: RuleProhibit}.String(), "rule 7: to 10.0.0.0/8 prohibit"},
		{Rule{Priority: 7, L3MDev: true}.String(), "rule 7: l3mdev"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}

func TestHostAddressesOfIPv6AreDeprecatedUnlessConfigured(t *testing.T) {
	for _, test := range []struct {
		prefix    string
		preferred Optional[time.Duration]
		want      time.Duration
		forever   bool
	}{
		{"192.0.2.1/32", Optional[time.Duration]{}, 0, true},
		{"2001:db8::1/64", Optional[time.Duration]{}, 0, true},
		{"2001:db8::1/128", Optional[time.Duration]{}, 0, false},
		{"2001:db8::1/128", Some(Forever), Forever, true},
		{"192.0.2.1/24", Some(time.Minute), time.Minute, false},
	} {
		a := Address{Prefix: netip.MustParsePrefix(test.prefix), AddressOptions: AddressOptions{Preferred: test.preferred}}
		if d, forever := a.Lifetime(); d != test.want && !forever || forever != test.forever {
			t.Errorf("%s with %v: %s, forever %v", test.prefix, test.preferred, d, forever)
		}
	}
}

func TestAMasterStepsDownForALossAndWaitsForTheSkewOnly(t *testing.T) {
	c := &Config{Version: V3, Priority: 200, AdvertInterval: time.Second}
	st := NewState(c)
	st.Role, st.Source = Master, netip.MustParseAddr("192.0.2.1")
	after, do := Step(c, st, Lost{Reason: "gone"})
	if after.Role != Backup || !after.Resigned {
		t.Errorf("state %+v", after)
	}
	want := []Action{Send{PriorityResign}, Hold{On: false}, Arm{Skew(c, after)}}
	if len(do) != len(want) || do[0] != want[0] || do[1] != want[1] || do[2] != want[2] {
		t.Errorf("actions %v, want %v", do, want)
	}
	for _, role := range []Role{Init, Backup, Fault} {
		st.Role = role
		if after, do := Step(c, st, Lost{}); after != st || len(do) > 0 {
			t.Errorf("%s heeds a loss: %v %v", role, after, do)
		}
	}
}

func TestASyncGroupStepsDownTogetherForALoss(t *testing.T) {
	cs := []*Config{{Name: "web", Version: V3, AdvertInterval: time.Second}, {Name: "gateway", Version: V3, AdvertInterval: time.Second}}
	sts := []State{{Role: Master}, {Role: Master}}
	events := Together(cs, sts, 0, Lost{Reason: "address gone"}, 0)
	follow, ok := events[1].(Follow)
	if events[0] != Event(Lost{Reason: "address gone"}) || !ok || follow.Role != Backup || !strings.Contains(follow.Cause, "web: stepped down: address gone") {
		t.Errorf("events %v", events)
	}
}

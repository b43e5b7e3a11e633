package kernel

import (
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

func heldRoute(text string) *vrrp.HeldRoute {
	return &vrrp.HeldRoute{Prefix: netip.MustParsePrefix(text), Type: vrrp.RouteBlackhole, Metric: 9}
}

func TestARouteIsKnownByWhatItWasRequestedWith(t *testing.T) {
	for _, r := range []*vrrp.HeldRoute{heldRoute("0.0.0.0/0"), heldRoute("10.0.0.0/8"), heldRoute("::/0"), heldRoute("2001:db8::/32"),
		{Prefix: netip.MustParsePrefix("2001:db8::/32"), From: netip.MustParsePrefix("2001:db8:1::/48"), Table: 1000, Type: vrrp.RouteThrow},
		{Prefix: netip.MustParsePrefix("10.0.0.0/8"), TOS: 16, Protocol: 4, Type: vrrp.RouteThrow}} {
		b, err := encodeRoute(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		id, found, ok := parseHeldRoute(b)
		if !ok || id != routeIDOf(r) || found.protocol != routeProtocol(r) {
			t.Errorf("%s: %v %v %v, want %v", r, id, found, ok, routeIDOf(r))
		}
		if id, _, ok := parseHeldRoute(encodeRouteRemoval(r)); !ok || id != routeIDOf(r) {
			t.Errorf("%s is removed as %v", r, id)
		}
	}
}

func TestWaysOfARouteAreComparedWithoutTheirLinks(t *testing.T) {
	r := &vrrp.HeldRoute{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Hops: []vrrp.Hop{{Interface: "a"}, {Interface: "b", Via: netip.MustParseAddr("10.0.0.1"), OnLink: true}}}
	b, err := encodeRoute(r, func(string) (int, error) { return 3, nil })
	if err != nil {
		t.Fatal(err)
	}
	_, before, _ := parseHeldRoute(b)
	way := slices.Index(b, byte(nextHopLen)) // its length begins the first way, which has no attributes
	for b[way+4] != 3 {
		way += 1 + slices.Index(b[way+1:], byte(nextHopLen))
	}
	b[way+2] |= unix.RTNH_F_LINKDOWN | unix.RTNH_F_DEAD
	if _, after, _ := parseHeldRoute(b); after != before {
		t.Error("a link that is down makes another route of it")
	}
}

func TestOneDumpShowsWhatHasOneFamilyAndProtocol(t *testing.T) {
	static := heldRoute("10.0.0.0/8")
	static.Protocol = 4
	got := listingsOf([]object{{route: heldRoute("10.0.0.0/8")}, {route: heldRoute("10.1.0.0/16")}, {route: heldRoute("::/0")}, {rule: &vrrp.Rule{}}, {rule: &vrrp.Rule{}}})
	want := []listing{{family: unix.AF_INET, protocol: 112}, {rules: true, family: unix.AF_INET}, {family: unix.AF_INET6, protocol: 112}}
	if !slices.Equal(got, want) {
		t.Errorf("dumps %v, want %v", got, want)
	}
	got = listingsOf([]object{{route: heldRoute("10.0.0.0/8")}, {route: static}})
	if want := []listing{{family: unix.AF_INET}}; !slices.Equal(got, want) {
		t.Errorf("dumps %v, want %v", got, want)
	}
}

func TestNoticesOfOthersRoutesAreNotQueued(t *testing.T) {
	vm, err := bpf.NewVM(objectFilter())
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := heldRoute("10.0.0.0/8"), heldRoute("10.0.0.0/8")
	theirs.Protocol = 186
	for _, test := range []struct {
		name string
		op   objectOp
		want bool
	}{
		{"ours is added", must1(object{route: ours}.addition(nil, false)), true},
		{"ours is removed", object{route: ours}.removal(), true},
		{"another's is added", must1(object{route: theirs}.addition(nil, false)), false},
		{"another's is removed", object{route: theirs}.removal(), false},
		{"a rule is removed", object{rule: &vrrp.Rule{Origin: 4}}.removal(), true},
	} {
		n, err := vm.Run(test.op.append(nil, 1, 0))
		if err != nil || (n > 0) != test.want {
			t.Errorf("%s: %d bytes pass (%v), want %v", test.name, n, err, test.want)
		}
	}
}

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func FuzzObjects(f *testing.F) {
	b, _ := encodeRoute(heldRoute("10.0.0.0/8"), nil)
	f.Add(b)
	f.Add(encodeRule(&vrrp.Rule{Priority: 5, From: netip.MustParsePrefix("10.0.0.0/8"), Table: 1000}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if id, _, ok := parseHeldRoute(b); ok && !id.prefix.IsValid() {
			t.Errorf("a route to nowhere: %v", id)
		}
		if id, _, ok := parseRule(b); ok && len(id) == 0 {
			t.Error("a rule without a name")
		}
	})
}

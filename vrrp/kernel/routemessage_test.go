package kernel

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

func word(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// routeBody is a struct rtmsg of a unicast route in the main table.
func routeBody(family, bits byte, flags uint32) []byte {
	return append([]byte{family, bits, 0, 0, 254, 0, 0, unix.RTN_UNICAST}, word(flags)...)
}

func TestRoutesAreParsed(t *testing.T) {
	v4 := routeBody(unix.AF_INET, 24, 0)
	gateway := []byte{192, 0, 2, 1}
	single := appendAttr(v4, unix.RTA_DST, []byte{10, 1, 2, 0})
	single = appendAttr(single, unix.RTA_TABLE, word(1000))
	single = appendAttr(single, unix.RTA_GATEWAY, gateway)
	single = appendAttr(single, unix.RTA_OIF, word(7))

	hops := append([]byte{8, 0, unix.RTNH_F_DEAD, 0}, word(3)...)
	second := appendAttr(append([]byte{16, 0, 0, 0}, word(4)...), unix.RTA_GATEWAY, gateway)
	multi := appendAttr(routeBody(unix.AF_INET, 0, 0), unix.RTA_MULTIPATH, append(hops, second...))

	for _, c := range []struct {
		name string
		b    []byte
		want routeFact
		ok   bool
	}{
		{"one hop", single, routeFact{netip.MustParsePrefix("10.1.2.0/24"), 1000, unix.RTN_UNICAST, 0,
			[]hop{{via: netip.AddrFrom4([4]byte(gateway)), index: 7}}}, true},
		{"two hops", multi, routeFact{netip.MustParsePrefix("0.0.0.0/0"), 254, unix.RTN_UNICAST, 0,
			[]hop{{index: 3, flags: unix.RTNH_F_DEAD}, {via: netip.AddrFrom4([4]byte(gateway)), index: 4}}}, true},
		{"default of IPv6", routeBody(unix.AF_INET6, 0, unix.RTNH_F_LINKDOWN), routeFact{netip.MustParsePrefix("::/0"), 254,
			unix.RTN_UNICAST, unix.RTNH_F_LINKDOWN, []hop{{flags: unix.RTNH_F_LINKDOWN}}}, true},
		{"cut", single[:rtMsgLen-1], routeFact{}, false},
		{"a prefix that is too long", routeBody(unix.AF_INET, 33, 0), routeFact{}, false},
		{"MPLS", routeBody(unix.AF_MPLS, 20, 0), routeFact{}, false},
		{"an address that is too short", appendAttr(routeBody(unix.AF_INET, 8, 0), unix.RTA_DST, []byte{10, 0}), routeFact{}, false},
	} {
		got, ok := parseRoute(c.b)
		if ok != c.ok || ok && !cmp.Equal(c.want, got, cmp.AllowUnexported(routeFact{}, hop{}), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
			cmp.Comparer(func(a, b netip.Addr) bool { return a == b })) {
			t.Errorf("%s: %+v, %v; want %+v, %v", c.name, got, ok, c.want, c.ok)
		}
	}
	if got := parseHops([]byte{3, 0, 0, 0, 0, 0, 0, 0}); got != nil {
		t.Errorf("a hop that is shorter than itself: %+v", got)
	}
}

func TestRouteServes(t *testing.T) {
	gateway := netip.MustParseAddr("192.0.2.1")
	names := map[int]string{3: "eth0", 4: "eth1"}
	fact := routeFact{prefix: netip.MustParsePrefix("0.0.0.0/0"), table: 254, kind: unix.RTN_UNICAST, hops: []hop{{index: 3, flags: unix.RTNH_F_LINKDOWN}, {via: gateway, index: 4}}}
	with := func(change func(*routeFact)) routeFact { f := fact; change(&f); return f }
	any := vrrp.Route{Prefix: fact.prefix, Table: 254}
	for _, c := range []struct {
		name string
		fact routeFact
		want vrrp.Route
		ok   bool
	}{
		{"any", fact, any, true},
		{"by gateway", fact, vrrp.Route{Prefix: fact.prefix, Table: 254, Via: gateway}, true},
		{"by another gateway", fact, vrrp.Route{Prefix: fact.prefix, Table: 254, Via: gateway.Next()}, false},
		{"by interface", fact, vrrp.Route{Prefix: fact.prefix, Table: 254, Interface: "eth1"}, true},
		{"by an interface without carrier", fact, vrrp.Route{Prefix: fact.prefix, Table: 254, Interface: "eth0"}, false},
		{"of another table", fact, vrrp.Route{Prefix: fact.prefix, Table: 1000}, false},
		{"a longer prefix", fact, vrrp.Route{Prefix: netip.MustParsePrefix("0.0.0.0/1"), Table: 254}, false},
		{"unreachable", with(func(f *routeFact) { f.kind = unix.RTN_UNREACHABLE }), any, false},
		{"of the cache", with(func(f *routeFact) { f.flags = unix.RTM_F_CLONED }), any, false},
		{"without hops that live", with(func(f *routeFact) { f.hops = f.hops[:1] }), any, false},
	} {
		if _, ok := c.fact.serves(c.want, func(i int) string { return names[i] }); ok != c.ok {
			t.Errorf("%s: %v, want %v", c.name, ok, c.ok)
		}
	}
}

func TestRouteFilterKnowsTheLengths(t *testing.T) {
	vm, err := bpf.NewVM(routeFilter([]vrrp.Route{{Prefix: netip.MustParsePrefix("0.0.0.0/0")}, {Prefix: netip.MustParsePrefix("10.0.0.0/24")},
		{Prefix: netip.MustParsePrefix("2001:db8::/32")}}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		family, bits byte
		want         bool
	}{{unix.AF_INET, 0, true}, {unix.AF_INET, 24, true}, {unix.AF_INET, 32, false}, {unix.AF_INET6, 32, true}, {unix.AF_INET6, 0, false}} {
		n, err := vm.Run(append(make([]byte, nlHeaderLen), routeBody(c.family, c.bits, 0)...))
		if err != nil || n > 0 != c.want {
			t.Errorf("family %d, /%d: %d, %v; want %v", c.family, c.bits, n, err, c.want)
		}
	}
}

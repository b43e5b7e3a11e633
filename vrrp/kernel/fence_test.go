package kernel

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/govrrpd/govrrpd/vrrp"
)

// R-6.4.3-06: the owner accepts whatever it is told.
func TestWhoRefusesWhat(t *testing.T) {
	a, b := netip.MustParsePrefix("192.0.2.10/24"), netip.MustParsePrefix("2001:db8::10/64")
	c := &vrrp.Config{Priority: 100, NoAccept: true, Addresses: []vrrp.Address{{Prefix: a}, {Prefix: b, Excluded: true}}}
	check := func(what string, want ...netip.Addr) {
		t.Helper()
		if diff := cmp.Diff(want, refusedBy(c), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	check("not accepting", a.Addr(), b.Addr())
	c.Priority = vrrp.PriorityOwner
	check("the owner")
	c.Priority, c.NoAccept = 100, false
	check("accepting")
}

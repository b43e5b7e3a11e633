package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

func TestRefusalOfNftablesIsOneLine(t *testing.T) {
	none := errors.Join(fmt.Errorf("conn.Receive: %w", unix.EOPNOTSUPP), unix.ENOENT)
	if got := tellRefusal(none); !errors.Is(got, errNoTables) {
		t.Errorf("without nftables: %v", got)
	}
	if got := tellRefusal(errors.Join(unix.EPERM, unix.ENOENT)); got.Error() != unix.EPERM.Error() {
		t.Errorf("without rights: %q", got)
	}
}

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

//go:build netns

package kernel

import (
	"log/slog"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"

	"github.com/govrrpd/govrrpd/vrrp"
)

// nftRules returns everything that nftables has in the namespace of the tests.
func nftRules(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("nft", "-n", "list", "ruleset").CombinedOutput()
	if err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
	return string(out)
}

// R-6.4.3-06, R-6.4.3-07: who is master without accepting answers ARP and neighbour discovery for the address and nothing else; the owner
// accepts whatever it is told.
func TestAcceptFalseDropsWhatIsForTheAddress(t *testing.T) {
	for _, test := range []struct {
		name     string
		edit     func(c *vrrp.Config)
		answered bool
	}{
		{"not accepted", func(c *vrrp.Config) { c.NoAccept = true }, false},
		{"accepted", func(*vrrp.Config) {}, true},
		{"the owner", func(c *vrrp.Config) { c.NoAccept, c.Priority = true, vrrp.PriorityOwner }, true},
		{"not accepted, with a VMAC", func(c *vrrp.Config) {
			c.NoAccept = true
			c.VMAC = &vrrp.VMAC{Name: "vrrp.60", Address: vrrp.VirtualMAC(60, vrrp.IPv4)}
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := nftRules(t)
			l := newLAN(t)
			l.address("192.0.2.1/24")
			l.address("2001:db8::1/64")
			l.farAddress("192.0.2.2/24")
			l.farAddress("2001:db8::2/64")
			c := l.config("fenced", 60, "192.0.2.10/24", "2001:db8::10/64")
			c.Addresses[1].Excluded = true
			test.edit(c)
			h := newHost(t)
			must(t, h.Attach(c, newRecorder()))
			run(t, h)
			must(t, h.Hold(c, true))
			l.ready(t)
			l.ping(t, "192.0.2.1")
			for _, addr := range []string{"192.0.2.10", "2001:db8::10"} {
				if err := l.pings(t, addr); (err == nil) != test.answered {
					t.Errorf("ping %s: %v, want an answer: %t", addr, err, test.answered)
				}
				l.probe(t, addr)
			}
			if n := h.Status().Refused; (n > 0) == test.answered {
				t.Errorf("%d packets were refused", n)
			}
			h.Detach(c.Name)
			if after := nftRules(t); after != before {
				t.Errorf("after the end there is\n%s", after)
			}
		})
	}
}

// What others do to the table is undone.
func TestFenceComesBack(t *testing.T) {
	for _, damage := range []string{
		"delete table inet govrrpd",
		"flush chain inet govrrpd input",
		"flush ruleset",
		"insert rule inet govrrpd input accept",
		"delete element inet govrrpd refused4 { 192.0.2.10 }",
	} {
		t.Run(damage, func(t *testing.T) {
			l := newLAN(t)
			c := l.config("fenced", 60, "192.0.2.10/24")
			c.NoAccept = true
			h := newHost(t)
			must(t, h.Attach(c, newRecorder()))
			run(t, h)
			before := nftRules(t)
			if !strings.Contains(before, "192.0.2.10") {
				t.Fatalf("the rules are\n%s", before)
			}
			eventually(t, "it is watched", func() bool {
				if out, err := exec.Command("nft", strings.Fields(damage)...).CombinedOutput(); err != nil {
					t.Logf("nft: %v %s", err, out)
				}
				return nftRules(t) != before
			})
			eventually(t, "the table is as it was", func() bool { return nftRules(t) == before })
		})
	}
}

// A table that a dead process left is taken over, or removed when nobody needs it.
func TestFenceOfADeadProcessGoes(t *testing.T) {
	before := nftRules(t)
	l := newLAN(t)
	c := l.config("fenced", 60, "192.0.2.10/24")
	c.NoAccept = true
	dead := NewHost(newHost(t).log)
	must(t, dead.Attach(c, newRecorder()))
	if nftRules(t) == before {
		t.Fatal("there is no table")
	}
	h := newHost(t)
	must(t, h.Attach(l.config("other", 61, "192.0.2.11/24"), newRecorder()))
	if _, err := h.Sweep(); err != nil {
		t.Fatal(err)
	}
	if after := nftRules(t); after != before {
		t.Errorf("after the sweep there is\n%s", after)
	}
}

// neighbor returns what the peer knows of addr; nil for nothing.
func (l *lan) neighbor(t *testing.T, addr string) *netlink.Neigh {
	t.Helper()
	link, err := l.peer.LinkByName(l.far)
	must(t, err)
	list, err := l.peer.NeighList(link.Attrs().Index, netlink.FAMILY_ALL)
	must(t, err)
	for _, n := range list {
		if got, ok := netip.AddrFromSlice(n.IP); ok && got.Unmap() == netip.MustParseAddr(addr) && len(n.HardwareAddr) > 0 {
			return &n
		}
	}
	return nil
}

// probe has the peer ask whether addr is still where it was, which it asks the address itself, and demands an answer.
func (l *lan) probe(t *testing.T, addr string) {
	t.Helper()
	n := l.neighbor(t, addr)
	if n == nil {
		t.Errorf("the peer found nobody for %s", addr)
		return
	}
	n.State = netlink.NUD_PROBE
	must(t, l.peer.NeighSet(n))
	eventually(t, "an answer of "+addr, func() bool {
		n := l.neighbor(t, addr)
		return n != nil && n.State == netlink.NUD_REACHABLE
	})
}

// ready waits until no address of either end is tentative.
func (l *lan) ready(t *testing.T) {
	t.Helper()
	far, err := l.peer.LinkByName(l.far)
	must(t, err)
	const tentative = 0x40
	eventually(t, "no address is tentative", func() bool {
		ours, err := netlink.AddrList(l.nearLink(), netlink.FAMILY_V6)
		theirs, farErr := l.peer.AddrList(far, netlink.FAMILY_V6)
		for _, a := range append(ours, theirs...) {
			if a.Flags&tentative != 0 {
				return false
			}
		}
		return err == nil && farErr == nil
	})
}

// A netlink attribute holds 64 KiB, and the elements of a set are one.
func TestManyAddressesAreFenced(t *testing.T) {
	before := nftRules(t)
	f := &fence{log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	var many []netip.Addr
	for a := netip.MustParseAddr("10.1.0.0"); len(many) < 10000; a = a.Next() {
		many = append(many, a)
	}
	for a := netip.MustParseAddr("2001:db8::"); len(many) < 20000; a = a.Next() {
		many = append(many, a)
	}
	must(t, f.set(many))
	conn, err := nftables.New()
	must(t, err)
	if !intact(conn, many) {
		t.Error("the table is not as it shall be")
	}
	must(t, f.set(nil))
	if after := nftRules(t); after != before {
		t.Errorf("after the end there is\n%s", after)
	}
}

func TestFenceThatWasNotRemovedIsRemovedLater(t *testing.T) {
	before := nftRules(t)
	f := &fence{log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	must(t, f.set([]netip.Addr{netip.MustParseAddr("192.0.2.10")}))
	withoutPrivileges(t, func() {
		if err := f.set(nil); err == nil {
			t.Error("the table was removed without privileges")
		}
	})
	must(t, f.set(nil))
	if after := nftRules(t); after != before {
		t.Errorf("after the end there is\n%s", after)
	}
}

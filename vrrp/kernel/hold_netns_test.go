//go:build netns

package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// many returns n virtual addresses.
func many(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("10.1.%d.%d/32", i>>8, i&255)
	}
	return out
}

func sorted(addrs ...string) []string {
	out := append([]string{}, addrs...)
	slices.Sort(out)
	return out
}

func (l *lan) expect(want ...string) {
	l.t.Helper()
	if diff := cmp.Diff(sorted(want...), l.addresses()); diff != "" {
		l.t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

func TestFiveHundredAddressesComeAndGo(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 51, many(500)...)
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	for range 2 { // the second time it is there, or gone, already
		must(t, h.Hold(c, true))
		l.expect(append(many(500), "192.0.2.1/24")...)
	}
	for range 2 {
		must(t, h.Hold(c, false))
		l.expect("192.0.2.1/24")
	}
	if n := h.Status().Restored; n != 0 {
		t.Errorf("%d addresses were put back, want 0: our own changes were taken for somebody else's", n)
	}
}

func TestAddressesCarryLabelMarkAndNoBroadcast(t *testing.T) {
	l, other := newLAN(t), newLAN(t)
	c := l.config("web", 51, "192.0.2.10/24", "192.0.2.11/24", "2001:db8::10/64", "198.51.100.10/24")
	c.Addresses[1].Label = l.near + ":web"
	c.Addresses[2].Excluded = true
	c.Addresses[3].Interface = other.near
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	must(t, h.Hold(c, true))
	l.expect("192.0.2.10/24", "192.0.2.11/24", "2001:db8::10/64")
	other.expect("198.51.100.10/24")
	list, err := netlink.AddrList(l.nearLink(), netlink.FAMILY_ALL)
	must(t, err)
	for _, a := range list {
		switch a.IPNet.String() {
		case "192.0.2.10/24":
			if a.Broadcast != nil || a.Label != l.near {
				t.Errorf("%s has broadcast %v and label %q, want none and %q", a.IPNet, a.Broadcast, a.Label, l.near)
			}
		case "192.0.2.11/24":
			if a.Label != l.near+":web" {
				t.Errorf("%s has label %q", a.IPNet, a.Label)
			}
		case "2001:db8::10/64":
			if a.Flags&unix.IFA_F_NODAD == 0 || a.Flags&unix.IFA_F_TENTATIVE != 0 {
				t.Errorf("%s has flags %#x, want NODAD and usable at once", a.IPNet, a.Flags)
			}
		}
	}
	table, err := h.ledger.read()
	must(t, err)
	if n := len(table.marked()); n != 4 {
		t.Errorf("%d addresses carry our mark, want 4", n)
	}

	// A reload changes a label, drops one address and adds another.
	c2 := *c
	c2.Addresses = slices.Clone(c.Addresses)
	c2.Addresses[0].Label = l.near + ":new"
	c2.Addresses[3] = vrrp.Address{Prefix: netip.MustParsePrefix("192.0.2.12/24")}
	must(t, h.Configure(&c2))
	must(t, h.Hold(&c2, true))
	l.expect("192.0.2.10/24", "192.0.2.11/24", "192.0.2.12/24", "2001:db8::10/64")
	other.expect()
	list, err = netlink.AddrList(l.nearLink(), netlink.FAMILY_V4)
	must(t, err)
	for _, a := range list {
		if a.IPNet.String() == "192.0.2.10/24" && a.Label != l.near+":new" {
			t.Errorf("label %q after the reload", a.Label)
		}
	}
}

func TestWhatCannotBeHeldIsNamed(t *testing.T) {
	l := newLAN(t)
	c := l.config("web", 51, "192.0.2.10/24", "192.0.2.11/24", "192.0.2.12/24")
	c.Addresses[1].Interface = "nowhere0"
	c.Addresses[2].Label = "a label that is far too long"
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	err := h.Hold(c, true)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"add 192.0.2.11/24 on nowhere0: interface does not exist", "add 192.0.2.12/24 on " + l.near} {
		if !contains(err, want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	l.expect("192.0.2.10/24") // the rest is held
	must(t, h.Hold(c, false))
	l.expect()
}

func TestIPv6AddressWithAnotherPrefixLengthIsAnError(t *testing.T) {
	l := newLAN(t)
	l.address("2001:db8::10/64")
	c := l.config("web", 51, "2001:db8::10/128")
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	if err := h.Hold(c, true); err == nil || !contains(err, "another prefix length") {
		t.Errorf("Hold = %v", err)
	}
	must(t, h.Hold(c, false))
	l.expect("2001:db8::10/64")
}

func TestReloadChangesPrefixLengths(t *testing.T) {
	l := newLAN(t)
	h := newHost(t)
	c := l.config("web", 51, "192.0.2.10/24", "2001:db8::10/64")
	must(t, h.Attach(c, newRecorder()))
	must(t, h.Hold(c, true))
	c = l.config("web", 51, "192.0.2.10/32", "2001:db8::10/128")
	must(t, h.Configure(c))
	must(t, h.Hold(c, true))
	l.expect("192.0.2.10/32", "2001:db8::10/128")
}

func TestForeignDeletionReturnsAndIsAnnounced(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 51, "192.0.2.10/24", "192.0.2.11/24")
	c.Announce = vrrp.Announce{Repeat: 1}
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	must(t, h.Hold(c, true))
	must(t, h.Announce(c))
	wire := l.capture()
	for i := range 3 {
		began := time.Now()
		l.unaddress("192.0.2.10/24")
		eventually(t, "the address is back", func() bool { return slices.Contains(l.addresses(), "192.0.2.10/24") })
		t.Logf("back after %s", time.Since(began))
		eventually(t, "it is counted", func() bool { return h.Status().Restored == uint64(i+1) })
	}
	eventually(t, "it is announced again", func() bool { return len(wire.matching(isARP)) > 0 })
	must(t, h.Hold(c, false))
	l.expect("192.0.2.1/24")
}

func TestOwnersRealAddressIsNotTouched(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.10/24")
	c := l.config("web", 51, "192.0.2.10/24", "192.0.2.11/24")
	c.Priority = vrrp.PriorityOwner
	h, r := newHost(t), newRecorder()
	must(t, h.Attach(c, r))
	run(t, h)
	if got, want := r.primary(), netip.MustParseAddr("192.0.2.10"); got != want {
		t.Errorf("an owner's source is %s, want %s", got, want)
	}
	must(t, h.Hold(c, true))
	l.expect("192.0.2.10/24", "192.0.2.11/24")
	must(t, h.Hold(c, false))
	l.expect("192.0.2.10/24")
}

// The kernel takes the first address of a subnet for the owner of the others, whoever added them.
func TestReleaseSparesWhatIsSecondaryToTheAddress(t *testing.T) {
	l := newLAN(t)
	promote := "/proc/sys/net/ipv4/conf/" + l.near + "/promote_secondaries"
	must(t, os.WriteFile(promote, []byte("0"), 0))
	c := l.config("web", 51, "192.0.2.10/24", "192.0.2.11/24")
	h, r := newHost(t), newRecorder()
	must(t, h.Attach(c, r))
	run(t, h)
	must(t, h.Hold(c, true))
	must(t, h.Hold(c, false))
	if b, err := os.ReadFile(promote); err != nil || string(b) != "0\n" {
		t.Errorf("promote_secondaries is %q, %v; want it left alone while nothing depends on it", b, err)
	}
	must(t, h.Hold(c, true))
	l.address("192.0.2.1/24")
	eventually(t, "the host knows", func() bool { return r.primary() == sourceAddr })
	must(t, h.Hold(c, false))
	l.expect("192.0.2.1/24")
	if b, err := os.ReadFile(promote); err != nil || string(b) != "0\n" {
		t.Errorf("promote_secondaries is %q, %v after it; want it as it was", b, err)
	}
}

// A reading that began before the addresses came is older than they are.
func TestOldReadingIsNoLoss(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 51, "192.0.2.10/24", "192.0.2.11/24")
	c.OnLoss = vrrp.StepDownOnLoss
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	s, err := openRoute()
	must(t, err)
	defer s.close()
	old, err := s.dump()
	must(t, err)
	older, err := s.dump()
	must(t, err)
	must(t, h.Hold(c, true))
	h.facts.replace(old)
	done, err := h.ledger.restore()
	if err != nil || len(done.lost) > 0 {
		t.Errorf("lost %v, %v; want nothing", done.lost, err)
	}
	l.unaddress("192.0.2.11/24")
	h.facts.replace(older)
	if done, err = h.ledger.restore(); err != nil || done.lost["web"] != "address 192.0.2.11/24 on "+l.near+" is gone or changed" {
		t.Errorf("lost %v, %v; want the second address", done.lost, err)
	}
}

// A batch of long requests must not be more than a socket sends at once.
func TestLongRequestsAreSentInPieces(t *testing.T) {
	s, err := openRoute()
	must(t, err)
	defer s.close()
	const requests = 300
	failed, err := s.perform(requests, func(b []byte, _ int, seq uint32, flags uint16) []byte {
		start := len(b)
		b = appendHeader(b, unix.RTM_DELADDR, unix.NLM_F_REQUEST|flags, seq)
		b = append(b, unix.AF_INET, 32, 0, 0, 0xff, 0xff, 0xff, 0x7f) // on an interface that does not exist
		return finish(appendAttr(b, 1000, make([]byte, 4000)), start)
	})
	if err != nil || len(failed) != requests {
		t.Fatalf("%d of %d requests were refused, %v", len(failed), requests, err)
	}
	for i, e := range failed {
		if !errors.Is(e, unix.ENODEV) {
			t.Errorf("request %d: %v, want %v", i, e, unix.ENODEV)
		}
	}
}

func TestManyAddressesOfOneSubnetGoWithoutPromotions(t *testing.T) {
	l := newLAN(t)
	must(t, os.WriteFile("/proc/sys/net/ipv4/conf/"+l.near+"/promote_secondaries", []byte("1"), 0))
	c := l.config("web", 51, "10.1.0.1/24", "10.1.0.2/24", "10.1.0.3/24")
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	s, err := openEvents(1 << 20)
	must(t, err)
	defer s.close()
	must(t, h.Hold(c, true))
	must(t, h.Hold(c, false))
	events, _, err := s.next()
	must(t, err)
	var got []string
	for _, ev := range events {
		if ev.link == nil && ev.gone {
			got = append(got, ev.key.prefix.String())
		}
	}
	if diff := cmp.Diff([]string{"10.1.0.3/24", "10.1.0.2/24", "10.1.0.1/24"}, got); diff != "" {
		t.Errorf("addresses in the order in which they went (-want +got):\n%s", diff)
	}
	l.expect()
}

func TestAddressWantedTwiceGoesWithTheLastHolder(t *testing.T) {
	l := newLAN(t)
	a, b := l.config("a", 51, "192.0.2.10/24"), l.config("b", 52, "192.0.2.10/24", "192.0.2.11/24")
	h := newHost(t)
	must(t, h.Attach(a, newRecorder()))
	must(t, h.Attach(b, newRecorder()))
	must(t, h.Hold(a, true))
	must(t, h.Hold(b, true))
	must(t, h.Hold(a, false))
	l.expect("192.0.2.10/24", "192.0.2.11/24")
	must(t, h.Hold(b, false))
	l.expect()
}

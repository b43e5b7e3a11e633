//go:build netns

package kernel

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

func TestForeignAnswersForOurAddressesAreFound(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	l.farAddress("192.0.2.2/24")
	l.farAddress("2001:db8::2/64")
	c := l.config("web", 51, "192.0.2.10/24", "192.0.2.11/24", "2001:db8::10/64", "2001:db8::11/64")
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	must(t, h.Hold(c, true))
	if got := h.Claims(t.Context(), c); len(got) != 0 {
		t.Errorf("claims %v, want none: nobody else has the addresses", got)
	}
	far, err := l.peer.LinkByName(l.far)
	must(t, err)
	mac := far.Attrs().HardwareAddr.String()
	for addr, want := range map[string]string{"192.0.2.2": mac, "2001:db8::2": mac, "192.0.2.3": "", "2001:db8::3": ""} {
		ask := *c
		ask.Interface = l.near
		if got := h.Neighbor(t.Context(), &ask, netip.MustParseAddr(addr)); got != want {
			t.Errorf("neighbour %s is %q, want %q", addr, got, want)
		}
	}
	l.farAddress("192.0.2.11/24") // a second master
	six, err := netlink.ParseAddr("2001:db8::11/64")
	must(t, err)
	six.Flags = unix.IFA_F_NODAD // or it would find that we have it
	must(t, l.peer.AddrAdd(far, six))
	got := map[string]string{}
	eventually(t, "both answers", func() bool {
		for _, claim := range h.Claims(t.Context(), c) {
			got[claim.Address.String()] = claim.MAC
		}
		return len(got) >= 2
	})
	if len(got) != 2 || got["192.0.2.11"] != mac || got["2001:db8::11"] != mac {
		t.Errorf("claims %v, want those for the second address of each family by %s", got, mac)
	}
}

func TestVerificationTellsOfASecondMasterAndAnnouncesAgain(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	l.farAddress("192.0.2.2/24")
	c := l.config("web", 51, "192.0.2.10/24")
	c.Priority = vrrp.PriorityOwner
	c.VerifyAddresses = time.Second
	c.Announce = vrrp.Announce{Repeat: 1}
	h := newHost(t)
	run(t, h)
	m := runGroup(t, h, c)
	eventually(t, "it is master and has announced", func() bool { return m.Status().Held && l.on(h).Announced == 1 })
	l.farAddress("192.0.2.10/24")
	eventually(t, "the other one is known", func() bool { return len(m.Status().Rivals) == 1 })
	rival := m.Status().Rivals[0]
	far, err := l.peer.LinkByName(l.far)
	must(t, err)
	if rival.MAC != far.Attrs().HardwareAddr.String() || rival.Claims != netip.MustParseAddr("192.0.2.10") {
		t.Errorf("rival %+v", rival)
	}
	eventually(t, "announced again", func() bool { return l.on(h).Announced > 1 })
}

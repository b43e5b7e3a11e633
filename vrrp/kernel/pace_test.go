package kernel

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

func TestIntervalKeepsPacketsOfOneInterfaceApart(t *testing.T) {
	const ms = time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		var w wire
		a := runAnnouncer(t, &w)
		a.start("web", addresses(3), vrrp.Announce{Repeat: 1, Gap: 10 * ms})
		a.start("mail", addresses(2), vrrp.Announce{Repeat: 1, Gap: 10 * ms})
		a.start("six", []netip.Addr{netip.MustParseAddr("2001:db8::1")}, vrrp.Announce{Repeat: 1, Gap: time.Hour, GapNA: 50 * ms})
		time.Sleep(time.Second)
		synctest.Wait()
		var four, six []time.Duration
		for i, addr := range w.addrs {
			if addr.Is4() {
				four = append(four, w.times[i])
			} else {
				six = append(six, w.times[i])
			}
		}
		if len(four) != 5 || len(six) != 1 {
			t.Fatalf("%d packets for IPv4, %d for IPv6; want 5 and 1", len(four), len(six))
		}
		for i := range four[1:] {
			if gap := four[i+1] - four[i]; gap < 10*ms || gap > 14*ms {
				t.Errorf("packets %d and %d are %s apart, want 10ms", i, i+1, gap)
			}
		}
	})
}

func TestGroupKeepsPacketsOfItsInterfacesApart(t *testing.T) {
	const ms = time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		var w wire
		p := &pace{group: vrrp.AnnounceGroup{Interfaces: []string{"eth0", "eth1"}, Gap: 10 * ms}}
		one, two := runAnnouncer(t, &w), runAnnouncer(t, &w)
		one.setPace(p)
		two.setPace(p)
		one.start("web", addresses(10), vrrp.Announce{Repeat: 1})
		two.start("web", addresses(10), vrrp.Announce{Repeat: 1})
		time.Sleep(time.Second)
		synctest.Wait()
		if len(w.times) != 20 {
			t.Fatalf("%d packets, want 20", len(w.times))
		}
		for i := range w.times[1:] {
			if gap := w.times[i+1] - w.times[i]; gap < 10*ms {
				t.Errorf("packets %d and %d are %s apart, want 10ms", i, i+1, gap)
			}
		}
		one.setPace(nil) // a reload removed the group
		before := len(w.times)
		one.start("web", addresses(100), vrrp.Announce{Repeat: 1})
		time.Sleep(20 * ms)
		synctest.Wait()
		if got := len(w.times) - before; got != 100 {
			t.Errorf("%d packets in 20ms without the group, want 100", got)
		}
	})
}

func TestRefreshIsRepeated(t *testing.T) {
	const ms = time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		var w wire
		a := runAnnouncer(t, &w)
		a.start("web", addresses(1), vrrp.Announce{Repeat: 1, Refresh: 10 * time.Second, RefreshRepeat: 2})
		time.Sleep(21 * time.Second)
		synctest.Wait()
		want := []time.Duration{0, 10000 * ms, 10100 * ms, 20100 * ms, 20200 * ms}
		if diff := cmp.Diff(want, w.times); diff != "" {
			t.Errorf("times (-want +got):\n%s", diff)
		}
	})
}

// A lesser master's advert may come while the addresses are being announced, and must not shorten that.
func TestShortAnnouncementDoesNotCutALongOne(t *testing.T) {
	const ms = time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		var w wire
		a := runAnnouncer(t, &w)
		a.start("web", addresses(1), vrrp.AnnounceDefault)
		time.Sleep(150 * ms)
		a.start("web", addresses(1), vrrp.Announce{Repeat: 1})
		time.Sleep(20 * time.Second)
		synctest.Wait()
		want := []time.Duration{0, 100 * ms, 150 * ms, 250 * ms, 350 * ms, 5000 * ms, 5100 * ms, 5200 * ms, 5300 * ms, 5400 * ms}
		if diff := cmp.Diff(want, w.times); diff != "" {
			t.Errorf("times (-want +got):\n%s", diff)
		}
		a.start("web", addresses(1), vrrp.Announce{Repeat: 1}) // and one that comes later is short
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if got := len(w.times) - len(want); got != 1 {
			t.Errorf("%d packets more, want 1", got)
		}
	})
}

func TestPlanForOtherInterfaces(t *testing.T) {
	c := &vrrp.Config{Interface: "eth0", Announce: vrrp.Announce{Repeat: 5, Refresh: time.Minute, RefreshRepeat: 3, ExtraRefresh: 10 * time.Second}}
	if got := planFor(c, "eth0"); got != c.Announce {
		t.Errorf("on its own interface %+v", got)
	}
	if got := planFor(c, "eth1"); got.Refresh != 10*time.Second || got.RefreshRepeat != 1 || got.Repeat != 5 {
		t.Errorf("on another interface %+v", got)
	}
	c.Announce.ExtraRefresh = 0
	if got := planFor(c, "eth1"); got != c.Announce {
		t.Errorf("on another interface without a wish %+v", got)
	}
}

func TestPaceOfAMacvlanIsThatOfItsInterface(t *testing.T) {
	h := NewHost(nil)
	table := newTable()
	table.putLink(link{index: 2, name: "eth0", kind: unix.ARPHRD_ETHER})
	table.putLink(link{index: 9, name: "vrrp.51", kind: unix.ARPHRD_ETHER, lower: 2, macvlan: 1})
	h.facts.replace(table)
	h.setPaces([]vrrp.AnnounceGroup{{Interfaces: []string{"eth0"}, Gap: time.Second}})
	if a, b := h.paceOf("eth0"), h.paceOf("vrrp.51"); a == nil || a != b {
		t.Errorf("paces %p and %p, want one", a, b)
	}
	if h.paceOf("eth1") != nil {
		t.Error("another interface is in the group")
	}
}

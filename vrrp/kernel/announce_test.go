package kernel

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// addresses returns n distinct addresses.
func addresses(n int) []netip.Addr {
	out := make([]netip.Addr, n)
	for i := range out {
		out[i] = netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
	}
	return out
}

// A wire records when which address was announced.
type wire struct {
	mu     sync.Mutex
	begin  time.Time
	times  []time.Duration
	addrs  []netip.Addr
	groups []int // sizes
}

func (w *wire) send(_ link, addrs []netip.Addr) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range addrs {
		w.times = append(w.times, time.Since(w.begin))
		w.addrs = append(w.addrs, a)
	}
	w.groups = append(w.groups, len(addrs))
	return len(addrs)
}

func (w *wire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.addrs)
}

// runAnnouncer runs an announcer on an Ethernet interface until the test's bubble ends.
func runAnnouncer(t *testing.T, w *wire) *announcer {
	t.Helper()
	a := newAnnouncer("eth0")
	a.relink(link{index: 3, name: "eth0", kind: unix.ARPHRD_ETHER}, true)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { a.loop(ctx, w.send); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	w.begin = time.Now()
	return a
}

func TestBurstsComeWhenThePlanSays(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name string
		plan vrrp.Announce
		want []time.Duration // within 21 s
	}{
		{"five, and five more after 5 s", vrrp.AnnounceDefault, []time.Duration{
			0, 100 * ms, 200 * ms, 300 * ms, 400 * ms, 5000 * ms, 5100 * ms, 5200 * ms, 5300 * ms, 5400 * ms}},
		{"one burst only", vrrp.Announce{Repeat: 2}, []time.Duration{0, 100 * ms}},
		{"a second burst does not overtake the first", vrrp.Announce{Repeat: 3, Delay: 50 * ms}, []time.Duration{
			0, 100 * ms, 200 * ms, 300 * ms, 400 * ms, 500 * ms}},
		{"refreshed every 10 s", vrrp.Announce{Repeat: 1, Refresh: 10 * time.Second}, []time.Duration{0, 10000 * ms, 20000 * ms}},
		{"nothing", vrrp.Announce{}, nil},
		{"refreshes only", vrrp.Announce{Refresh: 15 * time.Second}, []time.Duration{15 * time.Second}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w wire
				a := runAnnouncer(t, &w)
				a.start("web", addresses(1), test.plan)
				time.Sleep(21 * time.Second)
				synctest.Wait()
				if diff := cmp.Diff(test.want, w.times); diff != "" {
					t.Errorf("times (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestEveryAddressIsAnnouncedOnceBeforeAnyRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		a := runAnnouncer(t, &w)
		const n = 1000
		a.start("web", addresses(n), vrrp.Announce{Repeat: 3})
		time.Sleep(time.Second)
		synctest.Wait()
		if w.count() != 3*n {
			t.Fatalf("%d packets, want %d", w.count(), 3*n)
		}
		for i, addr := range w.addrs {
			if want := addresses(n)[i%n]; addr != want {
				t.Fatalf("packet %d is for %s, want %s", i, addr, want)
			}
		}
		if last, most := w.times[n-1], 40*time.Millisecond; last > most {
			t.Errorf("the last address is announced after %s, want at most %s", last, most)
		}
		for i, size := range w.groups {
			if size > announceGroup {
				t.Errorf("group %d has %d packets, want at most %d", i, size, announceGroup)
			}
		}
		for i := announceGroup; i < len(w.times); i++ {
			if gap := w.times[i] - w.times[i-announceGroup]; gap < announceGap {
				t.Fatalf("packets %d and %d are %s apart, want at least %s", i-announceGroup, i, gap, announceGap)
			}
		}
	})
}

func TestNewMasterIsNotKeptWaitingByRepeatsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		a := runAnnouncer(t, &w)
		a.start("big", addresses(5000), vrrp.Announce{Repeat: 5})
		time.Sleep(250 * time.Millisecond) // into the second round
		begin := time.Now()
		late := netip.MustParseAddr("10.9.9.9")
		a.start("late", []netip.Addr{late}, vrrp.Announce{Repeat: 1})
		time.Sleep(3 * announceGap)
		synctest.Wait()
		for i, addr := range w.addrs {
			if addr == late {
				if got := w.times[i] - begin.Sub(w.begin); got > announceGap {
					t.Errorf("announced after %s, want at most %s", got, announceGap)
				}
				return
			}
		}
		t.Error("not announced")
	})
}

func TestStopEndsABurstAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		a := runAnnouncer(t, &w)
		a.start("web", addresses(1000), vrrp.AnnounceDefault)
		time.Sleep(5 * time.Millisecond)
		a.stop("web")
		before := w.count()
		time.Sleep(time.Minute)
		synctest.Wait()
		if before == 0 || w.count() != before {
			t.Errorf("%d packets before stop, %d after", before, w.count()-before)
		}
	})
}

// Each advert of a lower priority makes a master announce again; a stranger must not make it flood the segment by that.
func TestAnnouncingAgainDoesNotMultiply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		a := runAnnouncer(t, &w)
		addrs := addresses(3000) // a round takes 120 ms, longer than the time between two restarts
		for range 10000 {
			a.start("web", addrs, vrrp.AnnounceDefault)
			time.Sleep(100 * time.Microsecond)
		}
		synctest.Wait()
		if most := int(time.Second/announceGap+1) * announceGroup; w.count() > most {
			t.Errorf("%d packets in a second, want at most %d", w.count(), most)
		}
		if len(a.schedule.bursts) != 1 {
			t.Errorf("%d bursts are kept, want 1", len(a.schedule.bursts))
		}
		seen := map[netip.Addr]int{}
		for _, addr := range w.addrs {
			seen[addr]++
		}
		if len(seen) != len(addrs) {
			t.Errorf("%d addresses were announced, want all %d: some starve", len(seen), len(addrs))
		}
		begin := w.count()
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if got := w.count() - begin; got < 5*len(addrs) || got > 6*len(addrs) {
			t.Errorf("%d packets after the last start, want 5 rounds and the rest of one", got)
		}
	})
}

// A master whose predecessor has announced the addresses a moment ago must not wait for the turn of its next round.
func TestAnnouncingAgainIsHeardSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		a := runAnnouncer(t, &w)
		a.start("web", addresses(1), vrrp.Announce{Repeat: 1})
		time.Sleep(time.Millisecond)
		a.start("web", addresses(1), vrrp.Announce{Repeat: 1})
		time.Sleep(time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]time.Duration{0, againGap}, w.times); diff != "" {
			t.Errorf("times (-want +got):\n%s", diff)
		}
	})
}

func TestAnotherHardwareAddressIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		a := runAnnouncer(t, &w)
		a.start("web", addresses(1), vrrp.Announce{Repeat: 1})
		time.Sleep(time.Second)
		l := link{index: 3, name: "eth0", kind: unix.ARPHRD_ETHER}
		a.relink(l, true)
		time.Sleep(time.Second)
		if w.count() != 1 {
			t.Errorf("%d packets while nothing changed, want 1", w.count())
		}
		l.mac = testMAC
		a.relink(l, true)
		time.Sleep(time.Second)
		if w.count() != 2 {
			t.Errorf("%d packets after a change, want 2", w.count())
		}
		l.flags = unix.IFF_LOWER_UP // the cable is back
		a.relink(l, true)
		time.Sleep(time.Second)
		if w.count() != 3 {
			t.Errorf("%d packets after the cable is back, want 3", w.count())
		}
	})
}

func TestPacketsThatCannotLeaveAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		a := runAnnouncer(t, &w)
		a.relink(link{}, false)
		a.start("web", addresses(3), vrrp.Announce{Repeat: 1})
		time.Sleep(time.Second)
		if a.failed.Load() != 3 || a.sent.Load() != 0 {
			t.Errorf("failed %d, sent %d; want 3 and 0", a.failed.Load(), a.sent.Load())
		}
		a.relink(link{index: 4, name: "eth0", kind: unix.ARPHRD_LOOPBACK, flags: unix.IFF_LOOPBACK}, true)
		time.Sleep(time.Second)
		if w.count() != 0 || a.failed.Load() != 3 {
			t.Errorf("%d packets on an interface without ARP, %d failed", w.count(), a.failed.Load())
		}
	})
}

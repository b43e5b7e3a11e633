package ipvs

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

func TestSlowStartTicksOnceASecond(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		v := shop()
		v.SlowStart = pool.Ramp{Duration: 5 * time.Second}
		b := start(t, newMapKernel(), Options{Refresh: time.Hour}, v)
		b.verdict(1, Up)
		b.verdict(0, Down)
		b.did(append(shopAdded, removeFirst)...)
		b.verdict(0, Up)
		b.did("add server 10.0.0.1:80 nat weight 1 to tcp 192.0.2.10:80")
		if s := b.Status().Services[0].RealServers[0]; s.Reason != "slow start" || !s.Up || time.Until(s.Until) != 5*time.Second {
			t.Errorf("while it starts: %+v", s)
		}
		b.sleep(time.Second)
		b.did("change server 10.0.0.1:80 nat weight 2 of tcp 192.0.2.10:80")
		b.sleep(4 * time.Second)
		b.did("change server 10.0.0.1:80 nat weight 4 of tcp 192.0.2.10:80", "change server 10.0.0.1:80 nat weight 6 of tcp 192.0.2.10:80",
			"change server 10.0.0.1:80 nat weight 8 of tcp 192.0.2.10:80", restoreFirst)
		b.sleep(time.Minute)
		b.did()
	})
}

func TestDelaysOutliveReloadsAndEndByAnOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		v := shop()
		v.Reentry = time.Minute
		b := start(t, newMapKernel(), Options{}, v)
		b.verdict(1, Up)
		b.verdict(0, Up)
		synctest.Wait()
		b.verdict(0, Down)
		synctest.Wait()
		b.verdict(0, Up)
		b.did(append(shopAdded, removeFirst)...)
		b.sleep(30 * time.Second)
		changed := v
		changed.Servers = append([]RealServer{{Addr: netip.MustParseAddrPort("10.0.0.3:80"), Weight: 1}}, v.Servers...)
		b.Configure([]VirtualServer{changed})
		b.did("add server 10.0.0.3:80 nat weight 1 to tcp 192.0.2.10:80")
		b.sleep(30*time.Second - time.Millisecond)
		b.did()
		b.sleep(time.Millisecond)
		b.did(addFirst)
		b.verdict(0, Down)
		b.did(removeFirst)
		b.verdict(0, Up)
		b.did()
		b.must(Order{Server: first(), Command: Enable})
		b.did(addFirst)
	})
}

// three virtual servers of two servers each, which are watched.
func watched() (out []VirtualServer) {
	for _, at := range []string{"192.0.2.1:80", "192.0.2.2:80", "192.0.2.3:80"} {
		v := shop()
		v.Name, v.Keys, v.Watched = at, []Key{tcp(at)}, true
		out = append(out, v)
	}
	return out
}

func TestPanicOfAll(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		vs := watched()
		b := start(t, newMapKernel(), Options{}, vs...)
		b.SetPanic(pool.Panic{Percent: 50, Window: 10 * time.Second})
		set := func(c Condition, ids ...int) {
			for _, id := range ids {
				v := vs[id/2]
				b.SetHealth(ServerID{v.Name, v.Servers[id%2].Addr}, Verdict{Condition: c})
			}
			synctest.Wait()
		}
		set(Up, 0, 1, 2, 3, 4, 5)
		b.kernel.take()
		set(Down, 0)
		b.sleep(11 * time.Second)
		set(Down, 1, 2)
		b.did("remove server 10.0.0.1:80 from tcp 192.0.2.1:80", "remove server 10.0.0.2:80 from tcp 192.0.2.1:80", "remove server 10.0.0.1:80 from tcp 192.0.2.2:80")
		set(Down, 3, 4)
		b.did("add server 10.0.0.2:80 nat weight 20 to tcp 192.0.2.1:80", "add server 10.0.0.1:80 nat weight 10 to tcp 192.0.2.2:80")
		set(Down, 5)
		b.did()
		if s := b.Status(); s.Panic == nil || s.Panic.Failed != 5 || s.Panic.Servers != 6 || !s.Services[0].Panic || s.Services[0].RealServers[1].Reason != "checks failed, kept" {
			t.Errorf("status %+v", s)
		}
		if n := b.logged("level=ERROR", "panic", "of=6"); n != 1 {
			t.Errorf("%d lines of the beginning:\n%s", n, b.log)
		}
		b.sleep(time.Hour)
		b.did()
		set(Up, 4, 5)
		b.did("remove server 10.0.0.2:80 from tcp 192.0.2.1:80", "remove server 10.0.0.1:80 from tcp 192.0.2.2:80", "remove server 10.0.0.2:80 from tcp 192.0.2.2:80")
		if s := b.Status(); s.Panic != nil {
			t.Errorf("at the end: %+v", s.Panic)
		}
	})
}

func TestPanicOfAllEndsWithItsOption(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		v := shop()
		v.Watched = true
		b := start(t, newMapKernel(), Options{}, v)
		b.SetPanic(pool.Panic{Percent: 50, Window: 10 * time.Second})
		b.verdict(0, Up)
		b.verdict(1, Up)
		b.did(shopAdded...)
		b.verdict(0, Down)
		b.verdict(1, Down)
		b.did()
		b.SetPanic(pool.Panic{})
		b.did(removeFirst, removeSecond)
	})
}

func TestPanicOfOneLeavesTheOthersAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		v := shop()
		v.Panic = pool.Panic{Percent: 50, Window: 10 * time.Second}
		b := start(t, newMapKernel(), Options{}, v)
		b.verdict(0, Up)
		b.verdict(1, Up)
		b.did(shopAdded...)
		b.verdict(0, Down)
		b.did(removeFirst)
		b.verdict(1, Down)
		b.did(addFirst)
		if n := b.logged("level=ERROR", "panic", "service="+v.Name); n != 1 {
			t.Errorf("%d lines of the beginning:\n%s", n, b.log)
		}
		b.verdict(0, Up)
		b.did(removeSecond)
		if n := b.logged("is over", "service="+v.Name); n != 1 {
			t.Errorf("%d lines of the end:\n%s", n, b.log)
		}
	})
}

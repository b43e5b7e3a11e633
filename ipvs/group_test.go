package ipvs

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// pair is shop at two addresses.
func pair() VirtualServer {
	v := shop()
	v.Keys = append(v.Keys, Key{Mark: 80, Family: V4})
	return v
}

func TestOnePoolServesEveryKeyOfItsGroup(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		pools := 0
		b := start(t, newMapKernel(), Options{OnPool: func(string, pool.State) { pools++ }}, withSorry(pair()))
		b.did(append(shopAdded,
			"add service fwmark 80 ipv4 wlc",
			"add server 10.0.0.1:80 nat weight 10 to fwmark 80 ipv4",
			"add server 10.0.0.2:80 nat weight 20 to fwmark 80 ipv4")...)
		b.verdict(0, Down)
		b.did(removeFirst, "remove server 10.0.0.1:80 from fwmark 80 ipv4")
		b.verdict(1, Down)
		b.did(addSorry, "add server 10.0.0.99:80 dr weight 1 to fwmark 80 ipv4", removeSecond, "remove server 10.0.0.2:80 from fwmark 80 ipv4")
		if pools != 1 {
			t.Errorf("the loss of one quorum was told %d times", pools)
		}
		got := b.Status().Services
		if len(got) != 2 || got[0].Name != "shop" || got[1].Name != "shop" || got[0].Address != shop().Keys[0].Addr || got[1].Mark != 80 {
			t.Errorf("status %+v, want a line for each of the keys of shop", got)
		}
	})
}

// TestGroupThatGainsAndLosesAKey: the verdicts stay, and the service at a key that stays is not touched.
func TestGroupThatGainsAndLosesAKey(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, shop())
		b.verdict(0, Down)
		synctest.Wait()
		b.kernel.take()
		b.Configure([]VirtualServer{pair()})
		b.did("add service fwmark 80 ipv4 wlc", "add server 10.0.0.2:80 nat weight 20 to fwmark 80 ipv4")
		second := pair()
		second.Keys = second.Keys[1:]
		b.Configure([]VirtualServer{second})
		b.sleep(RefreshDefault) // the kernel shows no connections
		b.did("remove service tcp 192.0.2.10:80")
		b.Configure(nil)
		b.did("remove service fwmark 80 ipv4")
		if last := b.owned[len(b.owned)-1]; len(last) != 0 {
			t.Errorf("%v are still ours", last)
		}
	})
}

// TestRenamedServiceGoesOnAsItIs: the services of the kernel are the same, and what failed stays out until its checks say more.
func TestRenamedServiceGoesOnAsItIs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, shop())
		b.verdict(0, Down)
		b.did(append(shopAdded, removeFirst)...)
		renamed := shop()
		renamed.Name = "store"
		b.Configure([]VirtualServer{renamed})
		b.sleep(time.Minute)
		b.did()
		b.SetHealth(ServerID{"store", renamed.Servers[0].Addr}, Verdict{Condition: Up})
		b.did(addFirst)
	})
}

// TestVerdictsFollowTheirServers: a reload that reorders, adds and removes servers mixes none of them up.
func TestVerdictsFollowTheirServers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, shop())
		b.verdict(1, Down)
		b.did(append(shopAdded, removeSecond)...)
		next := shop()
		next.Servers = []RealServer{{Addr: netip.MustParseAddrPort("10.0.0.3:80"), Weight: 5}, next.Servers[1], next.Servers[0]}
		b.Configure([]VirtualServer{next})
		b.did("add server 10.0.0.3:80 nat weight 5 to tcp 192.0.2.10:80")
		b.SetHealth(ServerID{"shop", netip.MustParseAddrPort("10.0.0.7:80")}, Verdict{Condition: Down}) // not configured
		b.did()
	})
}

func TestEngineTakesOverAGroupAsItIs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		mark := pair().Keys[1]
		k := newMapKernel(entry(svc(shop().Keys[0], "wlc"), nat("10.0.0.2:80", 20)), entry(svc(mark, "wlc"), nat("10.0.0.2:80", 20)))
		b := start(t, k, Options{Owned: pair().Keys}, pair())
		b.sleep(time.Minute)
		b.did()
		b.verdict(0, Up)
		b.did(addFirst, "add server 10.0.0.1:80 nat weight 10 to fwmark 80 ipv4")
	})
}

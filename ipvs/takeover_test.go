package ipvs

import (
	"net/netip"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

func TestEngineTakesOverTheTableAsItIs(t *testing.T) {
	live := entry(svc(shop().Keys[0], "wlc"), nat("10.0.0.2:80", 20))
	quiesced := entry(svc(shop().Keys[0], "wlc"), nat("10.0.0.1:80", 0), nat("10.0.0.2:80", 20))
	sorry := entry(svc(shop().Keys[0], "wlc"), dest("10.0.0.99:80", DR, 1))
	drained := shop()
	drained.Servers[0].Weight = 0
	belowQuorum := entry(svc(shop().Keys[0], "wlc"), nat("10.0.0.1:80", 0), dest("10.0.0.99:80", DR, 1))
	weightless := ServerOverride{"shop", first().Addr, pool.Override{Weight: new(0)}}
	for _, tt := range []struct {
		name   string
		kernel Entry
		vs     VirtualServer
		said   []ServerOverride
	}{
		{"a server that was out stays out", live, shop(), nil},
		{"a server that was quiesced stays quiesced", quiesced, quiescing(shop()), nil},
		{"a server that was drained by configuration keeps its connections", quiesced, drained, nil},
		{"a server that an operator gave weight 0 keeps its connections", quiesced, shop(), []ServerOverride{weightless}},
		{"the sorry server stays in", sorry, withSorry(shop()), nil},
		{"what had to leave the clients to the sorry server keeps its connections", belowQuorum, withSorry(shop()), nil},
		{"what is configured anew is already there", entry(svc(shop().Keys[0], "wlc"), nat("10.0.0.1:80", 10), nat("10.0.0.2:80", 20)), shop(), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := start(t, newMapKernel(tt.kernel), Options{Owned: []Key{shop().Keys[0]}, Overrides: tt.said}, tt.vs)
				b.sleep(time.Minute)
				b.did()
				if b.logged("adopting") > 0 {
					t.Errorf("adopts what is its own:\n%s", b.log)
				}
			})
		})
	}
}

func TestEngineBelievesTheFirstVerdictAfterATakeover(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		k := newMapKernel(entry(svc(shop().Keys[0], "wlc"), nat("10.0.0.2:80", 20)))
		b := start(t, k, Options{}, shop())
		b.verdict(0, Up)
		b.did(addFirst)
		b.verdict(1, Down)
		b.did(removeSecond)
		b.verdict(0, Unknown) // its checks were removed by a reload: what the kernel had long ago is of no interest
		b.did()
	})
}

func TestEngineTakesAServerThatAReloadAddsForUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		k := newMapKernel(entry(svc(shop().Keys[0], "wlc"), nat("10.0.0.2:80", 20)))
		b := start(t, k, Options{Owned: []Key{shop().Keys[0]}}, shop())
		more := shop()
		more.Servers = append(more.Servers, RealServer{Addr: netip.MustParseAddrPort("10.0.0.3:80"), Weight: 30})
		b.Configure([]VirtualServer{more})
		b.did("add server 10.0.0.3:80 nat weight 30 to tcp 192.0.2.10:80")
	})
}

func TestEngineTakesAServiceWithoutServersForNew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(entry(svc(shop().Keys[0], "wlc"))), Options{}, shop())
		b.did(shopAdded[1:]...)
	})
}

func TestEngineTakesAServiceThatHasOthersServersOnlyForNew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(entry(svc(shop().Keys[0], "wlc"), nat("10.9.9.9:80", 1))), Options{}, withSorry(shop()))
		b.did(addFirst, addSecond, "remove server 10.9.9.9:80 from tcp 192.0.2.10:80")
	})
}

func TestEngineAdoptsAConfiguredServiceOfSomebodyElse(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		k := newMapKernel(entry(svc(shop().Keys[0], "rr"), nat("10.0.0.1:80", 1), nat("10.9.9.9:80", 1)))
		b := start(t, k, Options{}, shop())
		b.did("change service tcp 192.0.2.10:80 wlc", "change server 10.0.0.1:80 nat weight 10 of tcp 192.0.2.10:80",
			"remove server 10.9.9.9:80 from tcp 192.0.2.10:80")
		b.sleep(time.Minute)
		if n := b.logged("adopting", "service=shop"); n != 1 {
			t.Errorf("%d lines about the adoption, want 1", n)
		}
	})
}

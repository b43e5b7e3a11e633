package ipvs

import (
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

const (
	quiesceSecond = "change server 10.0.0.2:80 nat weight 0 of tcp 192.0.2.10:80"
	removeShop    = "remove service tcp 192.0.2.10:80"
)

func TestEndTakesOutTheServersOfServicesWithOmega(t *testing.T) {
	omega := func(v VirtualServer) VirtualServer { v.Omega = true; return v }
	kept := omega(shop())
	kept.Panic, kept.KeepLast = pool.Panic{Percent: 10, Window: time.Minute}, true
	alarmed := omega(shop())
	alarmed.Watched, alarmed.SlowStart = true, pool.Ramp{Duration: time.Minute}
	alarm := func(b *bench) {
		b.SetPanic(pool.Panic{Percent: 10, Window: time.Minute})
		b.sleep(time.Second)
		b.verdict(0, Down)
		b.verdict(1, Down)
		b.sleep(time.Second)
		if n := len(b.kernel.table[shop().Keys[0]].Dests); n != 2 {
			b.t.Errorf("in a panic there are %d servers", n)
		}
	}
	mixed := omega(shop())
	mixed.Servers[0].Failed = Quiesce
	overridden := ServerOverride{"shop", first().Addr, pool.Override{Kind: pool.Drain}}
	for _, tt := range []struct {
		name string
		v    VirtualServer
		o    Options
		end  func(*bench)
		want []string
		told []bool // what was heard of the quorum
	}{
		{"without it", shop(), Options{}, nil, nil, []bool{true}},
		{"with it", omega(shop()), Options{}, nil, []string{removeFirst, removeSecond}, []bool{true, false}},
		{"that are quiesced", omega(quiescing(shop())), Options{}, nil, []string{quiesceFirst, quiesceSecond}, []bool{true, false}},
		{"of which one is", mixed, Options{}, nil, []string{quiesceFirst, removeSecond}, []bool{true, false}},
		{"and the sorry server stands in", omega(withSorry(shop())), Options{}, nil, []string{addSorry, removeFirst, removeSecond}, []bool{true, false}},
		{"one that drains keeps its connections", omega(shop()), Options{Overrides: []ServerOverride{overridden}}, func(b *bench) { b.carries(first().Addr, 1) },
			[]string{removeSecond}, []bool{true, false}},
		{"that a panic would keep", kept, Options{}, nil, []string{removeFirst, removeSecond}, []bool{true, false}},
		{"that a panic keeps", alarmed, Options{}, alarm, []string{removeFirst, removeSecond}, []bool{true, false}},
		{"and then flushes", omega(shop()), Options{Flush: true}, nil, []string{removeFirst, removeSecond, removeShop}, []bool{true, false}},
		{"but not for another process", omega(shop()), Options{Flush: true}, func(b *bench) { b.Leave() }, nil, []bool{true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				var told []bool
				tt.o.OnPool = func(_ string, s pool.State) { told = append(told, s.Held) }
				b := start(t, newMapKernel(), tt.o, tt.v)
				b.verdict(0, Up)
				b.verdict(1, Up)
				if tt.end != nil {
					tt.end(b)
				}
				b.sleep(time.Second / 2)
				b.kernel.take()
				if err := b.stop(); err != nil {
					t.Error(err)
				}
				b.did(tt.want...)
				if len(told) != len(tt.told) || told[len(told)-1] != tt.told[len(told)-1] {
					t.Errorf("told %v, want %v", told, tt.told)
				}
			})
		})
	}
}

// TestServersComeBackAfterOmega: those that were removed as in a new service, those that were quiesced once their checks say so.
func TestServersComeBackAfterOmega(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		k, v := newMapKernel(), shop()
		v.Omega, v.Servers[0].Failed, v.Servers[1].Failed = true, Quiesce, Quiesce
		b := start(t, k, Options{}, v)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		k.take()
		b = start(t, k, Options{Owned: v.Keys}, v)
		b.did()
		b.verdict(0, Up)
		b.did(restoreFirst)
	})
}

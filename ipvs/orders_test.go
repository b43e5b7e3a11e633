package ipvs

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOrdersAtOnceDoNotTakeTheLastServerTogether(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		e := NewEngine(newMapKernel(), slog.New(slog.DiscardHandler), Options{})
		now := time.Now()
		e.r.step(now, inbox{configured: true, wanted: []VirtualServer{shop()}})
		var orders []*request
		for _, id := range []ServerID{first(), second()} {
			orders = append(orders, &request{Order: Order{Server: id, Command: DisableServer}, done: make(chan result, 1)})
		}
		e.r.step(now, inbox{orders: orders})
		var refused *RefusedError
		if a, b := <-orders[0].done, <-orders[1].done; a.err != nil || !errors.As(b.err, &refused) {
			t.Errorf("errors %v and %v, want the second one refused", a.err, b.err)
		}
	})
}

func TestOrderThatNobodyWaitsForAnyMoreIsNotCarriedOut(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		k := newMapKernel()
		e := NewEngine(k, slog.New(slog.DiscardHandler), Options{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := e.Override(ctx, Order{Server: first(), Command: DisableServer})
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "is not carried out") {
			t.Errorf("error %v", err)
		}
		e.Configure([]VirtualServer{shop()})
		e.r.step(time.Now(), e.takeInbox())
		if d := cmp.Diff(shopAdded, k.take()); d != "" {
			t.Errorf("changes (-want +got):\n%s", d)
		}
	})
}

// A lookedAtKernel lets somebody look at the Engine while it waits for the kernel.
type lookedAtKernel struct {
	*mapKernel
	look func()
}

func (k *lookedAtKernel) Table() (Table, error) {
	if k.look != nil {
		k.look()
	}
	return k.mapKernel.Table()
}

func TestServersCanBeLookedAtWhileAReloadIsUnderWay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		k := &lookedAtKernel{mapKernel: newMapKernel()}
		e := NewEngine(k, slog.New(slog.DiscardHandler), Options{})
		other, one, two := shop(), shop(), shop()
		other.Name, other.Keys = "mail", []Key{tcp("192.0.2.10:25")}
		one.Servers = one.Servers[1:]
		looks := 0
		k.look = func() {
			looks++
			for _, s := range e.Status().Services {
				for _, r := range s.RealServers {
					_ = e.Server(ServerID{s.Name, r.Address})
				}
			}
		}
		// each adds or removes a virtual server, so that the table is read, and most a server beside
		for i, vs := range [][]VirtualServer{{two}, {one, other}, {two}, {other, one}, {other, two}, {one}, {two, other}} {
			e.r.step(time.Now(), inbox{configured: true, wanted: vs})
			if len(e.Status().Services) != len(vs) {
				t.Errorf("after reload %d there are %d services", i, len(e.Status().Services))
			}
		}
		if looks < 4 {
			t.Errorf("looked %d times", looks)
		}
	})
}

func TestReportSaysWhetherTheKernelHasIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, shop())
		if report := b.must(Order{Server: first(), Command: DisableServer}); !report.Applied || report.Error != "" {
			t.Errorf("%+v, want it applied", report)
		}
		b.kernel.fail(nil, func(op Op) error {
			if op.Verb == AddDest {
				return syscall.ENOMEM
			}
			return nil
		})
		if report := b.must(Order{Server: first(), Command: Enable}); report.Applied || report.Error == "" {
			t.Errorf("%+v, want it not applied", report)
		}
	})
}

// TestDrainWaitsForTheConnectionsOfAllKeys: a server may serve clients of several services of the kernel, and of some it does not say which of
// their connections are established.
func TestDrainWaitsForTheConnectionsOfAllKeys(t *testing.T) {
	for _, tt := range []struct {
		name  string
		key   Key
		load  Load
		waits bool
	}{
		{"established", tcp("192.0.2.10:443"), Load{Active: 1}, true},
		{"closing", tcp("192.0.2.10:443"), Load{Inactive: 1}, false},
		{"of UDP", udp("192.0.2.10:80"), Load{Inactive: 1}, true},
		{"by mark", Key{Mark: 7, Family: V4}, Load{Inactive: 1}, true},
		{"that may come by persistence", tcp("192.0.2.10:443"), Load{Persistent: 1}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				v := shop()
				v.Keys = append(v.Keys, tt.key)
				b := start(t, newMapKernel(), Options{}, v)
				b.must(Order{Server: first(), Command: DrainServer})
				loaded := func(l Load) {
					b.kernel.change(func(t Table) {
						e := t[tt.key]
						e.Loads = make([]Load, len(e.Dests))
						e.Loads[e.index(first().Addr)] = l
						t[tt.key] = e
					})
				}
				loaded(tt.load)
				b.sleep(time.Minute)
				if s := b.Status().Services[0].RealServers[0]; (s.Reason == "draining") != tt.waits {
					t.Errorf("it is %s", s.Reason)
				}
				if !tt.waits {
					return
				}
				loaded(Load{})
				b.sleep(5 * time.Second)
				for k, e := range b.kernel.table {
					if e.index(first().Addr) >= 0 {
						t.Errorf("it is still at %s", k)
					}
				}
			})
		})
	}
}

package ipvs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A bench is an Engine that runs on a mapKernel, in the virtual time of synctest.
type bench struct {
	*Engine
	t      *testing.T
	kernel *mapKernel
	log    *bytes.Buffer
	owned  [][]Key
	stop   func() error
}

// start runs an Engine and waits until it has done what there is to do.
func start(t *testing.T, k *mapKernel, o Options, vs ...VirtualServer) *bench {
	t.Helper()
	b := &bench{t: t, kernel: k, log: &bytes.Buffer{}}
	o.OnOwned = func(keys []Key) { b.owned = append(b.owned, keys) }
	b.Engine = NewEngine(k, slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})), o)
	if vs != nil {
		b.Configure(vs)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	b.stop = func() error { cancel(); return <-done }
	t.Cleanup(cancel)
	synctest.Wait()
	return b
}

// did asserts the changes since the last call.
func (b *bench) did(want ...string) {
	b.t.Helper()
	synctest.Wait()
	if d := cmp.Diff(append([]string{}, want...), b.kernel.take()); d != "" {
		b.t.Errorf("changes of the kernel's table (-want +got):\n%s", d)
	}
}

func (b *bench) verdict(server int, c Condition) {
	b.SetHealth(ServerID{shop().Name, shop().Servers[server].Addr}, Verdict{Condition: c})
}

// sleep lets virtual time pass, and waits for what is due at its end.
func (b *bench) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// logged counts the lines of the log with all these texts in them.
func (b *bench) logged(texts ...string) int {
	synctest.Wait()
	n := 0
	for line := range strings.Lines(b.log.String()) {
		all := !strings.Contains(line, "level=DEBUG")
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			n++
		}
	}
	return n
}

// inBubble runs f in virtual time.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

var shopAdded = []string{
	"add service tcp 192.0.2.10:80 wlc",
	"add server 10.0.0.1:80 nat weight 10 to tcp 192.0.2.10:80",
	"add server 10.0.0.2:80 nat weight 20 to tcp 192.0.2.10:80",
}

const (
	removeFirst  = "remove server 10.0.0.1:80 from tcp 192.0.2.10:80"
	removeSecond = "remove server 10.0.0.2:80 from tcp 192.0.2.10:80"
	addFirst     = "add server 10.0.0.1:80 nat weight 10 to tcp 192.0.2.10:80"
	addSecond    = "add server 10.0.0.2:80 nat weight 20 to tcp 192.0.2.10:80"
	addSorry     = "add server 10.0.0.99:80 dr weight 1 to tcp 192.0.2.10:80"
	removeSorry  = "remove server 10.0.0.99:80 from tcp 192.0.2.10:80"
)

func TestEngineDoesNothingBeforeItIsConfigured(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		ours := shop()
		k := newMapKernel(entry(svc(ours.Keys[0], "rr"), nat("10.9.9.9:80", 1)))
		b := start(t, k, Options{Owned: []Key{ours.Keys[0]}})
		b.sleep(time.Minute)
		b.did()
		b.Configure(nil)
		b.did("remove service tcp 192.0.2.10:80")
	})
}

func TestEngineProgramsANewServiceWithServersOfUnknownHealth(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, shop())
		b.did(shopAdded...)
		if n := b.logged("service added", "service=shop", "servers=2"); n != 1 || b.logged("server added") != 0 {
			t.Errorf("want one line for the whole service, log:\n%s", b.log)
		}
		b.sleep(time.Minute)
		b.did()
	})
}

func TestEngineFollowsHealthWithTheSorryServerInBeforeTheLastIsOut(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, withSorry(shop()))
		b.did(shopAdded...)
		b.verdict(0, Down)
		b.did(removeFirst)
		b.verdict(1, Down)
		b.did(addSorry, removeSecond)
		b.verdict(0, Up)
		b.did(addFirst, removeSorry)
		b.verdict(1, Up)
		b.did(addSecond)
		for _, line := range []string{"server removed", "sorry server added", "sorry server removed", "server added"} {
			if b.logged(`"`+line+`"`, "service=shop") == 0 {
				t.Errorf("no line %q in the log:\n%s", line, b.log)
			}
		}
	})
}

func TestEngineQuiesces(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, quiescing(shop()))
		b.did(shopAdded...)
		b.verdict(0, Down)
		b.did("change server 10.0.0.1:80 nat weight 0 of tcp 192.0.2.10:80")
		if b.logged("server weight changed", "server=10.0.0.1:80", "from=10", "weight=0") != 1 {
			t.Errorf("log:\n%s", b.log)
		}
		b.verdict(0, Up)
		b.did("change server 10.0.0.1:80 nat weight 10 of tcp 192.0.2.10:80")
	})
}

func TestEngineTakesTheNewestVerdictOfManyAndSendsNothingForAFlap(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, shop())
		b.did(shopAdded...)
		before, _ := b.kernel.counts()
		b.kernel.mu.Lock() // the Engine may take up the first verdict and waits for the kernel; all others meet in its inbox
		for range 1000 {
			b.verdict(0, Down)
			b.verdict(0, Up)
		}
		b.kernel.mu.Unlock()
		synctest.Wait()
		after, _ := b.kernel.counts()
		if after-before > 2 {
			t.Errorf("2,000 verdicts sent %d changes, want at most one there and one back", after-before)
		}
		if got := len(b.kernel.table[shop().Keys[0]].Dests); got != 2 {
			t.Errorf("%d servers at the end, want 2: the last verdict was up", got)
		}
	})
}

func TestEngineReload(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, shop())
		b.did(shopAdded...)
		b.verdict(0, Down)
		b.did(removeFirst)

		b.Configure([]VirtualServer{shop()})
		b.did() // equal: nothing, and the verdict stays

		heavier := shop()
		heavier.Scheduler, heavier.Servers[1].Weight = "rr", 21
		b.Configure([]VirtualServer{heavier})
		b.did("change service tcp 192.0.2.10:80 rr", "change server 10.0.0.2:80 nat weight 21 of tcp 192.0.2.10:80")

		moved := heavier
		moved.Keys = []Key{tcp("192.0.2.11:80")}
		b.Configure([]VirtualServer{moved})
		b.did("add service tcp 192.0.2.11:80 rr", // without the server that failed
			"add server 10.0.0.2:80 nat weight 21 to tcp 192.0.2.11:80", "remove service tcp 192.0.2.10:80")
	})
}

func TestEngineForgetsTheVerdictOnAServerThatLeft(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, shop())
		b.verdict(0, Down)
		synctest.Wait()
		b.kernel.take()
		less := shop()
		less.Servers = less.Servers[1:]
		b.Configure([]VirtualServer{less})
		b.did()
		b.Configure([]VirtualServer{shop()})
		b.did(addFirst)
	})
}

func TestEngineTellsWhatItOwnsBeforeItMakesItAndAfterItIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		old, web := tcp("192.0.2.9:80"), shop().Keys[0]
		k := newMapKernel(entry(svc(old, "rr")))
		k.fail(nil, func(Op) error { return syscall.EPERM })
		b := start(t, k, Options{Owned: []Key{old}}, shop())
		if d := cmp.Diff([][]Key{{old, web}}, b.owned, asAddress); d != "" {
			t.Errorf("with a kernel that refuses everything, owned (-want +got):\n%s", d)
		}
		k.fail(nil, nil)
		b.sleep(2 * retryFirst)
		b.Configure(nil)
		synctest.Wait()
		if d := cmp.Diff([][]Key{{old, web}, {web}, {}}, b.owned, asAddress); d != "" {
			t.Errorf("owned (-want +got):\n%s", d)
		}
	})
}

func TestEngineForgetsALeftoverThatIsGoneAlready(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{Owned: []Key{tcp("192.0.2.9:80")}}, []VirtualServer{}...)
		b.Configure(nil)
		b.did()
		if d := cmp.Diff([][]Key{{}}, b.owned, asAddress); d != "" {
			t.Errorf("owned (-want +got):\n%s", d)
		}
	})
}

func TestEngineLeavesOthersServicesAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		foreign := entry(svc(udp("192.0.2.10:53"), "rr"), nat("10.9.9.9:53", 7))
		k := newMapKernel(foreign)
		b := start(t, k, Options{Flush: true}, shop())
		b.Configure([]VirtualServer{withSorry(shop())})
		b.sleep(time.Minute)
		k.change(func(t Table) {
			t.apply(Op{AddDest, Service{Key: foreign.Service.Key}, nat("10.8.8.8:53", 1)})
			foreign = t[foreign.Service.Key]
		})
		b.sleep(time.Minute)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(table(foreign), k.table, asAddress); d != "" {
			t.Errorf("table after a flush of ours (-want +got):\n%s", d)
		}
	})
}

func TestEngineLeavesAServiceAloneThatWasConfiguredOnlyWhileTheTableCouldNotBeRead(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		k := newMapKernel(entry(svc(shop().Keys[0], "rr"), nat("10.9.9.9:80", 7)))
		k.fail(errors.New("no table"), nil)
		b := start(t, k, Options{}, shop())
		b.Configure([]VirtualServer{})
		synctest.Wait()
		k.fail(nil, nil)
		b.sleep(time.Minute)
		b.did()
	})
}

func TestEngineStop(t *testing.T) {
	for _, tt := range []struct {
		name  string
		o     Options
		then  func(*bench)
		left  int
		owned int
	}{
		{"leaves the table", Options{}, func(*bench) {}, 1, 1},
		{"removes ours", Options{Flush: true}, func(*bench) {}, 0, 0},
		{"as the newest word is: leave", Options{Flush: true}, func(b *bench) { b.SetFlush(false) }, 1, 1},
		{"as the newest word is: remove", Options{}, func(b *bench) { b.SetFlush(true) }, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := start(t, newMapKernel(), tt.o, shop())
				tt.then(b)
				if err := b.stop(); err != nil {
					t.Fatal(err)
				}
				if got := len(b.kernel.table); got != tt.left {
					t.Errorf("%d services left, want %d", got, tt.left)
				}
				if got := len(b.owned[len(b.owned)-1]); got != tt.owned {
					t.Errorf("%d services owned at the end, want %d", got, tt.owned)
				}
			})
		})
	}
}

func TestEngineStopSaysWhatCouldNotBeRemoved(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{Flush: true}, shop())
		b.kernel.fail(nil, func(Op) error { return syscall.EPERM })
		err := b.stop()
		if !errors.Is(err, syscall.EPERM) || !strings.Contains(err.Error(), "tcp 192.0.2.10:80") {
			t.Errorf("got error %v, want one that names the service and EPERM", err)
		}
		if last := b.owned[len(b.owned)-1]; len(last) != 1 {
			t.Errorf("owned at the end: %v, want the service that is still there", last)
		}
	})
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{Flush: true}, shop())
		b.kernel.fail(errors.New("no table"), nil)
		if err := b.stop(); err == nil {
			t.Error("no error from a flush that could not read the table")
		}
	})
}

func TestEngineStatusHasTheNamesOfTheControlSocket(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, withSorry(shop()))
		b.verdict(0, Down)
		b.verdict(1, Down)
		synctest.Wait()
		got, err := json.MarshalIndent(b.Status().Services, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		want := `[
 {
  "name": "shop",
  "address": "192.0.2.10:80",
  "protocol": "tcp",
  "family": "ipv4",
  "scheduler": "wlc",
  "forward": "nat",
  "sorry_active": true,
  "quorum": {
   "held": false,
   "known": true,
   "counts": "weight",
   "have": 0,
   "total": 30,
   "lost_below": 1,
   "back_at": 1,
   "since": "2000-01-01T00:00:00Z"
  },
  "panic": false,
  "real_servers": [
   {
    "address": "10.0.0.1:80",
    "weight": 0,
    "up": false,
    "reason": "checks failed",
    "on_failure": "remove",
    "active_connections": 0,
    "inactive_connections": 0
   },
   {
    "address": "10.0.0.2:80",
    "weight": 0,
    "up": false,
    "reason": "checks failed",
    "on_failure": "remove",
    "active_connections": 0,
    "inactive_connections": 0
   }
  ]
 }
]`
		if d := cmp.Diff(want, string(got)); d != "" {
			t.Errorf("status (-want +got):\n%s", d)
		}
	})
}

// many are n services with one server each.
func many(n int) []VirtualServer {
	vs := make([]VirtualServer, n)
	for i := range vs {
		vs[i] = VirtualServer{
			Name:    fmt.Sprintf("vs%d", i),
			Keys:    []Key{tcp(fmt.Sprintf("192.0.2.10:%d", 1000+i))},
			Service: Service{Scheduler: "rr"},
			Servers: []RealServer{{Addr: netip.MustParseAddrPort("10.0.0.1:80"), Weight: 1}},
		}
	}
	return vs
}

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
	b.SetHealth(ServerID{shop().Key, shop().Servers[server].Addr}, Verdict{Condition: c})
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
		k := newMapKernel(entry(svc(ours.Key, "rr"), nat("10.9.9.9:80", 1)))
		b := start(t, k, Options{Owned: []Key{ours.Key}})
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
		if got := len(b.kernel.table[shop().Key].Dests); got != 2 {
			t.Errorf("%d servers at the end, want 2: the last verdict was up", got)
		}
	})
}

func TestEngineTakesOverTheTableAsItIs(t *testing.T) {
	live := entry(svc(shop().Key, "wlc"), nat("10.0.0.2:80", 20))
	quiesced := entry(svc(shop().Key, "wlc"), nat("10.0.0.1:80", 0), nat("10.0.0.2:80", 20))
	sorry := entry(svc(shop().Key, "wlc"), dest("10.0.0.99:80", DR, 1))
	drained := shop()
	drained.Servers[0].Weight = 0
	for _, tt := range []struct {
		name   string
		kernel Entry
		vs     VirtualServer
	}{
		{"a server that was out stays out", live, shop()},
		{"a server that was quiesced stays quiesced", quiesced, quiescing(shop())},
		{"a server that was drained by configuration keeps its connections", quiesced, drained},
		{"the sorry server stays in", sorry, withSorry(shop())},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := start(t, newMapKernel(tt.kernel), Options{Owned: []Key{shop().Key}}, tt.vs)
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
		k := newMapKernel(entry(svc(shop().Key, "wlc"), nat("10.0.0.2:80", 20)))
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
		k := newMapKernel(entry(svc(shop().Key, "wlc"), nat("10.0.0.2:80", 20)))
		b := start(t, k, Options{Owned: []Key{shop().Key}}, shop())
		more := shop()
		more.Servers = append(more.Servers, RealServer{Addr: netip.MustParseAddrPort("10.0.0.3:80"), Weight: 30})
		b.Configure([]VirtualServer{more})
		b.did("add server 10.0.0.3:80 nat weight 30 to tcp 192.0.2.10:80")
	})
}

func TestEngineTakesAServiceWithoutServersForNew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(entry(svc(shop().Key, "wlc"))), Options{}, shop())
		b.did(shopAdded[1:]...)
	})
}

func TestEngineAdoptsAConfiguredServiceOfSomebodyElse(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		k := newMapKernel(entry(svc(shop().Key, "rr"), nat("10.0.0.1:80", 1), nat("10.9.9.9:80", 1)))
		b := start(t, k, Options{}, shop())
		b.did("change service tcp 192.0.2.10:80 wlc", "change server 10.0.0.1:80 nat weight 10 of tcp 192.0.2.10:80",
			"remove server 10.9.9.9:80 from tcp 192.0.2.10:80")
		b.sleep(time.Minute)
		if n := b.logged("adopting", "service=shop"); n != 1 {
			t.Errorf("%d lines about the adoption, want 1", n)
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
		moved.Key = tcp("192.0.2.11:80")
		b.Configure([]VirtualServer{moved})
		b.did("add service tcp 192.0.2.11:80 rr", "add server 10.0.0.1:80 nat weight 10 to tcp 192.0.2.11:80",
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
		old, web := tcp("192.0.2.9:80"), shop().Key
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
			t[foreign.Service.Key].Dests[netip.MustParseAddrPort("10.8.8.8:53")] = nat("10.8.8.8:53", 1)
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

func TestEnginePutsBackWhatSomebodyChanges(t *testing.T) {
	key := shop().Key
	for _, tt := range []struct {
		name   string
		change func(Table)
		undo   []string
	}{
		{"everything removed", func(t Table) { clear(t) }, shopAdded},
		{"a server removed", func(t Table) { delete(t[key].Dests, shop().Servers[0].Addr) }, []string{addFirst}},
		{"a weight changed", func(t Table) { t[key].Dests[shop().Servers[0].Addr] = nat("10.0.0.1:80", 11) },
			[]string{"change server 10.0.0.1:80 nat weight 10 of tcp 192.0.2.10:80"}},
		{"a server added", func(t Table) { t[key].Dests[netip.MustParseAddrPort("10.9.9.9:80")] = nat("10.9.9.9:80", 1) },
			[]string{"remove server 10.9.9.9:80 from tcp 192.0.2.10:80"}},
		{"the scheduler changed", func(t Table) { t[key] = Entry{svc(key, "rr"), t[key].Dests} },
			[]string{"change service tcp 192.0.2.10:80 wlc"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := start(t, newMapKernel(), Options{}, shop())
				b.did(shopAdded...)
				b.kernel.change(tt.change)
				b.sleep(RefreshDefault)
				b.did(tt.undo...)
				if got := b.Status().DriftRepaired; got != len(tt.undo) {
					t.Errorf("drift counted %d, want %d", got, len(tt.undo))
				}
				for _, line := range tt.undo {
					if n := b.logged("somebody changed our service", "service=shop", line); n != 1 {
						t.Errorf("%d lines about %q, want 1; log:\n%s", n, line, b.log)
					}
				}
			})
		})
	}
}

func TestEngineDoesNotCountConnectionsAsDrift(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, shop())
		b.did(shopAdded...)
		b.kernel.change(func(t Table) {
			d := nat("10.0.0.1:80", 10)
			d.ActiveConns, d.InactConns = 3, 4
			t[shop().Key].Dests[d.Addr] = d
		})
		b.sleep(time.Minute)
		b.did()
		got := b.Status()
		if s := got.Services[0].RealServers[0]; s.ActiveConns != 3 || s.InactiveConns != 4 || got.DriftRepaired != 0 {
			t.Errorf("status %+v, want 3 active and 4 inactive connections and no drift", got)
		}
	})
}

// many are n services with one server each.
func many(n int) []VirtualServer {
	vs := make([]VirtualServer, n)
	for i := range vs {
		vs[i] = VirtualServer{
			Name:    fmt.Sprintf("vs%d", i),
			Service: Service{Key: tcp(fmt.Sprintf("192.0.2.10:%d", 1000+i)), Scheduler: "rr"},
			Servers: []RealServer{{Addr: netip.MustParseAddrPort("10.0.0.1:80"), Weight: 1}},
		}
	}
	return vs
}

func TestEngineLogsManyForeignChangesInShort(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, many(100)...)
		b.kernel.change(func(t Table) { clear(t) })
		b.sleep(RefreshDefault)
		synctest.Wait()
		if got := b.Status().DriftRepaired; got != 200 {
			t.Errorf("drift counted %d, want 200", got)
		}
		if n := b.logged("somebody changed our service"); n != driftLines+1 {
			t.Errorf("%d lines, want %d and a summary", n, driftLines)
		}
		if b.logged("more changes than are shown", "all=200") != 1 {
			t.Errorf("no summary in the log")
		}
	})
}

func TestEngineReadsAgainAtOnceWhenTheKernelContradicts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{Refresh: time.Hour}, shop())
		b.did(shopAdded...)
		b.kernel.change(func(t Table) { clear(t) })
		b.verdict(0, Down)
		b.did("add service tcp 192.0.2.10:80 wlc", addSecond)
		if b.logged("level=ERROR") > 0 {
			t.Errorf("an error for what somebody else did:\n%s", b.log)
		}
		if s := b.Status(); s.DriftRepaired != 3 || s.Services[0].Error != "" {
			t.Errorf("status %+v, want a drift of 3 and no error", s)
		}
	})
}

func TestEngineAppliesAHealthChangeToItsServiceOnly(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		vs := many(1000)
		b := start(t, newMapKernel(), Options{Refresh: time.Hour}, vs...)
		sent, reads := b.kernel.counts()
		b.SetHealth(ServerID{vs[500].Key, vs[500].Servers[0].Addr}, Verdict{Condition: Down})
		synctest.Wait()
		sentAfter, readsAfter := b.kernel.counts()
		if sentAfter-sent != 1 || readsAfter != reads {
			t.Errorf("one verdict made %d changes and %d reads, want 1 and 0", sentAfter-sent, readsAfter-reads)
		}
		if allocs := testing.AllocsPerRun(10, func() { b.r.due(time.Now()) }); allocs > 20 {
			t.Errorf("looking for what to do allocates %.0f times, want a number that does not grow with the services", allocs)
		}
	})
}

func TestEngineServesTheRestOfAConfigurationWithAWrongScheduler(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		bad := shop()
		bad.Scheduler = "nonsense"
		good := many(1)[0]
		b := start(t, newMapKernel(), Options{}, bad, good)
		b.did("add service tcp 192.0.2.10:1000 rr", "add server 10.0.0.1:80 nat weight 1 to tcp 192.0.2.10:1000")

		const text = `scheduler "nonsense" is unknown to this kernel: is module ip_vs_nonsense there?`
		s := b.Status()
		if !strings.Contains(s.Services[0].Error, text) || s.Services[1].Error != "" {
			t.Errorf("errors %q and %q, want one about the scheduler of the first", s.Services[0].Error, s.Services[1].Error)
		}
		b.sleep(10 * time.Minute)
		if n := b.logged("level=ERROR"); n != 1 {
			t.Errorf("%d errors logged in ten minutes, want 1:\n%s", n, b.log)
		}

		b.Configure([]VirtualServer{shop(), good})
		b.did(shopAdded...)
		if got := b.Status().Services[0].Error; got != "" {
			t.Errorf("error %q stays after the reload that put it right", got)
		}
	})
}

func TestEngineRetriesWithBackoffAndHealthDoesNotHurryIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		bad := shop()
		bad.Scheduler = "nonsense"
		b := start(t, newMapKernel(), Options{}, bad)
		first, _ := b.kernel.counts()
		for i := range 300 { // half a second
			b.verdict(0, Condition(2-i%2))
			time.Sleep(time.Second / 600)
		}
		if sent, _ := b.kernel.counts(); sent != first {
			t.Errorf("%d more changes sent before the first retry was due, want none", sent-first)
		}
		b.sleep(10 * time.Minute)
		sent, _ := b.kernel.counts()
		// Each retry sends the service and its servers: after 1, 2, 4, 8, 16 and then every 30 s.
		if retries := (sent - first) / first; retries < 20 || retries > 26 {
			t.Errorf("%d retries in ten minutes, want about 24", retries)
		}
	})
}

func TestEngineGoesOnWithTheServersOfAServiceWhoseSchedulerIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, shop())
		b.did(shopAdded...)
		bad := shop()
		bad.Scheduler = "nonsense"
		b.Configure([]VirtualServer{bad})
		b.verdict(0, Down)
		b.did(removeFirst)
		if got := b.Status().Services[0].Error; !strings.Contains(got, "nonsense") {
			t.Errorf("error %q, want one about the scheduler", got)
		}
		b.verdict(0, Up)
		b.did(addFirst)
	})
}

func TestEngineRefusedChanges(t *testing.T) {
	unanswered := fmt.Errorf("%w: time is over", ErrUnconfirmed)
	for _, tt := range []struct {
		name   string
		err    error
		text   string
		errors int // lines
	}{
		{"no privilege", syscall.EPERM, "CAP_NET_ADMIN", 1},
		{"no answer", unanswered, "time is over", 1},
		{"a protocol that this kernel does not balance", syscall.EPROTONOSUPPORT, "does not balance tcp", 1},
		{"out of memory", syscall.ENOMEM, "out of memory", 1},
		{"something else", syscall.EINVAL, "invalid argument", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := start(t, newMapKernel(), Options{}, shop())
				b.did(shopAdded...)
				b.kernel.fail(nil, func(Op) error { return tt.err })
				b.verdict(0, Down)
				b.did()
				if got := b.Status().Services[0].Error; !strings.Contains(got, tt.text) || !strings.Contains(got, removeFirst) {
					t.Errorf("error %q, want one with %q that names the change", got, tt.text)
				}
				if n := b.logged("level=ERROR"); n != tt.errors {
					t.Errorf("%d error lines, want %d:\n%s", n, tt.errors, b.log)
				}
				b.kernel.fail(nil, nil)
				b.sleep(retryFirst)
				b.did(removeFirst)
				if s := b.Status(); s.Services[0].Error != "" || s.DriftRepaired != 0 {
					t.Errorf("status %+v, want no error and no drift", s)
				}
			})
		})
	}
}

func TestEngineDoesNotTakeItsOwnUnconfirmedChangeForDrift(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, shop())
		b.did(shopAdded...)
		b.kernel.fail(nil, func(op Op) error {
			b.kernel.table.apply(op) // the kernel makes the change, and its answer is lost
			return ErrUnconfirmed
		})
		b.verdict(0, Down)
		synctest.Wait()
		if s := b.Status(); s.DriftRepaired != 0 || s.Services[0].Error != "" || b.logged("somebody") > 0 {
			t.Errorf("status %+v, want no drift and no error; log:\n%s", s, b.log)
		}
		if _, there := b.kernel.table[shop().Key].Dests[shop().Servers[0].Addr]; there {
			t.Error("the server is still there")
		}
	})
}

func TestEngineFindsAServiceThatARaceHid(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		k := newMapKernel()
		once := true
		k.fail(nil, func(op Op) error {
			if once && op.Verb == AddService {
				once = false
				k.table[op.Service.Key] = entry(svc(op.Service.Key, "rr"), nat("10.9.9.9:80", 1)) // somebody was quicker
			}
			return nil
		})
		b := start(t, k, Options{Refresh: time.Hour}, shop())
		if d := cmp.Diff(table(entry(svc(shop().Key, "wlc"), nat("10.0.0.1:80", 10), nat("10.0.0.2:80", 20))), k.table, asAddress); d != "" {
			t.Errorf("table (-want +got):\n%s", d)
		}
		if s := b.Status(); s.Services[0].Error != "" || b.logged("level=ERROR") > 0 {
			t.Errorf("status %+v, want no error; log:\n%s", s, b.log)
		}
	})
}

func TestEngineThatKeepsBeingContradictedDoesNotSpin(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		k := newMapKernel()
		k.fail(nil, func(op Op) error { return syscall.EEXIST })
		b := start(t, k, Options{}, shop())
		b.sleep(time.Minute)
		synctest.Wait()
		if _, reads := k.counts(); reads > 60 {
			t.Errorf("%d reads in a minute", reads)
		}
		if n := b.logged("level=ERROR", "somebody else changes the same service"); n != 1 {
			t.Errorf("%d error lines, want 1:\n%s", n, b.log)
		}
	})
}

func TestEngineWithoutATableWaitsAndWithAnOldOneGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		k := newMapKernel()
		k.fail(errors.New("no table"), nil)
		b := start(t, k, Options{}, shop())
		b.sleep(time.Minute)
		b.did()
		if s := b.Status(); s.Error != "no table" || !s.LastRead.IsZero() || b.logged("level=ERROR") != 1 {
			t.Errorf("status %+v, want the error, logged once:\n%s", s, b.log)
		}
		k.fail(nil, nil)
		b.sleep(RefreshDefault)
		b.did(shopAdded...)
		if s := b.Status(); s.Error != "" || s.LastRead.IsZero() {
			t.Errorf("status %+v, want no error and the time of the read", s)
		}
		k.fail(errors.New("no table"), nil)
		b.sleep(time.Minute)
		b.verdict(0, Down)
		b.did(removeFirst)
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
  "scheduler": "wlc",
  "forward": "nat",
  "sorry_active": true,
  "real_servers": [
   {
    "address": "10.0.0.1:80",
    "weight": 0,
    "up": false,
    "active_connections": 0,
    "inactive_connections": 0
   },
   {
    "address": "10.0.0.2:80",
    "weight": 0,
    "up": false,
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

package ipvs

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEnginePutsBackWhatSomebodyChanges(t *testing.T) {
	key := shop().Keys[0]
	for _, tt := range []struct {
		name   string
		change func(Table)
		undo   []string
		found  string // the first of them
	}{
		{"everything removed", func(t Table) { clear(t) }, shopAdded, "service removed"},
		{"a server removed", func(t Table) { t.apply(Op{DeleteDest, Service{Key: key}, Dest{Addr: shop().Servers[0].Addr}}) }, []string{addFirst},
			"server 10.0.0.1:80 removed"},
		{"a weight changed", func(t Table) { t.apply(Op{EditDest, Service{Key: key}, nat("10.0.0.1:80", 11)}) },
			[]string{"change server 10.0.0.1:80 nat weight 10 of tcp 192.0.2.10:80"}, "server 10.0.0.1:80 nat weight 11"},
		{"a server added", func(t Table) { t.apply(Op{AddDest, Service{Key: key}, nat("10.9.9.9:80", 1)}) },
			[]string{"remove server 10.9.9.9:80 from tcp 192.0.2.10:80"}, "server 10.9.9.9:80 nat weight 1 added"},
		{"the scheduler changed", func(t Table) { t[key] = Entry{Service: svc(key, "rr"), Dests: t[key].Dests} },
			[]string{"change service tcp 192.0.2.10:80 wlc"}, "service tcp 192.0.2.10:80 rr"},
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
				if d := b.Status().Drifts; len(d) != len(tt.undo) || d[0].Found != tt.found || d[0].Repaired.IsZero() || d[0].Service != "shop" {
					t.Errorf("drifts %+v, want %d, the first %q and repaired", d, len(tt.undo), tt.found)
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
			e := t[shop().Keys[0]]
			e.Loads = make([]Load, len(e.Dests))
			e.Loads[e.index(shop().Servers[0].Addr)] = Load{Active: 3, Inactive: 4}
			t[shop().Keys[0]] = e
		})
		b.sleep(time.Minute)
		b.did()
		got := b.Status()
		if s := got.Services[0].RealServers[0]; s.ActiveConns != 3 || s.InactiveConns != 4 || got.DriftRepaired != 0 {
			t.Errorf("status %+v, want 3 active and 4 inactive connections and no drift", got)
		}
	})
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
		if d := b.Status().Drifts; len(d) != driftKept || d[driftKept-1].Service != many(100)[99].Name {
			t.Errorf("%d drifts are kept, want the last %d", len(d), driftKept)
		}
		for range 10 { // somebody who does not give up
			b.kernel.change(func(t Table) { clear(t) })
			b.sleep(RefreshDefault)
		}
		if n := b.logged("somebody changed our service"); n != driftLines+1 {
			t.Errorf("%d lines, want %d and a summary", n, driftLines)
		}
		if b.logged("more lines are left out", "left_out=190") != 1 {
			t.Errorf("no summary in the log:\n%s", b.log)
		}
		b.sleep(driftWindow)
		b.kernel.change(func(t Table) { delete(t, many(1)[0].Keys[0]) })
		b.sleep(RefreshDefault)
		if n := b.logged("somebody changed our service"); n != driftLines+3 {
			t.Errorf("%d lines, want two more after %s", n, driftWindow)
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
		b.SetHealth(ServerID{vs[500].Name, vs[500].Servers[0].Addr}, Verdict{Condition: Down})
		synctest.Wait()
		sentAfter, readsAfter := b.kernel.counts()
		if sentAfter-sent != 1 || readsAfter != reads {
			t.Errorf("one verdict made %d changes and %d reads, want 1 and 0", sentAfter-sent, readsAfter-reads)
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
		if b.kernel.table[shop().Keys[0]].index(shop().Servers[0].Addr) >= 0 {
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
		if d := cmp.Diff(table(entry(svc(shop().Keys[0], "wlc"), nat("10.0.0.1:80", 10), nat("10.0.0.2:80", 20))), k.table, asAddress); d != "" {
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
		b := start(t, k, Options{Refresh: 2 * time.Second}, shop())
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
		if _, reads := k.counts(); reads != 6 { // after 0, 1, 3, 7, 15 and 31 seconds
			t.Errorf("%d reads in a minute, want 6", reads)
		}
		k.fail(nil, nil)
		b.sleep(retryMax)
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

func TestReadIntervalChangesWhileRunning(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{Refresh: time.Hour}, shop())
		b.did(shopAdded...)
		b.kernel.change(func(t Table) { clear(t) })
		b.sleep(time.Minute)
		b.did() // not read yet
		b.SetRefresh(time.Second)
		b.sleep(time.Second)
		b.did(shopAdded...)
	})
}

package ipvs

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// first and second are the servers of shop.
func first() ServerID  { return ServerID{shop().Name, shop().Servers[0].Addr} }
func second() ServerID { return ServerID{shop().Name, shop().Servers[1].Addr} }

// order gives an order and waits until it is carried out.
func (b *bench) order(o Order) (ServerReport, error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	report, err := b.Override(ctx, o)
	synctest.Wait()
	return report, err
}

// must gives an order that is to be carried out.
func (b *bench) must(o Order) ServerReport {
	b.t.Helper()
	report, err := b.order(o)
	if err != nil {
		b.t.Fatalf("%s: %v", o.Command, err)
	}
	return report
}

// carries has each destination at a carry n connections.
func (b *bench) carries(a netip.AddrPort, n int) {
	b.kernel.change(func(t Table) {
		for k, e := range t {
			if i := e.index(a); i >= 0 {
				e.Loads = make([]Load, len(e.Dests))
				e.Loads[i] = Load{Active: n}
				t[k] = e
			}
		}
	})
}

const (
	quiesceFirst = "change server 10.0.0.1:80 nat weight 0 of tcp 192.0.2.10:80"
	restoreFirst = "change server 10.0.0.1:80 nat weight 10 of tcp 192.0.2.10:80"
)

func TestDrainWaitsForConnectionsAndThenRemoves(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, shop())
		b.did(shopAdded...)
		b.carries(first().Addr, 1)
		report := b.must(Order{Server: first(), Command: DrainServer, Who: "root", Why: "a new kernel"})
		b.did(quiesceFirst)
		if report.Override == nil || report.Override.Kind != pool.Drain || report.Override.By.Who != "root" || report.Override.By.Why != "a new kernel" {
			t.Errorf("report %+v", report)
		}
		b.sleep(time.Hour)
		b.did()
		if s := b.Status().Services[0].RealServers[0]; s.ActiveConns != 1 || s.Reason != "draining" || !s.Up {
			t.Errorf("while it drains: %+v", s)
		}
		b.carries(first().Addr, 0)
		b.sleep(4 * time.Second)
		b.did(removeFirst)
		if s := b.Status().Services[0].RealServers[0]; s.Reason != "drained" || s.Override.Drained.IsZero() || s.Override.Cut {
			t.Errorf("when it has drained: %+v", s)
		}
		b.verdict(0, Down)
		b.verdict(0, Up)
		b.did()
		b.must(Order{Server: first(), Command: Enable})
		b.did(addFirst)
	})
}

func TestDrainEndsAtItsDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{Refresh: time.Hour}, shop())
		b.carries(first().Addr, 3)
		b.did(shopAdded...)
		b.must(Order{Server: first(), Command: DrainServer, Deadline: 10*time.Minute + time.Second/2}) // between two reads
		b.did(quiesceFirst)
		b.sleep(10*time.Minute + time.Second/2 - time.Millisecond)
		b.did()
		b.sleep(time.Millisecond)
		b.did(removeFirst)
		if s := b.Status().Services[0].RealServers[0]; !s.Override.Cut {
			t.Errorf("%+v, want it cut short", s)
		}
	})
}

func TestDrainIsNoticedWhereTheTableIsSeldomRead(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{Refresh: time.Hour}, shop())
		b.did(shopAdded...)
		b.must(Order{Server: first(), Command: DrainServer})
		b.sleep(5 * time.Second)
		b.did(quiesceFirst, removeFirst)
		_, reads := b.kernel.counts()
		b.sleep(30 * time.Minute)
		if _, later := b.kernel.counts(); later > reads+1 {
			t.Errorf("%d reads in half an hour after it", later-reads)
		}
	})
}

func TestDisableRemovesAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		v := shop()
		v.Failed = Quiesce
		b := start(t, newMapKernel(), Options{Refresh: time.Hour}, v)
		b.did(shopAdded...)
		b.must(Order{Server: first(), Command: DisableServer})
		b.did(removeFirst)
		b.must(Order{Server: first(), Command: DrainServer})
		b.did() // there is nothing to drain
		if s := b.Status().Services[0].RealServers[0]; s.Reason != "drained" {
			t.Errorf("%+v, want it drained", s)
		}
		b.must(Order{Server: first(), Command: Enable})
		b.did(addFirst)
	})
}

func TestWeightAtRunTimeHoldsUntilItIsTakenBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, shop())
		b.did(shopAdded...)
		b.must(Order{Server: first(), Command: Weigh, Weight: new(3), Who: "root"})
		b.did("change server 10.0.0.1:80 nat weight 3 of tcp 192.0.2.10:80")
		b.SetHealth(first(), Verdict{Condition: Up, Weight: new(7)})
		b.did()
		report := b.must(Order{Server: first(), Command: Enable})
		if len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "its weight stays 3, by root") {
			t.Errorf("warnings %q", report.Warnings)
		}
		b.must(Order{Server: first(), Command: Weigh})
		b.did("change server 10.0.0.1:80 nat weight 7 of tcp 192.0.2.10:80")
	})
}

func TestOrdersThatWouldLeaveNobodyAreRefused(t *testing.T) {
	quorate := shop()
	quorate.Quorum = pool.Quorum{Of: pool.Servers, Min: 2}
	weighty := shop()
	weighty.Quorum = pool.Quorum{Min: 10}
	for _, tt := range []struct {
		name   string
		v      VirtualServer
		before func(b *bench)
		order  Order
		reason string // "" for what is carried out
	}{
		{"one of two", shop(), nil, Order{Command: DrainServer}, ""},
		{"the last", shop(), func(b *bench) { b.must(Order{Server: second(), Command: DisableServer}) }, Order{Command: DrainServer},
			"no other server of shop takes connections"},
		{"the last that is well", shop(), func(b *bench) { b.verdict(1, Down) }, Order{Command: DisableServer}, "no other server of shop takes connections"},
		{"by its weight", shop(), func(b *bench) { b.verdict(1, Down) }, Order{Command: Weigh, Weight: new(0)}, "no other server of shop takes connections"},
		{"not by another weight", shop(), func(b *bench) { b.verdict(1, Down) }, Order{Command: Weigh, Weight: new(1)}, ""},
		{"by force", shop(), func(b *bench) { b.verdict(1, Down) }, Order{Command: DrainServer, Force: true}, ""},
		{"one that does not serve", shop(), func(b *bench) { b.verdict(0, Down); b.verdict(1, Down) }, Order{Command: DrainServer}, ""},
		{"the last beside a sorry server", withSorry(shop()), func(b *bench) { b.verdict(1, Down) }, Order{Command: DrainServer}, ""},
		{"what the quorum needs", quorate, nil, Order{Command: DrainServer}, "shop would lose its quorum: it would have 1 of 2 (servers), and needs 2"},
		{"and its sorry server would take over", withSorry(quorate), nil, Order{Command: DrainServer}, "all new connections would go to the sorry server"},
		{"by its weight too", weighty, func(b *bench) { b.verdict(1, Down) }, Order{Command: Weigh, Weight: new(4)}, "would have 4 of 30 (weight), and needs 10"},
		{"when it is lost already", withSorry(quorate), func(b *bench) { b.verdict(1, Down) }, Order{Command: DrainServer}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := start(t, newMapKernel(), Options{}, tt.v)
				if tt.before != nil {
					tt.before(b)
				}
				synctest.Wait()
				b.kernel.take()
				tt.order.Server = first()
				_, err := b.order(tt.order)
				var refused *RefusedError
				switch {
				case tt.reason == "" && err != nil:
					t.Errorf("refused: %v", err)
				case tt.reason != "" && (!errors.As(err, &refused) || !strings.Contains(refused.Reason, tt.reason)):
					t.Errorf("error %v, want %q", err, tt.reason)
				case tt.reason != "" && len(b.kernel.take()) > 0:
					t.Error("refused, and carried out")
				}
			})
		})
	}
}

func TestOverridesOutliveReloadAndProcess(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var kept []ServerOverride
		k := newMapKernel()
		o := Options{OnOverrides: func(all []ServerOverride) error { kept = all; return nil }}
		b := start(t, k, o, shop())
		b.must(Order{Server: first(), Command: DisableServer, Who: "root", Why: "broken disk"})
		b.must(Order{Server: second(), Command: Weigh, Weight: new(4)})
		v := shop()
		v.Servers[0].Weight, v.Scheduler = 99, "rr"
		b.Configure([]VirtualServer{v})
		synctest.Wait()
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		k.take()
		o.Overrides, o.Owned = kept, []Key{v.Keys[0]}
		b = start(t, k, o, v)
		b.verdict(0, Up)
		b.verdict(1, Up)
		b.sleep(time.Minute)
		b.did()
		want := table(entry(svc(v.Keys[0], "rr"), nat("10.0.0.2:80", 4)))
		if d := cmp.Diff(want, k.table, asAddress); d != "" {
			t.Errorf("table (-want +got):\n%s", d)
		}
		if s := b.Status().Services[0].RealServers[0]; s.Override == nil || s.Override.By.Why != "broken disk" {
			t.Errorf("%+v, want the reason", s)
		}
	})
}

func TestOverridesOfServersThatAreConfiguredNoMore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var kept []ServerOverride
		b := start(t, newMapKernel(), Options{OnOverrides: func(all []ServerOverride) error { kept = all; return nil }}, shop())
		b.must(Order{Server: first(), Command: DisableServer})
		without := shop()
		without.Servers = without.Servers[1:]
		b.Configure([]VirtualServer{without})
		synctest.Wait()
		if got := b.Status().Strays; len(got) != 1 || got[0].Server != first().Addr || b.logged("configured no more is kept") != 1 {
			t.Errorf("strays %v, want the first server, and one line of it", got)
		}
		if _, err := b.order(Order{Server: first(), Command: DrainServer}); err == nil {
			t.Error("a server that is not configured can be drained")
		}
		b.Configure([]VirtualServer{shop()})
		synctest.Wait()
		if s := b.Status().Services[0].RealServers[0]; s.Reason != "disabled" || b.logged("configured again") != 1 {
			t.Errorf("when it is back: %+v", s)
		}
		b.must(Order{Server: first(), Command: Weigh, Weight: new(3)})
		b.Configure([]VirtualServer{without})
		b.must(Order{Server: first(), Command: Enable}) // also of its weight: nobody knows of that
		if len(kept) > 0 || len(b.Status().Strays) > 0 {
			t.Errorf("kept %v after it was taken back", kept)
		}
	})
}

func TestOverridesOfUnknownServersAreForgottenAtTheStart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		kept := []ServerOverride{{"shop", netip.MustParseAddrPort("10.0.0.77:80"), pool.Override{Kind: pool.Disable}},
			{"shop", first().Addr, pool.Override{Kind: pool.Disable}}}
		b := start(t, newMapKernel(), Options{Overrides: kept, OnOverrides: func(all []ServerOverride) error { kept = all; return nil }}, shop())
		if len(kept) != 1 || kept[0].Server != first().Addr || b.logged("is forgotten", "10.0.0.77:80") != 1 {
			t.Errorf("kept %v", kept)
		}
	})
}

func TestOrderThatCannotBeKeptSaysSo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{OnOverrides: func([]ServerOverride) error { return errors.New("disk full") }}, shop())
		report := b.must(Order{Server: first(), Command: DisableServer})
		if len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "disk full") {
			t.Errorf("warnings %q", report.Warnings)
		}
	})
}

func TestDrainedServerOfMHKeepsItsPlace(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		v := shop()
		v.Scheduler, v.Flags = "mh", flagFallback
		b := start(t, newMapKernel(), Options{}, v)
		b.kernel.take()
		b.must(Order{Server: first(), Command: DrainServer})
		b.sleep(time.Minute)
		b.did(quiesceFirst)
		if s := b.Status().Services[0].RealServers[0]; s.Reason != "drained" {
			t.Errorf("%+v, want it drained", s)
		}
		b.must(Order{Server: first(), Command: Enable})
		b.did(restoreFirst)
	})
}

func TestOverridesFile(t *testing.T) {
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	said := Overrides{
		{"shop", netip.MustParseAddrPort("10.0.0.1:80"), pool.Override{Kind: pool.Drain, Deadline: when.Add(time.Hour), By: pool.Saying{Who: "root", When: when, Why: "x"}}},
		{"shop", netip.MustParseAddrPort("[2001:db8::1]:80"), pool.Override{Weight: new(0), WeightBy: pool.Saying{Who: "root", When: when}}},
	}
	b, err := json.Marshal(said)
	if err != nil {
		t.Fatal(err)
	}
	equal := cmp.Options{cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.IgnoreUnexported(pool.Override{})}
	var got Overrides
	if err := json.Unmarshal(b, &got); err != nil || cmp.Diff(said, got, equal) != "" {
		t.Errorf("%v (-want +got):\n%s", err, cmp.Diff(said, got, equal))
	}
	torn := strings.Replace(string(b), `"kind":"drain"`, `"kind":"dance"`, 1)
	if err := json.Unmarshal([]byte(torn), &got); err == nil || cmp.Diff(said[1:], got, equal) != "" {
		t.Errorf("of a file with one that means nothing: %v, %v", err, got)
	}
	got = nil
	if err := json.Unmarshal([]byte(`{"version":2,"overrides":[]}`), &got); err == nil || got != nil {
		t.Errorf("of a later version: %v, %v", err, got)
	}
}

func TestFind(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		v := shop()
		v.Servers = append(v.Servers, RealServer{Addr: netip.MustParseAddrPort("10.0.0.1:8080")}, RealServer{Addr: netip.MustParseAddrPort("[2001:db8::1]:80")})
		other := shop()
		other.Name, other.Keys = "mail", []Key{tcp("192.0.2.10:25")}
		b := start(t, newMapKernel(), Options{}, v, other)
		for _, tt := range []struct{ service, server, want string }{
			{"shop", "10.0.0.2", "10.0.0.2:80"},
			{"shop", "10.0.0.2:80", "10.0.0.2:80"},
			{"shop", "2001:db8::1", "[2001:db8::1]:80"},
			{"shop", "[2001:db8:0::1]:80", "[2001:db8::1]:80"},
			{"shop", "10.0.0.1", `virtual_server "shop" has 2 real servers at 10.0.0.1: name the port, 10.0.0.1:80 or 10.0.0.1:8080`},
			{"shop", "10.0.0.3:80", `virtual_server "shop" has no real server 10.0.0.3:80; there are 10.0.0.1:80, 10.0.0.2:80, 10.0.0.1:8080, [2001:db8::1]:80`},
			{"mial", "10.0.0.1", `there is no virtual_server "mial"; there are mail, shop`},
			{"shop", "web1", `"web1" is no real server: want its address, such as 10.0.0.11, 10.0.0.11:80 or [2001:db8::11]:80`},
		} {
			id, err := b.Find(tt.service, tt.server)
			got := id.Addr.String()
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("%s %s: %s\nwant %s", tt.service, tt.server, got, tt.want)
			}
		}
	})
}

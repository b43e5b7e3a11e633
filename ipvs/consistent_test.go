package ipvs

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hashedShop is shop with a scheduler that needs the same order everywhere, and three servers.
func hashedShop() VirtualServer {
	v := shop()
	v.Scheduler, v.Flags, v.Sorry = "mh", flagFallback, nil
	v.Servers = append(v.Servers, RealServer{Addr: netip.MustParseAddrPort("10.0.0.3:80"), Weight: 30})
	return v
}

func TestConsistentServiceKeepsTheSlotsOfServersThatAreDown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{})
		b.mu.Lock() // Run hears of both at once
		b.inbox.configured, b.inbox.wanted = true, []VirtualServer{hashedShop()}
		b.inbox.verdicts[ServerID{"shop", hashedShop().Servers[0].Addr}] = Verdict{Condition: Down}
		b.mu.Unlock()
		b.wake()
		b.did(
			"add service tcp 192.0.2.10:80 mh flags 0x8",
			addFirst, // with the weight that gives it its slots, and then none
			addSecond,
			"add server 10.0.0.3:80 nat weight 30 to tcp 192.0.2.10:80",
			"change server 10.0.0.1:80 nat weight 0 of tcp 192.0.2.10:80",
		)
		b.SetHealth(ServerID{"shop", hashedShop().Servers[1].Addr}, Verdict{Condition: Down})
		b.did("change server 10.0.0.2:80 nat weight 0 of tcp 192.0.2.10:80") // though it is to be removed otherwise
		b.sleep(time.Minute)
		b.did()
	})
}

func TestConsistentServiceIsPutInOrderOnceItsServersAreIdle(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		grown := hashedShop()
		fewer := hashedShop()
		fewer.Servers = fewer.Servers[1:]
		b := start(t, newMapKernel(), Options{}, fewer)
		b.did("add service tcp 192.0.2.10:80 mh flags 0x8", addSecond, "add server 10.0.0.3:80 nat weight 30 to tcp 192.0.2.10:80")
		busy := func(active int) {
			b.kernel.change(func(t Table) {
				e := t[grown.Keys[0]]
				e.Loads = make([]Load, len(e.Dests))
				e.Loads[e.index(grown.Servers[1].Addr)] = Load{Active: active}
				t[grown.Keys[0]] = e
			})
		}
		busy(1)
		b.sleep(time.Minute)
		b.Configure([]VirtualServer{grown})
		b.did(addFirst)
		b.sleep(time.Minute)
		b.did() // 10.0.0.2 has a connection
		busy(0)
		b.sleep(RefreshDefault)
		b.did(removeSecond, addSecond, "remove server 10.0.0.3:80 from tcp 192.0.2.10:80", "add server 10.0.0.3:80 nat weight 30 to tcp 192.0.2.10:80")
		b.sleep(time.Minute)
		b.did()
		if got := b.Status().DriftRepaired; got != 0 {
			t.Errorf("drift counted %d, want none of what we did", got)
		}
	})
}

// The choices were compared with the kernel's, see mh_lab_test.go.
func TestChooser(t *testing.T) {
	servers := []Dest{{Addr: netip.MustParseAddrPort("10.0.0.3:80"), Weight: 1}, {Addr: netip.MustParseAddrPort("10.0.0.2:80"), Weight: 2},
		{Addr: netip.MustParseAddrPort("10.0.0.1:80")}}
	last := map[netip.AddrPort]int{servers[2].Addr: 3}
	for _, tt := range []struct {
		name, scheduler string
		flags           uint32
		want            string // the last digit of each server, - where the connection is refused
	}{
		{"mh", "mh", 0, "2222--22-23-22--2-2-"},
		{"mh, fallback", "mh", flagFallback, "22223222223222322222"},
		{"sh", "sh", 0, "32-2-223232-2-2-3232"},
		{"sh, both", "sh", flagFallback | flagSource, "22223232322222232322"},
		{"dh", "dh", 0, "33333333333333333333"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, ok := NewChooser(Entry{Service: Service{Scheduler: tt.scheduler, Flags: tt.flags}, Dests: servers}, last)
			if !ok {
				t.Fatal("no model")
			}
			var got strings.Builder
			for i := range 20 {
				src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, 0, byte(i + 1)}), 4312)
				if d, ok := c.Choose(src, netip.MustParseAddr("192.0.2.10")); ok {
					fmt.Fprint(&got, d.Addr.Addr().As4()[3])
				} else {
					got.WriteByte('-')
				}
			}
			if diff := cmp.Diff(tt.want, got.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	if _, ok := NewChooser(Entry{Service: Service{Scheduler: "wrr"}}, nil); ok {
		t.Error("wrr has a model, want none")
	}
}

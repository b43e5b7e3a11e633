package ipvs

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// inOrder lets cmp compare and print addresses, and compare tables whatever the load of their servers.
var inOrder = cmp.Options{cmpopts.EquateComparable(netip.AddrPort{}, netip.Addr{}), cmpopts.IgnoreFields(Entry{}, "Loads"), cmpopts.EquateEmpty()}

// asAddress ignores the order of the servers too.
var asAddress = cmp.Options{inOrder, cmpopts.SortSlices(func(a, b Dest) bool { return compareDests(a, b) < 0 })}

func TestDiff(t *testing.T) {
	web, dns := tcp("192.0.2.10:80"), udp("192.0.2.10:53")
	sticky := Service{Key: web, Scheduler: "wlc", Persistence: 5 * time.Minute, Netmask: 0xffffff00}
	busy := nat("10.0.0.1:80", 5)
	loaded := entry(svc(web, "wlc"), busy)
	loaded.Loads = []Load{{Active: 12, Inactive: 34}}
	for _, tt := range []struct {
		name       string
		have, want Table
		ops        []string
	}{
		{"nothing to do", table(loaded), table(entry(svc(web, "wlc"), busy)), []string{}},
		{"a new service comes with its servers", Table{}, table(entry(sticky, nat("10.0.0.2:80", 1), nat("10.0.0.1:80", 5))), []string{
			"add service tcp 192.0.2.10:80 wlc persistent 5m0s/24",
			"add server 10.0.0.1:80 nat weight 5 to tcp 192.0.2.10:80",
			"add server 10.0.0.2:80 nat weight 1 to tcp 192.0.2.10:80",
		}},
		{"a service that is not wanted goes in one message, after the new ones",
			table(entry(svc(dns, "rr"), nat("10.0.0.1:53", 1))), table(entry(svc(web, "rr"))), []string{
				"add service tcp 192.0.2.10:80 rr",
				"remove service udp 192.0.2.10:53",
			}},
		{"another scheduler keeps the servers",
			table(entry(svc(web, "rr"), busy)), table(entry(svc(web, "sh"), busy)), []string{
				"change service tcp 192.0.2.10:80 sh",
			}},
		{"a scheduler's flag that somebody set is taken back",
			table(entry(Service{Key: web, Scheduler: "sh", Netmask: 0xffffffff, Flags: 8})), table(entry(svc(web, "sh"))), []string{
				"change service tcp 192.0.2.10:80 sh",
			}},
		{"the sorry server is in before the last server is out",
			table(entry(svc(web, "rr"), busy)), table(entry(svc(web, "rr"), nat("10.0.0.99:80", 1))), []string{
				"add server 10.0.0.99:80 nat weight 1 to tcp 192.0.2.10:80",
				"remove server 10.0.0.1:80 from tcp 192.0.2.10:80",
			}},
		{"raises come before cuts, whatever the addresses",
			table(entry(svc(web, "rr"), nat("10.0.0.1:80", 5), nat("10.0.0.2:80", 0))),
			table(entry(svc(web, "rr"), nat("10.0.0.1:80", 0), nat("10.0.0.2:80", 7))), []string{
				"change server 10.0.0.2:80 nat weight 7 of tcp 192.0.2.10:80",
				"change server 10.0.0.1:80 nat weight 0 of tcp 192.0.2.10:80",
			}},
		{"another way of forwarding is a change",
			table(entry(svc(web, "rr"), busy)),
			table(entry(svc(web, "rr"), Dest{Addr: busy.Addr, Forward: DR, Weight: 5})), []string{
				"change server 10.0.0.1:80 dr weight 5 of tcp 192.0.2.10:80",
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.ops, lines(Diff(tt.have, tt.want))); d != "" {
				t.Errorf("changes (-want +got):\n%s", d)
			}
		})
	}
}

// A randomTable has few addresses, so that two of them have much in common.
func randomTable(r *rand.Rand) Table {
	t := Table{}
	for port := range 3 {
		if r.IntN(4) == 0 {
			continue
		}
		s := Service{
			Key:         tcp(fmt.Sprintf("192.0.2.10:%d", 80+port)),
			Scheduler:   Schedulers()[r.IntN(2)],
			Persistence: time.Duration(r.IntN(2)) * time.Minute,
			Netmask:     PrefixMask(V4, 24+8*r.IntN(2)),
		}
		e := entry(s.normal())
		for host := range 4 {
			if r.IntN(2) == 0 {
				d := Dest{Addr: netip.MustParseAddrPort(fmt.Sprintf("10.0.0.%d:80", host)), Forward: Forward(2 * r.IntN(2)), Weight: r.IntN(3), Upper: uint32(r.IntN(2))}
				e.put(d)
			}
		}
		t[s.Key] = e
	}
	return t
}

// serves reports whether new connections to k find a server.
func (t Table) serves(k Key) bool {
	for _, d := range t[k].Dests {
		if d.Weight > 0 {
			return true
		}
	}
	return false
}

func TestDiffTurnsAnyTableIntoAnyOtherAndServesAllTheWay(t *testing.T) {
	for seed := range uint64(5_000) {
		r := rand.New(rand.NewPCG(seed, 0))
		have, want := randomTable(r), randomTable(r)
		kernel := newMapKernel()
		kernel.table = cloneTable(have)
		ops := Diff(have, want)
		for i, op := range ops {
			if err := kernel.Apply([]Op{op})[0]; err != nil {
				t.Fatalf("seed %d: %s: %v\nof %v", seed, op, err, lines(ops))
			}
			for k := range have {
				if have.serves(k) && want.serves(k) && !kernel.table.serves(k) {
					t.Fatalf("seed %d: %s serves nobody after step %d of %v", seed, k, i+1, lines(ops))
				}
			}
		}
		if rest := Diff(kernel.table, want); len(rest) > 0 {
			t.Fatalf("seed %d: %v leaves %v to do", seed, lines(ops), lines(rest))
		}
		if d := cmp.Diff(lines(ops), lines(Diff(cloneTable(have), cloneTable(want)))); d != "" {
			t.Fatalf("seed %d: not deterministic (-first +second):\n%s", seed, d)
		}
	}
}

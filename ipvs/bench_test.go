package ipvs

import (
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// thousand is 1,000 services with 10 servers each.
func thousand() []VirtualServer { return tens(1000) }

// tens is n services with 10 servers each.
func tens(n int) []VirtualServer {
	vs := many(n)
	for i := range vs {
		vs[i].Keys = []Key{{Proto: TCP, Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i / 5000)}), uint16(1000+i%5000))}}
		vs[i].Servers = nil
		for j := range byte(10) {
			a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1 + j}), 8080)
			vs[i].Servers = append(vs[i].Servers, RealServer{Addr: a, Weight: 1})
		}
	}
	return vs
}

// BenchmarkProgram is all that an Engine does for 11,000 new entries but for the kernel's part.
func BenchmarkProgram(b *testing.B) {
	vs := thousand()
	var e encoder
	for b.Loop() {
		e.b = e.b[:0]
		for i, op := range Diff(nil, Desired(vs, nil)) {
			e.op(op, 0x1f, nlRequest, uint32(i))
		}
	}
}

// BenchmarkVerdict is one verdict among 1,000 services x 10 servers.
func BenchmarkVerdict(b *testing.B) {
	vs := thousand()
	r := newReconciler(newMapKernel(), slog.New(slog.DiscardHandler), Options{Refresh: time.Hour})
	now := time.Now()
	r.step(now, inbox{configured: true, wanted: vs})
	id := ServerID{vs[500].Name, vs[500].Servers[5].Addr}
	for i := 0; b.Loop(); i++ {
		r.step(now, inbox{verdicts: Health{id: Verdict{Condition: Condition(1 + i%2)}}})
	}
}

// BenchmarkRefresh is a read that finds 1,000 services x 10 servers as they were left, but for the kernel's part.
func BenchmarkRefresh(b *testing.B) {
	vs := thousand()
	k := newMapKernel()
	r := newReconciler(k, slog.New(slog.DiscardHandler), Options{Refresh: time.Second})
	now := time.Now()
	r.step(now, inbox{configured: true, wanted: vs})
	for b.Loop() {
		now = now.Add(time.Minute)
		r.step(now, inbox{})
	}
}

// BenchmarkVerdictAmongTenThousand is the same among 10,000 services x 10 servers.
func BenchmarkVerdictAmongTenThousand(b *testing.B) {
	vs := tens(10000)
	r := newReconciler(newMapKernel(), slog.New(slog.DiscardHandler), Options{Refresh: time.Hour})
	now := time.Now()
	r.step(now, inbox{configured: true, wanted: vs})
	id := ServerID{vs[5000].Name, vs[5000].Servers[5].Addr}
	for i := 0; b.Loop(); i++ {
		r.step(now, inbox{verdicts: Health{id: Verdict{Condition: Condition(1 + i%2)}}})
	}
}

// BenchmarkReloadOneWeight is a reload of 10,000 services x 10 servers of which one has another weight, from what the parser made of the
// files to the last answer of the kernel, but for the kernel's part.
func BenchmarkReloadOneWeight(b *testing.B) {
	r := newReconciler(newMapKernel(), slog.New(slog.DiscardHandler), Options{Refresh: time.Hour})
	now := time.Now()
	old, next := tens(10000), tens(10000)
	next[5000].Servers[5].Weight = 9
	r.step(now, inbox{configured: true, wanted: old})
	for i := 0; b.Loop(); i++ {
		r.step(now, inbox{configured: true, wanted: [][]VirtualServer{next, old}[i%2]})
	}
}

// BenchmarkReloadReordered is the same with the services in another order, so that every map is made anew.
func BenchmarkReloadReordered(b *testing.B) {
	r := newReconciler(newMapKernel(), slog.New(slog.DiscardHandler), Options{Refresh: time.Hour})
	now := time.Now()
	old, next := tens(10000), tens(10000)
	slices.Reverse(next)
	r.step(now, inbox{configured: true, wanted: old})
	for i := 0; b.Loop(); i++ {
		r.step(now, inbox{configured: true, wanted: [][]VirtualServer{next, old}[i%2]})
	}
}

package ipvs

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"
)

// thousand is 1,000 services with 10 servers each.
func thousand() []VirtualServer {
	vs := many(1000)
	for i := range vs {
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

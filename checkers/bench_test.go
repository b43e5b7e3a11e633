package checkers

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

func BenchmarkProbe(b *testing.B) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			conn.Close() // first, so that TIME_WAIT is not on the side that needs new ports
		}
	}()
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "OK") })
	web, secure := httptest.NewServer(page), httptest.NewTLSServer(page)
	defer web.Close()
	defer secure.Close()
	for _, bm := range []struct {
		name string
		ask  Checker
	}{
		{"tcp", TCP{Target: at(netip.MustParseAddrPort(l.Addr().String()))}},
		{"http", HTTP{Target: at(addrOf(web)), Page: Page{Contains: "OK"}}},
		{"https", HTTP{Target: at(addrOf(secure)), TLS: &TLS{SkipVerify: true}, Page: Page{Contains: "OK"}}},
		{"script", Script{Command: []string{"/bin/true"}}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
				if err := bm.ask.Check(ctx); err != nil {
					b.Fatal(err)
				}
				cancel()
			}
		})
	}
}

// BenchmarkIdleChecks prints what a check costs between two probes.
func BenchmarkIdleChecks(b *testing.B) {
	const n = 10000
	before := heapInUse()
	for b.Loop() {
		s := newSet(func(string, Verdict) {}, slog.New(slog.DiscardHandler), 4096, rand.Float64)
		var cfgs []Config
		for i := range n {
			addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 80)
			cfgs = append(cfgs, Config{Name: fmt.Sprintf("shop %s tcp", addr), Checker: TCP{Target: at(addr)}, Interval: time.Hour, Timeout: time.Second, Rise: 1, Fall: 1})
		}
		s.Configure(cfgs)
		s.startDue(b.Context(), time.Now().Add(-time.Hour)) // all get their place, none is due
		b.ReportMetric((heapInUse()-before)/n, "B/check")
		runtime.KeepAlive(s)
		runtime.KeepAlive(cfgs)
	}
}

func heapInUse() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkReload prints what it takes to hand a Set 10,000 checks that it has.
func BenchmarkReload(b *testing.B) {
	var cfgs []Config
	for i := range 10000 {
		cfgs = append(cfgs, everySecond(fmt.Sprint(i), TCP{Target: at(netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(i+1)))}))
	}
	s := NewSet(func(string, Verdict) {}, slog.New(slog.DiscardHandler))
	s.Configure(cfgs)
	for b.Loop() {
		s.Configure(cfgs)
	}
}

// BenchmarkPunctuality prints how late probes begin at 10,000 a second: 50,000 checks every 5 s. The probes are free, so that it is
// the schedule that is measured.
func BenchmarkPunctuality(b *testing.B) {
	const n, interval = 50000, 5 * time.Second
	for b.Loop() {
		var mu sync.Mutex
		var lateness []time.Duration
		ctx, cancel := context.WithTimeout(b.Context(), 3*interval)
		s := NewSet(func(string, Verdict) {}, slog.New(slog.DiscardHandler))
		var cfgs []Config
		for i := range n {
			var last time.Time
			cfgs = append(cfgs, Config{Name: fmt.Sprint(i), Checker: &server{answer: func(context.Context) error {
				now := time.Now()
				if gap := now.Sub(last); !last.IsZero() && gap > interval*9/10 { // the second comes early on purpose
					mu.Lock()
					lateness = append(lateness, max(0, gap-interval))
					mu.Unlock()
				}
				last = now
				return nil
			}}, Interval: interval, Timeout: time.Second, Rise: 1, Fall: 1})
		}
		s.Configure(cfgs)
		s.Run(ctx)
		cancel()
		slices.Sort(lateness)
		b.ReportMetric(float64(lateness[len(lateness)/2])/1e6, "p50-ms")
		b.ReportMetric(float64(lateness[len(lateness)*99/100])/1e6, "p99-ms")
		b.ReportMetric(float64(lateness[len(lateness)-1])/1e6, "max-ms")
	}
}

package checkers

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestABrokenProbeTakesDownNothingButItself(t *testing.T) {
	tests := []struct {
		name   string
		answer func(context.Context) error
		want   string
	}{
		{"panic", func(context.Context) error { panic("index out of range") }, "the check panicked: index out of range"},
		{"Goexit", func(context.Context) error { runtime.Goexit(); return nil }, "the check ended without an answer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var j journal
				broken, well := &server{answer: tt.answer}, new(server)
				s := runSet(t, j.report, 1)
				s.Configure([]Config{everySecond("broken", broken), everySecond("well", well)})
				after(10 * time.Second)
				if lines := j.told(); !slices.Contains(lines, "broken down: "+tt.want) || !slices.Contains(lines, "well up") {
					t.Errorf("reports are %q", lines)
				}
				if a, b := len(broken.asked()), len(well.asked()); a < 9 || b < 9 {
					t.Errorf("asked the broken one %d times and the other %d times in 10 s", a, b)
				}
			})
		})
	}
}

func TestAProbeThatDoesNotEndCostsItsOwnCheckOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		release := make(chan struct{})
		stuck, well := &server{answer: func(context.Context) error { <-release; return nil }}, new(server)
		s := runSet(t, j.report, 1) // the only slot must come back
		c := everySecond("stuck", stuck)
		c.Fall = 3
		s.Configure([]Config{c, everySecond("well", well)})
		after(10 * time.Second)
		lines := j.told()
		slices.Sort(lines)
		if diff := cmp.Diff([]string{"stuck down: the check did not end at its deadline", "well up"}, lines); diff != "" {
			t.Errorf("reports (-want +got):\n%s", diff)
		}
		if n := len(stuck.asked()); n != 1 {
			t.Errorf("%d probes of the stuck check at once", n)
		}
		if n := len(well.asked()); n < 8 {
			t.Errorf("the other check was asked %d times in 10 s", n)
		}
		close(release)
		stuck.set(nil)
		after(2 * time.Second)
		j.want(t, "stuck up")
	})
}

func TestNoMoreProbesThanSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := &server{answer: takes(300 * time.Millisecond)}
		s := runSet(t, new(journal).report, 5)
		var cfgs []Config
		for i := range 50 {
			cfgs = append(cfgs, everySecond(fmt.Sprint(i), all))
		}
		s.Configure(cfgs)
		after(10 * time.Second)
		if all.most != 5 {
			t.Errorf("%d probes at once, want 5", all.most)
		}
		if n := len(all.asked()); n < 160 { // 5 slots, 300 ms each: 16.7 a second
			t.Errorf("%d probes in 10 s: slots stood empty", n)
		}
		for _, st := range s.Status() {
			if st.State != Up {
				t.Errorf("check %s starves: %+v", st.Name, st)
			}
		}
	})
}

func TestRunEndsItsProbesAndReportsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		srv := &server{answer: hang}
		s := newSet(j.report, slog.New(slog.DiscardHandler), 16, func() float64 { return 0 })
		s.Configure([]Config{everySecond("a", srv)})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		after(100 * time.Millisecond)
		cancel()
		began := time.Now()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if srv.inside != 0 || time.Since(began) != 0 {
			t.Errorf("Run took %s to end, %d probes are left", time.Since(began), srv.inside)
		}
		j.want(t) // the end of the daemon is not the server's failure
	})
}

func TestNothingWaitsToBeReportedAfterRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		srv := new(server)
		s := newSet(j.reportSlowly, slog.New(slog.DiscardHandler), 16, func() float64 { return 0 })
		s.Configure([]Config{everySecond("a", srv)})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		after(100 * time.Millisecond)
		srv.set(refuse)
		after(2 * time.Second) // "down" now waits for the report of "up" to end
		cancel()
		<-done
		after(20 * time.Second)
		j.want(t, "a up")
	})
}

func TestRunDoesNotWaitForEverForAHungProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		release := make(chan struct{})
		s := newSet(new(journal).report, slog.New(slog.NewTextHandler(&log, nil)), 16, func() float64 { return 0 })
		s.Configure([]Config{everySecond("a", &server{answer: func(context.Context) error { <-release; return nil }})})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		after(100 * time.Millisecond)
		cancel()
		began := time.Now()
		<-done
		if took := time.Since(began); took != grace || !strings.Contains(log.String(), "probes do not end") {
			t.Errorf("Run took %s to end, and logged %q", took, log.String())
		}
		close(release)
		after(2 * time.Second)
	})
}

func TestConcurrencyStaysBelowTheOpenFiles(t *testing.T) {
	for files, want := range map[uint64]int{0: 16, 256: 16, 1024: 128, 20000: 3290, 524288: 4096, 1 << 63: 4096} {
		if got := concurrency(files); got != want {
			t.Errorf("%d files: %d probes at once, want %d", files, got, want)
		}
	}
}

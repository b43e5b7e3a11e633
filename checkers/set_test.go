package checkers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A server is a Checker whose answers a test decides, and that remembers how it was asked.
type server struct {
	answer func(ctx context.Context) error // nil: always well

	mu     sync.Mutex
	starts []time.Time // of its probes
	inside int         // probes now
	most   int         // probes at once
}

func (s *server) Check(ctx context.Context) error {
	s.mu.Lock()
	s.starts = append(s.starts, time.Now())
	s.inside++
	s.most = max(s.most, s.inside)
	answer := s.answer
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.inside--
		s.mu.Unlock()
	}()
	if answer == nil {
		return nil
	}
	return answer(ctx)
}

// set changes what the server answers from now on.
func (s *server) set(answer func(ctx context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *server) asked() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.starts)
}

func refuse(context.Context) error { return errors.New("refused") }

// hang answers when ctx ends, as every Checker must.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// takes answers well after d.
func takes(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// A journal is a Report that writes down what it is told.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) report(name string, v Verdict) {
	j.mu.Lock()
	defer j.mu.Unlock()
	line := name + " down: " + v.Reason
	if v.Up {
		line = name + " up"
	}
	if v.Weight != nil {
		line += fmt.Sprintf(" weight %d", *v.Weight)
	}
	j.lines = append(j.lines, line)
}

// told returns and forgets what was reported so far.
func (j *journal) told() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

func (j *journal) want(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, j.told()); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
}

// runSet starts a Set with limit slots that ends with the test.
func runSet(t *testing.T, report Report, limit int) *Set {
	random := rand.New(rand.NewPCG(1, 1))
	s := newSet(report, slog.New(slog.DiscardHandler), limit, random.Float64)
	go s.Run(t.Context())
	return s
}

func everySecond(name string, c Checker) Config {
	return Config{Name: name, Checker: c, Interval: time.Second, Timeout: 900 * time.Millisecond, Rise: 1, Fall: 1}
}

func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestAThousandChecksAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, interval = 1000, 5 * time.Second
		s := runSet(t, new(journal).report, 4096)
		after(time.Hour) // nothing is measured from the start of Run
		began := time.Now()
		servers := make([]*server, n)
		var cfgs []Config
		for i := range servers {
			servers[i] = new(server)
			cfgs = append(cfgs, Config{Name: fmt.Sprint(i), Checker: servers[i], Interval: interval, Timeout: time.Second, Rise: 1, Fall: 1})
		}
		s.Configure(cfgs)
		after(30 * time.Second)
		var firsts, steady [10]int // tenths of the first second; tenths of the interval from 20 s to 25 s
		for i, srv := range servers {
			starts := srv.asked()
			firsts[starts[0].Sub(began)/(time.Second/10)]++
			for k := 1; k < len(starts); k++ {
				if gap := starts[k].Sub(starts[k-1]); gap > interval || k > 1 && gap != interval {
					t.Fatalf("check %d: probe %d began %s after the one before", i, k, gap)
				}
			}
			for _, at := range starts {
				if since := at.Sub(began) - 4*interval; since >= 0 && since < interval {
					steady[since/(interval/10)]++
				}
			}
		}
		for i := range 10 {
			if firsts[i] < n/10-2 || firsts[i] > n/10+2 || steady[i] < n/10-2 || steady[i] > n/10+2 {
				t.Fatalf("not an even spread: first probes %v, steady %v", firsts, steady)
			}
		}
	})
}

func TestReportsEachChangeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		srv := new(server)
		s := runSet(t, j.report, 16)
		s.Configure([]Config{everySecond("a", srv)})
		after(5 * time.Second)
		j.want(t, "a up")
		srv.set(refuse)
		after(5 * time.Second)
		j.want(t, "a down: refused")
		srv.set(nil)
		after(5 * time.Second)
		j.want(t, "a up")
	})
}

func TestAProbeThatTakesTooLongFailsAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		s := runSet(t, j.report, 16)
		s.Configure([]Config{everySecond("a", &server{answer: hang})})
		after(1900 * time.Millisecond)
		j.want(t, "a down: no answer within 900ms")
		last := s.Status()[0].Last
		if last == nil || last.OK || last.Duration != 900*time.Millisecond {
			t.Errorf("last outcome is %+v, want a failure after 900ms", last)
		}
	})
}

func TestASlowProbeDelaysOnlyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, quick := &server{answer: takes(2500 * time.Millisecond)}, new(server)
		s := runSet(t, new(journal).report, 16)
		c := everySecond("slow", slow)
		c.Timeout = 10 * time.Second
		s.Configure([]Config{c, everySecond("quick", quick)})
		after(20*time.Second + time.Millisecond)
		if slow.most != 1 {
			t.Errorf("%d probes of one check at once", slow.most)
		}
		starts := slow.asked()
		for i := 1; i < len(starts); i++ {
			if gap := starts[i].Sub(starts[i-1]); gap != 2500*time.Millisecond {
				t.Errorf("probe %d began %s after the one before, want as soon as that ended", i, gap)
			}
		}
		if n := len(quick.asked()); n != 20 && n != 21 {
			t.Errorf("the other check was asked %d times in 20 s", n)
		}
	})
}

func TestReloadKeepsWhatDidNotChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		kept, flight := new(server), &server{answer: takes(800 * time.Millisecond)}
		s := runSet(t, j.report, 16)
		cfgs := []Config{everySecond("kept", kept), everySecond("flight", flight)}
		s.Configure(cfgs)
		after(10 * time.Second)
		j.told()
		before, grid := s.Status()[0], kept.asked()[0]
		for i := range 20 {
			extra := everySecond(fmt.Sprint("extra ", i), new(server))
			s.Configure(append(slices.Clone(cfgs), extra))
			after(370 * time.Millisecond)
		}
		for _, line := range j.told() {
			if !strings.HasPrefix(line, "extra") {
				t.Errorf("reported %q", line)
			}
		}
		now := s.Status()[0]
		if now.Since != before.Since || now.Successes <= before.Successes {
			t.Errorf("health was lost: %+v, then %+v", before, now)
		}
		for _, at := range kept.asked()[1:] {
			if off := at.Sub(grid) % time.Second; off != kept.asked()[1].Sub(grid)%time.Second {
				t.Errorf("a probe is %s off its schedule", off)
			}
		}
		if st := s.Status()[1]; st.State != Up || st.Reason != "" {
			t.Errorf("a probe in flight did not survive: %+v", st)
		}
	})
}

func TestAChangedScheduleKeepsHealthAndAChangedQuestionDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		srv := &server{answer: refuse}
		s := runSet(t, j.report, 16)
		c := everySecond("a", srv)
		s.Configure([]Config{c})
		after(3 * time.Second)
		j.want(t, "a down: refused")

		c.Rise = 3
		s.Configure([]Config{c})
		if st := s.Status()[0]; st.State != Down {
			t.Errorf("another rise made the state %s", st.State)
		}
		after(3 * time.Second)
		j.want(t)

		c.Checker = new(server)
		s.Configure([]Config{c})
		if st := s.Status()[0]; st.State != Unknown || st.Last != nil {
			t.Errorf("another question left %+v", st)
		}
		j.want(t)
		after(time.Second)
		j.want(t, "a up")
	})
}

func TestARemovedCheckStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		srv := &server{answer: func(ctx context.Context) error {
			<-ctx.Done()
			if !errors.Is(context.Cause(ctx), context.Canceled) {
				t.Errorf("the probe ended with %v, want it cancelled", context.Cause(ctx))
			}
			return context.Cause(ctx)
		}}
		idle := new(server)
		s := runSet(t, j.report, 16)
		c := everySecond("a", srv)
		c.Timeout = time.Hour
		s.Configure([]Config{c, everySecond("idle", idle)})
		after(1500 * time.Millisecond)
		j.want(t, "idle up")
		s.Configure(nil)
		asked := len(idle.asked())
		after(10 * time.Second)
		j.want(t)
		if srv.inside != 0 || len(srv.asked()) != 1 || len(idle.asked()) != asked {
			t.Error("probes of removed checks go on")
		}
		if st := s.Status(); len(st) != 0 {
			t.Errorf("status still has %v", st)
		}
	})
}

func TestReportsOfOneNameNeverOverlapAndEndWithTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		inside := 0
		var last Verdict
		report := func(_ string, v Verdict) {
			mu.Lock()
			inside++
			if inside > 1 {
				t.Error("two reports of one name at once")
			}
			mu.Unlock()
			time.Sleep(7300 * time.Millisecond) // several changes long
			mu.Lock()
			inside--
			last = v
			mu.Unlock()
		}
		up := false
		srv := &server{answer: func(context.Context) error {
			if up = !up; up {
				return nil
			}
			return errors.New("refused")
		}}
		s := runSet(t, report, 16)
		c := everySecond("a", srv)
		s.Configure([]Config{c})
		after(20 * time.Second)
		s.Configure(nil) // removed and added again while a report is under way
		s.Configure([]Config{c})
		after(20 * time.Second)
		if n := len(srv.asked()); n < 39 {
			t.Errorf("a slow report held the schedule up: %d probes in 40 s", n)
		}
		srv.set(refuse)
		after(20 * time.Second)
		if last.Up || s.Status()[0].State != Down {
			t.Errorf("the report heard last is %+v, the server is %s", last, s.Status()[0].State)
		}
	})
}

func TestNothingIsReportedOfANameThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		slowly := func(name string, v Verdict) {
			j.report(name, v)
			time.Sleep(5 * time.Second)
		}
		srv := new(server)
		s := runSet(t, slowly, 16)
		s.Configure([]Config{everySecond("a", srv)})
		after(1100 * time.Millisecond)
		srv.set(refuse)
		after(2 * time.Second) // "down" now waits for the report of "up" to end
		s.Configure(nil)
		after(20 * time.Second)
		j.want(t, "a up")
	})
}

// A scale is a Weigher with a fixed answer.
type scale struct {
	server
	weight int
	ok     bool
}

func (s *scale) CheckWeight(ctx context.Context) (int, bool, error) {
	err := s.Check(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.weight, s.ok, err
}

func (s *scale) weigh(weight int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.weight, s.ok = weight, ok
}

func TestAChangeOfWeightIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		srv := new(scale)
		s := runSet(t, j.report, 16)
		s.Configure([]Config{everySecond("a", srv)})
		after(3 * time.Second)
		srv.weigh(10, true)
		after(3 * time.Second)
		srv.weigh(0, true)
		after(3 * time.Second)
		srv.set(refuse)
		after(3 * time.Second)
		srv.set(nil)
		after(3 * time.Second)
		srv.weigh(0, false)
		after(3 * time.Second)
		j.want(t, "a up", "a up weight 10", "a up weight 0", "a down: refused", "a up weight 0", "a up")
	})
}

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
		slowly := func(name string, v Verdict) {
			j.report(name, v)
			time.Sleep(5 * time.Second)
		}
		srv := new(server)
		s := newSet(slowly, slog.New(slog.DiscardHandler), 16, func() float64 { return 0 })
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

func TestChecksThatCannotRunAreLeftOut(t *testing.T) {
	var log bytes.Buffer
	s := NewSet(new(journal).report, slog.New(slog.NewTextHandler(&log, nil)))
	bad := everySecond("no interval", new(server))
	bad.Interval = 0
	s.Configure([]Config{everySecond("a", new(server)), bad, everySecond("a", new(server))})
	if st := s.Status(); len(st) != 1 || st[0].Name != "a" {
		t.Errorf("the set has %+v", st)
	}
	for _, want := range []string{"interval is 0s", "another check has this name"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q: %s", want, log.String())
		}
	}
}

func TestConfigSaysAllThatIsWrong(t *testing.T) {
	err := Config{}.Validate()
	for _, want := range []string{"no name", "interval is 0s", "timeout is 0s", "rise is 0", "fall is 0", "no kind"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if err := everySecond("a", TCP{}).Validate(); err == nil || !strings.Contains(err.Error(), "no address") {
		t.Errorf("a check without an address: %v", err)
	}
}

func TestConcurrencyStaysBelowTheOpenFiles(t *testing.T) {
	for files, want := range map[uint64]int{0: 16, 256: 16, 1024: 128, 20000: 3290, 524288: 4096, 1 << 63: 4096} {
		if got := concurrency(files); got != want {
			t.Errorf("%d files: %d probes at once, want %d", files, got, want)
		}
	}
}

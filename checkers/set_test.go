package checkers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
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

// reportSlowly is a report that takes five seconds.
func (j *journal) reportSlowly(name string, v Verdict) {
	j.report(name, v)
	time.Sleep(5 * time.Second)
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
				if gap := starts[k].Sub(starts[k-1]); gap > interval+beat || k > 1 && gap < interval-beat {
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

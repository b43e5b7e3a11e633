package checkers

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	// maxConcurrency is how many probes may run at once where open files do not say less.
	maxConcurrency = 4096
	// filesPerProbe is the most files that a probe has open: a script's two pipes, /dev/null and its process.
	filesPerProbe = 6
	// filesReserved are left for the rest of the process.
	filesReserved = 256

	// grace is how long past its deadline a probe may take to end before it counts as hung.
	grace = 500 * time.Millisecond

	// crowd is how many checks are so many that a wake-up for each costs more than it is worth: those that are due within a beat then
	// start together.
	crowd = 1000
	beat  = 5 * time.Millisecond

	// idle is how long the scheduler sleeps when nothing is due; it is woken when that changes.
	idle = time.Hour
)

// A Set runs checks: each one on its own schedule, its probes one at a time. Checks that differ only in their names share their probes.
//
// The goroutine that calls Run starts what is due. Each probe has a goroutine, which also delivers the reports that come of it.
type Set struct {
	report Report
	log    *slog.Logger
	limit  int
	random func() float64
	wake   chan struct{} // capacity 1: the scheduler looks at everything again
	probes sync.WaitGroup

	mu       sync.Mutex
	monitors map[string]*monitor     // of all checks, by name; checks that ask the same share one
	asked    map[question][]*monitor // those that may be shared
	order    []string                // names of all checks, as configured
	fresh    []*monitor              // those that wait for a place in the schedule
	queue    queue                   // those that wait for their time
	awake    time.Time               // when the scheduler looks again by itself
	running  int                     // probes that hold one of limit slots
	stopped  bool                    // Run is over
	told     map[string]error        // what was told of each source, the newest
	news     map[string]*Verdict     // names with a delivery under way; the value, if any, is what to tell next
}

// NewSet returns a Set without checks; nothing happens before Run. See Report for how report is called. Each verdict
// and each failed probe is logged at debug: what a verdict leads to is for report to log. Up to 4096 probes run at once, or fewer where the limit of open files is low.
func NewSet(report Report, log *slog.Logger) *Set {
	return newSet(report, log, concurrency(openFiles()), rand.Float64)
}

// newSet is NewSet with its inputs from the machine: limit is how many probes may run at once, and random returns a number in [0, 1).
func newSet(report Report, log *slog.Logger, limit int, random func() float64) *Set {
	return &Set{
		report:   report,
		log:      log,
		limit:    limit,
		random:   random,
		wake:     make(chan struct{}, 1),
		monitors: make(map[string]*monitor),
		told:     make(map[string]error),
		news:     make(map[string]*Verdict),
	}
}

// concurrency returns how many probes may run at once when the process may have files open files.
func concurrency(files uint64) int {
	files = min(files, filesReserved+maxConcurrency*filesPerProbe)
	return max(16, (int(files)-filesReserved)/filesPerProbe)
}

func openFiles() uint64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return l.Cur
}

// Configure makes cfgs, which have passed Validate and have different names, the checks of the set. Those that differ only in their names
// are asked once for all. A check that did not change keeps its health, its schedule and its probe in flight. One whose schedule or counts
// changed keeps its health; one with another Checker starts from Unknown, but nothing is reported before its first verdict, unless another
// check has asked the same before. Of one that is gone no report begins after Configure returned; one that had begun may still be running.
func (s *Set) Configure(cfgs []Config) {
	defer s.poke()
	s.mu.Lock()
	defer s.mu.Unlock()
	old, asked := s.monitors, s.asked
	s.monitors = make(map[string]*monitor, len(cfgs))
	s.asked = make(map[question][]*monitor, len(asked))
	s.order = make([]string, 0, len(cfgs))
	s.fresh = nil
	for _, m := range old {
		m.names = nil
	}
	for _, c := range cfgs {
		s.adopt(c, old[c.Name], asked)
	}
	for name, m := range old {
		if m.names == nil {
			s.retire(m)
		}
		if s.monitors[name] == nil && s.news[name] != nil {
			s.news[name] = nil
		}
	}
}

// adopt makes c a check of the set. was is what there was under its name, or nil, and asked are all that there were. A Config that cannot
// run is left out: it would stop those that can.
func (s *Set) adopt(c Config, was *monitor, asked map[question][]*monitor) {
	err := c.Validate()
	if s.monitors[c.Name] != nil {
		err = errors.New("another check has this name")
	}
	if err != nil {
		s.log.Error("check left out", "check", c.Name, "error", err)
		return
	}
	m, fresh := s.monitor(c, was, asked)
	m.names = append(m.names, c.Name)
	s.monitors[c.Name] = m
	s.order = append(s.order, c.Name)
	if _, told := c.Checker.(Told); told && fresh {
		s.hear(m)
		return
	}
	if m != was && !fresh && !m.last.Start.IsZero() && m.health.State != Unknown && !s.stopped && s.tell(c.Name, m.verdict()) {
		s.probes.Go(func() { s.deliver(c.Name) })
	}
}

// monitor returns the one that c is to have: that of a check before it, the one that it had, one that another check had, or a fresh one.
func (s *Set) monitor(c Config, was *monitor, asked map[question][]*monitor) (m *monitor, fresh bool) {
	q := questionOf(c)
	if m := find(s.asked[q], c); m != nil {
		return m, false
	}
	m = was
	if was == nil || !was.cfg.same(c) {
		m = find(asked[q], c)
	}
	if fresh = m == nil; fresh {
		m = newMonitor(c, was)
	}
	if _, told := c.Checker.(Told); m.due.IsZero() && !told {
		s.fresh = append(s.fresh, m)
	}
	if q != (question{}) {
		s.asked[q] = append(s.asked[q], m)
	}
	return m, fresh
}

// retire takes m out of the schedule and ends its probe.
func (s *Set) retire(m *monitor) {
	s.queue.remove(m)
	m.retired = true
	if m.probe != nil {
		m.probe.cancel()
	}
}

// Run probes until ctx ends, waits for the probes in flight, which end with it, and returns nil. It is called once. After it returned no
// report begins.
func (s *Set) Run(ctx context.Context) error {
	probes, cancel := context.WithCancel(context.WithoutCancel(ctx)) // ends after ctx: see stop
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		timer.Reset(s.startDue(probes, time.Now()))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-s.wake:
		}
	}
	s.stop(cancel)
	return nil
}

// stop ends the probes, after it made sure that none of them takes that for a failure of its server, and waits for them, but not for
// ever for one that does not end.
func (s *Set) stop(cancel context.CancelFunc) {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	cancel()
	ended := make(chan struct{})
	go func() {
		s.probes.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(grace):
		s.log.Error("probes do not end", "waited", grace)
	}
}

// poke makes the scheduler look at everything again.
func (s *Set) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// startDue gives new checks their place, starts every probe that is due at now and has a slot, and returns how long there is nothing
// more to do.
func (s *Set) startDue(ctx context.Context, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spread(now)
	wait := s.startAll(ctx, now)
	s.awake = now.Add(wait)
	return wait
}

func (s *Set) startAll(ctx context.Context, now time.Time) (wait time.Duration) {
	for s.running < s.limit {
		m := s.queue.takeDue(now)
		if m == nil {
			break
		}
		s.start(ctx, m, now)
	}
	if len(s.queue) == 0 || s.running >= s.limit { // the end of a probe wakes us
		return idle
	}
	wait = s.queue[0].due.Sub(now)
	if len(s.queue) >= crowd {
		wait = max(wait, beat)
	}
	return wait
}

func (s *Set) spread(now time.Time) {
	for i, m := range s.fresh {
		m.due, m.then = first(now, window(len(s.fresh), m.cfg.Interval), m.cfg.Interval, place(i, len(s.fresh), s.random()))
		s.queue.add(m)
	}
	s.fresh = nil
}

// Status returns a snapshot of every check, in the order of Configure.
func (s *Set) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Status, 0, len(s.order))
	for _, name := range s.order {
		out = append(out, s.monitors[name].status(name))
	}
	return out
}

// Recent returns the newest outcomes of a check, at most 20, the newest last; nil when there is no such check or it has none.
func (s *Set) Recent(name string) []Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.monitors[name]
	if m == nil {
		return nil
	}
	return slices.Concat(m.recent[m.oldest:], m.recent[:m.oldest])
}

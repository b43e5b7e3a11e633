package checkers

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// State is what the answers so far say of a server.
type State uint8

// Unknown means that there is no verdict yet: not one success, and fewer failures than it takes.
const (
	Unknown State = iota
	Up
	Down
)

// String returns "unknown", "up" or "down".
func (s State) String() string {
	switch s {
	case Unknown:
		return "unknown"
	case Up:
		return "up"
	case Down:
		return "down"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// MarshalText returns the same word as String, for JSON.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote; any other word is an error.
func (s *State) UnmarshalText(text []byte) error {
	for _, state := range []State{Unknown, Up, Down} {
		if state.String() == string(text) {
			*s = state
			return nil
		}
	}
	return fmt.Errorf("state %q, want unknown, up or down", text)
}

// Health is all that is remembered of a check's answers: the state, and how many answers in a row were the same. One of the two
// counts is always 0.
type Health struct {
	State     State
	Successes int // in a row, up to now
	Failures  int // in a row, up to now
}

// Observe returns the health after one more answer, and whether the state changed. From Unknown one success is Up and fall failures
// are Down; after that it takes rise successes in a row to come Up and fall failures in a row to go Down. It is a pure function.
func (h Health) Observe(ok bool, rise, fall int) (Health, bool) {
	next := h
	if ok {
		next.Successes, next.Failures = h.Successes+1, 0
	} else {
		next.Successes, next.Failures = 0, h.Failures+1
	}
	switch {
	case ok && (h.State == Unknown || next.Successes >= rise):
		next.State = Up
	case !ok && next.Failures >= fall:
		next.State = Down
	}
	return next, next.State != h.State
}

// A Verdict is what a check has come to think of its server.
type Verdict struct {
	Up     bool
	Weight *int   // what the server should get, from a check that measures load; nil: the configured weight
	Reason string // of the answer that decided, for a person: "status 503, want 200-299", "answered in 412µs"
}

// A Report is told each change of verdict or weight, by name of the check. It is called without locks held, and never twice at once
// for one name. Changes that come while an earlier one of the same name is still being told are told as one, the newest: what
// Report heard last is always what is true. It may call Status and Configure.
type Report func(name string, v Verdict)

// A Status is a snapshot of one check.
type Status struct {
	Name      string    `json:"name"`
	State     State     `json:"state"`            // "unknown", "up" or "down"
	Since     time.Time `json:"since"`            // when State became what it is
	Weight    *int      `json:"weight,omitempty"` // newest from a check that measures load
	Successes int       `json:"successes"`        // in a row
	Failures  int       `json:"failures"`         // in a row
	Reason    string    `json:"reason,omitempty"` // of the newest failure, kept after the server came back
	Last      *Outcome  `json:"last,omitempty"`   // newest answer; nil before the first
}

// An Outcome is how one probe ended.
type Outcome struct {
	Start    time.Time     `json:"start"`
	Duration time.Duration `json:"duration_ns"`
	OK       bool          `json:"ok"`
	Reason   string        `json:"reason,omitempty"`  // why not OK
	Warning  string        `json:"warning,omitempty"` // what will be wrong if nobody acts, such as a certificate that expires
	Phases   []Phase       `json:"phases,omitempty"`  // what the time went to, in order
}

// A monitor is what a Set keeps of one check, or of several that differ only in their names. All of it is guarded by Set.mu, but cfg and
// late, which do not change.
type monitor struct {
	cfg   Config   // with the name of the first of them, once
	late  error    // what a probe that ran out of time says
	names []string // of the checks, in the order of Configure; nil: it is none any more

	health Health
	since  time.Time
	weight *int
	reason string // of the newest failure
	last   Outcome
	recent []Outcome // a ring of the newest; full, its oldest is at oldest
	oldest int

	due     time.Time // of the next probe, or of the one in flight; zero: it has no place in the schedule yet
	then    time.Time // of the probe after that, where it is known
	load    followed  // by the policy of a Load
	quick   int       // how many probes since the last full one
	index   int       // in the queue, or -1
	probe   *probe    // in flight, or nil
	retired bool      // no longer a check of the set
}

// newMonitor returns a monitor of c. It takes over what was, if not nil, has learned when the question is still the same.
func newMonitor(c Config, was *monitor) *monitor {
	m := &monitor{
		cfg:   c,
		late:  lateError(c.Timeout),
		since: time.Now(),
		index: -1,
	}
	m.health.State = c.Initial
	if was != nil && reflect.DeepEqual(was.cfg.Checker, c.Checker) {
		m.health, m.since, m.weight, m.reason, m.last = was.health, was.since, was.weight, was.reason, was.last
		m.recent, m.oldest, m.load = was.recent, was.oldest, was.load
	}
	return m
}

// A lateError says that a probe was not answered in the time that it had.
type lateError time.Duration

// Error returns, for example, "no answer within 1s".
func (e lateError) Error() string { return "no answer within " + time.Duration(e).String() }

// Unwrap makes it a context.DeadlineExceeded.
func (e lateError) Unwrap() error { return context.DeadlineExceeded }

// observe takes in an outcome, and the weight that came with it, and reports whether that changes the verdict.
func (m *monitor) observe(o Outcome, weight *int) (changed bool) {
	m.health, changed = m.health.Observe(o.OK, m.cfg.Rise, m.cfg.Fall)
	m.last = o
	m.remember(o)
	if changed {
		m.since = o.Start.Add(o.Duration)
	}
	if !o.OK {
		m.reason = o.Reason
	}
	switch {
	case m.health.State == Down:
		m.weight, m.load = nil, followed{}
	case o.OK && !sameWeight(m.weight, weight):
		m.weight, changed = weight, true
	}
	return changed
}

// maxRecent is how many outcomes of a check are kept: of a day at one a second nobody reads more.
const maxRecent = 20

func (m *monitor) remember(o Outcome) {
	if len(m.recent) < maxRecent {
		m.recent = append(m.recent, o)
		return
	}
	m.recent[m.oldest] = o
	m.oldest = (m.oldest + 1) % maxRecent
}

func sameWeight(a, b *int) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// verdict returns what is to be told after a change.
func (m *monitor) verdict() Verdict {
	return Verdict{Up: m.health.State == Up, Weight: m.weight, Reason: m.verdictReason()}
}

func (m *monitor) verdictReason() string {
	if m.last.OK {
		return "answered in " + m.last.Duration.Round(time.Microsecond).String()
	}
	return m.last.Reason
}

// follow returns the weight that the policy makes of a load.
func (m *monitor) follow(load float64) *int {
	m.load = m.cfg.Checker.(Load).Policy.next(m.load, load)
	weight := m.load.weight
	return &weight
}

// pick returns what the next probe asks, and whether that is the quick question: it is only while all is well.
func (m *monitor) pick() (c Checker, quick bool) {
	if m.cfg.Quick == nil || m.health.State != Up || m.health.Failures > 0 || m.quick >= m.cfg.FullEvery-1 {
		m.quick = 0
		return m.cfg.Checker, false
	}
	m.quick++
	return m.cfg.Quick, true
}

func (m *monitor) status(name string) Status {
	s := Status{
		Name:      name,
		State:     m.health.State,
		Since:     m.since,
		Weight:    m.weight,
		Successes: m.health.Successes,
		Failures:  m.health.Failures,
		Reason:    m.reason,
	}
	if !m.last.Start.IsZero() {
		last := m.last
		s.Last = &last
	}
	return s
}

// weightText is how a log shows a weight that may be absent.
func weightText(w *int) string {
	if w == nil {
		return "as configured"
	}
	return strconv.Itoa(*w)
}

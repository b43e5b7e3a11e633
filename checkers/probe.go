package checkers

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

var (
	errGoexit = errors.New("the check ended without an answer")
	errHung   = errors.New("the check did not end at its deadline")
)

// A probe is one question on its way.
type probe struct {
	m      *monitor
	name   string  // of its check; of the first, where several share it
	ask    Checker // of m, or its quick one
	quick  bool    // it is the quick one
	start  time.Time
	cancel context.CancelFunc
	alarm  *time.Timer // goes off when the probe outlives its deadline

	// settled means that the outcome is known and the slot is given back; guarded by Set.mu.
	settled bool
}

// An answer is what a Checker said.
type answer struct {
	weight  *int
	load    *float64 // of which the policy makes the weight
	err     error
	warning string
	phases  []Phase
}

// start begins a probe of m. The caller holds s.mu.
func (s *Set) start(ctx context.Context, m *monitor, now time.Time) {
	if m.probe != nil {
		s.stillHung(m, now)
		return
	}
	if m.then.IsZero() {
		m.then = next(m.due, now, m.cfg.Interval)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, m.cfg.Timeout, m.late)
	p := &probe{m: m, name: m.names[0], start: now, cancel: cancel}
	p.ask, p.quick = m.pick()
	s.probes.Add(1) // for the alarm: whoever stops it, or it itself, is done with it
	p.alarm = time.AfterFunc(m.cfg.Timeout+grace, func() {
		defer s.probes.Done()
		s.settle(p, answer{err: errHung}, false)
	})
	m.probe = p
	s.running++
	s.probes.Go(func() { s.run(ctx, p) })
}

// stillHung counts a failure instead of starting a second probe beside one that hangs. The caller holds s.mu.
func (s *Set) stillHung(m *monitor, now time.Time) {
	if m.observe(Outcome{Start: now, Reason: errHung.Error()}, nil) {
		for _, name := range s.tellAll(m) {
			s.probes.Go(func() { s.deliver(name) })
		}
	}
	m.due, m.then = now.Add(m.cfg.Interval), time.Time{}
	s.queue.add(m)
}

// run asks, and settles p however that ends: with an answer, a panic, or runtime.Goexit.
func (s *Set) run(ctx context.Context, p *probe) {
	a := answer{err: errGoexit}
	defer func() {
		if r := recover(); r != nil {
			a = answer{err: fmt.Errorf("the check panicked: %v", r)}
			s.log.Error("check panicked", "check", p.name, "panic", r, "stack", string(debug.Stack()))
		}
		p.cancel()
		if p.alarm.Stop() {
			s.probes.Done()
		}
		s.settle(p, a, true)
	}()
	a = ask(ctx, p.ask)
}

func ask(ctx context.Context, c Checker) answer {
	var t trace
	ctx = withTrace(ctx, &t)
	var a answer
	if l, ok := c.(Load); ok {
		load, err := l.measure(ctx)
		a.load, a.err = &load, err
	} else {
		a.weight, a.err = askWeight(ctx, c)
	}
	a.warning, a.phases = t.warning, t.phases
	return a
}

func askWeight(ctx context.Context, c Checker) (*int, error) {
	w, ok := c.(Weigher)
	if !ok {
		return nil, c.Check(ctx)
	}
	weight, ok, err := w.CheckWeight(ctx)
	if !ok || err != nil {
		return nil, err
	}
	return &weight, nil
}

// settle takes a as the answer to p, unless there was one before, and tells what changed. ended says that the probe's goroutine has
// nothing more to ask.
func (s *Set) settle(p *probe, a answer, ended bool) {
	o := Outcome{Start: p.start, Duration: time.Since(p.start), OK: a.err == nil, Warning: a.warning, Phases: a.phases}
	if a.err != nil {
		o.Reason = a.err.Error()
		s.log.Debug("check failed", "check", p.name, "reason", o.Reason)
	}
	for _, name := range s.record(p, o, a, ended) {
		s.deliver(name)
	}
}

// warns reports whether a warning is news. The caller holds s.mu.
func (m *monitor) warns(o Outcome) bool { return o.Warning != "" && o.Warning != m.last.Warning }

// record does the part of settle that needs s.mu: it gives the slot back and the check to the schedule. It returns the names of which the
// caller must deliver the news.
func (s *Set) record(p *probe, o Outcome, a answer, ended bool) (deliver []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := p.m
	if ended {
		m.probe = nil
	}
	if p.settled {
		return nil
	}
	p.settled = true
	if s.running == s.limit {
		defer s.poke()
	}
	s.running--
	if m.retired || s.stopped {
		return nil
	}
	m.due, m.then = later(m.then, o.Start.Add(o.Duration)), time.Time{}
	s.queue.add(m)
	if m.due.Before(s.awake) {
		defer s.poke()
	}
	if p.quick { // of this it asked nothing
		a.weight, o.Warning = m.weight, m.last.Warning
	}
	if o.OK && a.load != nil {
		a.weight = m.follow(*a.load)
	}
	if m.warns(o) {
		s.log.Warn("check warns", "check", p.name, "warning", o.Warning)
	}
	if !m.observe(o, a.weight) {
		return nil
	}
	return s.tellAll(m)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// tell makes v the newest that is to be told of name, and reports whether the caller must deliver it; otherwise the goroutine
// that is at it does. The caller holds s.mu.
func (s *Set) tell(name string, v Verdict) bool {
	_, busy := s.news[name]
	s.news[name] = &v
	return !busy
}

// tellAll makes the verdict of m the newest that is to be told of all its names, and returns those that the caller must deliver. The
// caller holds s.mu.
func (s *Set) tellAll(m *monitor) (deliver []string) {
	v := m.verdict()
	for _, name := range m.names {
		if s.tell(name, v) {
			deliver = append(deliver, name)
		}
	}
	return deliver
}

// deliver reports until nothing is left to tell of name.
func (s *Set) deliver(name string) {
	for v := s.takeNews(name); v != nil; v = s.takeNews(name) {
		s.log.Debug("check verdict", "check", name, "up", v.Up, "weight", weightText(v.Weight), "reason", v.Reason)
		s.report(name, *v)
	}
}

// takeNews returns what is to be told of name, or nil when that was all.
func (s *Set) takeNews(name string) *Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.news[name]
	if v == nil || s.stopped {
		delete(s.news, name)
		return nil
	}
	s.news[name] = nil
	return v
}

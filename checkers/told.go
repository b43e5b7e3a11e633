package checkers

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Told is a check that nobody asks: what it thinks of its server is told by Set.Tell, as by a BFD session. Interval and Timeout mean nothing
// to it.
type Told struct {
	Source string // "bfd/web1"
}

// Validate returns an error when there is no source.
func (c Told) Validate() error {
	if c.Source == "" {
		return errors.New("the check has no source that tells of its server: want, for example, bfd/web1")
	}
	return nil
}

// Check is not for use: there is nobody to ask.
func (c Told) Check(context.Context) error {
	return fmt.Errorf("nothing was told of %s", c.Source)
}

func (c Told) subject() string { return c.Source }

// Tell says that the servers of all checks that are told of source are well, or why not. What was said last holds for checks that are
// configured later, too. Any goroutine may call it.
func (s *Set) Tell(source string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told[source] = err
	for _, m := range s.asked[questionOf(Config{Checker: Told{source}})] {
		s.hear(m)
	}
}

// hear takes in what was told of the source of m, if anything was. The caller holds s.mu.
func (s *Set) hear(m *monitor) {
	err, known := s.told[m.cfg.Checker.(Told).Source]
	if !known || s.stopped {
		return
	}
	o := Outcome{Start: time.Now(), OK: err == nil}
	if err != nil {
		o.Reason = err.Error()
	}
	if !m.observe(o, nil) {
		return
	}
	for _, name := range s.tellAll(m) {
		s.probes.Go(func() { s.deliver(name) })
	}
}

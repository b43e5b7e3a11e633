package checkers

import (
	"context"
	"log/slog"
)

// Options are the inputs of a Set that have a default.
type Options struct {
	// Concurrency is how many probes may run at once. 0: 4096, or less where the limit of open files is low.
	Concurrency int
	// Random returns a number in [0, 1) for the spread of first probes; it is called by one goroutine at a time. nil: math/rand/v2.
	Random func() float64
}

// A Set runs checks.
type Set struct{}

// NewSet returns a Set without checks; nothing happens before Run.
func NewSet(report Report, log *slog.Logger, o Options) *Set { return &Set{} }

// Configure makes cfgs the checks of the set.
func (s *Set) Configure(cfgs []Config) {}

// Run probes until ctx ends.
func (s *Set) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Status returns a snapshot of every check.
func (s *Set) Status() []Status { return nil }

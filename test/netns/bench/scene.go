package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
)

// A scene is what a netns.World reports to: one measurement, which is cleared away at its end.
type scene struct {
	ctx      context.Context
	cleanups []func()
	err      error
}

// play runs f as one measurement and returns why it could not be made.
func play(ctx context.Context, f func(*scene)) error {
	s := &scene{ctx: ctx}
	done := make(chan struct{})
	go func() { // of its own, because Fatalf ends it
		defer close(done)
		defer s.clear()
		f(s)
	}()
	<-done
	return errors.Join(s.err, ctx.Err())
}

func (s *scene) clear() {
	for i := len(s.cleanups) - 1; i >= 0; i-- {
		s.cleanups[i]()
	}
}

// Helper is part of netns.TB.
func (s *scene) Helper() {}

// Context is done when the benchmark is interrupted.
func (s *scene) Context() context.Context { return s.ctx }

// Cleanup registers what is run, last first, when the measurement ends.
func (s *scene) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

// Failed tells whether the measurement went wrong.
func (s *scene) Failed() bool { return s.err != nil }

// Logf prints to standard error: standard output has the result.
func (s *scene) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// Fatalf ends the measurement.
func (s *scene) Fatalf(format string, args ...any) {
	s.err = fmt.Errorf(format, args...)
	runtime.Goexit()
}

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// report is what the demo tells its viewer, and the netns.TB of its world.
type report struct {
	w        io.Writer
	ctx      context.Context //nolint:containedctx // testing.T has it there too
	start    time.Time
	chapter  int
	mu       sync.Mutex
	cleanups []func()
	failed   bool
}

// A failure is what Fatalf panics with.
type failure string

// Helper does nothing: a viewer is not shown lines of code.
func (r *report) Helper() {}

// Context returns the context of the whole demo.
func (r *report) Context() context.Context { return r.ctx }

// Failed reports whether Fatalf was called.
func (r *report) Failed() bool { return r.failed }

// Cleanup has f called at the end of the demo, the last one first.
func (r *report) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

// Logf tells a detail.
func (r *report) Logf(format string, args ...any) { r.printf("  · "+format+"\n", args...) }

// Fatalf ends the demo with a panic of type failure.
func (r *report) Fatalf(format string, args ...any) {
	r.failed = true
	panic(failure(fmt.Sprintf(format, args...)))
}

func (r *report) printf(format string, args ...any) { fmt.Fprintf(r.w, format, args...) }

// Chapter begins a new part.
func (r *report) Chapter(title string) {
	r.chapter++
	r.printf("\n%d. %s\n", r.chapter, title)
}

// Saw tells about something that is as it should be.
func (r *report) Saw(format string, args ...any) { r.printf("   ✓ "+format+"\n", args...) }

// Do tells about something that the demo does.
func (r *report) Do(format string, args ...any) { r.printf("   → "+format+"\n", args...) }

// Within tells how long something took, and fails when that is longer than allowed.
func (r *report) Within(took, allowed time.Duration, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if took > allowed {
		r.Fatalf("%s %s; allowed are %s", what, ms(took), ms(allowed))
	}
	r.Saw("%s %s (allowed: %s)", what, ms(took), ms(allowed))
}

// Table prints rows in columns as wide as they need.
func (r *report) Table(rows ...[]string) {
	width := map[int]int{}
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len(cell))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&b, "  %*s", width[i], cell)
		}
		r.printf("     %s\n", b.String())
	}
}

// run plays the demo and returns why it failed; "" when it did not.
func (r *report) run(play func(*report)) (why string) {
	defer func() {
		for i := len(r.cleanups) - 1; i >= 0; i-- {
			r.cleanups[i]()
		}
	}()
	defer func() {
		switch v := recover().(type) {
		case nil:
		case failure:
			why = string(v)
		default:
			panic(v)
		}
	}()
	play(r)
	return ""
}

func ms(d time.Duration) string { return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond)) }

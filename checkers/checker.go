// Package checkers asks real servers whether they are well, on schedule, and reports when the answer changes.
//
// A Checker asks once; there is a type for each kind of question, from TCP and HTTP to SIP and Script. Those that connect share Target
// (target.go), TLS (tls.go) and dialog (dialog.go), which keeps what a server can make us read in bounds. Health (monitor.go) turns single answers into a verdict
// by counting, schedule.go says when the next question is due, and a Set (set.go) runs all checks: one goroutine that starts what
// is due, and one goroutine per probe in flight.
package checkers

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Checker asks a real server once whether it is well. Check returns nil when it is, and otherwise an error that tells a person
// why not. It ends when ctx does: the deadline in ctx is that of the whole probe, and context.Cause(ctx) says so in words.
type Checker interface {
	Check(ctx context.Context) error
}

// A Weigher is a Checker that also learns how much load its server should get. CheckWeight is called instead of Check; ok tells
// whether the probe gave a weight.
type Weigher interface {
	Checker
	CheckWeight(ctx context.Context) (weight int, ok bool, err error)
}

// A Config is one check of one real server and its schedule. Two Configs with equal fields are the same check: a reload that
// brings an equal one touches nothing.
type Config struct {
	Name     string        // unique; "shop 10.0.0.11:8080 http"
	Checker  Checker       // such as a TCP or a Script, by value; compared with reflect.DeepEqual
	Interval time.Duration // from the start of one probe to the start of the next; more than 0
	Timeout  time.Duration // of the whole probe; more than 0
	Rise     int           // consecutive successes that bring a failed server back; at least 1
	Fall     int           // consecutive failures that take a server out; at least 1

	// Quick, unless nil, is what most probes ask while the server is up: only every FullEvery-th one asks Checker, and those after a failure
	// do. FullEvery is at least 2.
	Quick     Checker
	FullEvery int

	// Initial is the health before the first answer; nothing is reported of it. Unknown comes up with the first success, Down wants
	// Rise of them.
	Initial State
}

// Validate returns everything that keeps c from running, joined: its schedule, and what its Checker's own Validate says. The
// caller adds the place in the file.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Name == "" {
		bad("the check has no name")
	}
	if c.Interval <= 0 {
		bad("interval is %s, want more than 0, for example \"2s\"", c.Interval)
	}
	if c.Timeout <= 0 {
		bad("timeout is %s, want more than 0, for example \"1s\"", c.Timeout)
	}
	if c.Rise < 1 {
		bad("rise is %d, want at least 1", c.Rise)
	}
	if c.Fall < 1 {
		bad("fall is %d, want at least 1", c.Fall)
	}
	if c.Checker == nil {
		bad("the check has no kind: want one such as TCP")
	}
	if c.Quick != nil && c.FullEvery < 2 {
		bad("every probe of %d is a full one, want one of 2 or more", c.FullEvery)
	}
	if v, ok := c.Checker.(interface{ Validate() error }); ok {
		errs = append(errs, v.Validate())
	}
	return errors.Join(errs...)
}

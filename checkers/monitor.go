package checkers

import (
	"fmt"
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
	Reason string // of the answer that decided, for a person: "status 503, want 200-299"; "" when it was a success
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
	Reason   string        `json:"reason,omitempty"` // why not OK
}

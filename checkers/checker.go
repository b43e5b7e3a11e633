package checkers

import (
	"context"
	"time"
)

// A Checker asks a real server once whether it is well. Check returns nil when it is, and otherwise an error that tells a person
// why not. It ends when ctx does: the deadline in ctx is that of the whole probe.
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
	Checker  Checker       // TCP, HTTP or Script, by value; compared with reflect.DeepEqual
	Interval time.Duration // from the start of one probe to the start of the next; more than 0
	Timeout  time.Duration // of the whole probe; more than 0
	Rise     int           // consecutive successes that bring a failed server back; at least 1
	Fall     int           // consecutive failures that take a server out; at least 1
}

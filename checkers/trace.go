package checkers

import (
	"context"
	"time"
)

// A Phase is a part of a probe, such as "connect", "tls" or "first byte".
type Phase struct {
	Name     string        `json:"name"`
	Duration time.Duration `json:"duration_ns"`
}

// A trace is what a probe tells beside its answer. A probe writes it from one goroutine.
type trace struct {
	begun   time.Time // of the phase that goes on
	phases  []Phase
	warning string
}

type traceKey struct{}

// withTrace returns a context whose traceOf is t.
func withTrace(ctx context.Context, t *trace) context.Context {
	t.begun = time.Now()
	return context.WithValue(ctx, traceKey{}, t)
}

// traceOf returns the trace that the probe of ctx writes; nil, which may be written to as well, when nobody wants it.
func traceOf(ctx context.Context) *trace {
	t, _ := ctx.Value(traceKey{}).(*trace)
	return t
}

// maxPhases is how many phases are kept of one probe.
const maxPhases = 6

// phase ends the phase that goes on under a name, and begins the next.
func (t *trace) phase(name string) {
	if t == nil || len(t.phases) == maxPhases {
		return
	}
	now := time.Now()
	t.phases = append(t.phases, Phase{name, now.Sub(t.begun)})
	t.begun = now
}

// warn tells of something that does not make the server unwell.
func (t *trace) warn(text string) {
	if t != nil {
		t.warning = text
	}
}

package kernel

import (
	"context"
	"time"
)

// A bell wakes the goroutine that receives from it. Ringing it while it still rings changes nothing: whoever is woken looks at everything.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

// ring never blocks.
func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// serve calls step at once, whenever b rings, and when the time has come that step returned last, until ctx ends. The zero time is never.
func (b bell) serve(ctx context.Context, step func(now time.Time) (next time.Time)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-b:
		case <-timer.C:
		}
		next := step(time.Now())
		timer.Stop()
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

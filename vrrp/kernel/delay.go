package kernel

import (
	"context"
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

// delays put off changes of interfaces that last too short. It is pure: what is and the time come in as arguments.
type delays struct {
	wanted map[string]vrrp.InterfaceDelay
	shown  map[string]*shownLink // of those in wanted that were asked for
}

// A shownLink is what routers were told of an interface.
type shownLink struct {
	fault string
	since time.Time // since when the truth differs from it; zero: it does not
}

func newDelays(ds []vrrp.InterfaceDelay, old *delays) *delays {
	d := &delays{wanted: map[string]vrrp.InterfaceDelay{}, shown: map[string]*shownLink{}}
	for _, w := range ds {
		d.wanted[w.Interface] = w
		if old != nil && old.shown[w.Interface] != nil {
			d.shown[w.Interface] = old.shown[w.Interface]
		}
	}
	return d
}

// observe takes in what fault the interface has now, empty for none, and returns the one to go by. Again is when that may change by time
// alone; 0: it does not.
func (d *delays) observe(name, fault string, now time.Time) (shown string, again time.Duration) {
	w, ok := d.wanted[name]
	if !ok {
		return fault, 0
	}
	s := d.shown[name]
	if s == nil { // the first look is no change
		s = &shownLink{fault: fault}
		d.shown[name] = s
	}
	if (s.fault == "") != (fault == "") {
		delay := w.Down
		if fault == "" {
			delay = w.Up
		}
		if s.since.IsZero() {
			s.since = now
		}
		if left := s.since.Add(delay).Sub(now); left > 0 {
			return s.fault, left
		}
	}
	s.fault, s.since = fault, time.Time{}
	return fault, 0
}

// settle looks again when a delay is over, until ctx ends.
func (h *Host) settle(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.settling:
		case <-timer.C:
			h.admin.Lock()
			h.reconcile()
			h.admin.Unlock()
		}
		h.admin.Lock()
		at := h.settleAt
		h.admin.Unlock()
		timer.Stop()
		if !at.IsZero() {
			timer.Reset(max(0, time.Until(at)))
		}
	}
}

package pool

import (
	"net/netip"
	"slices"
	"time"
)

// A Flap is what becomes of servers that fail again and again: one that went down Count times within Window stays out for Hold after the
// last of them. The zero value is no damping.
type Flap struct {
	Count        int
	Window, Hold time.Duration
}

// fall notes that a server went down.
func (h *history) fall(now time.Time, f Flap) {
	h.fell = now
	if f.Count == 0 {
		h.falls = nil
		return
	}
	h.falls = slices.DeleteFunc(h.falls, func(at time.Time) bool { return now.Sub(at) >= f.Window })
	h.falls = append(h.falls, now)
	if len(h.falls) >= f.Count {
		h.falls = slices.Delete(h.falls, 0, len(h.falls)-f.Count)
		h.damped = now.Add(f.Hold)
	}
}

// admit keeps out the servers whose time has not come, and returns whether any other serves. If none does, those that wait take
// part at once, and if there is none of them, those that are damped: no delay keeps out the last servers that are well.
func (p *Pool) admit(now time.Time, servers []Server) bool {
	var waiting, damped []*history
	serving := false
	for _, s := range servers {
		h := p.past[s.Addr]
		h.delayed = false
		switch {
		case !p.serving(s):
		case now.Before(h.damped):
			damped = append(damped, h)
		case now.Before(h.waits):
			waiting = append(waiting, h)
		default:
			serving = true
		}
	}
	for _, delayed := range [][]*history{waiting, damped} {
		for _, h := range delayed {
			if h.delayed = serving; !serving {
				h.trust()
			}
		}
		serving = serving || len(delayed) > 0
	}
	return serving
}

// trust ends every delay.
func (h *history) trust() { h.waits, h.damped, h.falls = time.Time{}, time.Time{}, nil }

// Trust ends the delays of the server at a: an operator knows that it is well. The next Step counts.
func (p *Pool) Trust(a netip.AddrPort) {
	if h := p.past[a]; h != nil {
		h.trust()
	}
}

// delay returns why a server is kept out, and until when.
func (h *history) delay() (Reason, time.Time) {
	if h.damped.After(h.waits) {
		return Flapping, h.damped
	}
	return Reentering, h.waits
}

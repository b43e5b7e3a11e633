package pool

import "time"

// A Panic is when failures are rather ours than the servers': more than Percent of them went down within Window, and at least two. The zero
// value is never.
type Panic struct {
	Percent int // 1 to 99
	Window  time.Duration
}

// Over reports whether so many of all servers failing is a panic.
func (c Panic) Over(failed, all int) bool {
	return c.Percent > 0 && failed >= 2 && failed*100 > all*c.Percent
}

// panic begins when too many servers went down at once, and ends when no longer too many of them are down.
func (p *Pool) panic(now time.Time, servers []Server) {
	from := p.panicFrom
	if from.IsZero() {
		from = now.Add(-p.config.Panic.Window)
	}
	failed, all := 0, 0
	for _, s := range servers {
		if s.Override.takesOut() {
			continue
		}
		all++
		if p.past[s.Addr].downSince(from) {
			failed++
		}
	}
	p.panicFrom = time.Time{}
	if p.config.Panic.Over(failed, all) {
		p.panicFrom = from
	}
}

// downSince reports whether a server went down after from, and still is.
func (h *history) downSince(from time.Time) bool { return h.heard == Down && h.fell.After(from) }

// Alarm tells the pool that all pools are in panic, and servers that went down after from are rather not to blame; with the zero Time, that
// they are no longer. The next Step counts. Config.Watched has to be set.
func (p *Pool) Alarm(from time.Time) { p.alarmFrom = from }

// Failed calls f with when each server went down that is down and that no operator took out, in no order. A pool that is not Watched, nor timed otherwise, does not know.
func (p *Pool) Failed(f func(at time.Time)) {
	for _, h := range p.past {
		if h.heard == Down && !h.fell.IsZero() && !h.out {
			f(h.fell)
		}
	}
}

// keep has servers go on though their checks failed: those that went down in a panic, and with keep_last those that served last, as long as
// no other does.
func (p *Pool) keep(servers []Server, serving bool) {
	p.state.Panic = !p.panicFrom.IsZero() || !p.alarmFrom.IsZero()
	for _, s := range servers {
		h := p.past[s.Addr]
		last := p.config.KeepLast && !serving && h.serves
		panics := !p.panicFrom.IsZero() && h.downSince(p.panicFrom) || !p.alarmFrom.IsZero() && h.downSince(p.alarmFrom)
		h.kept = (last || panics) && s.Condition == Down && h.good > 0 && !s.Override.takesOut()
	}
}

// keptWeight returns the weight with which s goes on though its checks failed.
func (p *Pool) keptWeight(s Server) (weight int, kept bool) {
	h := p.past[s.Addr]
	if h == nil || !h.kept {
		return 0, false
	}
	if s.Override != nil && s.Override.Weight != nil {
		return *s.Override.Weight, true
	}
	return h.good, true
}

// keeps reports whether servers go on though their checks failed.
func (p *Pool) keeps() bool {
	for _, h := range p.past {
		if h.kept {
			return true
		}
	}
	return false
}

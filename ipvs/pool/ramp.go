package pool

import "time"

// A Ramp is how a server gets to its weight when it begins to serve beside others: within Duration, each second by the same share, or by doubling
// a 32nd of it five times. The zero value is at once.
type Ramp struct {
	Duration time.Duration
	Double   bool
}

// doublings is how often the weight doubles within a Ramp.
const doublings = 5

// weight returns what a server of weight w, above 0, has after the first part of r.
func (r Ramp) weight(w int, since time.Duration) int {
	switch {
	case since >= r.Duration:
		return w
	case r.Double:
		steps := int(since * doublings / r.Duration)
		return max(w>>(doublings-steps), 1)
	}
	part := since.Truncate(time.Second)
	return max(int(int64(w)*int64(part)/int64(r.Duration)), 1)
}

// ramp begins the slow starts of servers that come to others that serve, and ends those that are over. Where nobody serves, or everybody
// begins at once, there is nobody to spare them.
func (p *Pool) ramp(now time.Time, servers []Server) {
	r, others := p.config.SlowStart, false
	for _, s := range servers {
		others = others || p.past[s.Addr].serves && p.serving(s)
	}
	for _, s := range servers {
		h := p.past[s.Addr]
		if !p.serving(s) {
			h.ramp = time.Time{}
			continue
		}
		if !h.serves && !h.fresh && others {
			h.ramp = now
		}
		h.fresh = false
		if now.Sub(h.ramp) >= r.Duration {
			h.ramp = time.Time{}
		}
	}
}

// ramped returns the weight of s while it starts slowly, and when that ends; false when it does not, or nobody would see it. What an operator
// says is not lowered.
func (p *Pool) ramped(s Server, now time.Time) (weight int, end time.Time, ok bool) {
	h := p.past[s.Addr]
	if h == nil || h.ramp.IsZero() || s.Override != nil && s.Override.Weight != nil {
		return 0, end, false
	}
	w := s.weight()
	weight = p.config.SlowStart.weight(w, now.Sub(h.ramp))
	return weight, h.ramp.Add(p.config.SlowStart.Duration), weight < w
}

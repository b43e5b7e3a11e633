package ipvs

import "time"

// A clock has the pools for which time alone will change something, by name.
type clock struct {
	at    map[string]time.Time
	first time.Time // of them, or earlier; zero when there is none
}

// set has the pool of name be looked at again at at; the zero Time is never.
func (c *clock) set(name string, at time.Time) {
	if at.IsZero() {
		delete(c.at, name)
		return
	}
	if c.at == nil {
		c.at = map[string]time.Time{}
	}
	c.at[name] = at
	if c.first.IsZero() || at.Before(c.first) {
		c.first = at
	}
}

// due calls f with the name of each pool whose time has come, and forgets it.
func (c *clock) due(now time.Time, f func(name string)) {
	if c.first.IsZero() || now.Before(c.first) {
		return
	}
	c.first = time.Time{}
	for name, at := range c.at {
		switch {
		case !now.Before(at):
			delete(c.at, name)
			f(name)
		case c.first.IsZero() || at.Before(c.first):
			c.first = at
		}
	}
}

// ring has the pools decide anew whose time has come.
func (r *reconciler) ring(now time.Time) {
	r.clock.due(now, func(name string) {
		if s := r.services[name]; s != nil {
			r.markService(s)
		}
	})
}

package main

import (
	"maps"
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

// trackedFacts are the newest verdicts that a director gave, by source. The router keeps them, so that they outlive the director, and
// the director keeps them for the next router.
type trackedFacts map[string]vrrp.Verdict

// tracks reports whether a router of c goes by source.
func tracks(c *vrrp.Config, source string) bool {
	for _, t := range c.Track {
		if t.Source == source {
			return true
		}
	}
	return false
}

// sources returns what the routers of c track.
func (c routerConfig) sources() map[string]bool {
	out := make(map[string]bool)
	for _, r := range c.Routers {
		for _, t := range r.Track {
			out[t.Source] = true
		}
	}
	return out
}

// forget removes, and returns, facts of sources that were tracked before a reload and are not after it: nobody keeps them up to date
// any more. One that nobody tracks yet is none of them.
func (f trackedFacts) forget(before, after map[string]bool) []string {
	var out []string
	for source := range before {
		if !after[source] {
			out = append(out, source)
			delete(f, source)
		}
	}
	return out
}

// tell gives a virtual router of c all that it goes by.
func (f trackedFacts) tell(m *vrrp.Member, c *vrrp.Config) {
	for source, v := range f {
		if tracks(c, source) {
			m.Track(source, v)
		}
	}
}

// track takes in facts and gives each to the virtual routers that track it.
func (r *router) track(facts map[string]vrrp.Verdict) {
	if len(facts) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.since == nil {
		r.since = make(sinces)
	}
	r.since.note(r.tracked, facts, time.Now())
	maps.Copy(r.tracked, facts)
	for _, m := range r.members {
		for source, v := range facts {
			if tracks(m.config, source) {
				m.Track(source, v)
			}
		}
	}
}

// forget lets go of the facts that nobody tracks any more after a reload. The caller holds r.mu.
func (r *router) forget(after map[string]bool) {
	gone := r.tracked.forget(r.sources, after)
	r.sources = after
	for _, m := range r.members {
		for _, source := range gone {
			m.Track(source, vrrp.Verdict{})
		}
	}
}

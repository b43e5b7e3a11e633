package kernel

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A Tracked is what the host knows of one source that a router tracks.
type Tracked struct {
	Source  string
	Verdict vrrp.Verdict
	Since   time.Time // when the state became what it is
}

// Watch says what the host is to watch for its routers besides their own interfaces. Call it before the Attach or Configure of a router that
// tracks a route.
func (h *Host) Watch(s vrrp.Surroundings) {
	h.admin.Lock()
	defer h.admin.Unlock()
	h.delays = newDelays(s.Delays, h.delays)
	h.routes.want(s.Routes)
	h.setPaces(s.AnnounceGroups)
	if h.facts.loaded() {
		h.reconcile()
	}
}

// linkFault is what routers are told of an interface: why it cannot be used, or nothing. The caller holds admin.
func (h *Host) linkFault(name string, now time.Time) string {
	fault, again := h.delays.observe(name, h.facts.linkFault(name), now)
	if at := now.Add(again); again > 0 && (h.settleAt.IsZero() || at.Before(h.settleAt)) {
		h.settleAt = at
	}
	return fault
}

// survey finds out about every source that a router tracks and that is the host's business. The caller holds admin.
func (h *Host) survey(now time.Time) {
	old := h.tracked
	h.tracked = map[string]Tracked{}
	for _, r := range h.attached() {
		for _, t := range r.config.Track {
			if _, done := h.tracked[t.Source]; done {
				continue
			}
			v, ok := h.verdict(t.Source, now)
			if !ok {
				continue
			}
			next := Tracked{Source: t.Source, Verdict: v, Since: now}
			if was, known := old[t.Source]; known && was.Verdict.State == v.State {
				next.Since = was.Since
			}
			h.tracked[t.Source] = next
		}
	}
}

// verdict judges one source, and reports false for one that is not the host's business or of which nothing is known yet.
func (h *Host) verdict(source string, now time.Time) (vrrp.Verdict, bool) {
	switch kind, name := vrrp.CutSource(source); kind {
	case vrrp.KindInterface:
		fault := strings.TrimPrefix(h.linkFault(name, now), "link: ")
		if fault == "" {
			return vrrp.Verdict{State: vrrp.Up, Reason: name + " is up"}, true
		}
		return vrrp.Verdict{State: vrrp.Down, Reason: fault}, true
	case vrrp.KindRoute:
		return h.routes.verdict(name)
	}
	return vrrp.Verdict{}, false
}

// tellTracked gives r's listener what changed of what it tracks. The caller holds admin.
func (h *Host) tellTracked(r *router) {
	told := map[string]vrrp.Verdict{}
	for _, t := range r.config.Track {
		now, ok := h.tracked[t.Source]
		if !ok {
			continue
		}
		if last, known := r.toldTracked[t.Source]; !known || last != now.Verdict {
			r.listener.Track(t.Source, now.Verdict)
		}
		told[t.Source] = now.Verdict
	}
	r.toldTracked = told
}

// Tracked returns what the host knows of the sources that routers track, by name.
func (h *Host) Tracked() []Tracked {
	h.admin.Lock()
	defer h.admin.Unlock()
	out := slices.Collect(maps.Values(h.tracked))
	slices.SortFunc(out, func(a, b Tracked) int { return strings.Compare(a.Source, b.Source) })
	return out
}

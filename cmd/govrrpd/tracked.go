package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A trackedStatus is one source that virtual routers track. The names in JSON are a contract with users.
type trackedStatus struct {
	Source string          `json:"source"`
	State  vrrp.TrackState `json:"state"`
	Value  int             `json:"value"`          // of a number
	Reason string          `json:"reason"`         // empty while nothing is known
	Since  time.Time       `json:"since,omitzero"` // of the state
	UsedBy []string        `json:"used_by"`        // names of the vrrp_instances, sorted
}

// sinces says since when sources are in their state, for those of which the director or a BFD session tells.
type sinces map[string]time.Time

// note takes in facts before they replace the old ones.
func (s sinces) note(old trackedFacts, facts map[string]vrrp.Verdict, now time.Time) {
	for source, v := range facts {
		if was, known := old[source]; !known || was.State != v.State {
			s[source] = now
		}
	}
}

// trackedStatus lists what the virtual routers track. The caller holds r.mu.
func (r *router) trackedStatus(routers []vrrp.Status) []trackedStatus {
	since := make(map[string]time.Time)
	for source, at := range r.since {
		since[source] = at
	}
	for _, t := range r.host.Tracked() {
		since[t.Source] = t.Since
	}
	for _, b := range r.bfd.Status() {
		since[bfdSource(b.Name)] = b.Since
	}
	return sumTracked(routers, since)
}

// sumTracked brings together what several routers say of the sources that they track, by source.
func sumTracked(routers []vrrp.Status, since map[string]time.Time) []trackedStatus {
	bySource := make(map[string]*trackedStatus)
	for _, s := range routers {
		for _, t := range s.PriorityTerms {
			tracked := bySource[t.Source]
			if tracked == nil {
				tracked = &trackedStatus{Source: t.Source, State: t.State, Value: t.Value, Reason: t.Reason}
				if t.State != vrrp.Unknown {
					tracked.Since = since[t.Source]
				}
				bySource[t.Source] = tracked
			}
			tracked.UsedBy = append(tracked.UsedBy, s.Name)
		}
	}
	out := make([]trackedStatus, 0, len(bySource))
	for _, tracked := range bySource {
		slices.Sort(tracked.UsedBy)
		out = append(out, *tracked)
	}
	slices.SortFunc(out, func(a, b trackedStatus) int { return strings.Compare(a.Source, b.Source) })
	return out
}

// writeTracked prints what is tracked; nothing where nothing is.
func writeTracked(w io.Writer, all []trackedStatus, now time.Time) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(w, "TRACKED\tSTATE\tSINCE\tBY\tREASON")
	for _, t := range all {
		state := t.State.String()
		if t.State == vrrp.Number {
			state = fmt.Sprint(t.Value)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", t.Source, state, age(now, t.Since), strings.Join(t.UsedBy, " "), t.Reason)
	}
	fmt.Fprintln(w)
}

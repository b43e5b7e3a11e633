package ipvs

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
)

// kept is what a process leaves to the next one.
type kept struct {
	owned     []Key
	overrides []ServerOverride
}

// begin starts a process with what the last one left.
func (s *storm) begin() {
	s.r = newReconciler(s, slog.New(slog.DiscardHandler), Options{
		Refresh: RefreshDefault, Owned: s.kept.owned, OnOwned: func(keys []Key) { s.kept.owned = keys },
		Overrides: s.kept.overrides, OnOverrides: func(all []ServerOverride) error { s.kept.overrides = all; return nil },
	})
}

// restart ends the process, by a signal or in order, and begins another one, which is to know what operators said of the servers that there are.
func (s *storm) restart() {
	inOrder := s.IntN(2) == 0
	s.say("restarted, in order: %t", inOrder)
	before := said(s.r)
	if inOrder {
		s.r.bowOut(s.now)
	}
	s.begin()
	clear(s.past) // nobody knows any more what was to be replaced by what
	s.configure(s.wanted)
	if after := said(s.r); before != after && s.broken == "" {
		s.broken = fmt.Sprintf("a restart made of what operators said, %s, this: %s", before, after)
	}
}

// said returns what operators said of the servers that are configured.
func said(r *reconciler) string {
	all := r.overrides.list(func(id ServerID) bool { return !r.stray(id) })
	for i := range all {
		all[i].Drained, all[i].Cut = time.Time{}, false // it may end at any time
	}
	b, err := json.Marshal(all)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

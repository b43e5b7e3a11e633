package ipvs

import (
	"net/netip"
	"slices"
	"time"
)

// decide lets the pools take in what is new to them, and tells and logs what they come to. It works without the kernel's table too: what
// tracks a service is told of its servers, not of the kernel.
func (r *reconciler) decide(now time.Time) {
	for len(r.undecided) > 0 {
		names := r.undecided
		r.undecided = map[string]struct{}{} // not cleared, as in repair
		for name := range names {
			if s := r.services[name]; s != nil {
				s.pool.Alarm(r.alarm.from)
				r.members = s.members(r.members)
				s.pool.Step(now, r.overrides.over(&s.vs, r.members))
				r.alarm.note(s)
				r.clock.set(name, s.pool.Next())
				r.tell(s)
			}
		}
		r.judge(now)
	}
}

// tell says once what a pool has come to.
func (r *reconciler) tell(s *service) {
	is := s.pool.State()
	r.tellPanic(s, is)
	if !is.Known || s.told.Known && s.told.Held == is.Held {
		return
	}
	attrs := func() []any {
		return []any{"service", s.vs.Name, "counts", s.vs.Quorum.Of.String(), "have", is.Have, "need", is.Need, "back_at", is.Gain, "sorry_server", is.Sorry}
	}
	switch {
	case !is.Held:
		r.log.Warn("quorum lost", attrs()...)
	case s.told.Known:
		r.log.Info("quorum is held again", attrs()...)
	}
	s.told = is
	if r.onPool != nil {
		r.outside(func() { r.onPool(s.vs.Name, is) })
	}
}

// quorumIn returns what an earlier process had come to, by the services that it left: they have the sorry server at work, or a real one
// though there is a sorry server. known is false when neither says so.
func (v *VirtualServer) quorumIn(left []Entry) (held, known bool) {
	if v.Sorry == nil {
		return false, false
	}
	if lets(left, v.Sorry.Addr) {
		return false, true
	}
	return true, slices.ContainsFunc(v.Servers, func(s RealServer) bool { return lets(left, s.Addr) })
}

// lets reports whether one of the services lets connections to the destination at a.
func lets(services []Entry, a netip.AddrPort) bool {
	return slices.ContainsFunc(services, func(e Entry) bool {
		d, _, there := e.dest(a)
		return there && d.Weight > 0
	})
}

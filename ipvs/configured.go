package ipvs

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// A service is a configured virtual server and what is known of it. verdicts has one for each of its servers, in their order.
type service struct {
	vs       VirtualServer
	keys     []Key // of vs, but for those that an earlier virtual server has
	taken    bool  // its keys are ours
	seen     bool  // what the kernel had at its keys is taken in
	verdicts []Verdict
	pool     *pool.Pool
	panics   bool       // its panic was logged
	told     pool.State // what onPool was told; none is Known before that

	// inherited is what the kernel had each server for when the service was taken on, the zero value after its first verdict; nil when the
	// kernel did not have the service.
	inherited []inheritance
}

// An inheritance is what the kernel had a server for.
type inheritance struct {
	pool.Condition
	left bool // it was there, be it with weight 0: it may have connections
}

// observe stores verdicts and marks the services that they may change. One on a server that is not configured says nothing to anybody.
func (r *reconciler) observe(verdicts Health) {
	for id, v := range verdicts {
		s := r.services[id.Service]
		if s == nil {
			continue
		}
		i := s.vs.server(id.Addr)
		if i < 0 {
			continue
		}
		s.verdicts[i] = v
		if v.Condition != Unknown && s.inherited != nil {
			s.inherited[i] = inheritance{}
		}
		r.markService(s)
	}
}

// server returns the place of the real server at a, -1 when there is none.
func (v *VirtualServer) server(a netip.AddrPort) int {
	return slices.IndexFunc(v.Servers, func(s RealServer) bool { return s.Addr == a })
}

// markService has the pool of s decide anew, and its services compared with what that comes to.
func (r *reconciler) markService(s *service) {
	r.undecided[s.vs.Name] = struct{}{}
	for _, k := range s.keys {
		r.dirty[k] = struct{}{}
	}
}

// configure replaces what is configured, keeps what is known of servers that stay, and forgets the rest.
func (r *reconciler) configure(now time.Time, vs []VirtualServer) {
	old, oldKeys := r.services, r.byKey
	r.configured, r.pending = true, nil
	if r.unchanged(vs) {
		r.replace(now, vs)
		return
	}
	r.services, r.byKey, r.order = make(map[string]*service, len(vs)), make(map[Key]*service, len(vs)), make([]*service, 0, len(vs))
	for i := range vs {
		if r.services[vs[i].Name] == nil {
			r.add(r.reconfigured(now, old[vs[i].Name], &vs[i]))
		}
	}
	for k, s := range oldKeys {
		if r.byKey[k] != s {
			r.dirty[k] = struct{}{}
			r.leaving[k] = s.vs.Name
		}
	}
	maps.DeleteFunc(r.leaving, func(k Key, _ string) bool { return r.byKey[k] != nil })
	r.forgetLingering()
}

// unchanged reports whether vs are the same virtual servers with the same keys in the same order, so that the maps need not be made
// anew: nearly every reload changes only what they say of each.
func (r *reconciler) unchanged(vs []VirtualServer) bool {
	if len(vs) != len(r.order) {
		return false
	}
	for i, s := range r.order {
		if s.vs.Name != vs[i].Name || !slices.Equal(s.vs.Keys, vs[i].Keys) {
			return false
		}
	}
	return true
}

// replace configures vs, which unchanged has found to be those of r.order.
func (r *reconciler) replace(now time.Time, vs []VirtualServer) {
	for i, s := range r.order {
		r.reconfigure(now, s, &vs[i])
		r.await(s)
	}
}

// add makes s one of the services.
func (r *reconciler) add(s *service) {
	s.keys = s.keys[:0:0]
	for _, k := range s.vs.Keys {
		if r.byKey[k] == nil {
			r.byKey[k] = s
			s.keys = append(s.keys, k)
		}
	}
	r.services[s.vs.Name] = s
	r.order = append(r.order, s)
	r.await(s)
}

// await puts s among those whose keys are to be taken on.
func (r *reconciler) await(s *service) {
	if !s.taken {
		r.pending = append(r.pending, s)
	}
}

// reconfigured returns the service for v, which is old when there is one.
func (r *reconciler) reconfigured(now time.Time, old *service, v *VirtualServer) *service {
	if old != nil {
		r.reconfigure(now, old, v)
		return old
	}
	s := &service{vs: *v, verdicts: make([]Verdict, len(v.Servers)), pool: pool.New(v.pool())}
	s.pool.Rearrange(make([]pool.Share, len(v.Servers)))
	r.renew(s)
	r.nextRead = now // whether somebody else has made it meanwhile decides what it inherits
	return s
}

// reconfigure makes v what is wanted of s.
func (r *reconciler) reconfigure(now time.Time, s *service, v *VirtualServer) {
	if s.vs.equal(v) {
		s.vs = *v // the memory of the old configuration can go
		return
	}
	if !sameAddresses(s.vs.Servers, v.Servers) {
		s.verdicts, s.inherited = carry(s.verdicts, s.vs.Servers, v.Servers), carry(s.inherited, s.vs.Servers, v.Servers)
		s.pool.Rearrange(carry(s.pool.Shares(), s.vs.Servers, v.Servers))
	}
	if !slices.Equal(s.vs.Keys, v.Keys) && s.taken {
		s.taken = false
		r.nextRead = now
	}
	s.vs = *v
	s.pool.Configure(v.pool())
	r.renew(s)
}

// renew has everything of s decided and tried anew: what the kernel refused may be right now.
func (r *reconciler) renew(s *service) {
	r.undecided[s.vs.Name] = struct{}{}
	for _, k := range s.vs.Keys {
		r.dirty[k] = struct{}{}
		delete(r.failures, k)
	}
}

// equal reports whether v and w ask for the same. It is written out since it looks at all that is configured with each reload.
func (v *VirtualServer) equal(w *VirtualServer) bool {
	return v.Name == w.Name && v.Service == w.Service && v.Forward == w.Forward && v.Failed == w.Failed && v.Quorum == w.Quorum &&
		v.SlowStart == w.SlowStart && v.Reentry == w.Reentry && v.Flap == w.Flap && v.Panic == w.Panic && v.KeepLast == w.KeepLast && v.Watched == w.Watched &&
		v.Alpha == w.Alpha && v.Omega == w.Omega && v.SorryInhibit == w.SorryInhibit && sameDest(v.Sorry, w.Sorry) &&
		slices.Equal(v.Keys, w.Keys) && slices.Equal(v.Servers, w.Servers)
}

func sameDest(a, b *Dest) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func sameAddresses(a, b []RealServer) bool {
	return slices.EqualFunc(a, b, func(a, b RealServer) bool { return a.Addr == b.Addr })
}

// carry returns what is known of each server of to, which was known of those of from; nil stays nil.
func carry[T any](known []T, from, to []RealServer) []T {
	if known == nil {
		return nil
	}
	at := make(map[netip.AddrPort]T, len(from))
	for i, s := range from {
		at[s.Addr] = known[i]
	}
	out := make([]T, len(to))
	for i, s := range to {
		out[i] = at[s.Addr]
	}
	return out
}

// takeOn makes the keys of the new services ours, before anything is done to them.
func (r *reconciler) takeOn() {
	changed := r.seize()
	for _, s := range r.pending {
		var left []Entry
		for _, k := range s.keys {
			entry, there := r.table[k]
			_, ours := r.owned[k]
			if there && !ours && s.vs.strangers(entry) {
				r.leave(s, k, entry)
				continue
			}
			if there {
				left = append(left, entry)
			}
			if there && !ours {
				r.log.Info("adopting a service that somebody else made", "service", s.vs.Name, "key", k)
			}
			r.owned[k] = struct{}{}
			changed = changed || !ours
		}
		r.takeUp(s, left)
	}
	r.pending = nil
	if changed {
		r.tellOwned()
	}
}

// takeUp has a service that is new to us go on where those left off that the kernel has at its keys. One that only changed its keys
// knows better.
func (r *reconciler) takeUp(s *service, left []Entry) {
	s.taken = true
	if s.seen {
		return
	}
	s.seen = true
	s.inherited = s.inherit(left)
	if held, known := s.vs.quorumIn(left); known {
		s.pool.Restore(held)
	}
	r.undecided[s.vs.Name] = struct{}{}
}

// inherit returns what the kernel has each server of s for that has no verdict. It returns nothing if the kernel has none of them,
// nor the sorry server: then the services were made for others, and say nothing about these.
func (s *service) inherit(left []Entry) []inheritance {
	if !slices.ContainsFunc(left, s.vs.knows) {
		return nil
	}
	inherited := make([]inheritance, len(s.vs.Servers))
	for i, server := range s.vs.Servers {
		there := slices.ContainsFunc(left, func(e Entry) bool { return e.index(server.Addr) >= 0 })
		switch {
		case s.verdicts[i].Condition != Unknown:
		case lets(left, server.Addr), server.Weight == 0 && there:
			inherited[i] = inheritance{Up, there}
		default:
			inherited[i] = inheritance{Down, there}
		}
	}
	return inherited
}

// knows reports whether one of the destinations of e is configured.
func (v *VirtualServer) knows(e Entry) bool {
	if v.Sorry != nil && e.index(v.Sorry.Addr) >= 0 {
		return true
	}
	return slices.ContainsFunc(v.Servers, func(s RealServer) bool { return e.index(s.Addr) >= 0 })
}

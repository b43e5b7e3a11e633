package ipvs

import (
	"slices"
	"time"
)

// consistent reports whether v is to send each client to the same server from all directors, whatever became of each of them before. With mh the
// slots of a server follow from the order in which the servers were added and from the last weight above 0 of each: a server must not leave the table
// when it fails. Without its fallback mh would drop what comes to the slots of one that is down, so it takes both.
func (v *VirtualServer) consistent() bool { return v.Scheduler == "mh" && v.Flags&flagFallback != 0 }

// seeded makes each server that is to be added with weight 0 to a consistent service have its own weight first: with none it would have no
// slots here, unlike on a director that has seen it well.
func (r *reconciler) seeded(ops []Op) []Op {
	needs := func(op Op) bool {
		return op.Verb == AddDest && op.Dest.Weight == 0 && r.seed(op.Service.Key, op.Dest) > 0
	}
	if !slices.ContainsFunc(ops, needs) {
		return ops
	}
	out := make([]Op, 0, 2*len(ops))
	for _, op := range ops {
		if needs(op) {
			out = append(out, withWeight(op, AddDest, r.seed(op.Service.Key, op.Dest)))
			op.Verb = EditDest
		}
		out = append(out, op)
	}
	return out
}

func withWeight(op Op, v Verb, w int) Op {
	op.Verb, op.Dest.Weight = v, w
	return op
}

// seed returns the weight that gives d its slots in a consistent service at k, 0 for any other.
func (r *reconciler) seed(k Key, d Dest) int {
	s := r.byKey[k]
	if s == nil || !s.vs.consistent() {
		return 0
	}
	i := slices.IndexFunc(s.vs.Servers, func(rs RealServer) bool { return rs.Addr == d.Addr })
	if i < 0 {
		return 0
	}
	return s.vs.Servers[i].Weight
}

// there leaves out the changes of servers that could not be added.
func (r *reconciler) there(ops []Op) []Op {
	return slices.DeleteFunc(ops, func(op Op) bool {
		return op.Verb == EditDest && r.table[op.Service.Key].index(op.Dest.Addr) < 0
	})
}

// reorder adds servers of consistent services again that were not added in the order of their addresses, as those of a director that starts now
// are. It does so after a read, and once none of them has a connection: what comes for one of a server that is out of the table, for however
// short a time, is lost.
func (r *reconciler) reorder(now time.Time) {
	if r.lastRead != now {
		return
	}
	for _, s := range r.order {
		if !s.vs.consistent() || s.vs.Persistence > 0 {
			continue
		}
		for _, k := range s.keys {
			e := r.table[k]
			late := e.late()
			if len(late) == 0 || len(r.failures[k]) > 0 || e.foreign(&s.vs) || !e.spares(late) {
				continue
			}
			r.log.Info("adding idle servers again, in the order that other directors have", "service", s.vs.Name, "count", len(late))
			r.addAgain(k, late, now)
		}
	}
}

// foreign reports whether e has a server that is none of v's real servers, as while the sorry server stands in.
func (e Entry) foreign(v *VirtualServer) bool {
	return slices.ContainsFunc(e.Dests, func(d Dest) bool {
		return !slices.ContainsFunc(v.Servers, func(s RealServer) bool { return s.Addr == d.Addr })
	})
}

// late returns the destinations that have to be added again so that the list has all in the order of their addresses, the newest first: in that
// order, those after the ones that are in order.
func (e Entry) late() []Dest {
	sorted, kept := canonical(e.Dests), 0
	for _, d := range slices.Backward(e.Dests) {
		if d.Addr == sorted[kept].Addr {
			kept++
		}
	}
	return sorted[kept:]
}

// spares reports whether none of late has a connection, and another one serves while each of them is out.
func (e Entry) spares(late []Dest) bool {
	serving := 0
	for _, d := range e.Dests {
		if d.Weight > 0 {
			serving++
		}
	}
	for _, d := range late {
		if _, l, _ := e.dest(d.Addr); l != (Load{}) || d.Weight > 0 && serving < 2 {
			return false
		}
	}
	return true
}

// addAgain removes each of late and adds it as it was. It ends with the first that the kernel does not take back: without that one
// the service may not have another to spare.
func (r *reconciler) addAgain(k Key, late []Dest, now time.Time) {
	s := Service{Key: k}
	for _, d := range late {
		if !r.table[k].spares([]Dest{d}) {
			return
		}
		ops := []Op{{Verb: DeleteDest, Service: s, Dest: Dest{Addr: d.Addr}}}
		r.send(append(ops, r.seeded([]Op{{Verb: AddDest, Service: s, Dest: d}})...), now)
		if len(r.failures[k]) > 0 {
			return
		}
	}
}

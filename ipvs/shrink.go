package ipvs

import "slices"

// harmless leaves out the changes that would take the last servers from clients whose new ones the kernel has refused: what serves now
// goes on until what is to serve can be made. Where the table may not be as we know it, it waits for the next read.
func (r *reconciler) harmless(ops []Op) []Op {
	waits := map[Key]bool{}
	return slices.DeleteFunc(ops, func(op Op) bool {
		k := op.Service.Key
		if _, known := waits[k]; !known {
			waits[k] = r.hangs(k) || r.precedes(k) || r.doubtful(k) || r.lingers(k)
		}
		if waits[k] {
			delete(r.failures[k], op) // it has no turn of its own before what it waits for
		}
		return waits[k]
	})
}

// doubtful reports whether the table may not be what we take it for, and has k looked at again after the next read if so.
func (r *reconciler) doubtful(k Key) bool {
	_, doubt := r.suspect[k]
	if doubt {
		r.dirty[k] = struct{}{}
	}
	return doubt
}

// hangs reports whether the service at k should serve and none of the wanted servers takes connections yet, but some other does.
func (r *reconciler) hangs(k Key) bool {
	want, _ := r.wanted(k, nil)
	return want.serves(nil) && r.table[k].serves(nil) && !r.table[k].serves(want.Dests)
}

// precedes reports whether the service at k serves, and its virtual server has gone on to other keys of which one should serve and does
// not yet, as far as is known. Which of them replaces k cannot be told, so that all of them have to.
func (r *reconciler) precedes(k Key) bool {
	name, leaves := r.leaving[k]
	s := r.services[name]
	if !leaves || s == nil || !r.table[k].serves(nil) {
		return false
	}
	return slices.ContainsFunc(s.keys, func(next Key) bool {
		want := s.vs.entry(next, s.pool, nil)
		return want.serves(nil) && (!r.table[next].serves(want.Dests) || r.doubtful(next))
	})
}

// serves reports whether a destination of e has a weight above 0, and if wanted is not nil, there too. wanted is in canonical order.
func (e Entry) serves(wanted []Dest) bool {
	return slices.ContainsFunc(e.Dests, func(d Dest) bool {
		w, _ := find(wanted, d.Addr)
		return d.Weight > 0 && (wanted == nil || w.Weight > 0)
	})
}

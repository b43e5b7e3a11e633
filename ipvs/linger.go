package ipvs

import "slices"

// A virtual server that goes from addresses to a mark, or back, has other keys in the kernel, and with a service the kernel ends its connections. The
// new service takes what is new: of packets with a mark the kernel looks for the service of the mark first, and without marks nobody comes to that.
// So the old one may stay until its connections have ended.

// lingers reports whether the service at k, which its virtual server has folded into others or unfolded, may have connections. What the kernel showed
// before the others served says too little: k is looked at again after the next read.
func (r *reconciler) lingers(k Key) bool {
	s := r.services[r.leaving[k]]
	if s == nil || !s.refolded(k) {
		return false
	}
	since, known := r.lingering[k]
	if known && r.lastRead.After(since) && !r.table[k].busy() {
		return false
	}
	if !known {
		r.lingering[k] = r.lastRead
		r.log.Info("a service stays until its connections have ended", "service", s.vs.Name, "key", k)
	}
	r.dirty[k] = struct{}{}
	return true
}

// refolded reports whether s has a mark in place of the address k, or the other way round.
func (s *service) refolded(k Key) bool {
	return len(s.keys) > 0 && !slices.ContainsFunc(s.keys, func(now Key) bool { return (now.Mark == 0) == (k.Mark == 0) })
}

// busy reports whether a server of e has connections.
func (e Entry) busy() bool {
	return slices.ContainsFunc(e.Loads, func(l Load) bool { return l.Active+l.Inactive > 0 })
}

// forgetLingering forgets those that linger no more.
func (r *reconciler) forgetLingering() {
	for k := range r.lingering {
		if _, leaves := r.leaving[k]; !leaves {
			delete(r.lingering, k)
		}
	}
}

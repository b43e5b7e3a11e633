package ipvs

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// overrides are what operators say of servers, by the name of the service and the address. None of them is Nothing, and none is changed in place.
type overrides map[string]map[netip.AddrPort]*pool.Override

func (o overrides) of(id ServerID) pool.Override {
	if said := o[id.Service][id.Addr]; said != nil {
		return *said
	}
	return pool.Override{}
}

func (o overrides) nothing(id ServerID) bool { return o[id.Service][id.Addr] == nil }

func (o overrides) set(id ServerID, said pool.Override) {
	if said.Nothing() {
		delete(o[id.Service], id.Addr)
		if len(o[id.Service]) == 0 {
			delete(o, id.Service)
		}
		return
	}
	if o[id.Service] == nil {
		o[id.Service] = map[netip.AddrPort]*pool.Override{}
	}
	o[id.Service][id.Addr] = &said
}

// over puts what is said into servers, which are those of v, and returns them.
func (o overrides) over(v *VirtualServer, servers []pool.Server) []pool.Server {
	if said := o[v.Name]; said != nil {
		for i, server := range v.Servers {
			servers[i].Override = said[server.Addr]
		}
	}
	return servers
}

// list returns all of which keep says yes, in order.
func (o overrides) list(keep func(ServerID) bool) []ServerOverride {
	var out []ServerOverride
	for name, servers := range o {
		for a, said := range servers {
			if keep(ServerID{name, a}) {
				out = append(out, ServerOverride{name, a, *said})
			}
		}
	}
	slices.SortFunc(out, func(a, b ServerOverride) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), a.Server.Compare(b.Server))
	})
	return out
}

func all(ServerID) bool { return true }

// stray reports whether id is configured no more.
func (r *reconciler) stray(id ServerID) bool {
	s := r.services[id.Service]
	return s == nil || s.vs.server(id.Addr) < 0
}

// sift looks at a new configuration for servers of which operators said something. Those that are not in the first one of a process are
// forgotten: it is long ago that somebody knew them. Later they are kept, as the next configuration may have them again.
func (r *reconciler) sift(first bool) {
	strays, forgotten := map[ServerID]struct{}{}, false
	for _, o := range r.overrides.list(r.stray) {
		id := ServerID{o.Service, o.Server}
		_, known := r.strays[id]
		switch {
		case first:
			r.log.Warn("what an operator said of a server that is not configured is forgotten", append(o.attrs(), "said", o.String())...)
			r.overrides.set(id, pool.Override{})
			forgotten = true
			continue
		case !known:
			r.log.Warn("what an operator said of a server that is configured no more is kept until the director ends", append(o.attrs(), "said", o.String())...)
		}
		strays[id] = struct{}{}
	}
	for id := range r.strays {
		if o := r.overrides.of(id); !o.Nothing() && !r.stray(id) {
			r.log.Warn("what an operator said of a server holds again: it is configured again", "service", id.Service, "server", id.Addr)
		}
	}
	r.strays = strays
	if forgotten {
		_ = r.saveOverrides() // what is forgotten would be so again
	}
}

// saveOverrides has all overrides written down.
func (r *reconciler) saveOverrides() (err error) {
	if r.onOverrides != nil {
		said := r.overrides.list(all)
		r.outside(func() { err = r.onOverrides(said) })
	}
	return err
}

// drain goes on with the drains that have not ended: after each read of the table, at once for servers that are not in it, and when their
// time is over.
func (r *reconciler) drain(now time.Time) {
	if !r.configured {
		return
	}
	ended := false
	for name, servers := range r.overrides {
		for a, said := range servers {
			if said.Drains() {
				next := r.drained(now, ServerID{name, a}, *said)
				servers[a] = &next
				ended = ended || !next.Drains()
			}
		}
	}
	if ended {
		_ = r.saveOverrides() // without it a next process would find the same
	}
}

// drained returns what is said of a server as the table and the time leave it.
func (r *reconciler) drained(now time.Time, id ServerID, said pool.Override) pool.Override {
	s := r.services[id.Service]
	switch {
	case r.stray(id):
		return said.Absent(now) // the reload that removed it has ended its connections
	case r.table != nil && s.taken && !slices.ContainsFunc(s.keys, r.doubtful):
		conns, there, idle := r.connections(s, id.Addr)
		if !there {
			said = said.Absent(now)
		} else if idle && r.lastRead.Equal(now) {
			said = said.Counted(now, conns)
		}
	}
	if said = said.Expired(now); !said.Drains() {
		r.markService(s)
		r.log.Info("server has drained", "service", id.Service, "server", id.Addr, "took", now.Sub(said.By.When).Round(time.Second), "cut_short", said.Cut)
	}
	return said
}

// connections returns how many connections the server at a has in the services of s, whether it is in one of them, and whether it takes no new
// ones in all of them. Those of TCP and SCTP that are closing do not count; of UDP, and by mark, which may be any protocol, the kernel does not tell.
func (r *reconciler) connections(s *service, a netip.AddrPort) (n int, there, idle bool) {
	idle = true
	for _, k := range s.keys {
		d, load, ok := r.table[k].dest(a)
		if !ok {
			continue
		}
		there, idle = true, idle && d.Weight == 0
		n += load.Active
		if k.Mark != 0 || k.Proto == UDP {
			n += load.Inactive
		}
	}
	return n, there, idle
}

// pace returns how often the table is read: while a server drains often enough that its end is noticed.
func (r *reconciler) pace() time.Duration {
	for _, servers := range r.overrides {
		for _, said := range servers {
			if said.Drains() {
				return min(r.refresh, RefreshDefault)
			}
		}
	}
	return r.refresh
}

// nextDeadline returns when the first of the drains has to end; false if none has to.
func (r *reconciler) nextDeadline() (at time.Time, ok bool) {
	if !r.configured {
		return at, false
	}
	for _, servers := range r.overrides {
		for _, said := range servers {
			if said.Drains() && !said.Deadline.IsZero() && (!ok || said.Deadline.Before(at)) {
				at, ok = said.Deadline, true
			}
		}
	}
	return at, ok
}

// report returns what is known of one server.
func (r *reconciler) report(id ServerID) ServerReport {
	out := ServerReport{Service: id.Service, Server: id.Addr}
	if said := r.overrides[id.Service][id.Addr]; said != nil {
		out.Override = said
	}
	s := r.services[id.Service]
	if s == nil || s.vs.server(id.Addr) < 0 {
		out.Reason, out.Applied = "not configured", true
		return out
	}
	i := s.vs.server(id.Addr)
	out.Up, out.Reason = r.condition(s, i)
	out.Persistence = s.vs.Persistence
	_, undecided := r.undecided[id.Service]
	out.Applied = s.taken && !undecided && s.pool.Shares()[i].Follows(out.Override)
	for _, k := range s.keys {
		is, load, there := r.table[k].dest(id.Addr)
		want, _, wanted := s.vs.entry(k, s.pool, nil).dest(id.Addr)
		out.Applied = out.Applied && there == wanted && is == want
		out.ActiveConns += load.Active
		out.InactiveConns += load.Inactive
		out.Error = cmp.Or(out.Error, r.firstFailure(k))
	}
	return out
}

// condition returns whether a server is up by its checks, and why it has not its weight.
func (r *reconciler) condition(s *service, i int) (up bool, reason string) {
	share := s.pool.Shares()[i]
	switch share.Reason {
	case pool.Well, pool.BelowQuorum, pool.Reentering, pool.Flapping, pool.SlowStarting:
		return true, share.Reason.String()
	case pool.Disabled, pool.Draining, pool.Drained:
		return s.pool.Well(s.members(nil)[i]), share.Reason.String()
	}
	return false, share.Reason.String()
}

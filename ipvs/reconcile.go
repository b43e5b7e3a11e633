package ipvs

import (
	"log/slog"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

const (
	// readShare bounds the time that reading takes: after a read of one second the next one waits for at least ten.
	readShare = 10
	// driftLines is how many changes behind our back are logged one by one within driftWindow; the rest is summed up in one line.
	driftLines  = 10
	driftWindow = time.Minute
)

// A reconciler is the state of an Engine's goroutine. Only step and flush talk to the kernel.
type reconciler struct {
	kernel  Kernel
	log     *slog.Logger
	refresh time.Duration
	onOwned func([]Key)
	onOps   func([]Op, []error)
	onPool  func(string, pool.State)

	configured bool
	services   map[Key]*service
	order      []Key // of services, as configured
	pending    []Key // services that were not taken on yet
	health     Health
	undecided  map[Key]struct{} // services whose pools have something to take in

	table    Table // ours and others': as last read, with what was applied since
	lastRead time.Time
	nextRead time.Time
	readErr  error

	owned    map[Key]struct{}
	dirty    map[Key]struct{} // may differ from what is wanted
	suspect  map[Key]struct{} // what table says of it may be wrong through our own doing
	drift    map[Key]int      // changes behind our back that were not put back yet
	failures map[Key]map[Op]*failure

	driftRepaired int
	driftQuota    quota
	applied       int

	touched    map[Key]struct{} // since the last takeTouched
	touchedAll bool
}

// A service is a configured one. inherited is what the kernel had its servers for when the service was taken on; an entry goes
// with the first verdict.
type service struct {
	vs        VirtualServer
	taken     bool
	inherited map[netip.AddrPort]Condition
	pool      *pool.Pool
	told      pool.State // what onPool was told; none is Known before that
}

func newReconciler(k Kernel, log *slog.Logger, o Options) *reconciler {
	r := &reconciler{
		kernel:    k,
		log:       log,
		refresh:   o.Refresh,
		onOwned:   o.OnOwned,
		onOps:     o.OnOps,
		onPool:    o.OnPool,
		services:  map[Key]*service{},
		health:    Health{},
		undecided: map[Key]struct{}{},
		owned:     map[Key]struct{}{},
		dirty:     map[Key]struct{}{},
		suspect:   map[Key]struct{}{},
		drift:     map[Key]int{},
		failures:  map[Key]map[Op]*failure{},
		touched:   map[Key]struct{}{},
	}
	for _, k := range o.Owned {
		r.owned[k] = struct{}{}
		r.dirty[k] = struct{}{}
	}
	return r
}

// step takes in what the callers said, reads the kernel's table when it is time to, changes what has to be changed, and returns
// when it wants to be called again at the latest.
func (r *reconciler) step(now time.Time, in inbox) time.Time {
	r.observe(in.verdicts)
	if in.refresh > 0 && in.refresh != r.refresh {
		r.refresh = in.refresh
		if next := now.Add(in.refresh); next.Before(r.nextRead) {
			r.nextRead = next
		}
	}
	if in.configured {
		r.configure(now, in.wanted)
	}
	if !now.Before(r.nextRead) {
		r.read(now)
	}
	ready := r.configured && r.table != nil
	if ready {
		r.takeOn()
	}
	r.decide(now)
	if ready {
		r.repair(now)
	}
	return r.wakeAt()
}

// observe stores verdicts and marks the services that they may change.
func (r *reconciler) observe(verdicts Health) {
	for id, v := range verdicts {
		r.health[id] = v
		if s := r.services[id.Service]; s != nil {
			r.mark(id.Service)
			r.undecided[id.Service] = struct{}{}
			if v.Condition != Unknown {
				delete(s.inherited, id.Addr)
			}
		}
	}
}

func (r *reconciler) mark(k Key) {
	r.dirty[k] = struct{}{}
	r.touched[k] = struct{}{}
}

// configure replaces what is configured, keeps what is known of servers that stay, and forgets the rest.
func (r *reconciler) configure(now time.Time, vs []VirtualServer) {
	old := r.services
	r.configured, r.services, r.order, r.pending = true, make(map[Key]*service, len(vs)), nil, nil
	known := Health{}
	for _, v := range vs {
		if _, twice := r.services[v.Key]; twice {
			continue
		}
		r.order = append(r.order, v.Key)
		r.services[v.Key] = r.reconfigured(now, old[v.Key], v)
		if !r.services[v.Key].taken {
			r.pending = append(r.pending, v.Key)
		}
		for _, s := range v.Servers {
			id := ServerID{v.Key, s.Addr}
			if verdict, ok := r.health[id]; ok {
				known[id] = verdict
			}
		}
	}
	r.health = known
	for k := range old {
		if r.services[k] == nil {
			r.dirty[k] = struct{}{}
		}
	}
	r.touchedAll = true
}

func (r *reconciler) reconfigured(now time.Time, old *service, v VirtualServer) *service {
	if old != nil && reflect.DeepEqual(old.vs, v) {
		return old
	}
	r.dirty[v.Key], r.undecided[v.Key] = struct{}{}, struct{}{}
	delete(r.failures, v.Key) // the new one may be right: try at once
	if old == nil {
		r.nextRead = now // whether somebody else has made it meanwhile decides what it inherits
		return &service{vs: v, pool: pool.New(v.pool())}
	}
	inherited := maps.Clone(old.inherited)
	maps.DeleteFunc(inherited, func(a netip.AddrPort, _ Condition) bool {
		return !slices.ContainsFunc(v.Servers, func(s RealServer) bool { return s.Addr == a })
	})
	old.pool.Configure(v.pool())
	fresh := &service{vs: v, taken: old.taken, inherited: inherited, pool: old.pool}
	if v.Name == old.vs.Name {
		fresh.told = old.told
	}
	return fresh
}

// takeOn makes the new services ours, before anything is done to them.
func (r *reconciler) takeOn() {
	changed := false
	for _, k := range r.pending {
		s := r.services[k]
		entry, there := r.table[k]
		_, ours := r.owned[k]
		if there && !ours {
			r.log.Info("adopting a service that somebody else made", "service", s.vs.Name, "key", k)
		}
		s.taken, s.inherited = true, r.inherit(&s.vs, entry)
		if held, known := s.vs.quorumIn(entry); known {
			s.pool.Restore(held)
		}
		r.undecided[k] = struct{}{}
		r.owned[k] = struct{}{}
		changed = changed || !ours
	}
	r.pending = nil
	if changed {
		r.tellOwned()
	}
}

// inherit returns what the kernel has each server of v for that has no verdict. It returns nothing if the kernel has none of them,
// nor the sorry server: then the service was made for others, and says nothing about these.
func (r *reconciler) inherit(v *VirtualServer, e Entry) map[netip.AddrPort]Condition {
	if !v.knows(e) {
		return nil
	}
	inherited := map[netip.AddrPort]Condition{}
	for _, s := range v.Servers {
		if r.health[ServerID{v.Key, s.Addr}].Condition != Unknown {
			continue
		}
		inherited[s.Addr] = Down
		if d, _, there := e.dest(s.Addr); there && (d.Weight > 0 || s.Weight == 0) {
			inherited[s.Addr] = Up
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

// read takes the kernel's table as it is now. When it cannot be read, the last picture stays in use.
func (r *reconciler) read(now time.Time) {
	began := time.Now()
	fresh, err := r.kernel.Table()
	r.nextRead = now.Add(max(r.refresh, readShare*time.Since(began)))
	if err != nil {
		if r.readErr == nil || r.readErr.Error() != err.Error() {
			r.log.Error("the kernel's table cannot be read", "error", err)
		}
		r.readErr = err
		return
	}
	if r.readErr != nil {
		r.log.Info("the kernel's table can be read again")
	}
	r.compare(now, fresh)
	r.table, r.lastRead, r.readErr = fresh, now, nil
	clear(r.suspect)
	r.touchedAll = true
}

// compare marks what is not as it was left, and logs what others did.
func (r *reconciler) compare(now time.Time, fresh Table) {
	hidden := 0
	for _, k := range r.order {
		is, there := fresh[k]
		was, before := r.table[k]
		if there == before && sameEntry(is, was) {
			continue
		}
		r.mark(k)
		if _, ours := r.suspect[k]; ours || r.table == nil || !r.services[k].taken {
			continue
		}
		undo := Diff(one(k, is, there), one(k, was, before))
		r.drift[k] = len(undo)
		for _, op := range undo {
			if !r.driftQuota.take(now) {
				hidden++
				continue
			}
			r.log.Warn("somebody changed our service", "service", r.services[k].vs.Name, "undo", op.String())
		}
	}
	if hidden > 0 && r.driftQuota.sum() {
		r.log.Warn("somebody changed our services, more lines are left out", "left_out", hidden, "for", driftWindow)
	}
}

// A quota lets through driftLines lines and one sum within driftWindow.
type quota struct {
	since  time.Time
	lines  int
	summed bool
}

func (q *quota) take(now time.Time) bool {
	if q.since.IsZero() || now.Sub(q.since) >= driftWindow {
		*q = quota{since: now}
	}
	q.lines++
	return q.lines <= driftLines
}

func (q *quota) sum() bool {
	first := !q.summed
	q.summed = true
	return first
}

// one returns a table with one service, or none.
func one(k Key, e Entry, there bool) Table {
	if !there {
		return nil
	}
	return Table{k: e}
}

// wakeAt returns when something is to be done without being asked.
func (r *reconciler) wakeAt() time.Time {
	at := r.nextRead
	for _, failures := range r.failures {
		for _, f := range failures {
			if f.retry.Before(at) {
				at = f.retry
			}
		}
	}
	return at
}

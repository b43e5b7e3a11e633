package ipvs

import (
	"log/slog"
	"sync"
	"time"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

const (
	// readShare bounds the share of the CPU that reading takes: after a read that took a second the next one waits for at least ten.
	readShare = 10
	// driftLines is how many changes behind our back are logged one by one within driftWindow; the rest is summed up in one line.
	driftLines  = 10
	driftWindow = time.Minute
)

// A reconciler is the state of an Engine's goroutine. Only step and flush change it and talk to the kernel. They hold mu, but for as long
// as they are outside, so that status may read it meanwhile.
type reconciler struct {
	mu sync.Mutex

	kernel  Kernel
	log     *slog.Logger
	refresh time.Duration
	onOwned func([]Key)
	onOps   func([]Op, []error)
	onPool  func(string, pool.State)

	onOverrides func([]ServerOverride) error
	overrides   overrides
	strays      map[ServerID]struct{} // of overrides, those that are not configured

	configured bool
	services   map[string]*service // by name
	byKey      map[Key]*service
	order      []*service          // as configured
	pending    []*service          // those with keys that were not taken on yet
	undecided  map[string]struct{} // services whose pools have something to take in

	table    Table // ours and others': as last read, with what was applied since
	lastRead time.Time
	nextRead time.Time
	readErr  error
	unread   int // reads that failed, one after another

	owned     map[Key]struct{}
	clean     bool              // the services of others are still to be made ours
	theirs    map[Key]string    // configured, but somebody else's; what the status says of it
	dirty     map[Key]struct{}  // may differ from what is wanted
	lingering map[Key]time.Time // of leaving, those that wait for their connections, and the last read when they began to
	leaving   map[Key]string    // of the virtual servers with these names until a reload, and still in the kernel
	suspect   map[Key]struct{}  // what table says of it may be wrong through our own doing
	drift     map[Key]int       // changes behind our back that were not put back yet
	failures  map[Key]map[Op]*failure
	clock     clock
	alarm     alarm

	failureLines, outcomeLines int // that this step may still log

	// Buffers: memory that is new to the process costs more than what is done with it.
	ops     []Op          // of the services at hand
	dests   []Dest        // of the one at hand
	members []pool.Server // of the virtual server at hand

	driftRepaired int
	driftQuota    quota
	drifts        drifts
	applied       int
}

func newReconciler(k Kernel, log *slog.Logger, o Options) *reconciler {
	r := &reconciler{
		kernel:    k,
		log:       log,
		refresh:   o.Refresh,
		onOwned:   o.OnOwned,
		onOps:     o.OnOps,
		onPool:    o.OnPool,
		services:  map[string]*service{},
		byKey:     map[Key]*service{},
		undecided: map[string]struct{}{},
		owned:     map[Key]struct{}{},
		theirs:    map[Key]string{},
		clean:     o.Clean,
		dirty:     map[Key]struct{}{},
		leaving:   map[Key]string{},
		lingering: map[Key]time.Time{},
		suspect:   map[Key]struct{}{},
		drift:     map[Key]int{},
		failures:  map[Key]map[Op]*failure{},

		onOverrides: o.OnOverrides,
		overrides:   overrides{},
	}
	for _, said := range o.Overrides {
		r.overrides.set(ServerID{said.Service, said.Server}, said.Override)
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
	r.mu.Lock()
	defer r.mu.Unlock()
	if in.refresh > 0 && in.refresh != r.refresh {
		r.refresh = in.refresh
		if next := now.Add(in.refresh); next.Before(r.nextRead) {
			r.nextRead = next
		}
	}
	if in.panicSet {
		r.alarm.limit = in.panics
		r.judge(now)
	}
	if in.configured {
		first := !r.configured
		r.configure(now, in.wanted)
		r.recount()
		r.sift(first)
	}
	r.observe(in.verdicts)
	if !now.Before(r.nextRead) {
		r.read(now)
	}
	ready := r.configured && r.table != nil
	if ready {
		r.takeOn()
		r.claim()
	}
	r.ring(now)
	r.obey(now, in.orders)
	r.drain(now)
	r.decide(now)
	if ready {
		r.repair(now)
		r.reorder(now)
	}
	r.answer(in.orders)
	return r.wakeAt()
}

// outside calls f, which may take its time, without mu. f does not change r.
func (r *reconciler) outside(f func()) {
	r.mu.Unlock()
	defer r.mu.Lock()
	f()
}

// read takes the kernel's table as it is now. When it cannot be read, the last picture stays in use.
func (r *reconciler) read(now time.Time) {
	fresh, err := r.table, error(nil)
	spent := cost(func() { r.outside(func() { fresh, err = r.kernel.Table() }) })
	r.nextRead = now.Add(max(r.pace(), readShare*spent))
	if err != nil {
		r.unreadable(now, explainRead(err))
		return
	}
	if r.readErr != nil {
		r.log.Info("the kernel's table can be read again")
	}
	r.compare(now, fresh)
	r.table, r.lastRead, r.readErr, r.unread = fresh, now, nil, 0
	clear(r.suspect)
}

// unreadable notes that the table could not be read; the next try waits twice as long as the last.
func (r *reconciler) unreadable(now time.Time, err error) {
	retry := max(r.nextRead.Sub(now), backoff(r.unread))
	r.nextRead = now.Add(retry)
	r.unread++
	if r.readErr == nil || r.readErr.Error() != err.Error() {
		r.log.Error("the kernel's table cannot be read", "error", err, "retry_in", retry)
	}
	r.readErr = err
}

// compare marks what is not as it was left, and logs what others did.
func (r *reconciler) compare(now time.Time, fresh Table) {
	hidden := 0
	for _, s := range r.order {
		for _, k := range s.keys {
			hidden += r.compareOne(now, s, k, fresh)
		}
	}
	if hidden > 0 && r.driftQuota.sum() {
		r.log.Warn("somebody changed our services, more lines are left out", "left_out", hidden, "for", driftWindow)
	}
}

// compareOne does it for one service and returns how many changes it did not log.
func (r *reconciler) compareOne(now time.Time, s *service, k Key, fresh Table) (hidden int) {
	is, there := fresh[k]
	was, before := r.table[k]
	if there == before && sameEntry(is, was) {
		return 0
	}
	r.dirty[k] = struct{}{}
	if _, ours := r.suspect[k]; ours || r.theirs[k] != "" || r.table == nil || !s.taken {
		return 0
	}
	undo := Diff(one(k, is, there), one(k, was, before))
	r.drift[k] = len(undo)
	for i, op := range undo {
		line := r.driftQuota.take(now)
		if !line {
			hidden++
		}
		if !line && len(undo)-i > driftKept {
			continue // it would not be kept
		}
		d := Drift{Service: s.vs.Name, Server: op.Dest.Addr, Found: is.found(op), Undo: op.String(), Seen: now, key: k}
		r.drifts.add(d)
		if line {
			r.log.Warn("somebody changed our service", "service", d.Service, "found", d.Found, "undo", d.Undo)
		}
	}
	return hidden
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
	if end, ok := r.nextDeadline(); ok && end.Before(at) {
		at = end
	}
	if first := r.clock.first; !first.IsZero() && first.Before(at) {
		at = first
	}
	for _, failures := range r.failures {
		for _, f := range failures {
			if f.retry.Before(at) {
				at = f.retry
			}
		}
	}
	return at
}

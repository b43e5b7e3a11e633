package ipvs

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"syscall"
	"time"
)

// Between retries of a change that the kernel refused: retryFirst, doubled up to retryMax.
const (
	retryFirst = time.Second
	retryMax   = 30 * time.Second
)

const (
	// failureLines is how many refused changes one step logs; Status has the rest.
	failureLines = 10
	// outcomeLines is how many changes one step logs that were made: a start with thousands of services is no news of each of them.
	outcomeLines = 50
	// servicesAtOnce is how many services are compared and sent together: the changes of a large table, all at once, would take more memory
	// than the table.
	servicesAtOnce = 64
)

// A failure is a change that the kernel refused, as long as it is still wanted.
type failure struct {
	err    error
	times  int
	retry  time.Time
	logged bool
}

// repair changes the services that are dirty, or have a change to retry, into what is wanted. Whatever lets connections in comes before what
// keeps them out, in all of them.
func (r *reconciler) repair(now time.Time) {
	keys := r.due(now)
	if len(keys) == 0 {
		return
	}
	r.dirty = map[Key]struct{}{} // not cleared: a map that once was large stays slow to look through
	r.failureLines, r.outcomeLines = failureLines, outcomeLines
	var shrink []Op
	for some := range slices.Chunk(keys, servicesAtOnce) {
		shrink = append(shrink, r.grow(some, now)...)
	}
	r.send(r.there(r.harmless(servicesLast(shrink))), now)
	if r.outcomeLines < 0 {
		r.log.Info("more changes of the kernel's table, their lines are left out", "left_out", -r.outcomeLines)
	}
	r.count(keys, now)
	r.release(keys)
}

// grow makes the changes to the services at keys that let connections in, and returns the others.
func (r *reconciler) grow(keys []Key, now time.Time) (shrink []Op) {
	ops := r.ops[:0]
	for _, k := range keys {
		ops = r.changes(ops, k)
	}
	r.ops = ops
	grow, shrink := r.table.split(r.sendable(keys, r.seeded(ops), now))
	r.send(grow, now)
	return shrink
}

// changes appends those that turn the service at k into what is wanted.
func (r *reconciler) changes(ops []Op, k Key) []Op {
	if _, ours := r.owned[k]; !ours {
		return ops // it left the configuration before it was ever taken on
	}
	have, there := r.table[k]
	if want, wanted := r.wanted(k, r.dests); wanted {
		r.dests = want.Dests
		return appendEntry(ops, have, there, want)
	}
	if there {
		ops = append(ops, Op{Verb: DeleteService, Service: Service{Key: k}})
	}
	return ops
}

// wanted returns the service that there should be at k, with its destinations in room.
func (r *reconciler) wanted(k Key, room []Dest) (e Entry, ok bool) {
	s := r.byKey[k]
	if s == nil {
		return e, false
	}
	return s.vs.entry(k, s.pool, room), true
}

// servicesLast puts the removal of services after the changes within others, each in their order.
func servicesLast(ops []Op) []Op {
	slices.SortStableFunc(ops, func(a, b Op) int {
		switch removal := a.Verb == DeleteService; {
		case removal == (b.Verb == DeleteService):
			return 0
		case removal:
			return 1
		}
		return -1
	})
	return ops
}

// split tells the changes that let more connections into t from those that keep them out, each in their order. It uses ops.
func (t Table) split(ops []Op) (grow, shrink []Op) {
	grow = ops[:0]
	for _, op := range ops {
		if t.grows(op) {
			grow = append(grow, op)
		} else {
			shrink = append(shrink, op)
		}
	}
	return grow, shrink
}

// send makes changes and notes what became of them.
func (r *reconciler) send(ops []Op, now time.Time) {
	if len(ops) > 0 {
		r.settle(ops, r.apply(ops), now)
	}
}

func (r *reconciler) apply(ops []Op) []error {
	var errs []error
	r.outside(func() {
		errs = r.kernel.Apply(ops)
		if r.onOps != nil {
			r.onOps(ops, errs)
		}
	})
	return errs
}

// due returns the services to look at, in order.
func (r *reconciler) due(now time.Time) []Key {
	keys := r.dirty
	for k, failures := range r.failures {
		for _, f := range failures {
			if !f.retry.After(now) {
				keys[k] = struct{}{}
			}
		}
	}
	for k, name := range r.leaving {
		if s := r.services[name]; s == nil || slices.ContainsFunc(s.keys, func(k Key) bool { _, due := keys[k]; return due }) {
			keys[k] = struct{}{}
		}
	}
	return slices.SortedFunc(maps.Keys(keys), compareKeys)
}

// sendable forgets the failures of what is not wanted any more, and leaves out what is not to be retried yet: the changes
// themselves, and all that is in a service that could not be made.
func (r *reconciler) sendable(keys []Key, ops []Op, now time.Time) []Op {
	r.forget(keys, ops)
	if len(r.failures) == 0 {
		return ops
	}
	blocked := Key{} // a service that could not be made; the changes in it come right after it
	return slices.DeleteFunc(ops, func(op Op) bool {
		k := op.Service.Key
		if blocked == k {
			delete(r.failures[k], op) // it has no turn of its own before its service has
			return true
		}
		f := r.failures[k][op]
		waits := f != nil && f.retry.After(now)
		if waits && op.Verb == AddService {
			blocked = k
		}
		return waits
	})
}

// forget keeps, of the failures of keys, only those of a change among ops.
func (r *reconciler) forget(keys []Key, ops []Op) {
	for _, k := range keys {
		if r.failures[k] == nil {
			continue
		}
		still := map[Op]*failure{}
		for _, op := range ops {
			if f := r.failures[k][op]; f != nil {
				still[op] = f
			}
		}
		r.failures[k] = still
		if len(still) == 0 {
			delete(r.failures, k)
		}
	}
}

// settle notes what became of each change. Those of one service that has to be made first come right after each other.
func (r *reconciler) settle(ops []Op, errs []error, now time.Time) {
	r.debug(ops, errs)
	var added, missing Key // the last service that was made by ops, and the last that could not be
	for i := 0; i < len(ops); i++ {
		op, k, err := ops[i], ops[i].Service.Key, errs[i]
		switch {
		case missing == k: // what is said of its servers is of no interest
		case op.Verb == AddService && err == nil:
			added = k
			r.logOutcome(op)
			i += r.made(ops[i:], errs[i:]) - 1
		case err == nil || gone(op, err):
			if added != k {
				r.logOutcome(op)
			}
			r.done(op)
		default:
			if op.Verb == AddService {
				missing = k
			}
			r.logFailure(op, err, r.fail(op, err, now), now)
		}
	}
}

func (r *reconciler) debug(ops []Op, errs []error) {
	if !r.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	for i, op := range ops {
		r.log.Debug("change of the kernel's table", "op", op.String(), "error", errs[i])
	}
}

// logFailure logs a refused change, unless it did so before or there are too many.
func (r *reconciler) logFailure(op Op, err error, f *failure, now time.Time) {
	if r.failureLines == 0 || !f.worthALine(op, err) {
		return
	}
	r.log.Error("the kernel refused a change", "service", r.name(op.Service.Key), "error", f.err, "retry_in", f.retry.Sub(now))
	f.logged = true
	r.failureLines--
}

// done notes that a change was made.
func (r *reconciler) done(op Op) {
	r.table.apply(op)
	delete(r.failures[op.Service.Key], op)
	r.applied++
}

// made notes that the first of ops was made, which adds a service, and those right after it that gave it destinations, and returns how many
// that were. A large table is made of nothing else.
func (r *reconciler) made(ops []Op, errs []error) int {
	n := r.table.add(ops, errs)
	if failures := r.failures[ops[0].Service.Key]; failures != nil {
		for _, op := range ops[:n] {
			delete(failures, op)
		}
	}
	r.applied += n
	return n
}

// gone reports whether a removal was refused because there is nothing to remove.
func gone(op Op, err error) bool {
	return op.Verb == DeleteService && errors.Is(err, syscall.ESRCH) || op.Verb == DeleteDest && errors.Is(err, syscall.ENOENT)
}

// outdated reports whether err says that the table is not what it was when it was read.
func outdated(op Op, err error) bool {
	missingDest := op.Verb >= AddDest && errors.Is(err, syscall.ENOENT)
	return missingDest || errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EEXIST)
}

// fail notes a change that was not made. Where our picture of the kernel proved wrong it is read again at once.
func (r *reconciler) fail(op Op, err error, now time.Time) *failure {
	k := op.Service.Key
	if r.failures[k] == nil {
		r.failures[k] = map[Op]*failure{}
	}
	f := r.failures[k][op]
	if f == nil {
		f = &failure{}
		r.failures[k][op] = f
	}
	f.note(explain(op, err), now)
	if outdated(op, err) || errors.Is(err, ErrUnconfirmed) {
		r.nextRead = now
	}
	if op.Verb == AddService && errors.Is(err, syscall.EEXIST) || errors.Is(err, ErrUnconfirmed) {
		r.suspect[k] = struct{}{}
	}
	return f
}

func (f *failure) note(err error, now time.Time) {
	f.logged = f.logged && f.err.Error() == err.Error()
	f.err = err
	f.retry = now.Add(backoff(f.times))
	f.times++
}

// backoff is how long to wait for what has gone wrong so many times before.
func backoff(times int) time.Duration { return min(retryFirst<<min(times, 10), retryMax) }

// worthALine reports whether f says something new. That our picture of the kernel was out of date is no fault by itself; only if it
// happens to the same change again.
func (f *failure) worthALine(op Op, err error) bool {
	return !f.logged && (f.times > 1 || !outdated(op, err))
}

func (r *reconciler) name(k Key) string {
	if s := r.byKey[k]; s != nil {
		return s.vs.Name
	}
	return k.String()
}

// logOutcome logs what an applied change means to the servers of a service that was there before; a new service gets one line.
func (r *reconciler) logOutcome(op Op) {
	if r.outcomeLines--; r.outcomeLines < 0 {
		return
	}
	k := op.Service.Key
	before, _, was := r.table[k].dest(op.Dest.Addr)
	from := before.Weight
	switch op.Verb {
	case AddService:
		r.log.Info("service added", "service", r.name(k), "as", op.Service.String(), "servers", len(r.byKey[k].vs.Servers))
	case EditService:
		r.log.Info("service changed", "service", r.name(k), "to", op.Service.String(), "from", r.table[k].Service.String())
	case DeleteService:
		r.log.Info("service removed", "service", r.name(k))
	case AddDest:
		r.log.Info(r.what(op)+" added", "service", r.name(k), "server", op.Dest.Addr, "weight", op.Dest.Weight)
	case DeleteDest:
		r.log.Info(r.what(op)+" removed", "service", r.name(k), "server", op.Dest.Addr)
	case EditDest:
		before.Weight = op.Dest.Weight
		if !was || before != op.Dest {
			r.log.Info(r.what(op)+" changed", "service", r.name(k), "server", op.Dest.Addr, "to", op.Dest.String())
			return
		}
		r.log.Info(r.what(op)+" weight changed", "service", r.name(k), "server", op.Dest.Addr, "from", from, "weight", op.Dest.Weight)
	}
}

func (r *reconciler) what(op Op) string {
	if s := r.byKey[op.Service.Key]; s != nil && s.vs.Sorry != nil && s.vs.Sorry.Addr == op.Dest.Addr {
		return "sorry server"
	}
	return "server"
}

// count counts the drift of the services that are in order again.
func (r *reconciler) count(keys []Key, now time.Time) {
	for _, k := range keys {
		if n := r.drift[k]; n > 0 && len(r.failures[k]) == 0 {
			r.driftRepaired += n
			r.drifts.repaired(k, now)
			delete(r.drift, k)
		}
	}
}

// release gives up the services that are neither configured nor in the kernel any more.
func (r *reconciler) release(keys []Key) {
	changed := false
	for _, k := range keys {
		_, ours := r.owned[k]
		_, there := r.table[k]
		if _, doubt := r.suspect[k]; !ours || !there && !doubt {
			delete(r.leaving, k)
		}
		if ours && !there && r.byKey[k] == nil && !r.doubtful(k) {
			delete(r.owned, k)
			delete(r.failures, k)
			changed = true
		}
	}
	if changed {
		r.tellOwned()
	}
}

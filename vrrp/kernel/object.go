package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

// A madeObject is what we asked for, and what the kernel made of it.
type madeObject struct {
	request string
	form    string
}

// An objectLedger is the part of a ledger that is about routes and rules. The ledger's lock guards it.
type objectLedger struct {
	held    map[string][]object     // by name of the router
	made    map[objectID]madeObject // what is there as far as we know
	refused map[objectID]string     // why something wanted is not there, as status shows it
	waiting map[objectID]bool       // routes whose source address is not ready yet
}

func newObjectLedger() objectLedger {
	return objectLedger{map[string][]object{}, map[objectID]madeObject{}, map[objectID]string{}, map[objectID]bool{}}
}

// holdObjects makes what c wants present, and absent what an earlier Config of the same router wanted. The error names all that is not
// as it should be, but for what is not tracked.
func (l *ledger) holdObjects(name string, now []object) error {
	old := l.objects.held[name]
	if len(old)+len(now) == 0 {
		return nil
	}
	l.objects.held[name] = now
	failures, err := l.addObjects(now)
	kept := idsOf(now)
	gone := slices.DeleteFunc(slices.Clone(old), func(o object) bool { return kept[o.id()] })
	return errors.Join(err, failures.tracked(), l.removeObjects(name, gone))
}

// releaseObjects makes absent what the router held, and what wanted names: an earlier process may have left that.
func (l *ledger) releaseObjects(name string, wanted []object) error {
	all := append(slices.Clone(l.objects.held[name]), wanted...)
	delete(l.objects.held, name)
	return l.removeObjects(name, all)
}

func idsOf(objects []object) map[objectID]bool {
	out := make(map[objectID]bool, len(objects))
	for _, o := range objects {
		out[o.id()] = true
	}
	return out
}

// A failure is an object that is not there, and why.
type failure struct {
	object
	err error
}

type failures []failure

// tracked joins the errors that matter to the router.
func (f failures) tracked() error {
	var errs []error
	for _, one := range f {
		if !one.untracked() {
			errs = append(errs, one.err)
		}
	}
	return errors.Join(errs...)
}

// An objectTask is one object on its way into the kernel.
type objectTask struct {
	object
	id objectID
	op objectOp
}

// addObjects makes those of wanted present that are not there in the form that the kernel gave them when we added them.
func (l *ledger) addObjects(wanted []object) (failures, error) {
	have, err := l.readObjects(wanted)
	if err != nil {
		return nil, err
	}
	var failed failures
	var tasks []objectTask
	for _, o := range wanted {
		task, needed, err := l.taskFor(o, have)
		switch {
		case err != nil:
			failed = append(failed, failure{o, fmt.Errorf("add %s: %w", o, err)})
		case needed:
			tasks = append(tasks, task)
		}
	}
	more, err := l.perform(tasks)
	failed = append(failed, more...)
	l.note(wanted, failed)
	return failed, err
}

// taskFor returns what has to be done to have o, if anything.
func (l *ledger) taskFor(o object, have map[objectID]foundObject) (t objectTask, needed bool, err error) {
	id := o.id()
	found, there := have[id]
	op, err := o.addition(l.facts.index, there)
	if err != nil {
		return objectTask{}, false, err
	}
	made, known := l.objects.made[id]
	if there && (o.rule != nil || known && made == madeObject{string(op.body), found.form}) {
		l.objects.made[id] = madeObject{string(op.body), found.form}
		return objectTask{}, false, nil
	}
	delete(l.objects.made, id)
	if l.objects.waiting[id] = l.unready(o); l.objects.waiting[id] {
		return objectTask{}, false, nil
	}
	delete(l.objects.waiting, id)
	return objectTask{o, id, op}, true, nil
}

// unready reports whether the source address of a route is one of ours that is not usable yet: duplicate address detection runs. The
// notice of its end brings the route.
func (l *ledger) unready(o object) bool {
	if o.route == nil || !o.route.Source.Is6() {
		return false
	}
	for _, ws := range l.held {
		for _, w := range ws {
			if w.prefix.Addr() == o.route.Source && w.opts.DetectDuplicates && l.facts.tentative(w) {
				return true
			}
		}
	}
	return false
}

// perform sends the requests of tasks and learns what the kernel made of them.
func (l *ledger) perform(tasks []objectTask) (failures, error) {
	if len(tasks) == 0 {
		return nil, nil
	}
	errs, err := l.send(len(tasks), func(b []byte, i int, seq uint32, flags uint16) []byte { return tasks[i].op.append(b, seq, flags) })
	if err != nil {
		return nil, err
	}
	var failed failures
	var added []object
	for i, t := range tasks {
		switch e := errs[i]; {
		case e == nil:
			added = append(added, t.object)
		case t.rule != nil && errors.Is(e, unix.EEXIST): // somebody else's is as good, and stays when we go
		default:
			failed = append(failed, failure{t.object, fmt.Errorf("add %s: %w", t.object, l.explain(t.object, e))})
		}
	}
	have, err := l.readObjects(added)
	if err != nil {
		return failed, err
	}
	for _, t := range tasks {
		if found, there := have[t.id]; there {
			l.objects.made[t.id] = madeObject{string(t.op.body), found.form}
		}
	}
	return failed, nil
}

// note keeps for status why what is wanted is not there.
func (l *ledger) note(wanted []object, failed failures) {
	for _, o := range wanted {
		delete(l.objects.refused, o.id())
	}
	for _, f := range failed {
		l.objects.refused[f.id()] = f.err.Error()
	}
}

// removeObjects makes absent those of objects that are ours and that no other router holds, the last first. One that is gone is fine.
func (l *ledger) removeObjects(name string, objects []object) error {
	if len(objects) == 0 {
		return nil
	}
	have, err := l.readObjects(objects)
	if err != nil {
		return err
	}
	others := l.objectsOfOthers(name)
	var ops []objectOp
	var named []object
	seen := map[objectID]bool{}
	for _, o := range slices.Backward(objects) {
		id := o.id()
		if found, there := have[id]; there && !others[id] && !seen[id] && found.protocol == o.protocol() {
			ops, named = append(ops, o.removal()), append(named, o)
		}
		seen[id] = true
	}
	return l.removeAll(ops, named)
}

func (l *ledger) removeAll(ops []objectOp, named []object) error {
	if len(ops) == 0 {
		return nil
	}
	failed, err := l.send(len(ops), func(b []byte, i int, seq uint32, flags uint16) []byte { return ops[i].append(b, seq, flags) })
	errs := []error{err}
	for i, o := range named {
		e := failed[i]
		if e != nil && !isGone(e) {
			errs = append(errs, fmt.Errorf("remove %s: %w", o, e))
			continue
		}
		delete(l.objects.made, o.id())
		delete(l.objects.waiting, o.id())
	}
	return errors.Join(errs...)
}

// isGone reports whether what was to be removed is not there.
func isGone(err error) bool {
	return errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV)
}

// objectsOfOthers returns what routers besides the named one hold or are going to hold.
func (l *ledger) objectsOfOthers(name string) map[objectID]bool {
	out := map[objectID]bool{}
	for router, a := range l.awaited {
		if router != name {
			maps.Copy(out, idsOf(a.objects))
		}
	}
	for router, objects := range l.objects.held {
		if router != name {
			maps.Copy(out, idsOf(objects))
		}
	}
	return out
}

// readObjects lists what the kernel has of the kinds, families and protocol numbers that wanted names.
func (l *ledger) readObjects(wanted []object) (map[objectID]foundObject, error) {
	out := map[objectID]foundObject{}
	for _, k := range listingsOf(wanted) {
		s, err := l.socket()
		if err != nil {
			return nil, err
		}
		if err := s.listObjects(k, out); err != nil {
			s.close()
			l.route = nil
			return nil, err
		}
	}
	return out, nil
}

// A listing is one dump.
type listing struct {
	rules    bool
	family   byte
	protocol uint8 // of routes; 0 for all
}

// listingsOf returns the fewest dumps that show wanted. Two protocol numbers are shown by one dump of all.
func listingsOf(wanted []object) []listing {
	var out []listing
	for _, o := range wanted {
		k := listing{rules: o.rule != nil, family: o.family()}
		i := slices.IndexFunc(out, func(other listing) bool { return other.rules == k.rules && other.family == k.family })
		switch {
		case i < 0 && !k.rules:
			k.protocol = o.protocol()
			fallthrough
		case i < 0:
			out = append(out, k)
		case out[i].protocol != o.protocol():
			out[i].protocol = 0
		}
	}
	slices.SortFunc(out, func(a, b listing) int { return cmp.Compare(a.family, b.family) })
	return out
}

// send performs n requests about routes and rules.
func (l *ledger) send(n int, request requester) (map[int]error, error) {
	s, err := l.socket()
	if err != nil {
		return nil, err
	}
	failed, err := s.perform(n, request)
	if err != nil { // answers may be under way: begin afresh
		s.close()
		l.route = nil
		return failed, fmt.Errorf("change %d routes and rules: %w", n, err)
	}
	return failed, nil
}

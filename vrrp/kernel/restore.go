package kernel

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A repair is what restore did.
type repair struct {
	restored []want
	objects  []object          // routes and rules that were put back
	routers  []string          // that hold one of restored, sorted
	lost     map[string]string // what is missing, by router, of those that step down for it
	failed   map[string]error  // what could not be put back, by router
}

// restore puts back what should be present and is not: somebody deleted it, or its interface came back. For a router that is to step
// down it puts nothing back.
func (l *ledger) restore() (repair, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.publish()
	done := repair{lost: map[string]string{}, failed: map[string]error{}}
	l.prune()
	missing, err := l.missing(&done)
	if len(missing) > 0 {
		var addErr error
		done.restored, addErr = l.add(missing)
		err = errors.Join(err, addErr)
		done.routers = l.holders(done.restored)
		l.restored.Add(uint64(len(done.restored)))
	}
	return done, errors.Join(err, l.restoreObjects(&done))
}

// missing returns the addresses to put back, each once and in a stable order.
func (l *ledger) missing(done *repair) ([]want, error) {
	var out []want
	var errs []error
	for name, ws := range l.held {
		absent := l.facts.absent(ws, l.added)
		if len(absent) > 0 && l.policies[name] == vrrp.StepDownOnLoss {
			lost, err := l.lost(absent)
			if errs = append(errs, err); len(lost) > 0 {
				done.lost[name] = "address " + lost[0].String() + " is gone or changed"
			}
			continue
		}
		out = append(out, absent...)
	}
	slices.SortFunc(out, func(a, b want) int { return cmp.Compare(a.String(), b.String()) })
	return slices.Compact(out), errors.Join(errs...)
}

// lost returns which of the addresses that seem to be absent were there and are no more, or are changed. It asks the kernel: a reading of
// everything that began before they were added makes them seem absent until their notices are read.
func (l *ledger) lost(absent []want) ([]want, error) {
	were := slices.DeleteFunc(slices.Clone(absent), func(w want) bool { return !l.wasThere(w) })
	if len(were) == 0 {
		return nil, nil
	}
	t, err := l.read()
	if err != nil {
		return nil, err
	}
	keys, were, _ := l.facts.resolve(were)
	var out []want
	for i, k := range keys {
		if a, there := t.has(k); there && !a.differs(were[i]) {
			l.facts.correct(k, a)
		} else {
			out = append(out, were[i])
		}
	}
	return out, nil
}

// wasThere reports whether w was present: what could not be added is not lost, but a reason for Hold to fail.
func (l *ledger) wasThere(w want) bool {
	keys, _, _ := l.facts.resolve([]want{w})
	return len(keys) == 1 && l.added[keys[0]]
}

// restoreObjects puts routes and rules back.
func (l *ledger) restoreObjects(done *repair) error {
	if len(l.objects.held) == 0 || !l.objectsDirty.Swap(false) {
		return nil
	}
	err := l.compareObjects(done)
	if err != nil {
		l.objectsDirty.Store(true)
	}
	return err
}

func (l *ledger) compareObjects(done *repair) error {
	var all []object
	for _, objects := range l.objects.held {
		all = append(all, objects...)
	}
	have, err := l.readObjects(all)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(l.objects.held)) {
		missing := l.missingObjects(l.objects.held[name], have)
		switch {
		case len(missing) == 0:
			continue
		case l.policies[name] == vrrp.StepDownOnLoss && !l.allWaited(missing):
			if lost := l.present(missing); len(lost) > 0 {
				done.lost[name] = lost[0].String() + " is gone or changed"
			}
			continue
		}
		failed, err := l.addObjects(missing)
		errs = append(errs, err)
		if err := failed.tracked(); err != nil {
			done.failed[name] = err
			errs = append(errs, err)
		}
		done.objects = append(done.objects, l.present(missing)...)
	}
	l.restored.Add(uint64(len(done.objects)))
	return errors.Join(errs...)
}

// missingObjects returns what is not there as we made it, and what was not there yet because of its source address.
func (l *ledger) missingObjects(objects []object, have map[objectID]foundObject) []object {
	var out []object
	for _, o := range objects {
		id := o.id()
		found, there := have[id]
		same := there && (o.rule != nil || l.objects.made[id].form == found.form)
		if same || (o.untracked() || o.passing()) && !l.objects.waiting[id] {
			continue
		}
		out = append(out, o)
	}
	return out
}

// allWaited reports whether nobody deleted any of objects: they have not been there yet.
func (l *ledger) allWaited(objects []object) bool {
	return !slices.ContainsFunc(objects, func(o object) bool { return !l.objects.waiting[o.id()] })
}

// present returns those of objects that are there, or were when that was last looked at.
func (l *ledger) present(objects []object) []object {
	return slices.DeleteFunc(slices.Clone(objects), func(o object) bool {
		_, there := l.objects.made[o.id()]
		return !there
	})
}

// names joins what restore put back, for a log line.
func (r repair) names() string {
	var out []string
	for _, w := range r.restored {
		out = append(out, w.String())
	}
	for _, o := range r.objects {
		out = append(out, o.String())
	}
	const most = 5
	if len(out) > most {
		out = append(out[:most], "…")
	}
	return strings.Join(out, ", ")
}

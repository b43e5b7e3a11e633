package kernel

import (
	"errors"
	"reflect"

	"github.com/govrrpd/govrrpd/vrrp"
)

// An awaited is what a router that holds is going to hold by a Config that it has not acted on yet.
type awaited struct {
	config  *vrrp.Config
	wants   []want
	objects []object
}

// Await names what a reload is about to Configure. Routers act on their new Configs each in its own time: until the last one has, none lets
// go of an address, route or rule that another one, which holds now, is going to take from it. What was kept for the reload before and is
// wanted no more goes.
func (h *Host) Await(configs []*vrrp.Config) {
	var changed, same []*vrrp.Config
	for _, c := range configs {
		switch r := h.router(c.Name); {
		case r == nil:
		case reflect.DeepEqual(r.config, c):
			same = append(same, r.config)
		default:
			changed = append(changed, c)
		}
	}
	if err := h.ledger.await(changed, same); err != nil {
		h.log.Error("what the reload before was to move is still there", "error", err)
	}
}

// await expects routers to act on changed, and on those of same that they have not acted on yet.
func (l *ledger) await(changed, same []*vrrp.Config) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.awaited
	l.awaited = make(map[string]awaited, len(changed))
	for _, c := range changed {
		if _, holds := l.held[c.Name]; holds {
			l.awaited[c.Name] = awaited{c, wants(c), objectsOf(c)}
		}
	}
	for _, c := range same {
		if a := before[c.Name]; a.config == c {
			l.awaited[c.Name] = a
		}
	}
	var errs []error
	for name, a := range before {
		if l.awaited[name].config != a.config {
			errs = append(errs, l.unkeep(a))
		}
	}
	return errors.Join(errs...)
}

// forgo awaits no more what a router that could not be configured was to hold.
func (l *ledger) forgo(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, ok := l.awaited[name]
	if !ok {
		return nil
	}
	delete(l.awaited, name)
	return l.unkeep(a)
}

// unkeep makes absent what was kept for a, which is awaited no more, but for what somebody holds or is going to hold. The caller holds mu.
func (l *ledger) unkeep(a awaited) error {
	defer l.publish()
	return errors.Join(l.removeObjects("", a.objects), l.remove(planHold(a.wants, nil, l.others("")).remove))
}

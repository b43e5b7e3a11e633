package kernel

import (
	"errors"
	"reflect"
	"slices"

	"github.com/govrrpd/govrrpd/vrrp"
)

// An awaited is what a router that holds is going to hold by a Config that it has not acted on yet.
type awaited struct {
	config  *vrrp.Config
	wants   []want
	objects []object
}

// Await names what a reload is about to Configure. Routers act on their new Configs each in its own time: until the last one has, none lets
// go of an address, route or rule that another one, which holds now, is going to take from it.
func (h *Host) Await(configs []*vrrp.Config) {
	var changed []*vrrp.Config
	for _, c := range configs {
		if r := h.router(c.Name); r != nil && !reflect.DeepEqual(r.config, c) {
			changed = append(changed, c)
		}
	}
	h.ledger.await(changed)
}

func (l *ledger) await(configs []*vrrp.Config) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.awaited = make(map[string]awaited, len(configs))
	for _, c := range configs {
		if _, holds := l.held[c.Name]; holds {
			l.awaited[c.Name] = awaited{c, wants(c), objectsOf(c)}
		}
	}
}

// forgo awaits no more what a router that could not be configured was to hold, and makes absent what was kept for it.
func (l *ledger) forgo(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, ok := l.awaited[name]
	if !ok {
		return nil
	}
	defer l.publish()
	delete(l.awaited, name)
	held := idsOf(l.objects.held[name])
	kept := slices.DeleteFunc(a.objects, func(o object) bool { return held[o.id()] })
	return errors.Join(l.removeObjects(name, kept), l.remove(planHold(a.wants, l.held[name], l.others(name)).remove))
}

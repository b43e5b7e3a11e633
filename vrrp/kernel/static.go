package kernel

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/govrrpd/govrrpd/vrrp"
)

// staticHolder holds in the ledger what belongs to no router. No router has a name with a blank.
const staticHolder = "static objects"

// SetStatic makes s present, in place of what an earlier call named; the zero Static removes all. It is kept present from then on as what
// routers hold, and routers that track something of it which cannot be held hear of a fault from the source "static". The error says what
// is missing.
func (h *Host) SetStatic(s vrrp.Static) error {
	if err := h.ready(); err != nil {
		return fmt.Errorf("static objects: %w", err)
	}
	err := h.ledger.holdStatic(s)
	h.judgeStatic()
	return err
}

func (l *ledger) holdStatic(s vrrp.Static) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.publish()
	l.static = s
	return l.holdAll(staticHolder, staticWants(s), staticObjects(s))
}

func staticWants(s vrrp.Static) []want {
	out := make([]want, len(s.Addresses))
	for i, a := range s.Addresses {
		out[i] = want{a.Interface, a.Prefix, a.Label, a.AddressOptions}
	}
	return out
}

func staticObjects(s vrrp.Static) []object {
	var out []object
	for i := range s.Routes {
		out = append(out, object{route: &s.Routes[i].HeldRoute})
	}
	for i := range s.Rules {
		out = append(out, object{rule: &s.Rules[i].Rule})
	}
	return out
}

// staticFaults returns what is missing, by the name of each router that tracks it.
func (l *ledger) staticFaults() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	missing := map[string][]string{}
	blame := func(track []string, why string) {
		for _, name := range track {
			if why != "" {
				missing[name] = append(missing[name], why)
			}
		}
	}
	for i, w := range staticWants(l.static) {
		blame(l.static.Addresses[i].Track, l.whyAbsent(w))
	}
	for _, r := range l.static.Routes {
		blame(r.Track, l.objects.refused[object{route: &r.HeldRoute}.id()])
	}
	for _, r := range l.static.Rules {
		blame(r.Track, l.objects.refused[object{rule: &r.Rule}.id()])
	}
	out := map[string]string{}
	for name, why := range missing {
		out[name] = "static: " + strings.Join(why, ", ")
	}
	return out
}

// whyAbsent returns why an address that is wanted is not there, or "".
func (l *ledger) whyAbsent(w want) string {
	if _, ok := l.facts.byName(w.ifname); !ok {
		return fmt.Sprintf("add %s: %v", w, errNoInterface)
	}
	return l.refused[w.name()]
}

// judgeStatic tells the routers what of the static objects that they track is missing.
func (h *Host) judgeStatic() {
	h.staticMu.Lock()
	defer h.staticMu.Unlock()
	faults := h.ledger.staticFaults()
	names := slices.Sorted(maps.Keys(faults))
	for name := range h.staticTold {
		if _, still := faults[name]; !still {
			names = append(names, name)
		}
	}
	for _, name := range names {
		r := h.router(name)
		if r == nil || h.staticTold[name] == faults[name] {
			continue
		}
		r.listener.Track("static", vrrp.Verdict{Fault: faults[name]})
		h.staticTold[name] = faults[name]
		if faults[name] == "" {
			delete(h.staticTold, name)
		}
	}
}

// forgetStatic makes judgeStatic tell a router that was attached anew.
func (h *Host) forgetStatic(name string) {
	h.staticMu.Lock()
	delete(h.staticTold, name)
	h.staticMu.Unlock()
	h.judgeStatic()
}

// sweepObjects removes routes and rules with our mark that are none of keep and that nobody holds, and returns their names.
func (l *ledger) sweepObjects(keep map[objectID]bool) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, objects := range l.objects.held {
		maps.Copy(keep, idsOf(objects))
	}
	var errs []error
	var ops []objectOp
	var names []string
	for _, k := range everyListing() {
		s, err := l.socket()
		if err != nil {
			return nil, err
		}
		found, err := s.marked(k)
		errs = append(errs, err)
		for _, o := range found {
			if !keep[o.id] {
				ops, names = append(ops, o.remove), append(names, o.name)
			}
		}
	}
	if len(ops) == 0 {
		return nil, errors.Join(errs...)
	}
	failed, err := l.send(len(ops), func(b []byte, i int, seq uint32, flags uint16) []byte { return ops[i].append(b, seq, flags) })
	var gone []string
	for i, name := range names {
		if e := failed[i]; e != nil && !isGone(e) {
			errs = append(errs, fmt.Errorf("remove %s: %w", name, e))
		} else if err == nil {
			gone = append(gone, name)
		}
	}
	return gone, errors.Join(append(errs, err)...)
}

package kernel

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

var (
	errNoInterface = errors.New("interface does not exist")
	errOtherPrefix = errors.New("the address is there with another prefix length")
)

// A ledger brings the kernel's addresses in line with what the virtual routers hold. Its lock is held while the kernel works, which may be
// long; nothing on the advert path takes it.
type ledger struct {
	facts      *facts
	promotions *promotions

	mu sync.Mutex
	// guarded by mu:
	held  map[string][]want // by name of the router
	added map[addrKey]bool  // what we put there: on kernels before 5.18 the only proof
	route *routeSocket      // opened when first needed

	awaited  map[string]awaited         // by name of the router
	objects  objectLedger               // routes and rules
	policies map[string]vrrp.LossPolicy // of the routers that hold
	refused  map[addrName]string        // why an address that is wanted could not be added
	static   vrrp.Static                // what staticHolder holds

	view         atomic.Pointer[ledgerView]
	restored     atomic.Uint64 // addresses, routes and rules that were put back
	objectsDirty atomic.Bool   // routes and rules are to be compared
}

func newLedger(f *facts, p *promotions) *ledger {
	return &ledger{facts: f, promotions: p, held: map[string][]want{}, added: map[addrKey]bool{},
		objects: newObjectLedger(), policies: map[string]vrrp.LossPolicy{}, refused: map[addrName]string{}}
}

// hold makes the addresses of c present or absent. Absent means also those which an earlier process left behind, but never one that
// somebody else put there, as an owner's real address.
func (l *ledger) hold(c *vrrp.Config, on bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.publish()
	if !on {
		return l.letGo(c.Name, wants(c), objectsOf(c))
	}
	if l.awaited[c.Name].config == c {
		delete(l.awaited, c.Name)
	}
	l.policies[c.Name] = c.OnLoss
	return l.holdAll(c.Name, wants(c), objectsOf(c))
}

// holdAll makes addresses present, then what may need them; what is wanted no more goes in the opposite order.
func (l *ledger) holdAll(name string, now []want, objects []object) error {
	p := planHold(l.held[name], now, l.others(name))
	l.held[name] = now
	err := l.remove(p.before)
	_, addErr := l.add(p.add)
	return errors.Join(err, addErr, l.holdObjects(name, objects), l.remove(p.remove))
}

// release removes what a router that is no more still held.
func (l *ledger) release(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.publish()
	return l.letGo(name, nil, nil)
}

// letGo makes absent what the router held, what was kept for it, and what an earlier process may have left of what it wants.
func (l *ledger) letGo(name string, wanted []want, objects []object) error {
	a, old := l.awaited[name], l.held[name]
	delete(l.awaited, name)
	delete(l.held, name)
	err := l.releaseObjects(name, slices.Concat(a.objects, objects))
	return errors.Join(err, l.remove(planHold(slices.Concat(old, a.wants, wanted), nil, l.others(name)).remove))
}

func (l *ledger) holds(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.held[name]
	return ok
}

// whileHeld calls f if the router holds something, and lets go of nothing before f has returned. F must not use the ledger.
func (l *ledger) whileHeld(name string, f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.held[name]; ok {
		f()
	}
}

// others returns what routers besides the named one hold or are going to hold.
func (l *ledger) others(name string) map[addrName]want {
	out := map[addrName]want{}
	for router, a := range l.awaited {
		if router == name {
			continue
		}
		for _, w := range a.wants {
			out[w.name()] = w
		}
	}
	for router, ws := range l.held {
		if router == name {
			continue
		}
		for _, w := range ws {
			out[w.name()] = w
		}
	}
	return out
}

// add makes ws present and returns those that were not. An address that is there already is fine; only one with our mark becomes ours,
// and is corrected where it has other properties than wanted.
func (l *ledger) add(ws []want) (fresh []want, err error) {
	fresh, there, err := l.tryAdd(ws)
	wrong, adoptErr := l.adopt(there)
	if len(wrong) == 0 {
		return fresh, errors.Join(err, adoptErr)
	}
	// For most properties the kernel has no other way than this.
	err = errors.Join(err, adoptErr, l.remove(wrong))
	corrected, _, addErr := l.tryAdd(wrong)
	return append(fresh, corrected...), errors.Join(err, addErr)
}

// tryAdd asks for ws, and returns which of them it added and which were there already.
func (l *ledger) tryAdd(ws []want) (fresh, there []want, err error) {
	keys, ws, missing := l.facts.resolve(ws)
	errs := make([]error, 0, len(missing))
	for _, w := range missing {
		if !w.opts.Untracked {
			errs = append(errs, fmt.Errorf("add %s: %w", w, errNoInterface))
		}
	}
	ops := make([]addrOp, len(keys))
	for i, k := range keys {
		ops[i] = addrOp{key: k, label: ws[i].label, opts: ws[i].opts, add: true}
	}
	l.facts.expect(keys)
	for _, w := range ws {
		delete(l.refused, w.name())
	}
	failed, err := l.apply(ops)
	for i, k := range keys {
		switch e := failed[i]; {
		case e == nil && err == nil:
			l.added[k] = true
			fresh = append(fresh, ws[i])
		case e == nil: // not known: compare again
			l.facts.forget(k)
		case errors.Is(e, unix.EEXIST):
			there = append(there, ws[i])
		case e != nil:
			l.facts.forget(k)
			if e = fmt.Errorf("add %s: %w", ws[i], explainAddress(ws[i], e)); !ws[i].opts.Untracked {
				errs = append(errs, e)
			}
			l.refused[ws[i].name()] = e.Error()
		}
	}
	return fresh, there, errors.Join(append(errs, err)...)
}

// adopt finds out which of the addresses that were there already carry our mark, and returns those of ours that are not as wanted.
func (l *ledger) adopt(there []want) (wrong []want, err error) {
	keys, there, _ := l.facts.resolve(there)
	var unknown []int
	for i, k := range keys {
		switch {
		case !l.added[k]:
			unknown = append(unknown, i)
		case l.facts.altered(k, there[i]):
			wrong = append(wrong, there[i])
		}
	}
	if len(unknown) == 0 {
		return wrong, nil
	}
	t, err := l.read()
	if err != nil {
		for _, i := range unknown {
			l.facts.forget(keys[i]) // so that it is compared again, and not taken for ours
		}
		return wrong, err
	}
	var errs []error
	for _, i := range unknown {
		k := keys[i]
		a, ok := t.has(k)
		if !ok { // IPv6 has an address once only, whatever its prefix
			l.facts.forget(k)
			errs = append(errs, fmt.Errorf("add %s: %w", k.prefix, errOtherPrefix))
			continue
		}
		l.facts.correct(k, a)
		if a.proto == protoOurs {
			l.added[k] = true
			if a.differs(there[i]) {
				wrong = append(wrong, there[i])
			}
		}
	}
	return wrong, errors.Join(errs...)
}

// remove makes absent those of ws that are ours. One that is gone already is fine. The last goes first: where the kernel promotes
// secondary addresses, each removal of a first of 500 in one subnet would have it set up the 499 others again.
func (l *ledger) remove(ws []want) error {
	keys, ws, _ := l.facts.resolve(ws)
	var ops []addrOp
	var names []want
	seen := map[addrKey]bool{}
	for i, k := range slices.Backward(keys) {
		if !seen[k] && (l.added[k] || l.facts.marked(k)) {
			seen[k] = true
			ops = append(ops, l.facts.removal(k, ws[i]))
			names = append(names, ws[i])
		}
	}
	return l.removeOps(ops, names)
}

// removeOps removes addresses. The kernel would delete the other addresses of a subnet with the first one, so it is told not to for the
// moment. Where it cannot be told the address has to go all the same; what we hold of the others comes back through restore.
func (l *ledger) removeOps(ops []addrOp, names []want) error {
	var failed map[int]error
	var err error
	remove := func() { failed, err = l.apply(ops) }
	if bereft := l.facts.bereft(ops); len(bereft) > 0 {
		l.promotions.during(bereft, remove)
	} else {
		remove()
	}
	errs := []error{err}
	for i, op := range ops {
		e := failed[i]
		if e != nil && !errors.Is(e, unix.EADDRNOTAVAIL) && !errors.Is(e, unix.ENODEV) {
			errs = append(errs, fmt.Errorf("remove %s: %w", names[i], e))
			continue
		}
		if err == nil {
			delete(l.added, op.key)
			l.facts.forget(op.key)
		}
	}
	return errors.Join(errs...)
}

// apply sends ops to the kernel.
func (l *ledger) apply(ops []addrOp) (map[int]error, error) {
	if len(ops) == 0 {
		return nil, nil
	}
	s, err := l.socket()
	if err != nil {
		return nil, err
	}
	failed, err := s.apply(ops)
	if err != nil { // answers may be under way: begin afresh
		s.close()
		l.route = nil
		return failed, fmt.Errorf("change %d addresses: %w", len(ops), err)
	}
	return failed, nil
}

// read lists what the kernel has.
func (l *ledger) read() (*table, error) {
	s, err := l.socket()
	if err != nil {
		return nil, err
	}
	t, err := s.dump()
	if err != nil {
		s.close()
		l.route = nil
	}
	return t, err
}

func (l *ledger) socket() (*routeSocket, error) {
	if l.route == nil {
		s, err := openRoute()
		if err != nil {
			return nil, err
		}
		l.route = s
	}
	return l.route, nil
}

// prune forgets addresses whose interface is gone.
func (l *ledger) prune() {
	maps.DeleteFunc(l.added, func(k addrKey, _ bool) bool { return !l.facts.exists(k.index) })
}

// holders returns the routers that hold one of ws.
func (l *ledger) holders(ws []want) []string {
	var out []string
	for router, held := range l.held {
		if slices.ContainsFunc(held, func(h want) bool { return slices.Contains(ws, h) }) {
			out = append(out, router)
		}
	}
	slices.Sort(out)
	return out
}

// sweep removes addresses with our mark that are none of keep, and returns those that are gone.
func (l *ledger) sweep(keep map[addrName]bool) ([]want, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, err := l.read()
	if err != nil {
		return nil, err
	}
	others := l.others("")
	var ops []addrOp
	var names []want
	for _, k := range t.marked() {
		w := want{ifname: t.links[k.index].name, prefix: k.prefix}
		if _, held := others[w.name()]; held || keep[w.name()] {
			continue
		}
		ops = append(ops, l.facts.removal(k, w))
		names = append(names, w)
	}
	err = l.removeOps(ops, names)
	var gone []want
	for i, op := range ops {
		if !l.facts.marked(op.key) {
			gone = append(gone, names[i])
		}
	}
	return gone, err
}

// close gives the socket back; the next use opens another one.
func (l *ledger) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.route != nil {
		l.route.close()
		l.route = nil
	}
}

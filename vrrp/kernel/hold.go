package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
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

// A want is an address that a virtual router wants present. It names the interface, whose index may change while the router holds.
type want struct {
	ifname string
	prefix netip.Prefix
	label  string
	metric uint32 // of the route to the subnet; 0 for the kernel's own
}

func (w want) String() string { return fmt.Sprintf("%s on %s", w.prefix, w.ifname) }

// interfaceOf returns the name of the interface that a lives on.
func interfaceOf(c *vrrp.Config, a vrrp.Address) string { return c.AddressInterface(a) }

// wants returns what c wants present while it is master.
func wants(c *vrrp.Config) []want {
	out := make([]want, len(c.Addresses))
	for i, a := range c.Addresses {
		out[i] = want{ifname: interfaceOf(c, a), prefix: a.Prefix, label: a.Label, metric: metricOf(c, a)}
	}
	return out
}

// A plan is a difference to apply. Before frees what stands in the way of add: the same address under another label, or over IPv6 with
// another prefix length.
type plan struct{ before, add, remove []want }

// planHold returns what to do when a router that had old, wanted or left over, wants now. What others want stays as it is.
func planHold(old, now []want, others map[addrName]want) plan {
	p := plan{add: now}
	kept, resized := make(map[addrName]want, len(now)), map[addrName]bool{}
	for _, w := range now {
		kept[w.name()] = w
		resized[w.only()] = w.prefix.Addr().Is6()
	}
	for _, w := range old {
		if _, ok := others[w.name()]; ok {
			continue
		}
		k, again := kept[w.name()]
		switch {
		case !again && resized[w.only()]:
			p.before = append(p.before, w)
		case !again:
			p.remove = append(p.remove, w)
		case k.label != w.label:
			p.before = append(p.before, w)
		}
	}
	return p
}

// An addrName is what one address is known by, whatever the index of its interface.
type addrName struct {
	ifname string
	prefix netip.Prefix
}

func (w want) name() addrName { return addrName{w.ifname, w.prefix} }

// only returns what an IPv6 address is known by: an interface has it once, whatever its prefix length.
func (w want) only() addrName { return addrName{w.ifname, netip.PrefixFrom(w.prefix.Addr(), 0)} }

// A ledger brings the kernel's addresses in line with what the virtual routers hold. Its lock is held while the kernel works, which may be
// long; nothing on the advert path takes it.
type ledger struct {
	facts *facts

	mu sync.Mutex
	// guarded by mu:
	held  map[string][]want // by name of the router
	added map[addrKey]bool  // what we put there: on kernels before 5.18 the only proof
	route *routeSocket      // opened when first needed

	restored atomic.Uint64 // addresses that were put back
}

func newLedger(f *facts) *ledger {
	return &ledger{facts: f, held: map[string][]want{}, added: map[addrKey]bool{}}
}

// hold makes the addresses of c present or absent. Absent means also those which an earlier process left behind, but never one that
// somebody else put there, as an owner's real address.
func (l *ledger) hold(c *vrrp.Config, on bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.held[c.Name]
	if !on {
		delete(l.held, c.Name)
		p := planHold(append(slices.Clone(old), wants(c)...), nil, l.others(c.Name))
		return l.remove(p.remove)
	}
	now := wants(c)
	l.held[c.Name] = now
	p := planHold(old, now, l.others(c.Name))
	err := l.remove(p.before)
	_, addErr := l.add(p.add)
	return errors.Join(err, addErr, l.remove(p.remove))
}

// release removes what a router that is no more still held.
func (l *ledger) release(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.held[name]
	delete(l.held, name)
	return l.remove(planHold(old, nil, l.others(name)).remove)
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

// others returns what routers besides the named one hold.
func (l *ledger) others(name string) map[addrName]want {
	out := map[addrName]want{}
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

// add makes ws present and returns those that were not. An address that is there already is fine; only one with our mark becomes ours.
func (l *ledger) add(ws []want) (fresh []want, err error) {
	keys, ws, missing := l.facts.resolve(ws)
	errs := make([]error, 0, len(missing))
	for _, w := range missing {
		errs = append(errs, fmt.Errorf("add %s: %w", w, errNoInterface))
	}
	ops := make([]addrOp, len(keys))
	for i, k := range keys {
		ops[i] = addrOp{key: k, label: ws[i].label, metric: ws[i].metric, add: true}
	}
	l.facts.expect(keys)
	failed, err := l.apply(ops)
	var there []addrKey
	for i, k := range keys {
		switch e := failed[i]; {
		case e == nil && err == nil:
			l.added[k] = true
			fresh = append(fresh, ws[i])
		case e == nil: // not known: compare again
			l.facts.forget(k)
		case errors.Is(e, unix.EEXIST):
			there = append(there, k)
		case e != nil:
			l.facts.forget(k)
			errs = append(errs, fmt.Errorf("add %s: %w", ws[i], e))
		}
	}
	return fresh, errors.Join(append(errs, err, l.adopt(there))...)
}

// adopt finds out which of the addresses that were there already carry our mark.
func (l *ledger) adopt(there []addrKey) error {
	there = slices.DeleteFunc(there, func(k addrKey) bool { return l.added[k] })
	if len(there) == 0 {
		return nil
	}
	t, err := l.read()
	if err != nil {
		for _, k := range there {
			l.facts.forget(k) // so that it is compared again, and not taken for ours
		}
		return err
	}
	var errs []error
	for _, k := range there {
		a, ok := t.has(k)
		if !ok { // IPv6 has an address once only, whatever its prefix
			l.facts.forget(k)
			errs = append(errs, fmt.Errorf("add %s: %w", k.prefix, errOtherPrefix))
			continue
		}
		l.facts.correct(k, a)
		if a.proto == protoOurs {
			l.added[k] = true
		}
	}
	return errors.Join(errs...)
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
			ops = append(ops, addrOp{key: k})
			names = append(names, ws[i])
		}
	}
	return l.removeOps(ops, names)
}

func (l *ledger) removeOps(ops []addrOp, names []want) error {
	for _, name := range l.facts.bereft(ops) {
		promoteSecondaries(name)
	}
	failed, err := l.apply(ops)
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

// promoteSecondaries keeps the kernel from deleting the other addresses of a subnet with the first one. Where the setting cannot be written,
// as under a read-only /proc/sys, the address has to go all the same; what we hold of the others comes back through restore.
func promoteSecondaries(ifname string) {
	_ = os.WriteFile(filepath.Join("/proc/sys/net/ipv4/conf", ifname, "promote_secondaries"), []byte("1"), 0)
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

// A repair is what restore did.
type repair struct {
	restored []want
	routers  []string // that hold one of restored, sorted
}

// restore puts back what should be present and is not: somebody deleted it, or its interface came back.
func (l *ledger) restore() (repair, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var missing []want
	l.prune()
	for _, ws := range l.held {
		missing = append(missing, l.facts.absent(ws)...)
	}
	if len(missing) == 0 {
		return repair{}, nil
	}
	slices.SortFunc(missing, func(a, b want) int { return cmp.Compare(a.String(), b.String()) })
	fresh, err := l.add(slices.Compact(missing))
	l.restored.Add(uint64(len(fresh)))
	return repair{fresh, l.holders(fresh)}, err
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
		ops = append(ops, addrOp{key: k})
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

package kernel

import (
	"maps"
	"net/netip"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// facts is the table shared between the watcher, which keeps it, and those who ask. The lock is held for no system call.
type facts struct {
	mu sync.RWMutex
	// guarded by mu:
	table   *table
	virtual map[netip.Addr]bool // addresses of routers that do not own them: never a source
}

// loaded reports whether there is a table.
func (f *facts) loaded() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.table != nil
}

// update runs change on the table.
func (f *facts) update(change func(t *table)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f.table)
}

// replace takes a table that was just read from the kernel.
func (f *facts) replace(t *table) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.table = t
}

// setVirtual takes the addresses of all configured routers.
func (f *facts) setVirtual(virtual map[netip.Addr]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.virtual = virtual
}

// byName returns the interface of that name.
func (f *facts) byName(name string) (link, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.table.byName(name)
}

// exists reports whether there is an interface with that index.
func (f *facts) exists(index int) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	_, ok := f.table.links[index]
	return ok
}

// resolve turns names into what the kernel knows addresses by. Missing are those whose interface does not exist.
func (f *facts) resolve(ws []want) (keys []addrKey, found, missing []want) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, w := range ws {
		if l, ok := f.table.byName(w.ifname); ok {
			keys = append(keys, addrKey{l.index, w.prefix})
			found = append(found, w)
		} else {
			missing = append(missing, w)
		}
	}
	return keys, found, missing
}

// absent returns those of the tracked ws that their interface lacks, or that are ours and have other properties than wanted, but none
// whose interface does not exist. Added are ours though they may not carry the mark: `ip address change` takes it away.
func (f *facts) absent(ws []want, added map[addrKey]bool) []want {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var out []want
	for _, w := range ws {
		l, ok := f.table.byName(w.ifname)
		if !ok || w.opts.Untracked {
			continue
		}
		k := addrKey{l.index, w.prefix}
		if a, there := f.table.has(k); !there || (a.proto == protoOurs || added[k]) && a.differs(w) {
			out = append(out, w)
		}
	}
	return out
}

// expect notes addresses that are about to be added. It comes before the request, so that the notice of a deletion by somebody else, which
// can only follow the addition, is not overwritten.
func (f *facts) expect(keys []addrKey) {
	f.update(func(t *table) {
		for _, k := range keys {
			if _, there := t.has(k); !there {
				t.putAddr(k, addrFact{proto: protoOurs, addrDetails: addrDetails{assumed: true}})
			}
		}
	})
}

// forget notes that an address is not there.
func (f *facts) forget(k addrKey) { f.update(func(t *table) { t.dropAddr(k) }) }

// correct notes what the kernel said about an address when asked.
func (f *facts) correct(k addrKey, a addrFact) { f.update(func(t *table) { t.putAddr(k, a) }) }

// marked reports whether the kernel says that an address is ours.
func (f *facts) marked(k addrKey) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	a, ok := f.table.has(k)
	return ok && a.proto == protoOurs
}

// removal returns the request that removes w: the kernel wants to hear of its peer, too.
func (f *facts) removal(k addrKey, w want) addrOp {
	f.mu.RLock()
	defer f.mu.RUnlock()
	peer := w.opts.Peer
	if a, there := f.table.has(k); there && !a.assumed {
		peer = a.peer
	}
	return addrOp{key: k, opts: vrrp.AddressOptions{Peer: peer}}
}

// altered reports whether the address is there in another form than w, as far as is known.
func (f *facts) altered(k addrKey, w want) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	a, there := f.table.has(k)
	return there && a.differs(w)
}

// bereft returns the interfaces where the kernel may delete more than ops say: an IPv4 address that stays is secondary to one that goes.
func (f *facts) bereft(ops []addrOp) []string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	going, subnets, indexes, names := map[addrKey]bool{}, map[addrKey]bool{}, map[int]bool{}, map[string]bool{}
	for _, op := range ops {
		going[op.key] = true
		if a, ok := f.table.has(op.key); ok && op.key.prefix.Addr().Is4() && a.flags&unix.IFA_F_SECONDARY == 0 {
			subnets[addrKey{op.key.index, op.key.prefix.Masked()}] = true
			indexes[op.key.index] = true
		}
	}
	for index := range indexes {
		for p, e := range f.table.addrs[index] {
			if e.flags&unix.IFA_F_SECONDARY != 0 && subnets[addrKey{index, p.Masked()}] && !going[addrKey{index, p}] {
				names[f.table.links[index].name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// A verdict is what a router is told about its interface.
type verdict struct {
	link, source string // faults; empty when fine
	primary      netip.Addr
}

// judge returns what the facts mean for c. The interface's own address is needed unless another source is configured, and a unicast
// source must be an address of this host, or no answer would come back.
func (f *facts) judge(c *vrrp.Config) verdict {
	f.mu.RLock()
	defer f.mu.RUnlock()
	v := verdict{link: f.table.linkFault(c.Interface)}
	if c.Family() == vrrp.IPv6 {
		v.primary, v.source = f.table.judge6(c, f.virtual)
		return v
	}
	if l, ok := f.table.byName(c.Interface); ok {
		v.primary = f.table.primary(l.index, f.virtual)
	}
	switch {
	case !c.Source.IsValid() && !v.primary.IsValid():
		v.source = "source: " + c.Interface + " has no IPv4 address of its own"
	case c.Source.IsValid() && (c.Unicast() || c.TrackSource) && !f.table.local(c.Source, f.virtual):
		v.source = "source: " + c.Source.String() + " is not an address of this host"
	}
	return v
}

// byIndex returns the interface with that index.
func (f *facts) byIndex(index int) (link, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	l, ok := f.table.links[index]
	return l, ok
}

// macvlans returns all interfaces that are a macvlan, by index.
func (f *facts) macvlans() []link {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var out []link
	for _, l := range f.table.links {
		if l.macvlan != 0 {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b link) int { return a.index - b.index })
	return out
}

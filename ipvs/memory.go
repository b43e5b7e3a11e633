package ipvs

import (
	"hash/maphash"
	"slices"
)

// dumpsPerRead is how many services each read asks for their servers one by one although nothing hints at a change: a foreign change
// that /proc does not show is found at the next read with up to that many services, and after one round through all with more.
const dumpsPerRead = 64

// A memory tells of which services /proc shows the whole truth. It has a trace of what the last dump showed of each service by address, with
// what was changed since; /proc shows neither bounds nor the kind of a tunnel, so it reads the same only where there are none.
type memory struct {
	seed   maphash.Seed
	traces map[Key][]trace // from the last of the kernel's list to the first, which is where a new one comes
	round  []Key           // services whose turn to be dumped is still to come
}

// A trace stands for a destination, and takes a quarter of its memory.
type trace struct{ addr, all uint64 }

func (m *memory) trace(d Dest) trace {
	return trace{maphash.Comparable(m.seed, d.Addr), maphash.Comparable(m.seed, d)}
}

// unsure returns the services of t, as /proc has it, whose servers have to be dumped: those that do not look as remembered, which are
// also all those with something that /proc does not show, and those whose turn it is.
func (m *memory) unsure(t Table) []Key {
	turn := m.turn(t)
	var ask []Key
	for k, e := range t {
		if turn[k] || !m.remembers(k, e.Dests) {
			ask = append(ask, k)
		}
	}
	slices.SortFunc(ask, compareKeys)
	return ask
}

func (m *memory) remembers(k Key, dests []Dest) bool {
	traces := m.traces[k]
	if len(traces) != len(dests) {
		return false
	}
	for i, d := range dests {
		if traces[len(traces)-1-i].all != maphash.Comparable(m.seed, d) {
			return false
		}
	}
	return true
}

// turn takes the next services of the round, and begins a new one after the last.
func (m *memory) turn(t Table) map[Key]bool {
	if len(m.round) == 0 {
		for k := range t {
			m.round = append(m.round, k)
		}
	}
	n := min(dumpsPerRead, len(m.round))
	turn := make(map[Key]bool, n)
	for _, k := range m.round[:n] {
		turn[k] = true
	}
	m.round = m.round[n:]
	return turn
}

// learn takes what a dump showed. Services by mark are never in /proc, and need no memory.
func (m *memory) learn(k Key, dests []Dest) {
	if k.Mark != 0 {
		return
	}
	m.add(k, len(dests))
	for _, d := range slices.Backward(dests) {
		m.put(k, d)
	}
}

// add begins a service with room for n destinations.
func (m *memory) add(k Key, n int) {
	if m.traces == nil {
		m.traces, m.seed = map[Key][]trace{}, maphash.MakeSeed()
	}
	m.traces[k] = make([]trace, 0, n)
}

func (m *memory) put(k Key, d Dest) {
	t := m.trace(d)
	if i := slices.IndexFunc(m.traces[k], func(old trace) bool { return old.addr == t.addr }); i >= 0 {
		m.traces[k][i] = t
		return
	}
	m.traces[k] = append(m.traces[k], t)
}

func (m *memory) remove(k Key, d Dest) {
	addr := maphash.Comparable(m.seed, d.Addr)
	m.traces[k] = slices.DeleteFunc(m.traces[k], func(t trace) bool { return t.addr == addr })
}

// applied takes what was changed. A service in which something was refused is not as remembered.
func (m *memory) applied(ops []Op, errs []error) {
	for i, op := range ops {
		k := op.Service.Key
		_, known := m.traces[k]
		switch {
		case errs[i] != nil || op.Verb == DeleteService:
			delete(m.traces, k)
		case op.Verb == AddService && k.Mark == 0:
			m.add(k, destsAfter(ops[i:]))
		case !known || op.Verb == EditService:
		case op.Verb == DeleteDest:
			m.remove(k, op.Dest)
		default:
			m.put(k, op.Dest)
		}
	}
}

// forget drops what is not in t any more.
func (m *memory) forget(t Table) {
	if len(m.traces) <= len(t) {
		return
	}
	for k := range m.traces {
		if _, there := t[k]; !there {
			delete(m.traces, k)
		}
	}
}

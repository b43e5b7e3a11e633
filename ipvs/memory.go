package ipvs

import "slices"

// dumpsPerRead is how many services each read asks for their servers one by one although nothing hints at a change: a foreign change
// that /proc does not show is found at the next read with up to that many services, and after one round through all with more.
const dumpsPerRead = 64

// A memory tells of which services /proc shows the whole truth. It has what the last dump showed of each service by address, with what
// was changed since; /proc shows neither bounds nor the kind of a tunnel, so it reads the same only where there are none.
type memory struct {
	dests Table // only its Dests count
	round []Key // services whose turn to be dumped is still to come
}

// unsure returns the services of t, as /proc has it, whose servers have to be dumped: those that do not look as remembered, which are
// also all those with something that /proc does not show, and those whose turn it is.
func (m *memory) unsure(t Table) []Key {
	turn := m.turn(t)
	var ask []Key
	for k, e := range t {
		if turn[k] || !slices.Equal(m.dests[k].Dests, e.Dests) {
			ask = append(ask, k)
		}
	}
	slices.SortFunc(ask, compareKeys)
	return ask
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
	m.table()[k] = Entry{Dests: slices.Clone(dests)}
}

func (m *memory) table() Table {
	if m.dests == nil {
		m.dests = Table{}
	}
	return m.dests
}

// applied takes what was changed. A service in which something was refused is not as remembered.
func (m *memory) applied(ops []Op, errs []error) {
	for i, op := range ops {
		k := op.Service.Key
		_, known := m.dests[k]
		switch {
		case errs[i] != nil:
			delete(m.dests, k)
		case op.Verb == AddService && k.Mark == 0:
			m.table().add(ops[i:])
		case known:
			m.dests.apply(op)
		}
	}
}

// forget drops what is not in t any more.
func (m *memory) forget(t Table) {
	if len(m.dests) <= len(t) {
		return
	}
	for k := range m.dests {
		if _, there := t[k]; !there {
			delete(m.dests, k)
		}
	}
}

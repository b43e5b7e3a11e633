package ipvs

import (
	"maps"
	"slices"
	"time"
)

// names returns the sysctls that c and m are about, in order.
func (c HostConfig) names(m HostMemory) []string {
	all := maps.Clone(m.Sysctls)
	maps.Copy(all, c.guarded().Sysctls)
	return slices.Sorted(maps.Keys(all))
}

// plan returns what have should become, and what there is to remember then. What others made and nobody wants is left as it is; what was ours and
// is not wanted any more becomes what it was before if that is asked for; a daemon of ours that is not wanted ends.
func (c HostConfig) plan(have Host, m HostMemory, masters map[string]bool) (Host, HostMemory) {
	c, m = c.guarded(), m.clone()
	want := Host{Sysctls: maps.Clone(c.Sysctls), Helpers: c.Helpers}
	if want.Sysctls == nil {
		want.Sysctls = map[string]string{}
	}
	c.planSysctls(have, &want, &m)
	c.planTimeouts(have, &want, &m)
	c.planDaemons(have, &want, &m, masters)
	return want, m
}

func (c HostConfig) planSysctls(have Host, want *Host, m *HostMemory) {
	for name := range c.Sysctls {
		if _, ours := m.Sysctls[name]; !ours {
			if was, known := have.Sysctls[name]; known {
				m.Sysctls[name] = was
			}
		}
	}
	for name, before := range m.Sysctls {
		if _, wanted := c.Sysctls[name]; wanted {
			continue
		}
		keep := !c.Restore && name != backupOnly // a Guard that ends was nobody's wish
		if keep || sameSysctl(name, have.Sysctls[name], before) {
			delete(m.Sysctls, name)
			continue
		}
		want.Sysctls[name] = before
	}
}

func (c HostConfig) planTimeouts(have Host, want *Host, m *HostMemory) {
	want.Timeouts = c.Timeouts
	for _, p := range []struct{ wanted, before, is *time.Duration }{
		{&want.Timeouts.TCP, &m.Timeouts.TCP, &have.Timeouts.TCP},
		{&want.Timeouts.FIN, &m.Timeouts.FIN, &have.Timeouts.FIN},
		{&want.Timeouts.UDP, &m.Timeouts.UDP, &have.Timeouts.UDP},
	} {
		switch {
		case *p.wanted != 0 && *p.before == 0:
			*p.before = *p.is
		case *p.wanted != 0 || *p.before == 0:
		case !c.Restore || *p.is == *p.before:
			*p.before = 0
		default:
			*p.wanted = *p.before
		}
	}
}

func (c HostConfig) planDaemons(have Host, want *Host, m *HostMemory, masters map[string]bool) {
	open := map[DaemonState]bool{} // may still be wanted, when roles are known
	for _, s := range c.Sync {
		daemons, decided := s.daemons(masters)
		want.Daemons = append(want.Daemons, daemons...)
		for _, state := range s.States() {
			m.adopt(state, have)
			open[state] = !decided
		}
	}
	for _, state := range []DaemonState{SyncMaster, SyncBackup} {
		is, runs := have.daemon(state)
		_, wanted := want.daemon(state)
		ours := slices.Contains(m.Ours, state)
		switch {
		case wanted:
		case runs && (!ours || open[state]):
			want.Daemons = append(want.Daemons, is)
		case ours && !c.concerns(state):
			c.partWith(state, have, want, m)
		}
	}
}

// concerns reports whether a Sync may need the daemon of that state.
func (c HostConfig) concerns(state DaemonState) bool {
	return slices.ContainsFunc(c.Sync, func(s Sync) bool { return slices.Contains(s.States(), state) })
}

// adopt makes the daemon of a state ours, and remembers the one that is there.
func (m *HostMemory) adopt(state DaemonState, have Host) {
	if slices.Contains(m.Ours, state) {
		return
	}
	m.Ours = append(m.Ours, state)
	if d, runs := have.daemon(state); runs {
		m.Daemons = append(m.Daemons, d)
	}
}

// partWith wants of a daemon of ours what was there before, if that is asked for, and nothing otherwise; when that is so it is ours no more.
func (c HostConfig) partWith(state DaemonState, have Host, want *Host, m *HostMemory) {
	of := func(d Daemon) bool { return d.State == state }
	is, runs := have.daemon(state)
	i := slices.IndexFunc(m.Daemons, of)
	if i >= 0 && c.Restore {
		want.Daemons = append(want.Daemons, m.Daemons[i])
	}
	before, due := want.daemon(state)
	if runs != due || runs && !is.satisfies(before) {
		return
	}
	m.Daemons = slices.DeleteFunc(m.Daemons, of)
	m.Ours = slices.DeleteFunc(m.Ours, func(s DaemonState) bool { return s == state })
}

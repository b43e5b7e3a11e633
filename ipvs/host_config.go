package ipvs

import "maps"

// A HostConfig is what is wanted of a Host.
type HostConfig struct {
	Timeouts Timeouts          // 0 for those that are left alone
	Sysctls  map[string]string // of net.ipv4.vs, by the last part of the name
	Restore  bool              // what is not wanted any more, and all of it when Run ends, becomes again what it was before
	Sync     []Sync            // no two of them for the same daemon of the kernel
	Helpers  []Helper          // of the virtual servers; they stay when they are not wanted any more
	Guard    *Guard            // keeps a backup from balancing; nil where that does no harm
}

// A SyncRole says which of the kernel's daemons a Sync is.
type SyncRole uint8

// The roles of a Sync.
const (
	SyncFollows      SyncRole = iota // master while the virtual router that it follows is, else backup
	SyncAlwaysMaster                 // whatever the virtual routers are
	SyncAlwaysBackup
	SyncBoth  // both daemons, for directors that are all active
	syncGuard // backup unless the virtual router that it follows is master, for a Guard alone
)

// String returns follow, master, backup or both.
func (r SyncRole) String() string {
	switch r {
	case SyncAlwaysMaster:
		return "master"
	case SyncAlwaysBackup:
		return "backup"
	case SyncBoth:
		return "both"
	default:
		return "follow"
	}
}

// A Sync is a sync daemon that is wanted.
type Sync struct {
	Daemon // but for its State, which Role says
	Role   SyncRole
	Follow string // virtual router, if Role is SyncFollows
}

// States returns the daemons of the kernel that s may need, whatever the roles are.
func (s Sync) States() []DaemonState {
	switch s.Role {
	case SyncAlwaysMaster:
		return []DaemonState{SyncMaster}
	case SyncAlwaysBackup, syncGuard:
		return []DaemonState{SyncBackup}
	default:
		return []DaemonState{SyncMaster, SyncBackup}
	}
}

// daemons returns what s wants now. It is undecided before the role of the virtual router is known.
func (s Sync) daemons(masters map[string]bool) (out []Daemon, decided bool) {
	states := s.States()
	if s.Role == SyncFollows || s.Role == syncGuard {
		master, known := masters[s.Follow]
		switch {
		case !known:
			return nil, false
		case master && s.Role == syncGuard:
			return nil, true
		case master:
			states = states[:1]
		default:
			states = states[len(states)-1:]
		}
	}
	for _, state := range states {
		d := s.Daemon
		d.State = state
		out = append(out, d)
	}
	return out, true
}

// nothing reports whether c leaves all as it is.
func (c HostConfig) nothing() bool {
	return c.Timeouts == Timeouts{} && len(c.Sysctls) == 0 && len(c.Sync) == 0 && len(c.Helpers) == 0 && c.Guard == nil
}

// A HostMemory is what a director changed of a Host, in the form in which the next one finds it.
type HostMemory struct {
	Timeouts Timeouts          `json:"timeouts"` // before, in nanoseconds; 0 for those that are not ours
	Sysctls  map[string]string `json:"sysctls"`  // before, of those that are ours
	Daemons  []Daemon          `json:"daemons"`  // before, of the states that are ours
	Ours     []DaemonState     `json:"ours"`     // daemons that we look after
}

func (m HostMemory) clone() HostMemory {
	m.Sysctls = maps.Clone(m.Sysctls)
	if m.Sysctls == nil {
		m.Sysctls = map[string]string{}
	}
	m.Daemons, m.Ours = append([]Daemon{}, m.Daemons...), append([]DaemonState{}, m.Ours...)
	return m
}

func (m HostMemory) nothing() bool {
	return m.Timeouts == Timeouts{} && len(m.Sysctls) == 0 && len(m.Ours) == 0
}

package ipvs

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

// A HostStatus is a snapshot of what an Engine keeps beside services, with the names of the control socket's JSON.
type HostStatus struct {
	Settings []SettingStatus `json:"settings"`     // that are wanted, sorted
	Daemons  []DaemonStatus  `json:"sync_daemons"` // that are configured
	LastRead time.Time       `json:"last_read,omitzero"`
	Guard    *GuardStatus    `json:"loop_guard,omitempty"` // nil where none is wanted
	Error    string          `json:"error,omitempty"`      // why they cannot be read now
}

// A SettingStatus is a sysctl, the timeouts, or a helper.
type SettingStatus struct {
	Name   string `json:"name"` // net.ipv4.vs.conntrack, timeouts, or helper ftp
	Value  string `json:"value"`
	Wanted string `json:"wanted"`
	Error  string `json:"error,omitempty"` // why the kernel refuses it
}

// A DaemonStatus is one sync_daemon block, with the daemon of the kernel that it asks for at present; of one with state both there are two.
type DaemonStatus struct {
	Configured string     `json:"configured"`       // follow, master, backup or both
	Follow     string     `json:"follow,omitempty"` // virtual router
	Wanted     string     `json:"wanted"`           // master or backup; empty while the role of the virtual router is not known
	Running    string     `json:"running"`          // what the kernel runs of it: master, backup, both or nothing
	Alive      bool       `json:"alive"`            // the kernel runs what is wanted, with all attributes
	Since      time.Time  `json:"since,omitzero"`   // it was first seen to run
	Interface  string     `json:"interface"`
	ID         uint8      `json:"sync_id"`
	MaxLen     uint16     `json:"maxlen"` // of the running one
	Group      netip.Addr `json:"group"`
	Port       uint16     `json:"port"`
	TTL        uint8      `json:"ttl"`
	Queued     int        `json:"queued"`  // bytes that wait in its sockets: to be sent by a master, to be taken in by a backup
	Dropped    int        `json:"dropped"` // messages that the kernel dropped since it runs, for want of room
	InStep     bool       `json:"in_step"` // it is alive, nothing was dropped and nothing ignored; what the network lost, nobody knows
	// HeardID, HeardFrom and HeardAt are of the last message that came to a backup and was looked at, one after each read. With another sync_id than its
	// own, which is not 0, the kernel ignores it.
	HeardID   uint8      `json:"heard_sync_id,omitempty"`
	HeardFrom netip.Addr `json:"heard_from,omitzero"`
	HeardAt   time.Time  `json:"heard_at,omitzero"`
	Ignores   bool       `json:"ignores_what_it_hears"`
	Error     string     `json:"error,omitempty"` // why the kernel refuses it
}

// addTo completes the status of an Engine.
func (k *hostKeeper) addTo(s *Status) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s.Host = k.status()
	s.DriftRepaired += k.repaired
	s.Drifts = append(slices.Clip(s.Drifts), k.drifts...)
}

// status returns the snapshot. The caller holds k.mu.
func (k *hostKeeper) status() HostStatus {
	s := HostStatus{Settings: []SettingStatus{}, Daemons: []DaemonStatus{}, LastRead: k.lastRead, Guard: k.guardStatus()}
	if k.readErr != nil {
		s.Error = k.readErr.Error()
	}
	have, want := k.have.facts(), Host{Sysctls: k.config.Sysctls, Timeouts: k.config.Timeouts, Helpers: k.config.Helpers}.facts()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		s.Settings = append(s.Settings, SettingStatus{Name: name, Value: have[name], Wanted: want[name], Error: k.refusal(name)})
	}
	for _, sync := range k.config.Sync {
		daemons, _ := sync.daemons(k.masters)
		if len(daemons) == 0 { // nobody knows yet
			daemons = []Daemon{sync.Daemon}
		}
		for _, d := range daemons {
			s.Daemons = append(s.Daemons, k.daemonStatus(sync, d))
		}
	}
	return s
}

// refusal returns why a setting is not as wanted.
func (k *hostKeeper) refusal(setting string) string {
	for o, f := range k.failures {
		if o.setting() == setting {
			return f.err.Error()
		}
	}
	return ""
}

func (k *hostKeeper) daemonStatus(sync Sync, want Daemon) DaemonStatus {
	want = want.filled()
	out := DaemonStatus{Configured: sync.Role.String(), Follow: sync.Follow, Running: k.running(sync), Interface: want.Interface, ID: want.ID,
		MaxLen: want.MaxLen, Group: want.Group, Port: want.Port, TTL: want.TTL}
	if want.State == 0 {
		return out
	}
	out.Wanted, out.Error = want.State.String(), k.refusal(want.setting())
	is, runs := k.have.daemon(want.State)
	if runs && is.satisfies(want) {
		out.Alive, out.MaxLen, out.Since = true, is.MaxLen, k.since[want.State]
		load := k.have.Loads[want.State]
		out.Queued, out.Dropped = load.Queued, load.Dropped
		if want.State == SyncBackup {
			heard := k.have.Heard
			out.HeardID, out.HeardFrom, out.HeardAt, out.Ignores = heard.ID, heard.From, heard.At, heard.ignoredBy(want.ID)
		}
		out.InStep = load.Dropped == 0 && !out.Ignores
	}
	return out
}

// running says which of the daemons that sync may need the kernel runs.
func (k *hostKeeper) running(sync Sync) string {
	out := ""
	for _, state := range sync.States() {
		if _, runs := k.have.daemon(state); runs {
			if out != "" {
				return "both"
			}
			out = state.String()
		}
	}
	return out
}

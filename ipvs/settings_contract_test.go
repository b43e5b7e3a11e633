package ipvs

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A mapSettings is Settings in memory, with the answers of the real kernel: TestSettingsKeepTheContract holds both to the same claims.
type mapSettings struct {
	mu      sync.Mutex
	host    Host
	links   []string // interfaces that are up and have an address
	taken   []SettingOp
	readErr error                   // of the next reads
	setErr  func(o SettingOp) error // injected; nil for none
}

func newMapSettings(links ...string) *mapSettings {
	return &mapSettings{links: links, host: Host{
		Timeouts: Timeouts{TCP: 15 * time.Minute, FIN: 2 * time.Minute, UDP: 5 * time.Minute},
		Sysctls:  map[string]string{"conntrack": "0", "sync_threshold": "3 50", "expire_nodest_conn": "0", "drop_entry": "0", "backup_only": "0"},
	}}
}

func (s *mapSettings) Host(sysctls []string) (Host, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.host
	h.Sysctls = map[string]string{}
	for _, name := range sysctls {
		if v, ok := s.host.Sysctls[name]; ok {
			h.Sysctls[name] = v
		}
	}
	h.Daemons = slices.Clone(s.host.Daemons)
	return h, s.readErr
}

func (s *mapSettings) Set(ops []SettingOp) []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := make([]error, len(ops))
	for i, o := range ops {
		if s.setErr != nil {
			errs[i] = s.setErr(o)
		}
		if errs[i] == nil {
			errs[i] = s.set(o)
		}
		if errs[i] == nil {
			s.taken = append(s.taken, o)
		}
	}
	return errs
}

func (s *mapSettings) set(o SettingOp) error {
	running := func(d Daemon) bool { return d.State == o.Daemon.State }
	switch o.Verb {
	case SetSysctl:
		if _, ok := s.host.Sysctls[o.Sysctl.Name]; !ok {
			return syscall.ENOENT
		}
		if o.Sysctl.Value == "x" {
			return syscall.EINVAL
		}
		s.host.Sysctls[o.Sysctl.Name] = o.Sysctl.Value
	case SetTimeouts:
		s.host.Timeouts = o.Timeouts.over(s.host.Timeouts)
	case StopDaemon:
		if !slices.ContainsFunc(s.host.Daemons, running) {
			return syscall.ESRCH
		}
		s.host.Daemons = slices.DeleteFunc(s.host.Daemons, running)
	case StartDaemon:
		return s.start(o.Daemon)
	case LoadHelper:
		if is := s.host.helper(o.Helper.Name); is.Name != "" {
			return fmt.Errorf("%w: %s", errHelperPorts, is.Ports)
		}
		s.host.Helpers = append(s.host.Helpers, Helper{Name: o.Helper.Name, Ports: o.Helper.Ports})
	}
	return nil
}

func (s *mapSettings) start(d Daemon) error {
	_, there := s.host.daemon(d.State)
	switch {
	case d.Group.IsValid() && !d.Group.IsMulticast():
		return syscall.EINVAL
	case there:
		return syscall.EEXIST
	case !slices.Contains(s.links, d.Interface):
		return syscall.ENODEV
	}
	d = d.filled()
	if d.MaxLen == 0 {
		d.MaxLen = 1472
	}
	s.host.Daemons = append(s.host.Daemons, d)
	slices.SortFunc(s.host.Daemons, func(a, b Daemon) int { return int(a.State) - int(b.State) })
	return nil
}

// change lets a test do what ipvsadm and sysctl would.
func (s *mapSettings) change(f func(h *Host)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.host)
}

// take returns the accepted changes since the last take, as text.
func (s *mapSettings) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []string{}
	for _, o := range s.taken {
		out = append(out, o.String())
	}
	s.taken = nil
	return out
}

func TestMapSettingsKeepTheContract(t *testing.T) { settingsContract(t, newMapSettings("eth1")) }

// settingsContract holds Settings to what an Engine takes for granted. eth1 is up, has an address, and nothing was changed before.
func settingsContract(t *testing.T, k Settings) {
	names := []string{"conntrack", "sync_threshold", "no_such_thing"}
	first := hostOf(t, k, names...)
	kernel := Host{Timeouts: Timeouts{15 * time.Minute, 2 * time.Minute, 5 * time.Minute}, Sysctls: map[string]string{"conntrack": "0", "sync_threshold": "3 50"}}
	if d := cmp.Diff(kernel, first, equateHost); d != "" {
		t.Errorf("at first (-want +got)\n%s", d)
	}
	master := Daemon{State: SyncMaster, Interface: "eth1", ID: 51, MaxLen: 1400, Group: netip.MustParseAddr("224.0.0.99"), Port: 9000, TTL: 4}
	backup := Daemon{State: SyncBackup, Interface: "eth1", MaxLen: 500}
	start := func(d Daemon) SettingOp { return SettingOp{Verb: StartDaemon, Daemon: d} }
	sysctl := func(name, value string) SettingOp {
		return SettingOp{Verb: SetSysctl, Sysctl: Sysctl{name, value}}
	}
	for _, step := range []struct {
		name string
		op   SettingOp
		err  error
		then func(h *Host)
	}{
		{"a sysctl", sysctl("conntrack", "1"), nil, func(h *Host) { h.Sysctls["conntrack"] = "1" }},
		{"a sysctl of two numbers", sysctl("sync_threshold", "2 40"), nil, func(h *Host) { h.Sysctls["sync_threshold"] = "2 40" }},
		{"a sysctl that there is not", sysctl("no_such_thing", "1"), syscall.ENOENT, nil},
		{"a value that is none", sysctl("conntrack", "x"), syscall.EINVAL, nil},
		{"one timeout", SettingOp{Verb: SetTimeouts, Timeouts: Timeouts{FIN: time.Minute}}, nil, func(h *Host) { h.Timeouts.FIN = time.Minute }},
		{"all timeouts", SettingOp{Verb: SetTimeouts, Timeouts: Timeouts{time.Hour, time.Second, MaxTimeout}}, nil,
			func(h *Host) { h.Timeouts = Timeouts{time.Hour, time.Second, MaxTimeout} }},
		{"stop what does not run", SettingOp{Verb: StopDaemon, Daemon: master}, syscall.ESRCH, nil},
		{"no such interface", start(Daemon{State: SyncMaster, Interface: "eth9"}), syscall.ENODEV, nil},
		{"no group", start(Daemon{State: SyncMaster, Interface: "eth1", Group: netip.MustParseAddr("10.0.0.1")}), syscall.EINVAL, nil},
		{"a master", start(master), nil, func(h *Host) { h.Daemons = []Daemon{master} }},
		{"a second master", start(master), syscall.EEXIST, nil},
		{"a backup beside it", start(backup), nil, func(h *Host) { h.Daemons = []Daemon{master, backup.filled()} }},
		{"stop the master", SettingOp{Verb: StopDaemon, Daemon: Daemon{State: SyncMaster}}, nil, func(h *Host) { h.Daemons = h.Daemons[1:] }},
	} {
		want := hostOf(t, k, names...)
		err := k.Set([]SettingOp{step.op})[0]
		if !errors.Is(err, step.err) {
			t.Errorf("%s: %v, want %v", step.name, err, step.err)
		}
		if step.then != nil {
			step.then(&want)
		}
		if d := cmp.Diff(want, hostOf(t, k, names...), equateHost); d != "" {
			t.Errorf("%s (-want +got)\n%s", step.name, d)
		}
	}
	// What the kernel makes of a daemon satisfies what was asked for: it is not started again and again.
	for _, d := range []Daemon{{State: SyncMaster, Interface: "eth1"}, {State: SyncMaster, Interface: "eth1", MaxLen: 1}, {State: SyncMaster, Interface: "eth1", MaxLen: MaxSyncLen}} {
		ops := DiffHost(hostOf(t, k), Host{Daemons: []Daemon{d}})
		for i, err := range k.Set(ops) {
			if err != nil {
				t.Errorf("%s: %v", ops[i], err)
			}
		}
		if ops := DiffHost(hostOf(t, k), Host{Daemons: []Daemon{d}}); len(ops) > 0 {
			t.Errorf("%s is followed by %v", d, ops)
		}
	}
}

var equateHost = cmp.Options{cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Host{}, "Loads")}

func hostOf(t *testing.T, k Settings, names ...string) Host {
	t.Helper()
	h, err := k.Host(names)
	if err != nil {
		t.Fatal(err)
	}
	h.Sysctls = maps.Clone(h.Sysctls)
	return h
}

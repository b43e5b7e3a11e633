package ipvs

import (
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"syscall"
	"time"
)

// A hostKeeper keeps a Host as it is wanted. What talks to the kernel belongs to the goroutine of Engine.Run; the rest is guarded by mu.
type hostKeeper struct {
	kernel   Settings // nil when nobody asked for settings
	log      *slog.Logger
	remember func(HostMemory)

	mu       sync.Mutex
	config   HostConfig
	masters  map[string]bool // of the virtual routers that are known
	changed  bool            // config or masters, since the last step
	memory   HostMemory
	have     Host
	want     Host
	right    map[string]string // by setting, what it was when it was last seen to be as wanted
	failures map[SettingOp]*failure
	since    map[DaemonState]time.Time // daemons are seen to run
	drifts   drifts
	repaired int
	lastRead time.Time
	nextRead time.Time
	readErr  error
}

func newHostKeeper(log *slog.Logger, o Options) *hostKeeper {
	return &hostKeeper{kernel: o.Settings, log: log, remember: o.OnHost, masters: map[string]bool{}, memory: o.Host.clone(),
		right: map[string]string{}, failures: map[SettingOp]*failure{}, since: map[DaemonState]time.Time{}}
}

// SetHost says what is wanted of timeouts, sysctls and sync daemons. What it does not name is left as it is.
func (e *Engine) SetHost(c HostConfig) {
	e.host.tell(func(k *hostKeeper) bool {
		same := reflect.DeepEqual(k.config, c)
		k.config = c
		return !same
	})
	e.wake()
}

// SetRole says whether a virtual router is master, for the sync daemons that follow it.
func (e *Engine) SetRole(router string, master bool) {
	e.host.tell(func(k *hostKeeper) bool {
		was, known := k.masters[router]
		k.masters[router] = master
		return !known || was != master
	})
	e.wake()
}

// Resign makes every sync daemon that follows a virtual router a backup: the process with the routers has ended.
func (e *Engine) Resign() {
	e.host.tell(func(k *hostKeeper) bool {
		for router := range k.masters {
			k.masters[router] = false
		}
		return true
	})
	e.wake()
}

// Leave makes Run end with everything as it is, whatever it was told to flush and restore: another director takes over.
func (e *Engine) Leave() {
	e.mu.Lock()
	e.leave = true
	e.mu.Unlock()
	e.host.tell(func(k *hostKeeper) bool { k.config.Restore = false; return false })
}

func (k *hostKeeper) tell(f func(*hostKeeper) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changed = f(k) || k.changed
}

// step brings the Host to what is wanted when something was said, or it is time to read it again, and returns when it wants to be called again.
// That is never when nothing is wanted.
func (k *hostKeeper) step(now time.Time, refresh time.Duration) (next time.Time, ever bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kernel == nil || k.config.nothing() && k.memory.nothing() {
		k.changed = false
		return time.Time{}, false
	}
	if k.changed || !now.Before(k.wakeAt()) {
		k.reconcile(now, refresh)
	}
	return k.wakeAt(), true
}

// finish does what was said last, and puts everything back if that is asked for.
func (k *hostKeeper) finish(now time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kernel == nil || k.config.nothing() && k.memory.nothing() {
		return nil
	}
	if k.config.Restore {
		k.config, k.changed = HostConfig{Restore: true}, true
	}
	if !k.changed {
		return nil
	}
	k.reconcile(now, 0)
	if k.config.nothing() && k.readErr == nil {
		_, k.memory = k.config.plan(k.have, k.memory, nil)
		k.tellMemory(k.memory)
	}
	if !k.config.Restore {
		return nil
	}
	errs := []error{k.readErr}
	for _, f := range k.failures {
		errs = append(errs, f.err)
	}
	return errors.Join(errs...)
}

// outside runs f, which talks to the kernel or to others, while Status may look.
func (k *hostKeeper) outside(f func()) {
	k.mu.Unlock()
	defer k.mu.Lock()
	f()
}

func (k *hostKeeper) reconcile(now time.Time, refresh time.Duration) {
	k.changed = false
	k.nextRead = now.Add(refresh)
	if !k.read(now) {
		return
	}
	want, memory := k.config.plan(k.have, k.memory, k.masters)
	if !reflect.DeepEqual(memory, k.memory) {
		k.memory = memory
		k.tellMemory(memory) // before the first change
	}
	k.want = want
	ops := DiffHost(k.have, want)
	k.notice(now, ops)
	k.send(now, ops)
}

func (k *hostKeeper) tellMemory(m HostMemory) {
	if m = m.clone(); k.remember != nil {
		k.outside(func() { k.remember(m) })
	}
}

func (k *hostKeeper) read(now time.Time) bool {
	var have Host
	var err error
	names := k.config.names(k.memory)
	k.outside(func() { have, err = k.kernel.Host(names) })
	if err != nil {
		if k.readErr == nil || k.readErr.Error() != err.Error() {
			k.log.Error("the settings of IPVS cannot be read", "error", err)
		}
		k.readErr = err
		return false
	}
	k.have, k.readErr, k.lastRead = have, nil, now
	k.age(now)
	return true
}

// age notes since when daemons run.
func (k *hostKeeper) age(now time.Time) {
	for _, state := range []DaemonState{SyncMaster, SyncBackup} {
		_, runs := k.have.daemon(state)
		if _, known := k.since[state]; runs && !known {
			k.since[state] = now
		} else if !runs {
			delete(k.since, state)
		}
	}
}

// notice tells the changes of others from our own, and forgets the failures of what is not wanted any more.
func (k *hostKeeper) notice(now time.Time, ops []SettingOp) {
	wrong := map[string]bool{}
	found, should := k.have.facts(), k.want.facts()
	for _, o := range ops {
		setting := o.setting()
		if is, wanted := should[setting]; !wrong[setting] && wanted && k.right[setting] == is {
			k.log.Warn("somebody changed our setting", "setting", setting, "found", found.of(setting), "undo", o.String())
			k.drifts.add(Drift{Service: setting, Found: found.of(setting), Undo: o.String(), Seen: now})
		}
		wrong[setting] = true
	}
	for setting, is := range should {
		if !wrong[setting] {
			k.right[setting] = is
		}
	}
	maps.DeleteFunc(k.right, func(s, _ string) bool { _, wanted := should[s]; return !wanted })
	maps.DeleteFunc(k.failures, func(o SettingOp, _ *failure) bool { return !slices.Contains(ops, o) })
}

// send makes the changes that are not to wait after a refusal.
func (k *hostKeeper) send(now time.Time, ops []SettingOp) {
	ops = slices.DeleteFunc(ops, func(o SettingOp) bool { f := k.failures[o]; return f != nil && f.retry.After(now) })
	if len(ops) == 0 {
		return
	}
	var errs []error
	k.outside(func() { errs = k.kernel.Set(ops) })
	for i, o := range ops {
		k.settle(now, o, errs[i])
	}
	k.read(now) // Status is to show what came of it
}

func (k *hostKeeper) settle(now time.Time, o SettingOp, err error) {
	if o.Verb == StopDaemon && errors.Is(err, syscall.ESRCH) {
		err = nil
	}
	if err == nil {
		delete(k.failures, o)
		k.log.Info("changed a setting of IPVS", "change", o.String())
		k.done(now, o)
		return
	}
	f := k.failures[o]
	if f == nil {
		f = &failure{}
		k.failures[o] = f
	}
	f.note(explainSetting(o, err), now)
	if !f.logged {
		k.log.Error("the kernel refused a setting", "error", f.err, "retry_in", f.retry.Sub(now))
		f.logged = true
	}
}

// done notes that a setting is right again.
func (k *hostKeeper) done(now time.Time, o SettingOp) {
	setting := o.setting()
	if is, wanted := k.want.facts()[setting]; wanted && o.Verb != StopDaemon {
		k.right[setting] = is
		for i := range k.drifts {
			if d := &k.drifts[i]; d.Service == setting && d.Repaired.IsZero() {
				d.Repaired = now
				k.repaired++
			}
		}
	}
}

func (k *hostKeeper) wakeAt() time.Time {
	at := k.nextRead
	for _, f := range k.failures {
		if f.retry.Before(at) {
			at = f.retry
		}
	}
	return at
}

// facts are the settings of a Host as text, by what they are called.
type facts map[string]string

func (h Host) facts() facts {
	out := facts{}
	for name, value := range h.Sysctls {
		out["net.ipv4.vs."+name] = value
	}
	if h.Timeouts != (Timeouts{}) {
		out[timeoutsSetting] = h.Timeouts.String()
	}
	for _, d := range h.Daemons {
		out[d.setting()] = d.String()
	}
	for _, one := range h.Helpers {
		out[one.setting()] = "ports " + one.Ports
	}
	return out
}

func (f facts) of(setting string) string {
	if v, there := f[setting]; there {
		return v
	}
	return "none"
}

const timeoutsSetting = "timeouts"

func (d Daemon) setting() string { return "sync daemon " + d.State.String() }

// setting returns what o changes, as facts calls it.
func (o SettingOp) setting() string {
	switch o.Verb {
	case SetSysctl:
		return "net.ipv4.vs." + o.Sysctl.Name
	case SetTimeouts:
		return timeoutsSetting
	case LoadHelper:
		return o.Helper.setting()
	default:
		return o.Daemon.setting()
	}
}

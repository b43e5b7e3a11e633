package ipvs

import (
	"bytes"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A keeping is a hostKeeper on a kernel in memory, with a clock of its own.
type keeping struct {
	*hostKeeper
	t      *testing.T
	kernel *mapSettings
	now    time.Time
	log    bytes.Buffer
	told   HostMemory
}

func newKeeping(t *testing.T, kernel *mapSettings, before HostMemory) *keeping {
	k := &keeping{t: t, kernel: kernel, now: time.Unix(1000, 0)}
	k.hostKeeper = newHostKeeper(slog.New(slog.NewTextHandler(&k.log, nil)),
		Options{Settings: kernel, Host: before, OnHost: func(m HostMemory) { k.told = m }})
	return k
}

// steps has the keeper do what is due after d, and compares what it changed.
func (k *keeping) steps(claim string, d time.Duration, want ...string) {
	k.t.Helper()
	k.now = k.now.Add(d)
	k.step(k.now, time.Second)
	if diff := cmp.Diff(append([]string{}, want...), k.kernel.take()); diff != "" {
		k.t.Errorf("%s (-want +got)\n%s\n%s", claim, diff, k.log.String())
	}
}

func (k *keeping) config(c HostConfig) {
	k.tell(func(h *hostKeeper) bool { h.config = c; return true })
}

func (k *keeping) role(master bool) {
	k.tell(func(h *hostKeeper) bool { h.masters["web"] = master; return true })
}

const (
	masterLine = "start sync daemon master on eth1, id 51, group 224.0.0.81 port 8848 ttl 1"
	backupLine = "start sync daemon backup on eth1, id 51, group 224.0.0.81 port 8848 ttl 1"
)

func wantedHost() HostConfig {
	return HostConfig{
		Timeouts: Timeouts{TCP: time.Hour},
		Sysctls:  map[string]string{"conntrack": "1"},
		Sync:     []Sync{{Daemon: Daemon{Interface: "eth1", ID: 51}, Follow: "web"}},
	}
}

func TestKeeperLeavesAloneWhatNobodyAskedFor(t *testing.T) {
	k := newKeeping(t, newMapSettings("eth1"), HostMemory{})
	k.kernel.change(func(h *Host) { h.Daemons = []Daemon{Daemon{State: SyncMaster, Interface: "eth9", MaxLen: 1}.filled()} })
	if _, ever := k.step(k.now, time.Second); ever {
		t.Error("it wants to be called again although nothing is wanted")
	}
	k.config(HostConfig{Timeouts: Timeouts{UDP: time.Minute}})
	k.steps("one timeout", 0, "set timeouts udp 1m0s")
	k.steps("nothing more", time.Second)
}

func TestKeeperFollowsTheRole(t *testing.T) {
	k := newKeeping(t, newMapSettings("eth1"), HostMemory{})
	k.config(wantedHost())
	k.steps("before the role is known", 0, "set net.ipv4.vs.conntrack = 1", "set timeouts tcp 1h0m0s")
	k.role(false)
	k.steps("backup", 0, backupLine)
	k.role(true)
	k.steps("master", 0, masterLine, "stop sync daemon backup")
	k.steps("and stays", time.Second)
	s := k.status()
	if len(s.Daemons) != 1 || !s.Daemons[0].Alive || !s.Daemons[0].InStep || s.Daemons[0].Wanted != "master" || s.Daemons[0].Running != "master" {
		t.Errorf("status %+v", s.Daemons)
	}
	if len(k.drifts) != 0 || k.repaired != 0 {
		t.Errorf("drift %v: our own changes are none", k.drifts)
	}
}

func TestKeeperAdoptsADaemonThatIsRight(t *testing.T) {
	k := newKeeping(t, newMapSettings("eth1"), HostMemory{})
	k.kernel.change(func(h *Host) {
		h.Daemons = []Daemon{Daemon{State: SyncMaster, Interface: "eth1", ID: 51, MaxLen: 1472}.filled()}
		h.Sysctls["conntrack"], h.Timeouts.TCP = "1", time.Hour
	})
	k.config(wantedHost())
	k.steps("before the role is known a daemon of either state may be right", 0)
	k.role(true)
	k.steps("it is right", 0)
	k.role(false)
	k.steps("backup", 0, backupLine, "stop sync daemon master")
}

func TestKeeperPutsBackWhatOthersChange(t *testing.T) {
	k := newKeeping(t, newMapSettings("eth1"), HostMemory{})
	k.config(wantedHost())
	k.role(true)
	k.steps("at first", 0, "set net.ipv4.vs.conntrack = 1", "set timeouts tcp 1h0m0s", masterLine)
	k.kernel.change(func(h *Host) {
		h.Daemons, h.Timeouts.TCP, h.Timeouts.UDP = nil, time.Minute, time.Minute
		h.Sysctls["conntrack"], h.Sysctls["drop_entry"] = "0", "3"
	})
	k.steps("not before the next read", 500*time.Millisecond)
	k.steps("drift", 500*time.Millisecond, "set net.ipv4.vs.conntrack = 1", "set timeouts tcp 1h0m0s", masterLine)
	if k.repaired != 3 || len(k.drifts) != 3 {
		t.Errorf("%d repaired of %+v, want three", k.repaired, k.drifts)
	}
	for _, line := range []string{`setting="sync daemon master" found=none`, "setting=net.ipv4.vs.conntrack found=0", `setting=timeouts found="tcp 1m0s, tcp_fin 2m0s, udp 1m0s"`} {
		if !strings.Contains(k.log.String(), line) {
			t.Errorf("no %s in\n%s", line, k.log.String())
		}
	}
	k.kernel.change(func(h *Host) { h.Daemons[0].ID = 9 })
	k.steps("a daemon with another id", time.Second, "stop sync daemon master", masterLine)
	var s Status
	if k.addTo(&s); s.DriftRepaired != 4 || len(s.Drifts) != 4 || s.Drifts[3].Repaired.IsZero() {
		t.Errorf("status %+v, want four of drift, all repaired", s)
	}
}

func TestKeeperWaitsLongerAndLongerAfterARefusal(t *testing.T) {
	k := newKeeping(t, newMapSettings(), HostMemory{})
	k.config(HostConfig{Sync: []Sync{{Daemon: Daemon{Interface: "eth1"}, Role: SyncAlwaysMaster}}, Sysctls: map[string]string{"conntrack": "1"}})
	k.steps("the rest is set", 0, "set net.ipv4.vs.conntrack = 1")
	tries := 0
	k.kernel.setErr = func(SettingOp) error { tries++; return syscall.ENODEV }
	for range 30 {
		k.now = k.now.Add(time.Second)
		k.step(k.now, time.Second)
	}
	if tries < 3 || tries > 6 {
		t.Errorf("%d tries in 30 s, want them after 1, 2, 4, 8 and 16 s", tries)
	}
	s := k.status()
	if len(s.Daemons) != 1 || s.Daemons[0].Alive || !strings.Contains(s.Daemons[0].Error, "there is no interface eth1") {
		t.Errorf("status %+v", s)
	}
	if n := strings.Count(k.log.String(), "refused a setting"); n != 1 {
		t.Errorf("%d lines of the refusal, want 1\n%s", n, k.log.String())
	}
	k.kernel.setErr, k.kernel.links = nil, []string{"eth1"}
	k.steps("the interface is there", 30*time.Second, "start sync daemon master on eth1, id 0, group 224.0.0.81 port 8848 ttl 1")
	if s := k.status(); s.Daemons[0].Error != "" || !s.Daemons[0].Alive {
		t.Errorf("status %+v", s)
	}
}

func TestKeeperRestores(t *testing.T) {
	kernel := newMapSettings("eth1")
	old := Daemon{State: SyncBackup, Interface: "eth1", ID: 7, MaxLen: 1472}.filled()
	kernel.change(func(h *Host) { h.Daemons = []Daemon{old} })
	before := hostOf(t, kernel, "conntrack", "sync_threshold")
	first := newKeeping(t, kernel, HostMemory{})
	c := wantedHost()
	c.Sysctls["sync_threshold"] = "1 10"
	c.Restore = true
	first.config(c)
	first.role(true)
	first.step(first.now, time.Second)

	second := newKeeping(t, kernel, first.told) // the first was killed
	delete(c.Sysctls, "sync_threshold")
	kernel.take()
	second.config(c)
	second.role(true)
	second.steps("what a reload no longer names is put back", 0, "set net.ipv4.vs.sync_threshold = 3 50")
	if err := second.finish(second.now); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(before, hostOf(t, kernel, "conntrack", "sync_threshold"), equateHost); d != "" {
		t.Errorf("after the end (-want +got)\n%s", d)
	}
	if !second.told.nothing() {
		t.Errorf("remembered after the end: %+v", second.told)
	}
}

func TestKeeperLeavesSettingsAtTheEndUnlessAskedTo(t *testing.T) {
	k := newKeeping(t, newMapSettings("eth1"), HostMemory{})
	k.config(wantedHost())
	k.role(true)
	k.step(k.now, time.Second)
	k.kernel.take()
	if err := k.finish(k.now); err != nil {
		t.Error(err)
	}
	k.steps("nothing", 0)
	k.role(false) // the routers have resigned
	if err := k.finish(k.now); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff([]string{backupLine, "stop sync daemon master"}, k.kernel.take()); d != "" {
		t.Errorf("the last words (-want +got)\n%s", d)
	}
	k.config(HostConfig{})
	k.steps("a daemon that is not configured any more ends", 0, "stop sync daemon backup")
	k.steps("and is forgotten", time.Second)
	if !k.told.nothing() {
		t.Errorf("remembered %+v", k.told)
	}
}

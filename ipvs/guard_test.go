package ipvs

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	guardOn  = "start sync daemon backup on lo, id 255, group 224.0.0.81 port 8848 ttl 1"
	guardOff = "stop sync daemon backup"
)

func TestGuardWithoutSyncDaemonHasOneOfItsOwnWhileBackup(t *testing.T) {
	k := newKeeping(t, newMapSettings("eth1", "lo"), HostMemory{})
	k.config(HostConfig{Guard: &Guard{Follow: "web", Why: "local"}})
	k.steps("before the role is known nothing stops", 0, "set net.ipv4.vs.backup_only = 1")
	k.guards("waits", GuardStatus{Follow: "web", Why: "local"})
	k.role(false)
	k.steps("backup", 0, guardOn)
	k.guards("backup", GuardStatus{Follow: "web", Why: "local", Wanted: GuardPassesOver, PassesOver: true})
	k.role(true)
	k.steps("master: one change", 0, guardOff)
	k.guards("master", GuardStatus{Follow: "web", Why: "local", Wanted: GuardBalances})
	k.steps("and stays", time.Second)
	k.kernel.change(func(h *Host) { h.Sysctls["backup_only"] = "0" })
	k.steps("somebody turns it off", time.Second, "set net.ipv4.vs.backup_only = 1")
	k.role(false)
	k.steps("backup again", 0, guardOn)
	k.config(HostConfig{})
	k.steps("not wanted any more", 0, "set net.ipv4.vs.backup_only = 0", guardOff)
	k.guards("none", GuardStatus{})
	if s := k.status(); len(s.Daemons) != 0 {
		t.Errorf("the daemon of the guard is nobody's sync_daemon: %+v", s.Daemons)
	}
}

func TestGuardUsesTheSyncDaemonThatFollows(t *testing.T) {
	k := newKeeping(t, newMapSettings("eth1", "lo"), HostMemory{})
	c := wantedHost()
	c.Guard = &Guard{Follow: "web"}
	k.config(c)
	k.role(false)
	k.steps("backup", 0, "set net.ipv4.vs.backup_only = 1", "set net.ipv4.vs.conntrack = 1", "set timeouts tcp 1h0m0s", backupLine)
	k.guards("backup", GuardStatus{Follow: "web", Wanted: GuardPassesOver, PassesOver: true})
	k.role(true)
	k.steps("master", 0, masterLine, guardOff)
	k.guards("master", GuardStatus{Follow: "web", Wanted: GuardBalances})
	if len(c.Sysctls) != 1 || len(c.Sync) != 1 {
		t.Errorf("the guard changed what its caller wants: %+v", c)
	}
}

func TestGuardBesideAMasterDaemonHasOneOfItsOwn(t *testing.T) {
	k := newKeeping(t, newMapSettings("eth1", "lo"), HostMemory{})
	k.config(HostConfig{Guard: &Guard{Follow: "web"}, Sync: []Sync{{Daemon: Daemon{Interface: "eth1", ID: 51}, Role: SyncAlwaysMaster}}})
	k.role(false)
	k.steps("backup", 0, "set net.ipv4.vs.backup_only = 1", masterLine, guardOn)
	k.role(true)
	k.steps("master", 0, guardOff)
}

// guards compares the status of the guard.
func (k *keeping) guards(claim string, want GuardStatus) {
	k.t.Helper()
	got := k.status().Guard
	if got == nil {
		got = &GuardStatus{}
	}
	if diff := cmp.Diff(want, *got); diff != "" {
		k.t.Errorf("%s (-want +got)\n%s", claim, diff)
	}
}

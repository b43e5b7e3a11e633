package ipvs

import "maps"

// A Guard keeps a director that is a real server as well from balancing while it is backup. By DR and TUN packets reach a server with the
// virtual address as their destination, so that a backup would schedule again what the master has sent to it, and send some of it back:
//
//	client ── master ── backup ── master ── backup ── … until the packet has crossed 64 of them
//
// The kernel's own means is net.ipv4.vs.backup_only: IPVS passes over every packet of the network namespace while a sync daemon is backup and
// none is master. So the table stays filled, and a takeover is the end of that daemon. Where no daemon follows the virtual router, the Guard has
// one of its own on the loopback interface, which hears nobody else.
type Guard struct {
	Follow string // virtual router: while it is master, this host balances
	Why    string // of what service this host is a server, for the status
}

// backupOnly is the setting by its name in net.ipv4.vs.
const backupOnly = "backup_only"

// The daemon of a Guard. Its id is one that no other director has by itself, and it needs no room for messages.
const (
	guardInterface = "lo"
	guardID        = 255
)

// guarded returns c with what its Guard needs.
func (c HostConfig) guarded() HostConfig {
	if c.Guard == nil {
		return c
	}
	c.Sysctls = maps.Clone(c.Sysctls)
	if c.Sysctls == nil {
		c.Sysctls = map[string]string{}
	}
	c.Sysctls[backupOnly] = "1"
	if !c.concerns(SyncBackup) {
		daemon := Daemon{Interface: guardInterface, ID: guardID}
		c.Sync = append(append([]Sync{}, c.Sync...), Sync{Daemon: daemon, Role: syncGuard, Follow: c.Guard.Follow})
	}
	return c
}

// A GuardStatus is what a Guard does at present, with the names of the control socket's JSON.
type GuardStatus struct {
	Follow     string `json:"follow"`          // virtual router
	Why        string `json:"why"`             // of what service this host is a server
	Wanted     string `json:"wanted"`          // balance or pass_over; empty while the role of the virtual router is not known
	PassesOver bool   `json:"passes_over"`     // the kernel balances nothing now
	Error      string `json:"error,omitempty"` // why the kernel refuses what is needed
}

// The wishes of a GuardStatus.
const (
	GuardBalances   = "balance"
	GuardPassesOver = "pass_over"
)

// guardStatus returns the snapshot. The caller holds k.mu.
func (k *hostKeeper) guardStatus() *GuardStatus {
	g := k.config.Guard
	if g == nil {
		return nil
	}
	out := &GuardStatus{Follow: g.Follow, Why: g.Why}
	if master, known := k.masters[g.Follow]; known && master {
		out.Wanted = GuardBalances
	} else if known {
		out.Wanted = GuardPassesOver
	}
	_, runs := k.have.daemon(SyncBackup)
	out.PassesOver = runs && k.have.Sysctls[backupOnly] == "1"
	for _, setting := range []string{"net.ipv4.vs." + backupOnly, Daemon{State: SyncBackup}.setting()} {
		if why := k.refusal(setting); why != "" {
			out.Error = why
		}
	}
	return out
}

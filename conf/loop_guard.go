package conf

import (
	"fmt"

	"github.com/govrrpd/govrrpd/ipvs"
)

// A LoopGuard says whether a director that is not master balances. Unset, it does unless it is a server of one of its own services.
type LoopGuard struct {
	Set bool // the file says it
	On  bool // a host that is not master does not balance
}

// loopGuard reads whether backups balance. The kernel's switch for that is backup_only, which is of no use to a host that has always a
// backup daemon, or no role at all.
func (d *decoder) loopGuard(raw *rawConfig, c *Config) {
	a := raw.IPVS.Guard
	only, set := c.IPVS.Sysctls["backup_only"]
	if set && only == "1" {
		d.alwaysBackup(raw, c)
	}
	if !d.given(a) {
		return
	}
	c.LoopGuard.Set = true
	d.flag(a, &c.LoopGuard.On)
	switch {
	case d.undecoded:
	case c.LoopGuard.On && set && only != "1":
		d.problem(a.Expr.Range(), fmt.Sprintf("loop_guard = true contradicts backup_only = %s in sysctls", only), "remove backup_only, which the guard sets")
	case c.LoopGuard.On && len(c.Routers) == 0:
		d.problem(a.Expr.Range(), "loop_guard = true, and there is no vrrp_instance of which this host could be backup", "remove loop_guard")
	}
}

// alwaysBackup warns of backup_only on a host whose sync daemon is backup whatever the roles: it balances nothing, ever.
func (d *decoder) alwaysBackup(raw *rawConfig, c *Config) {
	for i, s := range c.IPVS.Sync {
		if s.Role == ipvs.SyncAlwaysBackup || s.Role == ipvs.SyncBoth {
			d.warn(raw.IPVS.Sysctls.Expr.Range(), fmt.Sprintf("backup_only = 1 in sysctls, and the sync_daemon at %s has state = %q: this host never balances anything", place(raw.SyncDaemons[i].Place), s.Role),
				"write follow in the sync_daemon, or remove backup_only")
		}
	}
}

package conf

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/vrrp"
)

// rawGlobal is the global block.
type rawGlobal struct {
	RouterID     *hcl.Attribute `hcl:"router_id,optional"`
	ScriptUser   *hcl.Attribute `hcl:"script_user,optional"`
	RTPriority   *hcl.Attribute `hcl:"realtime_priority,optional"`
	StateFolder  *hcl.Attribute `hcl:"state_folder,optional"`
	LockMemory   *hcl.Attribute `hcl:"lock_memory,optional"`
	FlushOnStop  *hcl.Attribute `hcl:"flush_on_stop,optional"`
	FlushAtStart *hcl.Attribute `hcl:"flush_at_start,optional"`
	Refresh      *hcl.Attribute `hcl:"ipvs_refresh,optional"`
	Panic        *hcl.Attribute `hcl:"panic_threshold,optional"`
	PanicWindow  *hcl.Attribute `hcl:"panic_window,optional"`
	Sorry        []rawSorry     `hcl:"sorry_server,block"`

	StartupDelay *hcl.Attribute `hcl:"startup_delay,optional"`
	AfterBoot    *hcl.Attribute `hcl:"delay_after_boot,optional"`
	Group4       *hcl.Attribute `hcl:"multicast_group_ipv4,optional"`
	Group6       *hcl.Attribute `hcl:"multicast_group_ipv6,optional"`
	Announce     *rawAnnounce   `hcl:"garp,block"`
}

func (d *decoder) buildGlobal(r *rawGlobal) {
	d.global = Global{Refresh: ipvs.RefreshDefault, StateFolder: stateFolderDefault}
	if r != nil {
		d.text(r.RouterID, "lb1", &d.global.RouterID)
		d.number(r.RTPriority, 0, 99, "write 0 for the normal scheduler, or 1 to 99 for SCHED_RR; 50 is a good value", &d.global.RTPriority)
		d.stateFolder(r.StateFolder)
		d.flag(r.LockMemory, &d.global.LockMemory)
		d.flag(r.FlushOnStop, &d.global.FlushOnStop)
		d.flag(r.FlushAtStart, &d.global.FlushAtStart)
		d.duration(r.Refresh, span{low: 100 * time.Millisecond, high: time.Hour}, &d.global.Refresh)
		d.panicOptions(r.Panic, r.PanicWindow, &d.global.Panic)
		d.sorryDefaults(r.Sorry)
		d.credential = d.user(r.ScriptUser)
		d.startup(r)
		d.multicastGroups(r)
		if r.Announce != nil {
			plan := vrrp.AnnounceDefault
			d.announcement(r.Announce, &plan)
			d.announce = &plan
		}
	}
	if d.global.RouterID == "" {
		d.global.RouterID, _ = os.Hostname() // fails only without /proc and a kernel name; an empty name harms nobody
	}
}

// user looks up a user of this host; nil when none is named, or there is no such one.
func (d *decoder) user(a *hcl.Attribute) *checkers.Credential {
	name := ""
	if !d.text(a, "nobody", &name) || name == "" {
		return nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		d.problem(a.Expr.Range(), fmt.Sprintf("%s %s is not a user of this host", a.Name, quote(name)),
			fmt.Sprintf("create it with: useradd --system --no-create-home %s; or write %s = %q", name, a.Name, "nobody"))
		return nil
	}
	uid, errU := strconv.ParseUint(u.Uid, 10, 32)
	gid, errG := strconv.ParseUint(u.Gid, 10, 32)
	if errU != nil || errG != nil {
		d.problem(a.Expr.Range(), fmt.Sprintf("%s %s has the ids %s and %s, want numbers", a.Name, quote(name), u.Uid, u.Gid), "")
		return nil
	}
	return &checkers.Credential{UID: uint32(uid), GID: uint32(gid)}
}

// stateFolderDefault is where FHS section 5.8 wants what programs keep over a boot.
const stateFolderDefault = "/var/lib/govrrpd"

func (d *decoder) stateFolder(a *hcl.Attribute) {
	folder := ""
	if !d.text(a, stateFolderDefault, &folder) || folder == "" {
		return
	}
	if !filepath.IsAbs(folder) {
		d.problem(a.Expr.Range(), fmt.Sprintf("state_folder %s does not begin with /", quote(folder)), fmt.Sprintf("write state_folder = %q", stateFolderDefault))
		return
	}
	d.global.StateFolder = folder
}

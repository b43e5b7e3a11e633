// Package conf reads the configuration: HCL in, domain values out. The structs that mirror the HCL never leave it.
//
// It is pure but for reading the named files: nothing is looked up on the network and nothing on the host is changed. Everything that
// is wrong with the files is reported at once, each mistake with its place and with what to write instead.
//
// Reading needs about a hundred times the size of the files in memory for a moment. A long-lived caller gives it back with
// debug.FreeOSMemory after Load.
package conf

import (
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/vrrp"
)

// A Config is what the files say, with every default filled in and every rule checked.
type Config struct {
	Global   Global
	Routers  []*vrrp.Config // in file order
	Services []ipvs.VirtualServer
	Checks   []Check  // in the order of the real servers
	Files    []string // that were read, sorted
}

// A Check is a health check of one real server.
type Check struct {
	checkers.Config
	Server ipvs.ServerID
}

// Global is what the block of that name says.
type Global struct {
	RouterID    string        // the name of this director in logs and status; the host's name unless set
	ScriptUser  string        // scripts run as this user; empty for the daemon's own
	RTPriority  int           // SCHED_RR priority of the router process, 1 to 99; 0 for the normal scheduler
	LockMemory  bool          // the router process keeps its pages in memory
	FlushOnStop bool          // an orderly stop removes our IPVS services; otherwise they go on serving
	Refresh     time.Duration // between two reads of the kernel's IPVS table, 100 ms to 1 h
}

// Load reads files, and folders with all *.hcl in them, as one configuration. vars gives values to variable blocks by their names.
// The Config is nil when the diagnostics have errors; they come sorted by place, and Write prints them.
func Load(paths []string, vars map[string]string) (*Config, hcl.Diagnostics) {
	return load(paths, vars)
}

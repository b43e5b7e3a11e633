// Package conf reads the configuration: HCL in, domain values out. The structs that mirror the HCL never leave it.
//
// It is pure but for reading: the named files, the host's name, the user database, the names that iproute2 gives to tables, and the
// scripts' permissions. Nothing is asked of the network, and nothing on the host is changed. Everything that is wrong is reported at
// once, each mistake with its place and with what to write instead.
//
//	files.go     paths -> bytes
//	nesting.go   bytes that would overflow the parser's stack are refused
//	variable.go  variable blocks and functions -> what expressions may use
//	value.go     one attribute -> one value within its range
//	global.go vrrp.go static.go bfd.go track_source.go virtual_server.go check.go …   one block each
//	vrrp_*.go    the parts of a vrrp_instance
//	keepalived.go  keepalived's words and what they are called here
//	report.go    diagnostics in the operator's words; write.go prints them, secret.go blots out passwords
//
// Reading takes some ten times the size of large files in memory for a moment. A long-lived caller gives it back with
// debug.FreeOSMemory after Load.
package conf

import (
	"net/netip"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/dynblock"
	"github.com/hashicorp/hcl/v2/gohcl"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/checkers/bfd"
	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/mark"
	"github.com/govrrpd/govrrpd/ipvs/pool"
	"github.com/govrrpd/govrrpd/vrrp"
)

// A Config is what the files say, with every default filled in and every rule checked.
type Config struct {
	Global   Global
	Routers  []*vrrp.Config   // in file order
	Static   vrrp.Static      // what is there whatever the roles
	Groups   []vrrp.SyncGroup // in file order
	BFD      []*bfd.Config    // in file order
	Services []ipvs.VirtualServer
	Checks   []Check         // in the order of the real servers
	IPVS     ipvs.HostConfig // what is wanted of IPVS beside services, but for its Guard, which depends on the addresses of the host

	LoopGuard LoopGuard
	Marks     []mark.Rule // for those Services that have a mark of ours, in their order
	Track     Track
	Files     []string // that were read, sorted
}

// A Check is a health check of one real server, or tells how much of the load it can take.
type Check struct {
	checkers.Config
	Server ipvs.ServerID
	Any    bool // the server is up when one of its checks is well; otherwise all must be
	Load   bool // it says nothing of health: its weight counts, its silence does not
}

// Global is what the block of that name says.
type Global struct {
	RouterID     string        // the name of this director in logs and status; the host's name unless set
	RTPriority   int           // SCHED_RR priority of the router process, 1 to 99; 0 for the normal scheduler
	LockMemory   bool          // the router process keeps its pages in memory
	StateFolder  string        // where the router process keeps what must survive a boot; an absolute path
	FlushAtStart bool          // a start removes the IPVS services of others; otherwise they are left alone
	FlushOnStop  bool          // an orderly stop removes our IPVS services; otherwise they go on serving
	Startup      vrrp.Startup  // for how long a router process that begins takes no part
	Panic        pool.Panic    // of all virtual servers
	Refresh      time.Duration // between two reads of the kernel's IPVS table, 100 ms to 1 h
}

// Load reads files, and folders with all *.hcl in them, as one configuration. vars gives values to variable blocks by their
// names. The Config is nil when the diagnostics have errors; otherwise they are warnings. They come sorted by place, and Write prints them.
func Load(paths []string, vars map[string]string) (*Config, hcl.Diagnostics) {
	src := readFiles(paths)
	src.parse()
	if src.diags.HasErrors() {
		return nil, src.report(src.diags)
	}
	d := &decoder{src: src, trackedAt: map[trackedIn]hcl.Range{}}
	c := d.config(vars)
	diags := src.report(d.diags)
	if diags.HasErrors() {
		return nil, diags
	}
	c.Files = src.names
	return c, diags
}

// rawConfig is the top level of all files together.
type rawConfig struct {
	Variables []rawVariable  `hcl:"variable,block"`
	Global    *rawGlobal     `hcl:"global,block"`
	Routers   []rawRouter    `hcl:"vrrp_instance,block"`
	Groups    []rawSyncGroup `hcl:"vrrp_sync_group,block"`
	BFD       []rawBFD       `hcl:"bfd_instance,block"`
	Services  []rawService   `hcl:"virtual_server,block"` // decoded in parts, so that there are none when the rest is

	IPVS          *rawIPVS          `hcl:"ipvs,block"`
	SyncDaemons   []rawSyncDaemon   `hcl:"sync_daemon,block"`
	ServiceGroups []rawServiceGroup `hcl:"virtual_server_group,block"`

	Interfaces      []rawInterface    `hcl:"interface,block"`
	AnnounceGroups  []rawPace         `hcl:"garp_group,block"`
	TrackScripts    []rawTrackScript  `hcl:"track_script,block"`
	TrackFiles      []rawTrackFile    `hcl:"track_file,block"`
	TrackProcesses  []rawTrackProcess `hcl:"track_process,block"`
	TrackRoutes     []rawTrackRoute   `hcl:"track_route,block"`
	StaticAddresses []rawAddress      `hcl:"static_address,block"`
	StaticRoutes    []rawRoute        `hcl:"static_route,block"`
	StaticRules     []rawRule         `hcl:"static_rule,block"`
}

// A decoder turns raw blocks into domain values and collects what is wrong with them.
type decoder struct {
	src        *source
	ctx        *hcl.EvalContext
	global     Global
	sorry      []rawSorry                 // of global, for services that have none
	credential *checkers.Credential       // of global.ScriptUser; nil for the daemon's own
	groups     map[vrrp.Family]netip.Addr // multicast groups in place of those of the RFC
	undecoded  bool                       // blocks may be missing because they, or the dynamic ones that make them, have mistakes
	diags      hcl.Diagnostics

	sources      trackables               // what can be tracked
	trackedAt    map[trackedIn]hcl.Range  // where that is written
	track        Track                    // the same, to be looked at
	interfaces   map[string]*rawInterface // by name
	surroundings vrrp.Surroundings
	announce     *vrrp.Announce // of global; nil for none

	serviceGroup map[string]*rawServiceGroup // by name
	groupUsed    map[string]bool             // those that a virtual_server names
	serviceNames []element                   // of the virtual_servers, in file order
	sessions     []element                   // of BFD that checks go by
	marks        []mark.Rule
	ways         int // to real servers, that checks take
	ftp          helped
	crossings    []crossing
}

func (d *decoder) config(vars map[string]string) *Config {
	body := d.src.body()
	d.ctx = d.evalContext(body, vars)
	var raw rawConfig
	diags := gohcl.DecodeBody(dynblock.Expand(body, d.ctx), d.ctx, &raw)
	d.diags, d.undecoded = append(d.diags, diags...), diags.HasErrors()
	d.buildGlobal(raw.Global)
	services, checks := d.services(raw.ServiceGroups)
	d.trackSources(&raw)
	d.sessionsExist()
	d.announceGroups(raw.AnnounceGroups)
	c := &Config{Global: d.global, Routers: d.routers(raw.Routers), Services: services, Checks: checks, Marks: d.marks}
	c.Groups = d.syncGroups(raw.Groups, c.Routers)
	c.BFD = d.bfdSessions(raw.BFD)
	d.checkUnused()
	c.Track = d.tracked()
	c.Static = d.statics(&raw)
	d.assignPriorities(c.Routers, &c.Static)
	d.ipvsHost(&raw, c)
	if len(raw.Routers)+len(services) == 0 && !d.diags.HasErrors() {
		d.problem(hcl.Range{Filename: d.src.names[0]}, "there is neither a vrrp_instance nor a virtual_server",
			"an empty configuration would take everything down; to do that, stop the daemon")
	}
	return c
}

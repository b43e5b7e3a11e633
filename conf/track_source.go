package conf

import (
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/checkers/track"
	"github.com/govrrpd/govrrpd/vrrp"
)

// Track is what is looked at for the trackers of virtual routers. Sources that nobody tracks are not among them.
type Track struct {
	Scripts      []checkers.Config // by their sources, "script/nginx"
	Files        []track.File
	Processes    []track.Process
	Surroundings vrrp.Surroundings // for the host of the routers
}

// rawTrackScript is a track_script block.
type rawTrackScript struct {
	Name      string         `hcl:"name,label"`
	NameRange hcl.Range      `hcl:"name,label_range"`
	Place     hcl.Range      `hcl:",def_range"`
	Command   *hcl.Attribute `hcl:"command,optional"`
	Interval  *hcl.Attribute `hcl:"interval,optional"`
	Timeout   *hcl.Attribute `hcl:"timeout,optional"`
	Rise      *hcl.Attribute `hcl:"rise,optional"`
	Fall      *hcl.Attribute `hcl:"fall,optional"`
	Weight    *hcl.Attribute `hcl:"weight,optional"`
	Reverse   *hcl.Attribute `hcl:"reverse,optional"`
	User      *hcl.Attribute `hcl:"user,optional"`
	InitFail  *hcl.Attribute `hcl:"init_fail,optional"`
}

// rawTrackFile is a track_file block.
type rawTrackFile struct {
	Name      string         `hcl:"name,label"`
	NameRange hcl.Range      `hcl:"name,label_range"`
	Place     hcl.Range      `hcl:",def_range"`
	Path      *hcl.Attribute `hcl:"path,optional"`
	Weight    *hcl.Attribute `hcl:"weight,optional"`
	Reverse   *hcl.Attribute `hcl:"reverse,optional"`
	Init      *hcl.Attribute `hcl:"init,optional"`
	Overwrite *hcl.Attribute `hcl:"overwrite,optional"`
}

// rawTrackProcess is a track_process block.
type rawTrackProcess struct {
	Name        string         `hcl:"name,label"`
	NameRange   hcl.Range      `hcl:"name,label_range"`
	Place       hcl.Range      `hcl:",def_range"`
	Command     *hcl.Attribute `hcl:"command,optional"`
	Arguments   *hcl.Attribute `hcl:"arguments,optional"`
	Match       *hcl.Attribute `hcl:"match,optional"`
	FullCommand *hcl.Attribute `hcl:"full_command,optional"`
	Quorum      *hcl.Attribute `hcl:"quorum,optional"`
	QuorumMax   *hcl.Attribute `hcl:"quorum_max,optional"`
	ForkDelay   *hcl.Attribute `hcl:"fork_delay,optional"`
	EndDelay    *hcl.Attribute `hcl:"terminate_delay,optional"`
	Weight      *hcl.Attribute `hcl:"weight,optional"`
	Reverse     *hcl.Attribute `hcl:"reverse,optional"`
}

// rawTrackRoute is a track_route block.
type rawTrackRoute struct {
	Name      string         `hcl:"name,label"`
	NameRange hcl.Range      `hcl:"name,label_range"`
	Place     hcl.Range      `hcl:",def_range"`
	Prefix    *hcl.Attribute `hcl:"prefix,optional"`
	Table     *hcl.Attribute `hcl:"table,optional"`
	Via       *hcl.Attribute `hcl:"via,optional"`
	Interface *hcl.Attribute `hcl:"interface,optional"`
	Weight    *hcl.Attribute `hcl:"weight,optional"`
	Reverse   *hcl.Attribute `hcl:"reverse,optional"`
}

// maxProcessDelay is keepalived's bound.
const maxProcessDelay = time.Hour

// trackSources builds everything that can be tracked, before the instances that do.
func (d *decoder) trackSources(raw *rawConfig) {
	d.sources = trackables{}
	names := map[string]hcl.Range{}
	for i := range raw.TrackScripts {
		d.trackScript(&raw.TrackScripts[i], names)
	}
	clear(names)
	for i := range raw.TrackFiles {
		d.trackFile(&raw.TrackFiles[i], names)
	}
	clear(names)
	for i := range raw.TrackProcesses {
		d.trackProcess(&raw.TrackProcesses[i], names)
	}
	clear(names)
	for i := range raw.TrackRoutes {
		d.trackRoute(&raw.TrackRoutes[i], names)
	}
	for _, n := range d.serviceNames {
		d.sources.define(kindService, n.text, &trackable{at: n.at})
	}
	for i := range raw.BFD {
		d.bfdSource(&raw.BFD[i])
	}
	d.interfaceDelays(raw.Interfaces)
}

// source defines what a track_ block describes.
func (d *decoder) source(kind, name string, at hcl.Range, names map[string]hcl.Range) *trackable {
	d.name("track_"+kind, name, at, names)
	return d.sources.define(kind, name, &trackable{at: at, block: fmt.Sprintf("track_%s %q", kind, name)})
}

func (d *decoder) trackScript(raw *rawTrackScript, names map[string]hcl.Range) {
	s := d.source(kindScript, raw.Name, raw.NameRange, names)
	d.weight(raw.Weight, weightMost, &s.weight)
	d.flag(raw.Reverse, &s.reverse)
	c := checkers.Config{Name: kindScript + "/" + raw.Name, Interval: time.Second, Rise: 1, Fall: 1}
	d.timing(raw.Interval, raw.Timeout, &c)
	d.number(raw.Rise, 1, 1000, "", &c.Rise)
	d.number(raw.Fall, 1, 1000, "", &c.Fall)
	initFail := false
	if d.flag(raw.InitFail, &initFail); initFail {
		c.Initial = checkers.Down
	}
	script := checkers.Script{User: d.credential}
	if d.given(raw.User) {
		script.User = d.user(raw.User)
	}
	script.Command = d.command(raw.Command, raw.Place, s.block)
	if len(script.Command) > 0 {
		d.trusted(raw.Command, script)
	}
	c.Checker = script
	d.track.Scripts = append(d.track.Scripts, c)
}

// timing reads how often a script runs and how long it may; as long as the interval unless it says otherwise, as for keepalived.
func (d *decoder) timing(interval, timeout *hcl.Attribute, c *checkers.Config) {
	ok := d.duration(interval, span{low: 50 * time.Millisecond, high: 24 * time.Hour}, &c.Interval)
	c.Timeout = c.Interval
	ok = d.duration(timeout, span{low: 10 * time.Millisecond, high: 24 * time.Hour}, &c.Timeout) && ok
	if ok && c.Timeout > c.Interval {
		d.problem(timeout.Expr.Range(), fmt.Sprintf("timeout %s is longer than the interval of %s: a script must end before it begins again", short(c.Timeout), short(c.Interval)),
			fmt.Sprintf("write timeout = %q or interval = %q", short(c.Interval), short(c.Timeout)))
	}
}

// trusted reports a script that others than root can change although it runs as root.
func (d *decoder) trusted(command *hcl.Attribute, s checkers.Script) {
	path := s.Command[0]
	if s.User != nil && s.User.UID != 0 || !filepath.IsAbs(path) {
		return
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return // it is not there, and that is reported
	}
	for p := real; ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if err != nil {
			return
		}
		if why := changeable(info); why != "" {
			d.problem(command.Expr.Range(), fmt.Sprintf("the command would run as root, but %q %s", p, why),
				fmt.Sprintf("run: chown root:root %s && chmod go-w %s; or write user = %q", p, p, "nobody"))
			return
		}
		if p == "/" {
			return
		}
	}
}

// changeable says who else than root may change a file or what is in a folder. A sticky folder, such as /tmp, lets nobody touch what is others'.
func changeable(info os.FileInfo) string {
	mode := info.Mode()
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case mode.IsDir() && mode&os.ModeSticky != 0:
		return ""
	case mode.Perm()&0o002 != 0:
		return fmt.Sprintf("can be changed by everybody (mode %04o)", mode.Perm())
	case ok && owner.Uid != 0 && int(owner.Uid) != os.Geteuid():
		return fmt.Sprintf("belongs to user %d", owner.Uid)
	case ok && owner.Gid != 0 && mode.Perm()&0o020 != 0:
		return fmt.Sprintf("can be changed by group %d (mode %04o)", owner.Gid, mode.Perm())
	}
	return ""
}

func (d *decoder) trackFile(raw *rawTrackFile, names map[string]hcl.Range) {
	s := d.source(kindFile, raw.Name, raw.NameRange, names)
	s.weight = 1
	d.weight(raw.Weight, weightMostFile, &s.weight)
	d.flag(raw.Reverse, &s.reverse)
	f := track.File{Name: raw.Name}
	if d.required(raw.Path, raw.Place, s.block, "path", `"/run/govrrpd/load"`) && d.text(raw.Path, "/run/govrrpd/load", &f.Path) && f.Path != "" && !filepath.IsAbs(f.Path) {
		d.problem(raw.Path.Expr.Range(), fmt.Sprintf("path %s is not absolute", quote(f.Path)), `write it from the / on: "/run/govrrpd/load"`)
	}
	if d.given(raw.Init) {
		n := 0
		d.number(raw.Init, -track.MaxValue, track.MaxValue, "", &n)
		f.Init = &n
	}
	if d.flag(raw.Overwrite, &f.Overwrite); f.Overwrite && f.Init == nil {
		d.problem(raw.Overwrite.Expr.Range(), "overwrite needs a number to write", "add init = 0, for example, or remove overwrite")
	}
	d.track.Files = append(d.track.Files, f)
}

func (d *decoder) trackProcess(raw *rawTrackProcess, names map[string]hcl.Range) {
	s := d.source(kindProcess, raw.Name, raw.NameRange, names)
	d.weight(raw.Weight, weightMostFile, &s.weight)
	d.flag(raw.Reverse, &s.reverse)
	p := track.Process{Name: raw.Name, Quorum: 1}
	if d.required(raw.Command, raw.Place, s.block, "command", `"haproxy"`) {
		d.text(raw.Command, "haproxy", &p.Command)
	}
	d.flag(raw.FullCommand, &p.FullCommand)
	if p.FullCommand && strings.ContainsAny(p.Command, " \t") {
		d.warn(raw.Command.Expr.Range(), fmt.Sprintf("command %s has a blank in it and is the first word of a command line only", quote(p.Command)), "write the other words as arguments = […]")
	}
	d.processMatch(raw, &p)
	d.number(raw.Quorum, 1, math.MaxUint16, "", &p.Quorum)
	if d.given(raw.QuorumMax) {
		most := math.MaxUint16
		if d.number(raw.QuorumMax, 0, math.MaxUint16, "", &most) && most > 0 && most < p.Quorum {
			d.problem(raw.QuorumMax.Expr.Range(), fmt.Sprintf("quorum_max %d is less than the quorum of %d: it could never be met", most, p.Quorum),
				fmt.Sprintf("write quorum_max = %d or more, or 0 for a process that must not run", p.Quorum))
		}
		p.Max = &most
	}
	d.duration(raw.ForkDelay, span{low: time.Millisecond, high: maxProcessDelay, zero: "none"}, &p.ForkDelay)
	d.duration(raw.EndDelay, span{low: time.Millisecond, high: maxProcessDelay, zero: "none"}, &p.TerminateDelay)
	d.track.Processes = append(d.track.Processes, p)
}

// processMatch reads which arguments a process has.
func (d *decoder) processMatch(raw *rawTrackProcess, p *track.Process) {
	if d.given(raw.Arguments) {
		p.Match = track.MatchExact
		list, _ := d.list(raw.Arguments, "-f")
		for _, e := range list {
			p.Arguments = append(p.Arguments, e.text)
		}
	}
	words := []string{"name", "exact", "partial", "initial"}
	choice(d, raw.Match, words, []track.Match{track.MatchName, track.MatchExact, track.MatchPartial, track.MatchInitial}, &p.Match)
	if p.Match == track.MatchName && len(p.Arguments) > 0 {
		d.problem(raw.Arguments.Expr.Range(), `match = "name" does not look at arguments`, `remove them, or write match = "exact", "partial" or "initial"`)
	}
}

func (d *decoder) trackRoute(raw *rawTrackRoute, names map[string]hcl.Range) {
	s := d.source(vrrp.KindRoute, raw.Name, raw.NameRange, names)
	d.weight(raw.Weight, weightMost, &s.weight)
	d.flag(raw.Reverse, &s.reverse)
	r := vrrp.Route{Name: raw.Name, Table: vrrp.MainTable}
	if d.required(raw.Prefix, raw.Place, s.block, "prefix", `"0.0.0.0/0"`) {
		d.prefix(raw.Prefix, &r.Prefix)
	}
	d.number(raw.Table, 1, math.MaxUint32, "`ip route show table all` lists the tables in use; 254 is main", &r.Table)
	d.gateway(raw.Via, r.Prefix, &r.Via)
	d.device(raw.Interface, &r.Interface)
	d.surroundings.Routes = append(d.surroundings.Routes, r)
}

// prefix reads the destination of a route; "default" is that of IPv4.
func (d *decoder) prefix(a *hcl.Attribute, into *netip.Prefix) {
	v, set, ok := d.scalar(a, cty.String, fmt.Sprintf("write %s = %q", a.Name, "0.0.0.0/0"))
	if !set || !ok {
		return
	}
	text := v.AsString()
	if text == "default" {
		text = "0.0.0.0/0"
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		d.problem(a.Expr.Range(), fmt.Sprintf("%s %s is not a destination with its length", a.Name, quote(text)), `write "0.0.0.0/0", "::/0" or "10.0.0.0/8", for example`)
	case p != p.Masked():
		d.problem(a.Expr.Range(), fmt.Sprintf("%s %s has bits after its length", a.Name, quote(text)), fmt.Sprintf("write %q", p.Masked()))
	default:
		*into = p
	}
}

// gateway reads a next hop. One of IPv6 serves routes of IPv4, too.
func (d *decoder) gateway(a *hcl.Attribute, prefix netip.Prefix, into *netip.Addr) {
	v, set, ok := d.scalar(a, cty.String, `write via = "192.0.2.1"`)
	if !set || !ok {
		return
	}
	addr, err := netip.ParseAddr(v.AsString())
	switch {
	case err != nil || addr.Zone() != "":
		d.problem(a.Expr.Range(), fmt.Sprintf("via %s is not an address", quote(v.AsString())), `write via = "192.0.2.1"`)
	case prefix.IsValid() && prefix.Addr().Is6() && addr.Is4():
		d.problem(a.Expr.Range(), fmt.Sprintf("via %s is IPv4, and the route is IPv6", addr), "write the IPv6 address of the gateway")
	default:
		*into = addr
	}
}

// tracked is what is looked at: what nobody tracks is left out.
func (d *decoder) tracked() Track {
	t, names := d.track, d.sources
	t.Scripts = slices.DeleteFunc(t.Scripts, func(c checkers.Config) bool { return !names.used(vrrp.CutSource(c.Name)) })
	t.Files = slices.DeleteFunc(t.Files, func(f track.File) bool { return !names.used(kindFile, f.Name) })
	t.Processes = slices.DeleteFunc(t.Processes, func(p track.Process) bool { return !names.used(kindProcess, p.Name) })
	t.Surroundings = d.surroundings
	t.Surroundings.Routes = slices.DeleteFunc(t.Surroundings.Routes, func(r vrrp.Route) bool { return !names.used(vrrp.KindRoute, r.Name) })
	return t
}

package conf

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/vrrp"
)

// rawTrack is a track block, of a vrrp_instance or a vrrp_sync_group.
type rawTrack struct {
	Place      hcl.Range      `hcl:",def_range"`
	Interfaces *hcl.Attribute `hcl:"interfaces,optional"`
	Interface  []rawTracker   `hcl:"interface,block"`
	Script     []rawTracker   `hcl:"script,block"`
	File       []rawTracker   `hcl:"file,block"`
	Process    []rawTracker   `hcl:"process,block"`
	Route      []rawTracker   `hcl:"route,block"`
	BFD        []rawTracker   `hcl:"bfd,block"`
	Service    []rawTracker   `hcl:"virtual_server,block"`
}

// rawTracker is a block in a track block.
type rawTracker struct {
	Name      string         `hcl:"name,label"`
	NameRange hcl.Range      `hcl:"name,label_range"`
	Weight    *hcl.Attribute `hcl:"weight,optional"`
	Reverse   *hcl.Attribute `hcl:"reverse,optional"`
}

// The kinds of sources, before the slash of vrrp.Tracker.Source.
const (
	kindScript  = "script"
	kindFile    = "file"
	kindProcess = "process"
	kindBFD     = "bfd"
	kindService = "virtual_server"
)

// The largest weights, as of keepalived.
const (
	weightMost     = 253
	weightMostFile = 254 // and of processes
)

// A trackable is something that can be tracked.
type trackable struct {
	at      hcl.Range
	block   string // `track_script "nginx"`
	weight  int    // unless the tracker says otherwise
	reverse bool
	used    bool
}

// trackables are all sources that are defined, by kind and name.
type trackables map[string]map[string]*trackable

func (t trackables) define(kind, name string, s *trackable) *trackable {
	if t[kind] == nil {
		t[kind] = map[string]*trackable{}
	}
	t[kind][name] = s
	return s
}

// used reports whether anybody tracks the source.
func (t trackables) used(kind, name string) bool { return t[kind][name] != nil && t[kind][name].used }

// trackedIn is a tracker: of a source, in a block such as `vrrp_instance "web"`.
type trackedIn struct{ block, source string }

// trackers builds what a track block says. Block is the block that it is in, as messages begin.
func (d *decoder) trackers(raw *rawTrack, block string) []vrrp.Tracker {
	if raw == nil {
		return nil
	}
	var out []vrrp.Tracker
	places := map[string]hcl.Range{}
	add := func(t vrrp.Tracker, at hcl.Range) {
		if first, again := places[t.Source]; again {
			d.problem(at, fmt.Sprintf("%s is tracked twice in %s", t.Source, block), fmt.Sprintf("the first is at %s: remove one", place(first)))
			return
		}
		places[t.Source] = at
		d.trackedAt[trackedIn{block, t.Source}] = at
		out = append(out, t)
	}
	list, _ := d.list(raw.Interfaces, "eth1")
	for _, e := range list {
		if d.deviceName("interfaces", e.text, e.at) {
			add(vrrp.Tracker{Source: vrrp.KindInterface + "/" + e.text}, e.at)
		}
	}
	for _, kind := range []struct {
		name string
		raw  []rawTracker
		most int
	}{
		{vrrp.KindInterface, raw.Interface, weightMost}, {kindScript, raw.Script, weightMost}, {kindFile, raw.File, weightMostFile},
		{kindProcess, raw.Process, weightMostFile}, {vrrp.KindRoute, raw.Route, weightMost}, {kindBFD, raw.BFD, weightMost},
		{kindService, raw.Service, weightMost},
	} {
		for i := range kind.raw {
			if t, ok := d.tracker(&kind.raw[i], kind.name, kind.most, block); ok {
				add(t, kind.raw[i].NameRange)
			}
		}
	}
	return out
}

// tracker builds one tracker. Weight and reverse are those of the source unless they are given.
func (d *decoder) tracker(raw *rawTracker, kind string, most int, block string) (vrrp.Tracker, bool) {
	t := vrrp.Tracker{Source: kind + "/" + raw.Name}
	if kind == vrrp.KindInterface {
		if !d.deviceName("interface", raw.Name, raw.NameRange) {
			return t, false
		}
	} else {
		source := d.trackable(kind, raw, block)
		if source == nil {
			return t, false
		}
		source.used = true
		t.Weight, t.Reverse = source.weight, source.reverse
	}
	ok := d.weight(raw.Weight, most, &t.Weight)
	d.flag(raw.Reverse, &t.Reverse)
	return t, ok
}

// weight reads what a source is worth.
func (d *decoder) weight(a *hcl.Attribute, most int, into *int) bool {
	return d.number(a, -most, most, "", into)
}

// trackable finds the source that a tracker names, or reports that there is none.
func (d *decoder) trackable(kind string, raw *rawTracker, block string) *trackable {
	if s := d.sources[kind][raw.Name]; s != nil {
		return s
	}
	if p, err := netip.ParsePrefix(raw.Name); kind == vrrp.KindRoute && err == nil && p == p.Masked() { // a route needs no more than that
		d.surroundings.Routes = append(d.surroundings.Routes, vrrp.Route{Name: raw.Name, Prefix: p, Table: vrrp.MainTable})
		return d.sources.define(kind, raw.Name, &trackable{at: raw.NameRange})
	}
	if d.undecoded {
		return nil // it may be in what could not be read
	}
	hint := suggest(raw.Name, maps.Keys(d.sources[kind]))
	d.problem(raw.NameRange, fmt.Sprintf("%s tracks %s %s, which is not defined", block, kind, quote(raw.Name)),
		cmp.Or(hint, undefinedHint(kind, raw.Name)))
	return nil
}

func undefinedHint(kind, name string) string {
	switch kind {
	case kindService:
		return fmt.Sprintf("add virtual_server %q { … }, or remove this", name)
	case kindBFD:
		return fmt.Sprintf("add bfd_instance %q { … }, or remove this", name)
	case vrrp.KindRoute:
		return fmt.Sprintf(`add track_route %q { prefix = "0.0.0.0/0" }, for example, or track the prefix itself: route "0.0.0.0/0" { }`, name)
	case kindFile:
		return fmt.Sprintf(`add track_file %q { path = "/run/govrrpd/load" }, for example, or remove this`, name)
	case kindProcess:
		return fmt.Sprintf(`add track_process %q { command = "haproxy" }, for example, or remove this`, name)
	}
	return fmt.Sprintf(`add track_script %q { command = ["/usr/bin/pgrep", "nginx"] }, for example, or remove this`, name)
}

// routerTrack reads what an instance tracks.
func (d *decoder) routerTrack(r *router) {
	r.Track = d.trackers(r.raw.Track, r.name)
	if r.Priority != vrrp.PriorityOwner || r.raw.Track == nil {
		return
	}
	if slices.ContainsFunc(r.Track, func(t vrrp.Tracker) bool { return t.Weight != 0 }) {
		d.warn(r.raw.Track.Place, "weights do nothing to priority 255: that of an owner never changes", "leave weight out, so that what is down makes a fault, or write priority = 254")
	}
}

// syncTrack makes every member of a sync group track what the group does.
func (d *decoder) syncTrack(g *syncGroup) {
	for _, t := range d.trackers(g.raw.Track, g.name) {
		for _, c := range g.members {
			if slices.ContainsFunc(c.Track, func(own vrrp.Tracker) bool { return own.Source == t.Source }) {
				d.problem(g.raw.Track.Place, fmt.Sprintf("%s and its vrrp_instance %q both track %s", g.name, c.Name, t.Source), "remove one of the two: the group's counts for all of its instances")
				continue
			}
			c.Track = append(c.Track, t)
		}
	}
}

// checkUnused warns of sources that nobody tracks: they are not looked at.
func (d *decoder) checkUnused() {
	if d.undecoded {
		return
	}
	for _, kind := range []string{kindScript, kindFile, kindProcess, vrrp.KindRoute} {
		for _, name := range slices.Sorted(maps.Keys(d.sources[kind])) {
			if s := d.sources[kind][name]; !s.used {
				d.warn(s.at, fmt.Sprintf("nobody tracks %s", s.block), fmt.Sprintf("add %s %q { } to track { } of a vrrp_instance, or remove this", kind, name))
			}
		}
	}
}

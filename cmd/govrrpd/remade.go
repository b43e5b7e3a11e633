package main

import (
	"slices"

	"github.com/govrrpd/govrrpd/vrrp"
)

// partWith takes out of r.members, and returns, those that a reload removes, and those of which it makes something that they cannot become
// while they run. Masters whose successors of the same name may be master at once are r.heirs, and leave only if heirsToo. The caller
// holds r.mu.
func (r *router) partWith(wanted map[string]*vrrp.Config, heirsToo bool) []*member {
	stays := make(map[string]bool, len(r.members))
	r.heirs = make(map[string]bool)
	for name, m := range r.members {
		next, ok := wanted[name]
		stays[name] = ok && m.config.GoesOn(next) && !r.contested(m.config, next, wanted)
		if !stays[name] && ok && m.config.Bequeaths(next) && m.Status().Role == vrrp.Master {
			r.heirs[name], stays[name] = true, !heirsToo
		}
	}
	var leaving []*member
	for name, m := range r.members {
		if !stays[name] {
			leaving = append(leaving, m)
			delete(r.members, name)
		}
	}
	return leaving
}

// contested reports whether a change of the VRID or of the multicast group has to wait for another virtual router, or another one for it: where
// two change places, both are made anew.
func (r *router) contested(old, next *vrrp.Config, wanted map[string]*vrrp.Config) bool {
	if old.VRID == next.VRID && old.MulticastGroup() == next.MulticastGroup() {
		return false
	}
	for name, m := range r.members {
		if name != next.Name && m.config.Clashes(next) {
			return true
		}
	}
	for name, c := range wanted {
		if name != old.Name && c.Clashes(old) {
			return true
		}
	}
	return false
}

// A party is virtual routers that leave together.
type party struct {
	name    string // of their sync group; empty for one alone
	members []*vrrp.Member
	hasty   bool // nobody is going to succeed them
	heirs   bool // others are to be master in their places
}

// parties returns in what company leaving go. A sync group that leaves as a whole hands over as a whole. Nobody succeeds those whose sync group
// stays without them, because the sync groups of the other directors change role as a whole. The caller holds r.mu, and the groups run as before.
func (r *router) parties(leaving []*member) []party {
	byName := make(map[string]*member, len(leaving))
	for _, m := range leaving {
		byName[m.config.Name] = m
	}
	var out []party
	for _, g := range r.running {
		whole := !slices.ContainsFunc(g.names, func(name string) bool { return byName[name] == nil })
		together := party{name: g.name}
		for _, name := range g.names {
			m, heir := byName[name], r.heirs[name]
			switch {
			case m == nil:
			case whole && !heir:
				together.members = append(together.members, m.Member)
			default:
				out = append(out, party{members: []*vrrp.Member{m.Member}, hasty: !whole, heirs: heir})
			}
		}
		if len(together.members) > 0 {
			out = append(out, together)
		}
	}
	return out
}

// group returns what makes them leave when its Run is called. No other group runs them any more.
func (p party) group() *vrrp.Group {
	g := vrrp.NewGroup(p.name, p.members...)
	switch {
	case p.heirs:
		g.LeaveToHeir()
	case p.hasty:
		g.LeaveAtOnce()
	}
	return g
}

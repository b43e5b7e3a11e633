package main

import (
	"slices"

	"github.com/govrrpd/govrrpd/vrrp"
)

// partWith takes out of r.members, and returns, those that a reload removes, and those of which it makes something that they cannot become
// while they run. Of the latter, r.heirs has those whose successors of the same name are to be master at once. The caller holds r.mu.
func (r *router) partWith(wanted map[string]*vrrp.Config) []*member {
	stays := make(map[string]bool, len(r.members))
	for name, m := range r.members {
		next, ok := wanted[name]
		stays[name] = ok && m.config.GoesOn(next) && !r.contested(m.config, next, wanted)
	}
	var leaving []*member
	r.heirs = make(map[string]bool)
	for name, m := range r.members {
		if !stays[name] {
			next, ok := wanted[name]
			r.heirs[name] = ok && m.config.Bequeaths(next) && m.Status().Role == vrrp.Master
			leaving = append(leaving, m)
			delete(r.members, name)
		}
	}
	return leaving
}

// contested reports whether a change of the VRID has to wait for another virtual router, or another one for it: where two change places,
// both are made anew.
func (r *router) contested(old, next *vrrp.Config, wanted map[string]*vrrp.Config) bool {
	if old.VRID == next.VRID {
		return false
	}
	for name, m := range r.members {
		if name != next.Name && seatOf(m.config) == seatOf(next) {
			return true
		}
	}
	for name, c := range wanted {
		if name != old.Name && seatOf(c) == seatOf(old) {
			return true
		}
	}
	return false
}

// A seat is what one virtual router only can have.
type seat struct {
	ifname string
	vrid   uint8
	family vrrp.Family
}

func seatOf(c *vrrp.Config) seat { return seat{c.Interface, c.VRID, c.Family()} }

// bereft returns the names of the virtual routers that leave a sync group whose other members stay: nobody succeeds them, because the sync
// groups of the other directors change role as a whole. The caller holds r.mu, and the groups run as before.
func (r *router) bereft() map[string]bool {
	out := make(map[string]bool)
	stays := func(name string) bool { return r.members[name] != nil }
	for _, g := range r.running {
		if g.lone || !slices.ContainsFunc(g.names, stays) {
			continue
		}
		for _, name := range g.names {
			if !stays(name) {
				out[name] = true
			}
		}
	}
	return out
}

package vrrp

import (
	"slices"
	"sync/atomic"
	"time"
)

// A GroupStatus is what a sync group says about itself at one moment. The names in JSON are a contract with users.
type GroupStatus struct {
	Name    string    `json:"name"`
	Role    Role      `json:"role"`    // of all members; backup while a reload has made them differ
	Since   time.Time `json:"since"`   // of the role
	Members []string  `json:"members"` // names of the virtual routers
	Ready   []string  `json:"ready"`   // members that might be master, if it were not for the others
	Reasons []string  `json:"reasons"` // why the group takes no part: the faults of its members, or else what they wait for; empty when it does
}

// A groupSummary is the newest GroupStatus, for any goroutine to read.
type groupSummary struct{ status atomic.Pointer[GroupStatus] }

// Status returns a snapshot, of no use for a lone router.
func (g *Group) Status() GroupStatus { return *g.summary.status.Load() }

// publish makes the present state visible. It costs nothing when nothing changed.
func (g *Group) publish() {
	old := g.summary.status.Load()
	if old == nil || old.Role != g.role() || !g.ready(old.Ready) || !slices.Equal(old.Reasons, g.reasons) {
		g.summary.status.Store(g.snapshot())
	}
}

func (g *Group) snapshot() *GroupStatus {
	next := &GroupStatus{Name: g.name, Role: g.role(), Ready: []string{}, Reasons: append([]string{}, g.reasons...)}
	for _, m := range g.members {
		next.Members = append(next.Members, m.router.config.Name)
		if m.router.state.Ready {
			next.Ready = append(next.Ready, m.router.config.Name)
		}
		if next.Since.Before(m.router.since) {
			next.Since = m.router.since
		}
	}
	return next
}

// ready reports whether the members of these names, in the order of the group, are all that are held back.
func (g *Group) ready(names []string) bool {
	for _, m := range g.members {
		if !m.router.state.Ready {
			continue
		}
		if len(names) == 0 || names[0] != m.router.config.Name {
			return false
		}
		names = names[1:]
	}
	return len(names) == 0
}

// role is that of all members; what differs from another is on its way through backup.
func (g *Group) role() Role {
	role := g.members[0].router.state.Role
	for _, m := range g.members[1:] {
		if m.router.state.Role != role {
			return Backup
		}
	}
	return role
}

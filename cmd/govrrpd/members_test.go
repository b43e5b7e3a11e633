package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/vrrp"
)

// makeMembers adds members without a group.
func (r *router) makeMembers(names ...string) {
	for _, name := range names {
		c := trackerConfig(name)
		r.members[name] = &member{Member: vrrp.NewMember(c, idleHost{}, r.log, nil), config: c}
	}
}

// groupsOf returns the running groups as text: names of members by key.
func (r *router) groupsOf() map[string]string {
	out := make(map[string]string)
	for key, g := range r.running {
		out[key] = strings.Join(g.names, " ")
	}
	return out
}

func TestRegroup(t *testing.T) {
	r := newIdleRouter(t)
	r.makeMembers("a", "b", "c")
	tests := []struct {
		name   string
		wanted []vrrp.SyncGroup
		want   map[string]string
	}{
		{"none", nil, map[string]string{"vrrp_instance a": "a", "vrrp_instance b": "b", "vrrp_instance c": "c"}},
		{"two of three", []vrrp.SyncGroup{{Name: "g", Members: []string{"b", "a"}}}, map[string]string{"vrrp_sync_group g": "b a", "vrrp_instance c": "c"}},
		{"all, and one that does not exist", []vrrp.SyncGroup{{Name: "g", Members: []string{"b", "a", "x", "c"}}}, map[string]string{"vrrp_sync_group g": "b a c"}},
		{"another name", []vrrp.SyncGroup{{Name: "h", Members: []string{"b", "a"}}}, map[string]string{"vrrp_sync_group h": "b a", "vrrp_instance c": "c"}},
		{"nobody exists", []vrrp.SyncGroup{{Name: "h", Members: []string{"x", "y"}}}, map[string]string{"vrrp_instance a": "a", "vrrp_instance b": "b", "vrrp_instance c": "c"}},
	}
	for _, tt := range tests {
		before := make(map[string]*vrrp.Group)
		for key, g := range r.running {
			before[key] = g.group
		}
		old := r.groupsOf()
		r.regroup(tt.wanted)
		if diff := cmp.Diff(tt.want, r.groupsOf()); diff != "" {
			t.Errorf("%s: groups (-want +got):\n%s", tt.name, diff)
		}
		for key, g := range r.running {
			if names, same := old[key]; same && names == strings.Join(g.names, " ") && before[key] != g.group {
				t.Errorf("%s: %s was made anew without need", tt.name, key)
			}
		}
		r.regroup(tt.wanted) // changes nothing
		for _, m := range r.members {
			waitFor(t, "every member to be run by its group", func() bool { return m.Status().Role == vrrp.Backup })
		}
	}
}

func TestSyncGroupWithAMemberThatCannotBeMadeIsInFault(t *testing.T) {
	r := newIdleRouter(t)
	r.makeMembers("a", "b", "c")
	for _, tt := range []struct {
		name   string
		wanted []vrrp.SyncGroup
		role   vrrp.Role
	}{
		{"one is missing", []vrrp.SyncGroup{{Name: "g", Members: []string{"a", "b", "x"}}}, vrrp.Fault},
		{"it is not wanted any more", []vrrp.SyncGroup{{Name: "g", Members: []string{"a", "b"}}}, vrrp.Backup},
		{"one is missing again", []vrrp.SyncGroup{{Name: "g", Members: []string{"x", "a", "b"}}}, vrrp.Fault},
		{"there is no group any more", nil, vrrp.Backup},
	} {
		r.complete(tt.wanted)
		r.regroup(tt.wanted)
		for _, name := range []string{"a", "b"} {
			waitFor(t, tt.name, func() bool { return r.members[name].Status().Role == tt.role })
		}
		waitFor(t, "the other one to be left alone", func() bool { return r.members["c"].Status().Role == vrrp.Backup })
	}
}

package vrrp

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// disband ends the group of the node, and leaves its members in their roles.
func (n *siteNode) disband(t *testing.T) []*Member {
	t.Helper()
	n.group.Disband()
	var members []*Member
	for _, m := range n.machines {
		if err := <-m.ended; err != nil {
			t.Errorf("a disbanded group: %v", err)
		}
		members = append(members, m.group)
	}
	return members
}

// driveAlone runs each member by itself.
func (n *siteNode) driveAlone(members []*Member) (disband func()) {
	var groups []*Group
	ctx, cancel := context.WithCancel(context.Background())
	n.end = cancel
	for i, m := range n.machines {
		g := NewGroup("", members[i])
		ended := m.ended
		m.end = cancel
		groups = append(groups, g)
		go func() { ended <- g.Run(ctx) }()
	}
	return func() {
		for i, m := range n.machines {
			groups[i].Disband()
			<-m.ended
		}
	}
}

func (n *siteNode) driveTogether(members []*Member) {
	ctx, cancel := context.WithCancel(context.Background())
	n.end = cancel
	for _, m := range n.machines {
		m.end = cancel
	}
	n.drive(ctx, NewGroup("edge", members...))
}

// A reload takes a sync group of masters apart, and makes it anew: nobody notices.
func TestReloadRegroupsMastersInTheirRoles(t *testing.T) {
	onSite(t, func(t *testing.T, s *site) {
		a, b := s.twoNodes(nil)
		s.elapse(settled2)
		before := s.transitions()
		members := a.disband(t)
		again := a.driveAlone(members)
		s.elapse(settled2)
		a.want(t, Master)
		if name := members[0].Status().SyncGroup; name != "" {
			t.Errorf("a lone router is in group %q", name)
		}
		again()
		a.driveTogether(members)
		s.elapse(settled2)
		a.want(t, Master)
		b.want(t, Backup)
		if n := s.transitions() - before; n > 0 {
			t.Errorf("%d transitions", n)
		}
		if name := members[0].Status().SyncGroup; name != "edge" {
			t.Errorf("a member is in group %q", name)
		}
	})
}

// Lone routers, master on one LAN and backup on the other, become a group: it is backup as a whole as soon as it hears the master.
func TestReloadMakesAGroupOfMasterAndBackup(t *testing.T) {
	onSite(t, func(t *testing.T, s *site) {
		a, b := s.twoNodes(nil)
		s.elapse(settled2)
		again := [2]func(){a.driveAlone(a.disband(t)), b.driveAlone(b.disband(t))}
		b.machines[1].group.Configure(groupConfig("b-inside", 250, func(c *Config) { c.Version, c.AdvertInterval = V2, time.Second }))
		s.elapse(settled2)
		if got := a.roles(); got != [2]Role{Master, Backup} {
			t.Fatalf("roles %v, want master and backup", got)
		}
		for i, n := range s.nodes {
			again[i]()
			n.driveTogether([]*Member{n.machines[0].group, n.machines[1].group})
		}
		s.elapse(2 * settled2)
		ra, rb := a.roles(), b.roles()
		if ra[0] != ra[1] || rb[0] != rb[1] || (ra[0] == Master) == (rb[0] == Master) {
			t.Errorf("roles %v and %v, want one group of masters and one of backups", ra, rb)
		}
	})
}

// A reload adds a member to a group of masters. It has nobody against it, so it joins them after its down interval.
func TestMemberThatAReloadAddsJoinsTheMasters(t *testing.T) {
	onSite(t, func(t *testing.T, s *site) {
		n := s.add(groupConfig("a", 200, nil), groupConfig("a-inside", 200, nil), 1)
		ctx, cancel := context.WithCancel(context.Background())
		first := n.machines[0].wakeUp(cancel)
		lone, done := NewGroup("edge", first), make(chan error, 1)
		go func() { done <- lone.Run(ctx) }()
		s.elapse(settled2)
		lone.Disband()
		if err := <-done; err != nil {
			t.Error(err)
		}
		second := n.machines[1].wakeUp(cancel)
		n.drive(ctx, NewGroup("edge", first, second))
		s.elapse(down200 - time.Millisecond)
		if got := n.roles(); got != [2]Role{Master, Backup} {
			t.Errorf("at first roles %v, want master and backup", got)
		}
		s.elapse(2 * time.Millisecond)
		n.want(t, Master)
		if got := len(n.machines[0].transitions); got != 2 {
			t.Errorf("the older member changed role %d times, want 2", got)
		}
	})
}

// A flood of adverts costs no garbage beyond what Step returns, whatever the members of a group do with them.
func TestPublishingAGroupThatDidNotChangeCostsNothing(t *testing.T) {
	onSite(t, func(t *testing.T, s *site) {
		a, _ := s.twoNodes(nil)
		s.elapse(settled2)
		members := a.disband(t)
		g := NewGroup("edge", members...)
		if n := testing.AllocsPerRun(100, g.publish); n > 0 {
			t.Errorf("%.0f allocations", n)
		}
		if st := g.Status(); st.Ready == nil || st.Role != Master {
			t.Errorf("status %+v, want a list that is no null in JSON", st)
		}
		a.driveTogether(members)
	})
}

// The status of a group says what keeps it from taking part, and only as long as that lasts.
func TestStatusOfASyncGroupSaysWhoIsAtFault(t *testing.T) {
	onSite(t, func(t *testing.T, s *site) {
		a, _ := s.twoNodes(nil)
		s.elapse(settled2)
		for _, tt := range []struct {
			fault string
			want  []string
			role  Role
		}{{"link: down", []string{"a-inside: link: down"}, Fault}, {"link: gone", []string{"a-inside: link: gone"}, Fault}, {"", []string{}, Master}} {
			a.machines[1].group.Track("link", Verdict{Fault: tt.fault})
			s.elapse(2 * settled2)
			st := a.group.Status()
			if diff := cmp.Diff(tt.want, st.Reasons); diff != "" || st.Role != tt.role {
				t.Errorf("%s, with reasons (-want +got):\n%s", st.Role, diff)
			}
		}
	})
}

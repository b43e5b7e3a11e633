package vrrp

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A site is two LANs with nodes that are on both, each with a sync group over its two routers.
type site struct {
	lans  [2]*lan
	nodes []*siteNode
}

// A siteNode is one host: a machine on each LAN.
type siteNode struct {
	machines [2]*machine
	facts    map[string]Verdict // what both members are told at each start
	group    *Group
	end      context.CancelFunc
}

func newSite() *site { return &site{lans: [2]*lan{newLAN(), newLAN()}} }

// add puts a node on both LANs; it does not start it.
func (s *site) add(outside, inside *Config, seed uint64) *siteNode {
	n := &siteNode{facts: make(map[string]Verdict)}
	for i, c := range []*Config{outside, inside} {
		n.machines[i] = s.lans[i].add(c, seed+uint64(i))
	}
	s.nodes = append(s.nodes, n)
	return n
}

func (n *siteNode) runs() bool { return n.machines[0].ended != nil }

func (n *siteNode) start() {
	ctx, cancel := context.WithCancel(context.Background())
	var members []*Member
	for _, m := range n.machines {
		members = append(members, m.wakeUp(cancel))
	}
	for _, source := range slices.Sorted(maps.Keys(n.facts)) { // in an order that a seed repeats
		n.tell(source, n.facts[source])
	}
	n.end = cancel
	n.drive(ctx, NewGroup("edge", members...))
}

// drive runs a group of both members.
func (n *siteNode) drive(ctx context.Context, g *Group) {
	n.group = g
	ended := [2]chan error{n.machines[0].ended, n.machines[1].ended}
	go func() {
		err := g.Run(ctx)
		for _, e := range ended {
			e <- err
		}
	}()
}

// track tells both members, now and at each start, what is to be known of source.
func (n *siteNode) track(source string, v Verdict) {
	n.facts[source] = v
	n.tell(source, v)
}

func (n *siteNode) tell(source string, v Verdict) {
	for _, m := range n.machines {
		m.lan.mu.Lock()
		if m.group != nil {
			m.lan.note(m, "%s: %s %d", source, v.State, v.Value)
			m.group.Track(source, v)
			m.steady = time.Now()
		}
		m.lan.mu.Unlock()
		synctest.Wait() // the group has heard one before it hears the next
	}
}

func (n *siteNode) stop() error {
	err := n.machines[0].stop()
	if second := n.machines[1].stop(); err == nil {
		err = second
	}
	return err
}

func (n *siteNode) kill(power bool) {
	for _, m := range n.machines {
		m.die(power)
	}
	n.end()
	for _, m := range n.machines {
		<-m.ended
		m.ended = nil
	}
}

// stall freezes the process. Its sockets are read one after the other, so that a seed gives the same run again.
func (n *siteNode) stall(d, lag time.Duration) {
	for i, m := range n.machines {
		m.stall(d, lag+time.Duration(i))
	}
}

func (n *siteNode) roles() (roles [2]Role) {
	for i, m := range n.machines {
		m.lan.mu.Lock()
		roles[i] = m.role
		m.lan.mu.Unlock()
	}
	return roles
}

// holds reports whether a machine of the node has its addresses.
func (n *siteNode) holds() bool {
	held := false
	for _, m := range n.machines {
		m.lan.mu.Lock()
		held = held || m.held
		m.lan.mu.Unlock()
	}
	return held
}

// onSite runs a test in virtual time on a new site, and stops what still runs at its end.
func onSite(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newSite()
		defer s.finish(t)
		test(t, s)
	})
}

func (s *site) finish(t *testing.T) {
	for _, n := range s.nodes {
		if !n.runs() {
			continue
		}
		if err := n.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	for _, l := range s.lans {
		for _, v := range l.broken {
			t.Error(v)
		}
	}
	if t.Failed() {
		for i, l := range s.lans {
			t.Logf("LAN %d\n%s", i, strings.Join(l.trace, "\n"))
		}
	}
}

// elapse lets time go by and everything due at its end happen.
func (s *site) elapse(d time.Duration) {
	for _, l := range s.lans {
		l.mu.Lock()
		l.mu.Unlock() //nolint:staticcheck // makes what the test wrote visible to the machines
	}
	time.Sleep(d)
	synctest.Wait()
}

func (n *siteNode) want(t *testing.T, role Role) {
	t.Helper()
	if got := n.roles(); got != [2]Role{role, role} {
		t.Fatalf("%s: members are %v, want both %s", n.machines[0].config.Name, got, role)
	}
}

// twoNodes are started, one after the other: a of priority 200, and b of 100. Inside is version 2 at 1 s.
func (s *site) twoNodes(change func(*Config)) (a, b *siteNode) {
	for _, n := range []struct {
		name     string
		priority uint8
	}{{"a", 200}, {"b", 100}} {
		outside, inside := groupConfig(n.name, n.priority, change), groupConfig(n.name+"-inside", n.priority, change)
		inside.Version, inside.AdvertInterval = V2, time.Second
		node := s.add(outside, inside, 1)
		node.track("script/x", Verdict{State: Up})
		node.start()
	}
	return s.nodes[0], s.nodes[1]
}

const settled2 = 5 * time.Second // down interval of the slower LAN, and more

func TestSyncGroupMovesAsAWhole(t *testing.T) {
	onSite(t, func(t *testing.T, s *site) {
		a, b := s.twoNodes(nil)
		s.elapse(settled2)
		a.want(t, Master)
		b.want(t, Backup)
		a.machines[0].setLink(false)
		s.elapse(0)
		a.want(t, Fault)
		s.elapse(time.Second) // inside resigned, so that b waits for its skew only
		b.want(t, Master)
		if got, want := a.machines[1].group.Status().Reasons, "sync group edge: a has link: eth0 is down"; len(got) != 1 || got[0] != want {
			t.Errorf("reasons inside %q, want %q", got, want)
		}
		a.machines[0].setLink(true)
		s.elapse(settled2)
		a.want(t, Master)
		b.want(t, Backup)
		if st := a.group.Status(); st.Role != Master || st.Name != "edge" || len(st.Members) != 2 {
			t.Errorf("status of the group %+v", st)
		}
	})
}

// A silent partition: b hears nobody outside, and must not be master there while a is inside.
func TestSyncGroupIsHeldBackByOneLAN(t *testing.T) {
	onSite(t, func(t *testing.T, s *site) {
		a, b := s.twoNodes(nil)
		s.elapse(settled2)
		s.lans[0].machines[1].part = 1
		s.elapse(settled2)
		a.want(t, Master)
		b.want(t, Backup)
		if st := b.group.Status(); len(st.Ready) != 1 || st.Ready[0] != "b" {
			t.Errorf("ready %q, want b", st.Ready)
		}
		a.kill(true)
		s.elapse(settled2)
		b.want(t, Master)
	})
}

func TestSyncGroupFollowsATrackerOfOneMember(t *testing.T) {
	onSite(t, func(t *testing.T, s *site) {
		a, b := s.twoNodes(tracking(Tracker{Source: "script/x"}))
		s.elapse(settled2)
		a.want(t, Master)
		a.track("script/x", Verdict{State: Down, Reason: "exit status 1"})
		s.elapse(0)
		a.want(t, Fault)
		s.elapse(time.Second)
		b.want(t, Master)
		a.track("script/x", Verdict{State: Up})
		s.elapse(settled2)
		a.want(t, Master)
	})
}

func TestSyncGroupWhoseAddressesCannotBeHeldIsAllInFault(t *testing.T) {
	onSite(t, func(t *testing.T, s *site) {
		a, b := s.twoNodes(nil)
		a.machines[1].holdError = context.DeadlineExceeded
		s.elapse(settled2)
		if got := a.roles(); got[0] == Master || got[1] == Master {
			t.Errorf("roles %v, want no master without its addresses", got)
		}
		b.want(t, Master)
		a.machines[1].holdError = nil
		s.elapse(retryPauseMax + settled2)
		a.want(t, Master)
	})
}

// Each of two groups is better on another LAN, and they begin in the same instant.
func TestGroupsThatAreEachBetterElsewhereComeToRest(t *testing.T) {
	onSite(t, func(t *testing.T, s *site) {
		for i, priorities := range [][2]uint8{{200, 100}, {100, 200}} {
			name := string(rune('a' + i))
			s.add(groupConfig(name, priorities[0], nil), groupConfig(name+"-inside", priorities[1], nil), 1)
		}
		for _, n := range s.nodes {
			n.start()
		}
		s.elapse(settled2)
		a, b := s.nodes[0].roles(), s.nodes[1].roles()
		before := s.transitions()
		if a[0] != a[1] || b[0] != b[1] || (a[0] == Master) == (b[0] == Master) {
			t.Errorf("roles %v and %v, want one group of masters and one of backups", a, b)
		}
		s.elapse(settled2)
		if n := s.transitions() - before; n > 0 {
			t.Errorf("%d transitions at rest", n)
		}
	})
}

func (s *site) transitions() int {
	n := 0
	for _, l := range s.lans {
		l.mu.Lock()
		for _, m := range l.machines {
			n += len(m.transitions)
		}
		l.mu.Unlock()
	}
	return n
}

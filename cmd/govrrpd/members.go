package main

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A member is a virtual router of the router process.
type member struct {
	*vrrp.Member
	config *vrrp.Config
}

// A runningGroup is a sync group, or a lone router, whose goroutine runs.
type runningGroup struct {
	name  string   // of the sync group; empty for a lone router
	names []string // of its members
	group *vrrp.Group
	lone  bool
	done  chan struct{}
}

// retire ends the virtual routers that are not wanted, or not as what they are. Masters that leave to heirs stay until the others have found
// successors: nobody has their addresses until the heirs are made. The caller holds r.mu, which is free while masters wait.
func (r *router) retire(wanted map[string]*vrrp.Config, groups []vrrp.SyncGroup) {
	r.dismiss(r.partWith(wanted, false), groups)
	r.dismiss(r.partWith(wanted, true), groups)
}

// dismiss ends virtual routers all at once. Those that were in a sync group with them go on at once. The caller holds r.mu, which is free
// while masters wait for their successors.
func (r *router) dismiss(leaving []*member, groups []vrrp.SyncGroup) {
	if len(leaving) == 0 {
		return
	}
	parties := r.parties(leaving)
	r.regroup(groups)
	over, cancel := context.WithCancel(r.ctx)
	cancel() // a group that runs when its time is over does nothing but resign
	var release sync.WaitGroup
	for _, p := range parties {
		g := p.group()
		release.Go(func() { r.run(over, g, p.members[0].Status().Name) })
	}
	r.leaving = leaving
	r.mu.Unlock()
	release.Wait()
	r.mu.Lock()
	r.leaving = nil
	for _, m := range leaving {
		r.host.Detach(m.config.Name)
		r.keeper.forgetNot(m.config.Name, m.Member)
	}
}

// regroup makes the running groups those that the existing members are to form. A group that stays as it is is not touched; members
// that change theirs keep their roles and timers.
func (r *router) regroup(wanted []vrrp.SyncGroup) {
	next := r.partition(wanted)
	var leaving []*runningGroup
	for key, g := range r.running {
		if n, ok := next[key]; !ok || !slices.Equal(g.names, n.names) {
			g.group.Disband()
			leaving = append(leaving, g)
			delete(r.running, key)
		}
	}
	for _, g := range leaving {
		<-g.done
	}
	for key, g := range next {
		if _, ok := r.running[key]; !ok {
			r.start(key, g)
		}
	}
}

// partition returns the groups that the existing members are to form, by key, without their goroutines.
func (r *router) partition(wanted []vrrp.SyncGroup) map[string]*runningGroup {
	out := make(map[string]*runningGroup, len(r.members))
	synced := make(map[string]bool)
	for _, w := range wanted {
		g := &runningGroup{name: w.Name}
		for _, name := range w.Members {
			if _, ok := r.members[name]; ok && !synced[name] {
				synced[name] = true
				g.names = append(g.names, name)
			}
		}
		if len(g.names) > 0 {
			out[syncKey(w.Name)] = g
		}
	}
	for name := range r.members {
		if !synced[name] {
			out["vrrp_instance "+name] = &runningGroup{names: []string{name}, lone: true}
		}
	}
	return out
}

// syncKey is the key of the running group that is the sync group of that name.
func syncKey(name string) string { return "vrrp_sync_group " + name }

// start gives a group its goroutine. No other group runs its members any more.
func (r *router) start(key string, g *runningGroup) {
	var members []*vrrp.Member
	for _, name := range g.names {
		members = append(members, r.members[name].Member)
	}
	g.group = vrrp.NewGroup(g.name, members...)
	g.done = make(chan struct{})
	r.running[key] = g
	r.groups.Go(func() {
		defer close(g.done)
		r.run(r.ctx, g.group, key)
	})
}

func (r *router) run(ctx context.Context, g *vrrp.Group, name string) {
	if err := g.Run(ctx); err != nil {
		r.log.Error("virtual router ended", "router", name, "error", err)
	}
}

// complete tells the members of each sync group whether one is missing because it could not be made: without it the group must not be
// master.
func (r *router) complete(wanted []vrrp.SyncGroup) {
	faults := make(map[string]string)
	for _, w := range wanted {
		for _, name := range w.Members {
			if _, ok := r.members[name]; ok {
				continue
			}
			for _, other := range w.Members {
				faults[other] = fmt.Sprintf("sync group %s: %s could not be made, see the log", w.Name, name)
			}
		}
	}
	for name, m := range r.members {
		m.Track(syncSource, vrrp.Verdict{Fault: faults[name]})
	}
}

// syncSource is the source of the fault that complete finds.
const syncSource = "sync_group"

// thoseThatGoOnFirst returns configs in the order in which they are applied: a new virtual router may need what another one gives up, as a peer
// of its VRID.
func (r *router) thoseThatGoOnFirst(configs []*vrrp.Config) []*vrrp.Config {
	var out, fresh []*vrrp.Config
	for _, c := range configs {
		if r.members[c.Name] != nil {
			out = append(out, c)
		} else {
			fresh = append(fresh, c)
		}
	}
	return append(out, fresh...)
}

// apply makes a member of c, for regroup to start, or gives an existing one its new configuration.
func (r *router) apply(c *vrrp.Config) error {
	r.signed = r.signed || c.HMAC != nil
	if m, ok := r.members[c.Name]; ok {
		if reflect.DeepEqual(m.config, c) {
			return nil
		}
		if err := r.host.Configure(c); err != nil {
			return err
		}
		r.tracked.tell(m.Member, c)
		m.Configure(c)
		m.config = c
		return nil
	}
	m := vrrp.NewMember(c, r.host, r.log, r.noteRole)
	r.tracked.tell(m, c)
	r.keeper.recall(c.Name, m)
	if r.heirs[c.Name] {
		m.Inherit()
	}
	if err := r.host.Attach(c, m); err != nil {
		return err
	}
	r.members[c.Name] = &member{Member: m, config: c}
	return nil
}

// memories returns what the virtual routers must not forget.
func (r *router) memories(lead time.Duration) memories {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(memories)
	if !r.signed { // a second is short with thousands of virtual routers to ask
		return out
	}
	for _, m := range r.present() {
		if memory := m.Memory(lead); !memory.Empty() { // as of all that do not sign
			out[m.config.Name] = memory
		}
	}
	return out
}

// present returns all virtual routers, also those that resign. The caller holds r.mu.
func (r *router) present() []*member {
	return append(slices.Collect(maps.Values(r.members)), r.leaving...)
}

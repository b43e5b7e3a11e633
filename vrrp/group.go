package vrrp

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// A Host is the machine a Group runs on: package kernel in the daemon, an in-memory LAN in the simulation. For each Member, Send is
// called from one goroutine, and Hold and Announce from one other, so that a slow Hold delays no advert; Silence is
// called there, too.
type Host interface {
	// Send sends p for the router of c to the multicast group or to one peer. It never blocks for long.
	Send(c *Config, to netip.Addr, p Packet) error
	// Hold makes all of c.Addresses present or absent, and removes what it made present for an earlier Config of the same router.
	// It is idempotent and may take long. Making them absent first drops the announcements that are still queued.
	Hold(c *Config, on bool) error
	// Announce queues gratuitous ARP for all of c.Addresses as c.Announce says. It does not wait until they are sent.
	Announce(c *Config) error
	// Silence drops the announcements for the router of c that are still queued.
	Silence(c *Config)
}

// A Group is the set of virtual routers that change role together: a sync group, or one lone router. The goroutine that calls Run
// owns the state and all deadlines of its members.
//
//	Member.Receive ── inbox ──┐                            ┌─► Host.Send                 adverts, at once
//	Track, SetSource ─────────┼─► Run: Together ── Step ───┤
//	Configure ────── facts ───┘      ▲                     └─► followUp ─► Host.Hold     in order, may take long
//	                                 └──────── outcome ────────────┘    └► Host.Announce
type Group struct {
	name    string // of the sync group; empty for a lone router
	members []*Member
	poke    chan struct{} // one slot: there is something in an inbox, in facts, in an outcome or in orders, or Run is to end
	leave   chan struct{} // closed by Disband
	disband sync.Once

	judged  bool
	reasons []string // of the members, when they were last judged: GroupStatus.Reasons
	pulls   int      // how often a member made the others leave the role of master
	configs []*Config
	states  []State
	summary groupSummary
	orders  orders // failover, takeover and the end
	hasty   bool   // see LeaveAtOnce; set before Run
	heir    bool   // see LeaveToHeir; set before Run
}

// NewGroup returns the sync group of members, or with an empty name the group of a lone router. Nothing happens before Run. A member
// belongs to one group at a time: to the next one when Run of the last, after Disband, has returned.
func NewGroup(name string, members ...*Member) *Group {
	g := &Group{name: name, members: members, poke: make(chan struct{}, 1), leave: make(chan struct{})}
	g.configs, g.states = make([]*Config, len(members)), make([]State, len(members))
	g.publish()
	return g
}

// Disband makes Run return soon, and leave the members in their roles: they are for another group to run, at once, because masters
// among them are silent until then.
func (g *Group) Disband() {
	g.disband.Do(func() { close(g.leave) })
	g.wake()
}

// disbanded reports whether Disband was called.
func (g *Group) disbanded() bool {
	select {
	case <-g.leave:
		return true
	default:
		return false
	}
}

// LeaveAtOnce makes the end of Run wait for no successor: masters say priority 0 and let go. It is for members whose sync group stays where
// it is, so that the routers that would succeed them are held back by their own; see HeldBack. Call it before Run.
func (g *Group) LeaveAtOnce() { g.hasty = true }

// LeaveToHeir is LeaveAtOnce without a last word, for members in whose places others are about to be master; see Member.Inherit.
func (g *Group) LeaveToHeir() { g.hasty, g.heir = true, true }

// wake makes Run look at what there is. It never blocks: when the slot is full, Run is going to look anyway.
func (g *Group) wake() {
	select {
	case g.poke <- struct{}{}:
	default:
	}
}

// Run takes part in the elections until ctx ends. Masters then send priority 0, and hold the addresses until a successor has announced
// them, or until none came within SuccessorWait, but see LeaveAtOnce. Run returns when the addresses are released, and an error only if they could not be. It is called once. A member that an earlier group let resign stays as it is.
func (g *Group) Run(ctx context.Context) error {
	for _, m := range g.members {
		m.drivenBy(g)
	}
	timer := time.NewTimer(0) // 0: look at the facts at once
	defer timer.Stop()
	defer context.AfterFunc(ctx, g.wake)()
	g.loop(ctx, timer)
	if ctx.Err() == nil {
		return nil
	}
	g.resign(timer)
	for _, m := range g.members {
		m.stop(g.heir)
	}
	g.publish()
	var errs []error
	for _, m := range g.members {
		errs = append(errs, m.end())
	}
	return errors.Join(errs...)
}

// loop waits for what comes first. All deadlines are data; this is the only timer.
func (g *Group) loop(ctx context.Context, timer *time.Timer) {
	for {
		poked := false
		select {
		case <-timer.C:
		case <-g.poke:
			poked = true
		}
		if ctx.Err() != nil || g.disbanded() {
			return
		}
		if poked || !g.routine() {
			g.work()
		}
		g.rearm(timer, time.Time{})
	}
}

// routine does the one thing that a lone master does most of the time: its advert is due, and nothing else is. It reports false when that is
// not so. What others tell of is not looked for: it comes with a poke.
func (g *Group) routine() bool {
	r := g.members[0].router
	if len(g.members) > 1 || g.orders.current != nil || !r.state.advertises() {
		return false
	}
	now := r.now()
	if !over(r.deadline, now) || now.After(r.tooLate) || over(r.nextBesides(), now) {
		return false
	}
	r.expire(now)
	return true
}

// work does all that is due, whatever woke us. A master's advert goes out before the queue is read. A backup reads the queue before it
// takes over: after a stall the timer and the adverts that contradict it are there at the same instant.
func (g *Group) work() {
	for _, m := range g.members {
		m.heedRepeats()
	}
	g.learn()
	g.beginOrders()
	for _, m := range g.members {
		if r := m.router; r.state.advertises() {
			r.expire(r.now())
		}
	}
	now := g.members[0].router.now() // before the queues are read: what comes later cannot contradict a deadline that is judged by this
	for _, m := range g.members {
		m.drain()
	}
	for _, m := range g.members {
		m.router.expire(now)
	}
	retry := false
	for _, m := range g.members {
		retry = m.router.catchUp() || retry
	}
	if retry {
		g.judge()
	}
	g.endOrder()
	for _, m := range g.members {
		m.router.publish()
	}
	g.publish()
	g.expectRepeats()
}

// expectRepeats has the adverts noted that would change nothing. While a member is master, one that another member obeys does.
func (g *Group) expectRepeats() {
	for _, m := range g.members {
		if m.router.state.Role == Master {
			return
		}
	}
	for _, m := range g.members {
		m.expectRepeats()
	}
}

// learn takes in what others told, and how holding the addresses ended. It also is how routers start: the first fact is the
// configuration.
func (g *Group) learn() {
	changed := !g.judged
	for _, m := range g.members {
		news, fresh := m.facts.take()
		if fresh {
			m.router.learn(news)
		}
		lost := m.router.heed(m.follow.outcome())
		m.router.heedClaims()
		changed = changed || fresh || lost
	}
	if changed {
		g.judge()
	}
}

// happen lets ev happen to the member r, and to the others what follows from it. Due is the deadline that ran out, or zero.
func (g *Group) happen(r *router, ev Event, due time.Time) {
	if len(g.members) == 1 || timerRanOut(ev) && r.state.advertises() { // an advert is due: nobody else's business
		r.step(ev, due)
		return
	}
	at := 0
	for i, m := range g.members {
		if m.router == r {
			at = i
		}
		g.configs[i], g.states[i] = m.router.config, m.router.state
	}
	events := Together(g.configs, g.states, at, ev, g.pulls)
	r.step(events[at], due)
	pulled := false
	for i, m := range g.members {
		if i == at || events[i] == nil {
			continue
		}
		m.router.step(events[i], time.Time{})
		pulled = pulled || m.router.state.Role == Backup
	}
	if pulled {
		g.pulls++
	}
}

// announceProvoked announces all addresses of the group because one member heard an advert, or because a rival is gone.
func (g *Group) announceProvoked(now time.Time, healed bool) {
	for _, m := range g.members {
		m.router.announceProvoked(now, healed)
	}
}

// judge compares the faults of all members with their roles, and lets new ones begin.
func (g *Group) judge() {
	g.judged = true
	standings := make([]standing, len(g.members))
	for i, m := range g.members {
		standings[i] = m.router.standing()
	}
	g.reasons = reasonsOf(standings)
	fault, wait := Judge(g.name, standings)
	for i, m := range g.members {
		m.router.judge(standings[i], fault, wait)
	}
}

// rearm sets timer to the next deadline of all members, or to limit if that is earlier; a zero limit is none.
func (g *Group) rearm(timer *time.Timer, limit time.Time) {
	next := limit
	for _, m := range g.members {
		next = earlier(next, m.router.next())
	}
	if next.IsZero() {
		timer.Stop()
		return
	}
	timer.Reset(next.Sub(g.members[0].router.now()))
}

// earlier returns the earlier of two deadlines, of which either may be none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

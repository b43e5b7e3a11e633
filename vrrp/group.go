package vrrp

import (
	"context"
	"log/slog"
	"net/netip"
	"time"
)

// A Host is the machine a Group runs on: package kernel in the daemon, an in-memory LAN in the simulation. A Group calls Send from
// one goroutine, and Hold and Announce from one other, so that a slow Hold delays no advert.
type Host interface {
	// Send sends p for the router of c to the multicast group or to one peer. It never blocks for long.
	Send(c *Config, to netip.Addr, p Packet) error
	// Hold makes all of c.Addresses present or absent, and removes what it made present for an earlier Config of the same router.
	// It is idempotent and may take long. Making them absent first drops the announcements that are still queued.
	Hold(c *Config, on bool) error
	// Announce queues gratuitous ARP for all of c.Addresses as c.Announce says. It does not wait until they are sent.
	Announce(c *Config) error
}

// inboxSize is how many adverts may wait for the goroutine of a Group. A LAN has a handful of routers, so this is several intervals
// of theirs; a flood fills it within milliseconds, and what comes then is dropped and counted.
const inboxSize = 64

// A Group is the set of virtual routers that change role together; at present each holds one. The goroutine that calls Run owns the
// state and all deadlines; the other methods hand it facts or read snapshots, never block, and may be called from any goroutine,
// before, during and after Run.
//
//	Receive ── inbox ──┐                          ┌─► Host.Send                 adverts, at once
//	Track, SetSource ──┼─► Run: router ── Step ───┤
//	Configure ─ facts ─┘      ▲                   └─► followUp ─► Host.Hold     in order, may take long
//	                          └────── outcome ───────────┘     └► Host.Announce
type Group struct {
	router *router
	follow *followUp
	facts  facts
	inbox  chan Advert   // capacity inboxSize
	poke   chan struct{} // one slot: there is something in inbox, in facts, or in follow's outcome
}

// NewGroup returns the group of the virtual router that c describes, in role Init; nothing happens before Run. Notify is called once
// for each transition, on the goroutine that owns the timers, so it must hand over and return; it may be nil. The same goes for
// the handler of log.
func NewGroup(c *Config, h Host, log *slog.Logger, notify func(Transition)) *Group {
	return newGroup(c, h, log, notify, time.Now)
}

// newGroup is NewGroup with the clock. The simulation's clock does not return while its machine is stalled.
func newGroup(c *Config, h Host, log *slog.Logger, notify func(Transition), now func() time.Time) *Group {
	g := &Group{
		inbox: make(chan Advert, inboxSize),
		poke:  make(chan struct{}, 1),
	}
	g.facts.configure(c)
	g.follow = newFollowUp(h, log, g.wake)
	g.router = newRouter(c, h, g.follow, log, notify, now)
	return g
}

// Configure gives the router what a reload made of it. C must agree with what NewGroup was given in Name, Interface, VRID, Version and
// whether it is unicast: for a change in one of those the caller makes a new Group. Role and running timers stay; a longer
// interval counts from the next advert on, a shorter one at once.
func (g *Group) Configure(c *Config) {
	g.facts.configure(c)
	g.wake()
}

// Receive hands over an advert that package kernel parsed. It reports whether there was room; an advert that finds none is dropped
// and counted as DropQueue.
func (g *Group) Receive(a Advert) bool {
	select {
	case g.inbox <- a:
		g.wake()
		return true
	default:
		g.router.counts.drops.Count(DropQueue)
		return false
	}
}

// Track says what source has found: "link" or "source", whose faults always count, or what a Tracker of the Config names. Only the
// newest verdict of a source counts; it may come before the Config that tracks it.
func (g *Group) Track(source string, v Verdict) {
	g.facts.track(source, v)
	g.wake()
}

// SetSource says which address is the primary one of the router's interface; the zero Addr when it has none. It does not matter while
// Config.Source is set.
func (g *Group) SetSource(a netip.Addr) {
	g.facts.setSource(a)
	g.wake()
}

// Status returns a snapshot.
func (g *Group) Status() Status { return g.router.snapshot() }

// wake makes Run look at what there is. It never blocks: when the slot is full, Run is going to look anyway.
func (g *Group) wake() {
	select {
	case g.poke <- struct{}{}:
	default:
	}
}

// Run takes part in the election until ctx ends. A master then sends priority 0; Run returns when the addresses are released, and
// an error only if they could not be. It is called once.
func (g *Group) Run(ctx context.Context) error {
	released, release := make(chan error, 1), make(chan struct{})
	go func() { released <- g.follow.run(release) }()
	g.loop(ctx)
	g.router.step(Stop{}, time.Time{})
	g.router.publish()
	close(release)
	return <-released
}

// loop waits for what comes first. All deadlines are data; this is the only timer.
func (g *Group) loop(ctx context.Context) {
	timer := time.NewTimer(0) // 0: look at the facts at once
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-g.poke:
		}
		g.work()
		g.router.rearm(timer)
	}
}

// work does all that is due, whatever woke us. A master's advert goes out before the queue is read. A backup reads the queue before it
// takes over: after a stall the timer and the adverts that contradict it are there at the same instant.
func (g *Group) work() {
	r := g.router
	if news, ok := g.facts.take(); ok {
		r.learn(news)
	}
	r.heed(g.follow.outcome())
	if r.state.Role == Master {
		r.expire(r.now())
	}
	now := r.now() // before the queue is read: what comes later cannot contradict a deadline that is judged by this
	g.drain()
	r.expire(now)
	r.catchUp()
	r.publish()
}

// drain reads what was queued when it began, and leaves what a flood adds meanwhile to the next round, for which it has poked.
func (g *Group) drain() {
	for range cap(g.inbox) {
		select {
		case a := <-g.inbox:
			g.router.receive(a)
		default:
			return
		}
	}
}

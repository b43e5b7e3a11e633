package vrrp

import (
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// inboxSize is how many adverts may wait for a virtual router. A LAN has a handful of routers, so this is several intervals of
// theirs; a flood fills it within milliseconds, and what comes then is dropped and counted.
const inboxSize = 64

// A Member is one virtual router of a Group. It does nothing before a Group runs it. Its methods hand over facts or read snapshots, never
// block, and may be called from any goroutine, before, during and after Group.Run.
type Member struct {
	router  *router
	follow  *followUp
	facts   facts
	inbox   chan Advert // capacity inboxSize
	repeats repeats
	screen  screen
	driver  atomic.Pointer[Group]

	// owned by the goroutine that runs the group:
	release  chan struct{} // closed when the addresses are to be released for good; nil before the first Group
	released chan error    // capacity 1: how that ended
	stopped  bool          // release is closed
}

// NewMember returns the virtual router that c describes, in role Init. Notify is called once for each transition, on the goroutine
// that owns the timers, so it must hand over and return; it may be nil. The same goes for the handler of log.
func NewMember(c *Config, h Host, log *slog.Logger, notify func(Transition)) *Member {
	return newMember(c, h, log, notify, time.Now)
}

// newMember is NewMember with the clock. The simulation's clock does not return while its machine is stalled.
func newMember(c *Config, h Host, log *slog.Logger, notify func(Transition), now func() time.Time) *Member {
	m := &Member{inbox: make(chan Advert, inboxSize), screen: screen{wall: time.Now}}
	m.facts.configure(c)
	m.follow = newFollowUp(h, log, m.wake)
	m.router = newRouter(c, h, m.follow, log, notify, now)
	return m
}

// Configure gives the router what a reload made of it. C must have the Name that NewMember was given, and the configuration
// before must say GoesOn: otherwise the caller makes a new Member. The role stays, and so do running timers, unless the router is another
// one on the wire (Remade); a longer interval counts from the next advert on, a shorter one at once.
func (m *Member) Configure(c *Config) {
	m.facts.configure(c)
	m.wake()
}

// Receive hands over an advert that package kernel parsed. It reports whether there was room; an advert that finds none is dropped
// and counted as DropQueue. In a crowd, what is certain to be refused is counted under its own reason and takes no room.
func (m *Member) Receive(a Advert) bool {
	if m.repeats.note(a) {
		m.router.counts.received.Add(1)
		return true
	}
	if len(m.inbox) >= crowded {
		if err := m.screen.refuse(m.facts.current(), a); err != nil {
			m.router.counts.drops.Count(refusalOf(err))
			return true
		}
	}
	select {
	case m.inbox <- a:
		m.wake()
		return true
	default:
		m.router.counts.drops.Count(DropQueue)
		return false
	}
}

// Track says what source has found: "link" or "source", whose faults always count, or what a Tracker of the Config names. Only the
// newest verdict of a source counts; it may come before the Config that tracks it.
func (m *Member) Track(source string, v Verdict) {
	m.facts.track(source, v)
	m.wake()
}

// SetSource says which address is the primary one of the router's interface; the zero Addr when it has none. It does not matter while
// Config.Source is set.
func (m *Member) SetSource(a netip.Addr) {
	m.facts.setSource(a)
	m.wake()
}

// Status returns a snapshot.
func (m *Member) Status() Status { return m.router.snapshot() }

// wake makes the goroutine of the group look at what there is. Without one, the next looks anyway.
func (m *Member) wake() {
	if g := m.driver.Load(); g != nil {
		g.wake()
	}
}

// drivenBy makes g the group of m, and starts what follows up its decisions if no earlier group did.
func (m *Member) drivenBy(g *Group) {
	m.driver.Store(g)
	m.router.group = g
	if m.release != nil {
		return
	}
	m.release, m.released = make(chan struct{}), make(chan error, 1)
	go func() { // end waits for it
		var patrol sync.WaitGroup
		patrol.Go(func() { m.router.patrol.run(m.release) })
		err := m.follow.run(m.release)
		patrol.Wait()
		m.released <- err
	}()
}

// Inherit makes the router begin as master, in the place of one that was master and has left to it (Group.LeaveToHeir), unless it has a fault
// or has to wait then. Call it before a Group runs the Member.
func (m *Member) Inherit() { m.router.heir = true }

// stop lets the router resign, once.
func (m *Member) stop(heir bool) {
	if m.stopped {
		return
	}
	m.stopped = true
	m.repeats.stop()
	m.router.step(Stop{Heir: heir}, time.Time{})
	m.router.publish()
	close(m.release)
}

// end returns when the addresses are released.
func (m *Member) end() error {
	err := <-m.released
	m.released <- err // for whoever asks again
	return err
}

// drain reads what was queued when it began, and leaves what a flood adds meanwhile to the next round, for which it has poked.
func (m *Member) drain() {
	for range cap(m.inbox) {
		select {
		case a := <-m.inbox:
			m.router.receive(a)
		default:
			return
		}
	}
}

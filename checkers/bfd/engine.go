package bfd

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// An Engine runs all sessions of a host. Its methods may be called from any goroutine.
type Engine struct {
	network Network
	log     *slog.Logger
	report  Report
	drops   drops
	poke    chan struct{} // one slot: the earliest deadline may have changed

	mu sync.Mutex
	// guarded by mu:
	random     *rand.Rand
	byName     map[string]*peer
	byDiscr    map[uint32]*peer
	byNeighbor map[netip.Addr][]*peer
	due        deadlines
	buf        []byte // of the packet that is sent
}

// A peer is one session with everything around it.
type peer struct {
	config  *Config
	session Session
	sender  Sender

	heard    time.Time     // when the last packet came
	spoken   time.Time     // when the last packet left, but for answers to polls
	next     time.Time     // when the next is due; zero for never
	interval time.Duration // of which next was made
	place    int           // in Engine.due
	leaving  bool          // nobody is told of its end

	since                             time.Time
	verdict                           Verdict
	sent, received, sendErrors, flaps uint64
	sendError                         error
	lateness                          time.Duration
}

// NewEngine returns an Engine without sessions. Seed makes discriminators and jitter, and must not be guessable by others. The network
// is closed by Run.
func NewEngine(n Network, seed [32]byte, log *slog.Logger, report Report) *Engine {
	e := &Engine{
		network: n, log: log, report: report, poke: make(chan struct{}, 1), random: rand.New(rand.NewChaCha8(seed)),
		byName: map[string]*peer{}, byDiscr: map[uint32]*peer{}, byNeighbor: map[netip.Addr][]*peer{},
	}
	n.Notify(e.arrived)
	return e
}

// Run keeps the sessions until ctx ends. Then it tells every neighbour that the session is administratively down, and returns when the
// network is closed. It is called once.
func (e *Engine) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-e.poke:
		}
		if at := e.work(); at.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(at))
		}
	}
	err := e.Configure(nil)
	return errors.Join(err, e.network.Close())
}

// Configure makes the sessions the wanted ones. One whose ends stay goes on, and agrees on new intervals with its neighbour; one that
// is not wanted any more says so to its neighbour. The error names every session that could not be made.
func (e *Engine) Configure(wanted []*Config) error {
	byName := make(map[string]*Config, len(wanted))
	for _, c := range wanted {
		byName[c.Name] = c
	}
	for _, name := range e.names() {
		e.removeUnless(name, byName[name])
	}
	var errs []error
	for _, c := range wanted {
		if err := e.apply(c); err != nil {
			errs = append(errs, fmt.Errorf("bfd %q: %w", c.Name, err))
		}
	}
	e.wake()
	return errors.Join(errs...)
}

// Status returns a snapshot of all sessions in the order of their names.
func (e *Engine) Status() []Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]Status, 0, len(e.byName))
	for _, p := range e.byName {
		out = append(out, p.status())
	}
	slices.SortFunc(out, func(a, b Status) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Dropped returns how many packets were dropped, by the label of the Reason; all reasons are in it.
func (e *Engine) Dropped() map[string]uint64 { return e.drops.snapshot() }

func (e *Engine) names() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Sorted(maps.Keys(e.byName))
}

// removeUnless ends the session of that name unless it can go on as one of c, which may be nil. The lock is taken for each session
// alone: a thousand must not hold up the others.
func (e *Engine) removeUnless(name string, c *Config) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.byName[name]
	if p == nil || c != nil && p.config.SameSession(c) {
		return
	}
	goodbye := *p.config
	goodbye.AdminDown = true
	p.config, p.leaving = &goodbye, true
	e.step(p, Configured{})
	e.log.Info("BFD session was removed", "session", name, "neighbor", p.config.Neighbor)
	delete(e.byName, name)
	delete(e.byDiscr, p.session.Discriminator)
	at := p.config.Neighbor
	e.byNeighbor[at] = slices.DeleteFunc(e.byNeighbor[at], func(q *peer) bool { return q == p })
	if len(e.byNeighbor[at]) == 0 {
		delete(e.byNeighbor, at)
	}
	heap.Remove(&e.due, p.place)
	if err := p.sender.Close(); err != nil {
		e.log.Warn("BFD session was not closed in order", "session", name, "error", err)
	}
}

// apply makes a session of c, or takes c to the one that goes on.
func (e *Engine) apply(c *Config) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p := e.byName[c.Name]; p != nil {
		if *p.config != *c {
			p.config = c
			e.step(p, Configured{})
		}
		return nil
	}
	sender, err := e.network.Open(c) // a session that cannot hear may hear later
	p := &peer{config: c, sender: sender, since: time.Now(), verdict: Verdict{Reason: NotYetUp}, session: NewSession(c, e.discriminator())}
	if c.AdminDown {
		p.verdict.Reason = "administratively down here"
	}
	e.byName[c.Name], e.byDiscr[p.session.Discriminator] = p, p
	e.byNeighbor[c.Neighbor] = append(e.byNeighbor[c.Neighbor], p)
	heap.Push(&e.due, p)
	// The first packet is sent at a random moment within firstWithin: a thousand sessions do not begin at once.
	p.interval = p.session.Interval(c)
	if p.interval > 0 {
		p.next = p.since.Add(time.Duration(e.random.Float64() * float64(min(p.interval, firstWithin))))
	}
	heap.Fix(&e.due, p.place)
	e.report(c.Name, p.verdict)
	return err
}

// firstWithin is how long a session waits at most with its first packet.
const firstWithin = 100 * time.Millisecond

// discriminator returns a random number that is not 0 and that no session has.
func (e *Engine) discriminator() uint32 {
	for {
		d := e.random.Uint32()
		if _, taken := e.byDiscr[d]; d != 0 && !taken {
			return d
		}
	}
}

func (e *Engine) wake() {
	select {
	case e.poke <- struct{}{}:
	default:
	}
}

// arrived hears what the network has. It is called by the network's goroutines.
func (e *Engine) arrived() {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := e.due.earliest()
	e.network.Drain(e.hear)
	if at := e.due.earliest(); !at.IsZero() && (before.IsZero() || at.Before(before)) {
		e.wake()
	}
}

// work does all that is due and returns when the next is. A detection time that seems to have passed is judged only after everything
// was heard that waits in the sockets: after a stall both are there at the same instant.
func (e *Engine) work() (next time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	drained := false
	for {
		now := time.Now()
		p := e.due.first()
		if p == nil || p.deadline().IsZero() || p.deadline().After(now) {
			return e.due.earliest()
		}
		switch {
		case !p.next.IsZero() && !p.next.After(now):
			p.lateness = max(p.lateness, now.Sub(p.next))
			e.send(p, now)
		case !drained:
			e.drain()
			drained = true
		default:
			e.step(p, Expired{})
		}
	}
}

// drainShares is how often work drains before it judges: more than the network can keep waiting, so that a packet behind as much junk as
// fits is heard, and few enough that a flood without end cannot keep it from judging.
const drainShares = 16

func (e *Engine) drain() {
	for range drainShares {
		if !e.network.Drain(e.hear) {
			return
		}
	}
}

// step makes one step of a session and does what follows from it.
func (e *Engine) step(p *peer, ev Event) Asked {
	now := time.Now()
	before, waited := p.session, p.session.DetectionTime()
	var ask Asked
	p.session, ask = Step(p.config, before, ev)
	if ask&SendFinal != 0 {
		e.transmit(p, true)
	}
	switch interval := p.session.Interval(p.config); {
	case ask&SendNow != 0:
		e.send(p, now)
	case interval != p.interval:
		e.reschedule(p, interval, now)
	}
	heap.Fix(&e.due, p.place)
	if p.session.State != before.State {
		e.changed(p, before, waited, now)
	}
	return ask
}

// reschedule plans the next packet at the new interval, counted from the last, RFC 5880 section 6.8.3.
func (e *Engine) reschedule(p *peer, interval time.Duration, now time.Time) {
	p.interval = interval
	if interval == 0 {
		p.next = time.Time{}
		return
	}
	p.next = p.spoken.Add(e.jitter(p, interval))
	if p.next.Before(now) {
		p.next = now
	}
}

func (e *Engine) jitter(p *peer, interval time.Duration) time.Duration {
	return Jitter(interval, p.config.Multiplier, e.random.Float64())
}

// send sends a packet and plans the next.
func (e *Engine) send(p *peer, now time.Time) {
	e.transmit(p, false)
	p.spoken = now
	e.reschedule(p, p.session.Interval(p.config), now)
	heap.Fix(&e.due, p.place)
}

func (e *Engine) transmit(p *peer, final bool) {
	e.buf = p.session.Packet(p.config, final).Append(e.buf[:0])
	err := p.sender.Send(e.buf)
	if err == nil {
		p.sent++
		p.sendError = nil
		return
	}
	p.sendErrors++
	if p.sendError == nil || p.sendError.Error() != err.Error() {
		e.log.Warn("BFD packet was not sent", "session", p.config.Name, "error", err)
	}
	p.sendError = err
}

// changed logs a change of state and reports what it means.
func (e *Engine) changed(p *peer, before Session, waited time.Duration, now time.Time) {
	p.since = now
	if before.State == Up {
		p.flaps++
	}
	verdict := p.judge(before, waited)
	if verdict == p.verdict || p.leaving {
		return
	}
	p.verdict = verdict
	if verdict.Up {
		e.log.Info("BFD session is up", "session", p.config.Name, "neighbor", p.config.Neighbor)
	} else {
		e.log.Warn("BFD session is down", "session", p.config.Name, "neighbor", p.config.Neighbor, "reason", verdict.Reason)
	}
	e.report(p.config.Name, verdict)
}

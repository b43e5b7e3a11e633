package vrrp

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// A lan is a network in memory, for Groups under testing/synctest. Adverts go over it as bytes. It may lose, delay, reorder and
// duplicate them, and fall into parts; the machines on it may stall, crash and lose their link.
type lan struct {
	mu sync.Mutex
	// guarded by mu, as is all that the machines have:
	machines  []*machine
	loss      float64 // share of packets
	duplicate float64
	delay     time.Duration // longest; unequal delays reorder
	start     time.Time
	trace     []string
	broken    []string      // invariants that did not hold
	quiet     time.Duration // how long a master must have been at work to be safe from its backups; 0: nobody is
}

const (
	wireDelay = 50 * time.Microsecond // shortest
	// readerLag is the longest time from the end of a stall to when the process's reader has handed over what the socket held.
	readerLag    = 3 * time.Millisecond
	socketBuffer = 256 // adverts
	// How much later than the goroutine of the timers the others wake after a stall. The announcer comes before a release can stop it.
	announcerLag = 10 * time.Microsecond
	followLag    = 20 * time.Microsecond
)

// A machine is one host of the lan: what its kernel does, and its life from start to crash or stop. Next to it sits a client, which
// knows the virtual addresses by the last announcement it heard.
type machine struct {
	lan    *lan
	addr   netip.Addr
	noise  *rand.Rand // of the adverts it sends; each goroutine draws from its own, so that a seed gives the same run again
	chance *rand.Rand // of the announcements, which several goroutines send
	config *Config

	out     time.Duration // startup delay of each life
	silent  time.Time     // until when the present one is silent
	part    int
	up      bool      // its link
	steady  time.Time // since when part, link, life, role and configuration are what they are
	leaving bool      // it hands its role over
	ordered int       // so many orders of an operator are under way
	wakeAt  time.Time
	readAt  time.Time
	socket  []Advert // what came while it was stalled
	arp     *machine // what the client believes

	life  int // counts starts and ends; calls of an earlier life do nothing
	group *Member
	lone  *Group
	end   context.CancelFunc
	ended chan error // nil while it does not run

	facts map[string]Verdict // what its router is told at each start
	skew  time.Duration      // of its wall clock
	past  *Member            // of its newest life
	heard int                // signed adverts

	log         *slog.Logger
	held        bool // the virtual addresses are there
	burst       int  // number of the announcement whose repetition is pending
	holdDelay   time.Duration
	holdError   error // of Hold(true)
	freeError   error // of Hold(false)
	sendError   error
	holds       []holding
	role        Role
	transitions []Transition
	sent        []sentAdvert
	lastAdvert  time.Time     // of the present mastership
	promised    time.Duration // the interval that it named
	announced   []time.Time
}

// A holding is one call of Hold, when it began.
type holding struct {
	at        time.Time
	on        bool
	addresses int
}

type sentAdvert struct {
	at time.Time
	to netip.Addr
	p  Packet
}

func newLAN() *lan { return &lan{start: time.Now()} }

// add puts a machine on the lan; it does not start it.
func (l *lan) add(c *Config, seed uint64) *machine {
	n := len(l.machines)
	m := &machine{lan: l, config: c, up: true, log: slog.New(slog.DiscardHandler), noise: rand.New(rand.NewPCG(seed, uint64(n))), chance: rand.New(rand.NewPCG(seed, uint64(n)+100))}
	m.addr = machineAddrOf(c.Family(), n)
	l.machines = append(l.machines, m)
	return m
}

// machineAddrOf is the address of the n-th machine that adverts of a family come from.
func machineAddrOf(f Family, n int) netip.Addr {
	if f == IPv6 {
		return addr6(uint32(n + 1))
	}
	return machineAddr(n)
}

// machineAddr is the IPv4 address of the n-th machine.
func machineAddr(n int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, 100, byte(n + 1)}) }

func (l *lan) note(m *machine, format string, args ...any) {
	line := fmt.Sprintf("%12s ", time.Since(l.start))
	if m != nil {
		line += m.addr.String() + " "
	}
	l.trace = append(l.trace, line+fmt.Sprintf(format, args...))
}

func (l *lan) violation(m *machine, format string, args ...any) {
	l.note(m, "VIOLATION "+format, args...)
	l.broken = append(l.broken, l.trace[len(l.trace)-1])
}

// start gives the machine a new life.
func (m *machine) start() {
	ctx, cancel := context.WithCancel(context.Background())
	m.lone = NewGroup("", m.wakeUp(cancel))
	lone, ended := m.lone, m.ended
	go func() { ended <- lone.Run(ctx) }()
}

// wakeUp begins a new life, which cancel ends, and returns the router for a group to run.
func (m *machine) wakeUp(cancel context.CancelFunc) *Member {
	life := m.life + 1
	notify := func(t Transition) { m.changed(life, t) }
	g := newMember(m.config, &port{m, life}, m.log, notify, m.clock)
	g.router.wall = m.wallClock
	if m.past != nil {
		g.Recall(m.past.Memory(0))
	}
	m.past = g
	m.lan.mu.Lock()
	defer m.lan.mu.Unlock()
	m.life = life
	m.group, m.end, m.ended = g, cancel, make(chan error, 1)
	m.leaving = false
	m.role, m.lastAdvert, m.socket, m.steady = Init, time.Time{}, nil, time.Now()
	if !m.config.Source.IsValid() {
		g.SetSource(m.addr)
	}
	g.Track("link", linkVerdict(m.up))
	m.silent = time.Now().Add(m.out)
	g.StayOut(m.silent)
	m.lan.note(m, "starts, silent for %s", m.out)
	for _, source := range slices.Sorted(maps.Keys(m.facts)) {
		g.Track(source, m.facts[source])
	}
	return g
}

func linkVerdict(up bool) Verdict {
	if up {
		return Verdict{}
	}
	return Verdict{Fault: "link: eth0 is down"}
}

// stop ends the life in order and waits for that.
func (m *machine) stop() error {
	m.lan.mu.Lock()
	m.lan.note(m, "is told to stop")
	m.leaving = true
	m.lan.mu.Unlock()
	m.end()
	err := <-m.ended
	m.lan.mu.Lock()
	defer m.lan.mu.Unlock()
	m.life++
	m.group, m.ended = nil, nil
	if m.held && err == nil {
		m.lan.violation(m, "Run returned before the addresses were released")
	}
	return err
}

// kill ends the life at once. A machine without power loses its addresses; one whose process was killed keeps them.
func (m *machine) kill(power bool) {
	m.die(power)
	m.end()
	<-m.ended // what it does on its way out belongs to an earlier life
	m.ended = nil
}

// die makes all that the life still does of no effect.
func (m *machine) die(power bool) {
	m.lan.mu.Lock()
	defer m.lan.mu.Unlock()
	m.lan.note(m, "is killed, power %v", power)
	m.life++
	m.burst++
	m.group = nil
	m.role = Init
	m.held = m.held && !power
	m.wakeAt, m.readAt = time.Time{}, time.Time{}
}

// stall freezes the process: its goroutines, and what came for it meanwhile waits in the socket. The reader has handed that over when
// lag has passed after the end.
func (m *machine) stall(d, lag time.Duration) {
	m.lan.mu.Lock()
	defer m.lan.mu.Unlock()
	m.lan.note(m, "stalls for %s", d)
	m.wakeAt = time.Now().Add(d)
	m.readAt = m.wakeAt.Add(lag)
	time.AfterFunc(time.Until(m.readAt), m.readSocket)
}

// clock is the time as the goroutine of the timers sees it: it cannot look while the machine is stalled.
func (m *machine) clock() time.Time {
	m.wake(0)
	return time.Now()
}

// wake returns when the machine is not stalled. The goroutines of a machine that was do not all wake at the same instant; this
// one comes so much later than the first.
func (m *machine) wake(later time.Duration) {
	for {
		m.lan.mu.Lock()
		wait := time.Until(m.wakeAt)
		m.lan.mu.Unlock()
		if wait <= 0 {
			return
		}
		time.Sleep(wait + later)
	}
}

func (m *machine) readSocket() {
	m.lan.mu.Lock()
	defer m.lan.mu.Unlock()
	if time.Now().Before(m.readAt) || m.group == nil {
		return
	}
	for _, a := range m.socket {
		m.group.Receive(a)
	}
	m.socket = nil
}

func (m *machine) setLink(up bool) {
	m.lan.mu.Lock()
	defer m.lan.mu.Unlock()
	m.lan.note(m, "link up %v", up)
	m.up, m.steady = up, time.Now()
	if m.group != nil {
		m.group.Track("link", linkVerdict(up))
	}
}

// changed is told of each transition.
func (m *machine) changed(life int, t Transition) {
	m.lan.mu.Lock()
	defer m.lan.mu.Unlock()
	if life != m.life {
		return
	}
	m.lan.note(m, "%s -> %s, priority %d: %s", t.From, t.To, t.Priority, t.Reason)
	if t.Reason == "" || t.From != m.role || t.To == m.role {
		m.lan.violation(m, "transition makes no sense in role %s: %+v", m.role, t)
	}
	if t.To == Master {
		m.checkTakeover()
	}
	m.role, m.steady, m.leaving = t.To, time.Now(), false
	if t.To != Master {
		m.lastAdvert = time.Time{}
	}
	m.transitions = append(m.transitions, t)
}

// checkTakeover looks whether there was a master that m ought to have left in peace.
func (m *machine) checkTakeover() {
	limit := time.Now().Add(-m.lan.quiet)
	if m.lan.quiet == 0 || m.ordered > 0 || m.role != Backup || !m.steady.Before(limit) {
		return
	}
	for _, other := range m.lan.machines {
		works := other.group != nil && other.role == Master && other.up && other.part == m.part &&
			other.steady.Before(limit) && !other.leaving && other.ordered == 0 && other.wakeAt.Before(limit)
		if works && (other.priority() >= m.priority() || m.config.NoPreempt) {
			m.lan.violation(m, "took over from a master at work, %s", other.addr)
		}
	}
}

// priority is the effective one.
func (m *machine) priority() uint8 { return Weigh(m.config, m.facts).Priority }

// transmit carries something from m to everything else in the same part, through loss and delay.
func (m *machine) transmit(luck *rand.Rand, arrive func(*machine)) {
	l := m.lan
	for _, other := range l.machines {
		if other == m || !m.up || m.part != other.part {
			continue
		}
		for copies := l.copies(luck); copies > 0; copies-- {
			delay := wireDelay + time.Duration(luck.Int64N(int64(l.delay)+1000))
			time.AfterFunc(delay, func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				arrive(other)
			})
		}
	}
}

func (l *lan) copies(luck *rand.Rand) int {
	lost, doubled := luck.Float64(), luck.Float64()
	switch {
	case lost < l.loss:
		return 0
	case doubled < l.duplicate:
		return 2
	}
	return 1
}

// arrived puts an advert into the hands of the process, or in its socket while it is stalled.
func (m *machine) arrived(a Advert) {
	switch {
	case m.group == nil || !m.up || !a.To.IsMulticast() && a.To != m.addr:
	case !time.Now().Before(m.readAt):
		m.group.Receive(a)
		m.record(a)
	case len(m.socket) < socketBuffer:
		m.socket = append(m.socket, a)
	}
}

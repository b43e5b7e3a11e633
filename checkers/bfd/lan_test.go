package bfd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

// A lan carries packets between the engines of one test, under the clock of testing/synctest.
type lan struct {
	mu sync.Mutex
	// guarded by mu:
	random *rand.Rand
	loss   float64 // share of the packets that is lost
	delay  time.Duration
	jitter time.Duration
	cut    map[netip.Addr]bool // nothing gets to these
	hosts  map[netip.Addr]*lanHost
	sent   []sighting
}

// A sighting is one packet as it was sent.
type sighting struct {
	at     time.Time
	from   netip.Addr
	packet Packet
}

// A lanHost is the Network of one address.
type lanHost struct {
	lan     *lan
	addr    netip.Addr
	arrived func()
	stopped bool // the machine stands still: packets wait in its sockets
	share   int  // how many packets one Drain gives at most; 0: all
	queue   []Arrival
}

// A lanSender sends from one host.
type lanSender struct {
	host *lanHost
	to   netip.Addr
	off  bool
}

func newLAN(seed uint64) *lan {
	return &lan{
		random: rand.New(rand.NewPCG(seed, 1)), delay: 100 * time.Microsecond, cut: map[netip.Addr]bool{}, hosts: map[netip.Addr]*lanHost{},
	}
}

func (l *lan) host(addr netip.Addr) *lanHost {
	h := &lanHost{lan: l, addr: addr}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hosts[addr] = h
	return h
}

func (h *lanHost) Notify(arrived func()) {
	h.lan.mu.Lock()
	defer h.lan.mu.Unlock()
	h.arrived = arrived
}

func (h *lanHost) Open(c *Config) (Sender, error) {
	return &lanSender{host: h, to: c.Neighbor}, nil
}

func (h *lanHost) Drain(hear func(Arrival)) (more bool) {
	h.lan.mu.Lock()
	queue := h.queue
	if more = h.share > 0 && len(queue) > h.share; more {
		queue = queue[:h.share]
	}
	h.queue = h.queue[len(queue):]
	h.lan.mu.Unlock()
	for _, a := range queue {
		hear(a)
	}
	return more
}

func (h *lanHost) Close() error { return nil }

func (s *lanSender) Index() int   { return 1 }
func (s *lanSender) Close() error { s.off = true; return nil }

func (s *lanSender) Send(b []byte) error {
	l := s.host.lan
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.off {
		return errors.New("send after Close")
	}
	p, err := ParsePacket(b)
	if err != nil {
		return err
	}
	l.sent = append(l.sent, sighting{time.Now(), s.host.addr, p})
	to := l.hosts[s.to]
	if to == nil || l.hosts[s.host.addr] != s.host || l.random.Float64() < l.loss { // nobody there, or replaced by another machine
		return nil
	}
	wait := l.delay
	if l.jitter > 0 {
		wait += time.Duration(l.random.Int64N(int64(l.jitter)))
	}
	a := Arrival{From: s.host.addr, To: s.to, Interface: 1, TTL: 255, Payload: slices.Clone(b)}
	time.AfterFunc(wait, func() { to.take(a) })
	return nil
}

// take is the arrival of a packet.
func (h *lanHost) take(a Arrival) {
	h.lan.mu.Lock()
	if h.lan.cut[h.addr] {
		h.lan.mu.Unlock()
		return
	}
	h.queue = append(h.queue, a)
	stopped, arrived := h.stopped, h.arrived
	h.lan.mu.Unlock()
	if !stopped && arrived != nil {
		arrived()
	}
}

// set changes the lan.
func (l *lan) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// between returns what was sent from addr in a span of time.
func (l *lan) between(addr netip.Addr, from, to time.Time) []sighting {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []sighting
	for _, s := range l.sent {
		if s.from == addr && !s.at.Before(from) && s.at.Before(to) {
			out = append(out, s)
		}
	}
	return out
}

// A side is one engine with one session.
type side struct {
	engine *Engine
	config Config
	host   *lanHost
	end    context.CancelFunc
	ended  chan error

	mu    sync.Mutex
	heard []Verdict // guarded by mu
}

// newSide starts an engine at addr with a session to peer. It ends with the test.
func newSide(t *testing.T, l *lan, addr, peer string, change func(*Config)) *side {
	t.Helper()
	s := &side{config: Default("peer", netip.MustParseAddr(peer)), host: l.host(netip.MustParseAddr(addr)), ended: make(chan error, 1)}
	if change != nil {
		change(&s.config)
	}
	report := func(_ string, v Verdict) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.heard = append(s.heard, v)
	}
	seed := [32]byte{}
	l.set(func() { copy(seed[:], fmt.Sprintf("%d %s", l.random.Uint64(), addr)) })
	s.engine = NewEngine(s.host, seed, slog.New(slog.DiscardHandler), report)
	s.configure(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	s.end = cancel
	go func() { s.ended <- s.engine.Run(ctx) }()
	t.Cleanup(cancel)
	return s
}

func (s *side) configure(t *testing.T, change func(*Config)) {
	t.Helper()
	if change != nil {
		change(&s.config)
	}
	c := s.config
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if err := s.engine.Configure([]*Config{&c}); err != nil {
		t.Fatal(err)
	}
}

func (s *side) status() Status { return s.engine.Status()[0] }

// last returns the newest verdict.
func (s *side) last() Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.heard) == 0 {
		return Verdict{}
	}
	return s.heard[len(s.heard)-1]
}

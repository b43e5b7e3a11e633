package vrrp

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// A Scout asks the network who has an address. A Host that is one makes rivals known by their hardware address, and can verify that the
// virtual addresses are answered for by nobody else. Its methods may take a second, and are called from one goroutine for each Member.
type Scout interface {
	// Neighbor returns the hardware address behind addr on the interface of c, as text; empty when nobody answers.
	Neighbor(ctx context.Context, c *Config, addr netip.Addr) string
	// Claims asks who has the virtual addresses of c and returns the answers that do not come from this host.
	Claims(ctx context.Context, c *Config) []Claim
}

// A rivalReport is one line to be logged.
type rivalReport struct {
	rival      Rival
	config     *Config
	suppressed int
}

// maxReports bounds the reports that wait for the answer of a network that may be slow.
const maxReports = 8

// A patrol does for a router what has to ask the network and wait: it tells of rivals, and verifies the addresses. It is never in the
// way of an advert or of the addresses.
type patrol struct {
	scout  Scout // nil for none
	log    *slog.Logger
	rivals *rivals
	done   func()        // called when there is a claim
	poke   chan struct{} // one slot: something below has changed

	mu sync.Mutex
	// guarded by mu:
	reports []rivalReport // at most maxReports
	verify  *Config       // whose addresses are to be verified; nil for nothing
	claims  []Claim       // that the router has not taken
}

func newPatrol(h Host, log *slog.Logger, rivals *rivals, done func()) *patrol {
	scout, _ := h.(Scout)
	return &patrol{scout: scout, log: log, rivals: rivals, done: done, poke: make(chan struct{}, 1)}
}

// report asks for a line in the log. It never blocks: what finds no room is not told.
func (p *patrol) report(r rivalReport) {
	p.mu.Lock()
	if len(p.reports) < maxReports {
		p.reports = append(p.reports, r)
	}
	p.mu.Unlock()
	p.wake()
}

// guard says whose addresses are to be verified from now on; nil for none.
func (p *patrol) guard(c *Config) {
	if c != nil && c.VerifyAddresses == 0 {
		c = nil
	}
	p.mu.Lock()
	changed := p.verify != c
	p.verify = c
	p.mu.Unlock()
	if changed {
		p.wake()
	}
}

func (p *patrol) wake() {
	select {
	case p.poke <- struct{}{}:
	default:
	}
}

// take returns the claims that were found since the last call.
func (p *patrol) take() []Claim {
	p.mu.Lock()
	defer p.mu.Unlock()
	claims := p.claims
	p.claims = nil
	return claims
}

// run works until end is closed.
func (p *patrol) run(end <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() { <-end; cancel() })
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	timer.Stop()
	var guarding *Config
	for ctx.Err() == nil {
		looked := false
		select {
		case <-ctx.Done():
			return
		case <-p.poke:
			p.tell(ctx)
		case <-timer.C:
			p.look(ctx)
			looked = true
		}
		switch c := p.guarded(); {
		case c == nil:
			timer.Stop()
			guarding = nil
		case looked || c != guarding:
			timer.Reset(c.VerifyAddresses)
			guarding = c
		}
	}
}

func (p *patrol) guarded() *Config {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.verify
}

// tell logs the reports that wait.
func (p *patrol) tell(ctx context.Context) {
	p.mu.Lock()
	reports := p.reports
	p.reports = nil
	p.mu.Unlock()
	for _, r := range reports {
		v := r.rival
		if p.scout != nil && v.MAC == "" {
			v.MAC = p.scout.Neighbor(ctx, r.config, v.From)
			p.rivals.identify(v.From, v.MAC)
		}
		attributes := []any{"router", r.config.Name, "from", who(v), "mac", v.MAC}
		if v.Claims.IsValid() {
			attributes = append(attributes, "answers_for", v.Claims)
		} else {
			attributes = append(attributes, "priority", v.Priority, "must_yield", v.MustYield)
		}
		p.log.Warn("two masters", append(attributes, "why", v.Why, "suppressed", r.suppressed)...)
	}
}

// look verifies the addresses once.
func (p *patrol) look(ctx context.Context) {
	c := p.guarded()
	if c == nil || p.scout == nil {
		return
	}
	found := p.scout.Claims(ctx, c)
	if len(found) == 0 {
		return
	}
	for i := range found {
		found[i].config = c
	}
	p.mu.Lock()
	p.claims = found
	p.mu.Unlock()
	p.done()
}

package kernel

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// An advertiser sends router advertisements on one interface for the virtual routers that are master there, RFC 9568 section 8.2.3, and
// hears hosts solicit them. Its goroutine is run; the other methods may be called from any goroutine and wait for at most one packet to
// be sent, so that nothing is advertised after stop has returned.
//
// A router that leaves mastership falls silent. The last word of RFC 4861 section 6.2.5, with lifetime 0, would come from the address that
// its successor advertises itself with, and take from the hosts a router that is at work. It is said only where the block was removed from
// a router that stays master.
type advertiser struct {
	name string               // of the interface
	link atomic.Pointer[link] // nil while it does not exist
	wake bell                 // a schedule changed, or the interface

	sent, failed, solicited atomic.Uint64

	mu sync.Mutex
	// guarded by mu:
	routers map[string]*advertised // by name of the router
	w       *frameWriter           // nil while run does not run
}

// An advertised router is one that hosts are told of.
type advertised struct {
	raSchedule
	src netip.Addr // its virtual link-local address
}

func newAdvertiser(name string) *advertiser {
	return &advertiser{name: name, wake: newBell(), routers: map[string]*advertised{}}
}

// start advertises the router of c from its virtual address src, and reports whether that is new. What it does already goes on undisturbed.
func (a *advertiser) start(c *vrrp.Config, src netip.Addr) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.routers[c.Name]
	if r != nil && r.src == src && r.ra.Equal(c.RA) {
		return false
	}
	if r == nil || r.src != src {
		r = &advertised{src: src}
		a.routers[c.Name] = r
	}
	r.begin(c.RA, time.Now())
	a.wake.ring()
	return true
}

// stop ends the advertisements of a router. Last says that no other router will go on with them: hosts are told to look elsewhere.
func (a *advertiser) stop(router string, last bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.routers[router]
	if r == nil {
		return
	}
	delete(a.routers, router)
	if last && !r.last.IsZero() {
		a.send(r, 0)
	}
	a.wake.ring()
}

// relink notes what the interface is now. On another one, or behind a cable that is back, hosts have to be told anew.
func (a *advertiser) relink(l link, exists bool) {
	if !exists {
		if a.link.Swap(nil) != nil {
			a.wake.ring()
		}
		return
	}
	old := a.link.Swap(&l)
	if old != nil && old.index == l.index && old.mac == l.mac && (old.carrier() || !l.carrier()) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.routers {
		r.begin(r.ra, time.Now())
	}
	a.wake.ring()
}

// solicit answers a host that asks for routers.
func (a *advertiser) solicit() {
	a.solicited.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	for _, r := range a.routers {
		r.solicited(now, rand.Float64())
	}
	a.wake.ring()
}

// send sends one advertisement. The caller holds mu.
func (a *advertiser) send(r *advertised, lifetime time.Duration) {
	l := a.link.Load()
	if l == nil || a.w == nil || !l.speaksARP() {
		return
	}
	var err error
	if a.w.buf, err = appendRA(a.w.buf[:0], l.mac, r.src, r.ra, lifetime); err == nil {
		err = a.w.write(*l)
	}
	if err != nil {
		a.failed.Add(1)
		return
	}
	a.sent.Add(1)
}

// run sends what is due, and listens to hosts while there is something to tell, until ctx ends.
func (a *advertiser) run(ctx context.Context, log *slog.Logger) {
	fd, err := awaitPacket(ctx, func(err error) {
		log.Error("no packet socket, hosts are sent no router advertisements until there is one", "interface", a.name, "error", err)
	})
	if err != nil {
		return
	}
	defer unix.Close(fd)
	a.attach(&frameWriter{fd: fd})
	defer a.attach(nil)
	ear := &solicitations{heard: a.solicit, log: log}
	defer ear.close()
	a.wake.serve(ctx, func(now time.Time) time.Time {
		next := a.step(now)
		if again := now.Add(compareRetry); !ear.follow(ctx, a.listensOn()) && (next.IsZero() || again.Before(next)) {
			return again
		}
		return next
	})
}

func (a *advertiser) attach(w *frameWriter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.w = w
}

// step sends what is due, and returns when there is more to send; the zero time for never.
func (a *advertiser) step(now time.Time) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	var next time.Time
	for _, r := range a.routers {
		if !r.due.After(now) {
			a.send(r, r.ra.Lifetime)
			r.sent(now, rand.Float64())
		}
		if next.IsZero() || r.due.Before(next) {
			next = r.due
		}
	}
	return next
}

// listensOn returns the interface on which hosts are to be heard; the zero link for none.
func (a *advertiser) listensOn() link {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l := a.link.Load(); l != nil && len(a.routers) > 0 {
		return *l
	}
	return link{}
}

// advertise makes hosts hear of the router of c, which holds its addresses, as c says.
func (h *Host) advertise(c *vrrp.Config) {
	on := ""
	src, ok := c.RASource()
	if ok {
		on = c.AddressInterface(src)
	}
	for _, a := range h.advertising() {
		if a.name != on {
			a.stop(c.Name, c.RA == nil)
		}
	}
	if !ok {
		return
	}
	a := h.advertiser(on)
	h.ledger.whileHeld(c.Name, func() {
		if a.start(c, src.Prefix.Addr()) && c.RA.Lifetime > 0 && !forwardsIPv6(on) {
			h.log.Warn("hosts are told of a default router, but the kernel does not forward IPv6", "router", c.Name, "interface", on,
				"setting", "net.ipv6.conf."+on+".forwarding")
		}
	})
}

// advertising returns all advertisers.
func (h *Host) advertising() []*advertiser {
	h.mu.RLock()
	defer h.mu.RUnlock()
	out := make([]*advertiser, 0, len(h.advertisers))
	for _, a := range h.advertisers {
		out = append(out, a)
	}
	return out
}

// advertiser finds or makes the advertiser of an interface.
func (h *Host) advertiser(name string) *advertiser {
	h.admin.Lock()
	defer h.admin.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if a := h.advertisers[name]; a != nil {
		return a
	}
	a := newAdvertiser(name)
	a.relink(h.facts.byName(name))
	if h.advertisers == nil {
		h.advertisers = map[string]*advertiser{}
	}
	h.advertisers[name] = a
	h.startAdvertiser(a)
	return a
}

// startAdvertiser runs a while Run runs. The caller holds admin.
func (h *Host) startAdvertiser(a *advertiser) {
	if ctx := h.started; ctx != nil {
		h.workers.Go(func() { a.run(ctx, h.log) })
	}
}

package kernel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

// How long to wait before addresses are compared again: after some were put back, from time to time anyway, and when one could not be.
const (
	comparePause = 50 * time.Millisecond
	rereadEvery  = 30 * time.Second
	compareRetry = time.Second
	// complainEvery is the least time between two log lines about addresses that somebody deletes again and again.
	complainEvery = 10 * time.Second
)

// errRunning is returned by Run for a second call while the first lasts.
var errRunning = errors.New("host runs already")

// Run watches links and addresses, hears adverts and announces addresses until ctx ends; then it returns nil. It leaves the addresses as
// they are, and Send and Hold go on working, so that a Group which ends after it can resign. An error means that the kernel cannot be watched.
func (h *Host) Run(ctx context.Context) error {
	events, err := openEvents(h.eventBuffer)
	if err != nil {
		return fmt.Errorf("watch links and addresses: %w", err)
	}
	defer events.close()
	objects, err := openObjectEvents()
	if err != nil {
		return fmt.Errorf("watch routes and rules: %w", err)
	}
	defer objects.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := h.start(ctx); err != nil {
		return err
	}
	defer h.stop()
	defer objects.interrupt() // after the end of ctx, or watchObjects would take it for a failure, and however watch has ended
	defer cancel()
	defer context.AfterFunc(ctx, events.interrupt)()
	h.workers.Go(func() { h.watchObjects(ctx, objects) })
	return h.watch(ctx, events)
}

// start starts everything that Run runs, after one full reading.
func (h *Host) start(ctx context.Context) error {
	h.admin.Lock()
	defer h.admin.Unlock()
	if h.started != nil {
		return errRunning
	}
	if err := h.resync(); err != nil {
		return err
	}
	h.started = ctx
	for _, p := range h.ports {
		if conn, socket := p.connection(); conn != nil {
			_ = conn.SetReadDeadline(time.Time{}) // an earlier Run left it in the past
			h.startReader(p, socket)
		}
	}
	h.startTaps()
	for _, a := range h.announcing() {
		h.startAnnouncer(a)
	}
	for _, a := range h.advertising() {
		h.startAdvertiser(a)
	}
	h.workers.Go(func() { h.keep(ctx) })
	h.workers.Go(func() { h.settle(ctx) })
	h.workers.Go(func() { h.watchRoutes(ctx) })
	h.reconcile()
	h.repair.ring()
	return nil
}

// stop waits for everything that start and reconcile started.
func (h *Host) stop() {
	h.admin.Lock()
	h.started = nil
	for _, p := range h.ports {
		if conn, _ := p.connection(); conn != nil {
			_ = conn.SetReadDeadline(time.Unix(1, 0))
		}
	}
	h.pauseTaps()
	h.admin.Unlock()
	h.workers.Wait()
	h.ledger.close()
	h.macvlans.close()
}

// keep puts back what somebody deleted, until ctx ends.
func (h *Host) keep(ctx context.Context) {
	timer := time.NewTimer(h.rereadEvery)
	defer timer.Stop()
	complaint := complaint{log: h.log}
	due := time.Now().Add(h.rereadEvery) // however often something happens
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.repair:
		case <-timer.C:
			h.reread()
			due = time.Now().Add(h.rereadEvery)
		}
		wait := max(time.Until(due), 0)
		restored, err := h.restore(&complaint)
		if err != nil || h.behind() {
			wait = compareRetry
		}
		if restored > 0 || err != nil { // somebody may be at it without end
			rest(ctx, comparePause)
		}
		timer.Reset(wait)
	}
}

// behind reports whether a socket is still to be opened, or what was lost to be read.
func (h *Host) behind() bool {
	h.admin.Lock()
	defer h.admin.Unlock()
	return h.unbound || h.stale
}

// reread takes nothing for granted: from time to time the facts are read anew.
func (h *Host) reread() {
	h.admin.Lock()
	defer h.admin.Unlock()
	if err := h.resync(); err != nil {
		h.log.Warn("links and addresses were not read again", "error", err)
		return
	}
	h.stale = false
	h.macvlans.doubt()
	h.ledger.objectsDirty.Store(true)
	if err := h.fence.check(); err != nil {
		h.log.Error("packet filter for addresses with accept = false is not there", "error", err)
	}
	h.reconcile()
}

// restore compares once, announces what it put back, tells routers what they lost, and returns how much it put back.
func (h *Host) restore(c *complaint) (int, error) {
	raised, upErr := h.macvlans.restore()
	done, err := h.ledger.restore()
	done.routers = union(done.routers, raised)
	err = errors.Join(upErr, err)
	c.add(done, err)
	h.tellLosses(done)
	h.judgeStatic()
	for _, name := range done.routers {
		if r := h.router(name); r != nil {
			err = errors.Join(err, h.Announce(r.config))
		}
	}
	return len(done.restored) + len(done.objects), err
}

// tellLosses tells the routers that are to step down for what they lost, or that cannot have it back.
func (h *Host) tellLosses(done repair) {
	for name, reason := range done.lost {
		if r := h.router(name); r != nil {
			r.listener.Lost(vrrp.Loss{Reason: reason})
		}
	}
	for name, err := range done.failed {
		if r := h.router(name); r != nil {
			r.listener.Lost(vrrp.Loss{Reason: err.Error(), Final: true})
		}
	}
}

// union returns what is in one of two lists, once.
func union(a, b []string) []string {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// A complaint is a log line about missing addresses that comes at a limited rate and then tells the whole number.
type complaint struct {
	log     *slog.Logger
	last    time.Time
	pending int // addresses put back and not told
	errors  int // comparisons that failed and not told
}

func (c *complaint) add(done repair, err error) {
	n := len(done.restored) + len(done.objects)
	c.pending += n
	if err != nil {
		c.errors++
	}
	if n == 0 && err == nil || !c.last.IsZero() && time.Since(c.last) < complainEvery {
		return
	}
	if err != nil {
		c.log.Error("held addresses, routes or rules are missing and cannot be put back", "attempts", c.errors, "error", err)
		c.errors = 0
	}
	if n > 0 {
		c.log.Warn("held addresses, routes or rules were missing and are put back", "count", c.pending, "first", done.names())
		c.pending = 0
	}
	c.last = time.Now()
}

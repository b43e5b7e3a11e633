package vrrp

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// How often a release that failed is tried again: addresses that stay on a backup break its service as long as they do.
const (
	releasePauseMin = 100 * time.Millisecond
	releasePauseMax = 10 * time.Second
	// releaseTries is how many attempts to release are made after the end of Run was asked for, before it gives up.
	releaseTries = 3
)

// An errand is what the host shall do, numbered so that asking for the same thing again is seen.
type errand struct {
	config   *Config
	on       bool          // hold the addresses, or release them
	hold     uint64        // number of the newest Hold
	after    time.Duration // the release waits so long, without an announcement
	announce uint64        // number of the newest announcement, or of the newest wish for none
	silent   bool          // it was the latter
	provoke  uint64        // number of the newest announcement because of another master
}

// An outcome is how a Hold ended.
type outcome struct {
	hold uint64 // its number; 0 before the first
	err  error
}

// followUp does for a router what takes its time, in order and off the advert path. Only the newest errand counts: a Hold that was
// overtaken by its opposite before it began never happens, and nothing is announced that is not held.
type followUp struct {
	host Host
	log  *slog.Logger
	done func()        // called when there is an outcome
	poke chan struct{} // one slot: want changed

	mu sync.Mutex
	// guarded by mu:
	want errand
	last outcome

	// owned by run:
	did   errand
	held  bool
	stays time.Time     // when the release that waits is due
	waits uint64        // number of that Hold; 0 for none
	pause time.Duration // before the next attempt to release
}

func newFollowUp(h Host, log *slog.Logger, done func()) *followUp {
	return &followUp{host: h, log: log, done: done, poke: make(chan struct{}, 1), pause: releasePauseMin}
}

// hold asks for the addresses of c to be present or absent, and returns the number of the request.
func (f *followUp) hold(c *Config, on bool) uint64 {
	return f.ask(func(e *errand) { e.config, e.on, e.after, e.hold = c, on, 0, e.hold+1 })
}

// retire asks for the addresses of c to be announced no more, and to be absent after a while. It returns the number of the request.
func (f *followUp) retire(c *Config, after time.Duration) uint64 {
	return f.ask(func(e *errand) { e.config, e.on, e.after, e.hold = c, false, after, e.hold+1 })
}

// announce asks for an announcement of what is held, after the hold that was asked for before.
func (f *followUp) announce() {
	f.ask(func(e *errand) { e.announce, e.silent = e.announce+1, false })
}

// provoke asks for what c.Announce.Provoked says, after the hold that was asked for before.
func (f *followUp) provoke() {
	f.ask(func(e *errand) { e.provoke++ })
}

// silence asks that nothing more is announced of what is held.
func (f *followUp) silence() {
	f.ask(func(e *errand) { e.announce, e.silent = e.announce+1, true })
}

func (f *followUp) ask(change func(*errand)) uint64 {
	f.mu.Lock()
	change(&f.want)
	number := f.want.hold
	f.mu.Unlock()
	select {
	case f.poke <- struct{}{}:
	default:
	}
	return number
}

func (f *followUp) wanted() errand {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.want
}

// outcome returns how the newest Hold that was tried ended.
func (f *followUp) outcome() outcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// run works until release is closed and all that was asked for before is done. The error is why the addresses could not be released.
func (f *followUp) run(release <-chan struct{}) error {
	for tries := 0; ; {
		want := f.wanted()
		switch {
		case want.hold != f.did.hold && f.lingers(want, release):
		case want.hold != f.did.hold:
			err := f.try(want)
			if err == nil || want.on {
				continue
			}
			if closed(release) {
				tries++
			}
			if tries == releaseTries {
				return fmt.Errorf("release the addresses of %s: %w", want.config.Name, err)
			}
			f.rest(release)
		case want.announce != f.did.announce:
			f.tell(want)
		case want.provoke != f.did.provoke:
			f.tellProvoked(want)
		case closed(release):
			return nil
		default:
			f.wait(release, nil)
		}
	}
}

// try makes one attempt at what want says about the addresses. A failed release stays to be done; a failed Hold(true) is the router's
// to judge, and it will ask for something else.
func (f *followUp) try(want errand) error {
	err := f.host.Hold(want.config, want.on)
	if err == nil || want.on {
		f.did.hold, f.held = want.hold, err == nil && want.on
	}
	switch {
	case err == nil:
		f.pause = releasePauseMin
	case !want.on && f.pause == releasePauseMin: // the first failure of a row
		f.log.Error("virtual addresses could not be released, will try again", "router", want.config.Name, "error", err)
	}
	f.mu.Lock()
	f.last = outcome{hold: want.hold, err: err}
	f.mu.Unlock()
	f.done()
	return err
}

// tell announces what is held, and nothing when that failed or ended.
func (f *followUp) tell(want errand) {
	f.did.announce, f.did.provoke = want.announce, want.provoke // the one contains the other
	if !f.held {
		return
	}
	if want.silent {
		f.host.Silence(want.config)
		return
	}
	f.announceAs(want.config)
}

func (f *followUp) announceAs(c *Config) {
	if err := f.host.Announce(c); err != nil {
		f.log.Warn("virtual addresses could not be announced", "router", c.Name, "error", err)
	}
}

// tellProvoked announces what is held as the plan for that occasion says.
func (f *followUp) tellProvoked(want errand) {
	f.did.provoke = want.provoke
	if c := want.config.provoked(); f.held && c.Announce.Repeat > 0 {
		f.announceAs(c)
	}
}

// lingers waits for a while before the release that want asks for, and reports whether there may be something else to do now. The end of
// Run cuts it short.
func (f *followUp) lingers(want errand, release <-chan struct{}) bool {
	if want.on || want.after == 0 || !f.held {
		return false
	}
	if f.waits != want.hold {
		f.waits, f.stays = want.hold, time.Now().Add(want.after)
		f.host.Silence(want.config)
	}
	left := time.Until(f.stays)
	if left <= 0 || closed(release) {
		return false
	}
	t := time.NewTimer(left)
	defer t.Stop()
	f.wait(release, t.C)
	return true
}

// rest waits before the next attempt to release. When the end of Run waits for it, nothing cuts that short.
func (f *followUp) rest(release <-chan struct{}) {
	t := time.NewTimer(f.pause)
	defer t.Stop()
	f.pause = min(2*f.pause, releasePauseMax)
	if closed(release) {
		<-t.C
		return
	}
	f.wait(release, t.C)
}

// wait returns when there is something new to do or, with a timer, when it is time to try again.
func (f *followUp) wait(release <-chan struct{}, timer <-chan time.Time) {
	select {
	case <-f.poke:
	case <-release:
	case <-timer:
	}
}

// closed reports whether c is closed, for a channel that nothing is sent to.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

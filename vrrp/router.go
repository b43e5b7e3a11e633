package vrrp

import (
	"log/slog"
	"slices"
	"time"
)

const (
	// How long a router keeps out after its addresses could not be held; each attempt takes the role from a healthy router.
	retryPauseMin = time.Second
	retryPauseMax = time.Minute
)

// A router is one virtual router of a Group. The goroutine of Group.Run owns it all but what is marked otherwise.
type router struct {
	host   Host
	follow *followUp
	log    *slog.Logger
	notify func(Transition)
	now    func() time.Time

	config  *Config
	state   State
	group   *Group    // that runs it
	since   time.Time // of the role
	heir    bool      // begins as master, if it begins at once
	outside []string  // faults that others found
	weighed *Weighing // what the trackers make of the priority; not changed in place
	faults  []string  // those, those of the trackers, and our own; not changed in place
	ended   []string  // faults before they were last judged
	speech
	guard guard
	seal  seal             // any goroutine reads its memory
	wall  func() time.Time // what adverts are signed with: now, but in the simulation

	// Deadlines; the zero Time is none.
	deadline   time.Time // of the protocol: what Arm set and Disarm cleared
	alertAt    time.Time // a backup's, its grace before deadline
	tooLate    time.Time // a master that serves its deadline after this instant overslept
	replyAt    time.Time // a reply that had to wait
	announceAt time.Time // an announcement that had to wait
	retryAt    time.Time // the end of holdFault
	delayAt    time.Time // the end of the preempt delay
	rivalsAt   time.Time // a rival may be gone
	outUntil   time.Time // the end of the startup delay

	steady   bool          // the last that happened was the advert heard, and it only armed the timer
	heard    Advert        // while steady
	patience time.Duration // what the last Step armed the timer to, if it did nothing else; 0 otherwise

	looks      int       // how often the deadline was put off
	repliedAt  time.Time // last advert sent
	provokedAt time.Time // last announcement that an advert caused
	healed     bool      // the announcement that had to wait is to be a full one

	holdNumber uint64 // of the newest Hold
	heeded     uint64 // number of the newest outcome that was seen
	held       bool   // the addresses are there
	holdFault  string // why they could not be held; empty when not tried, or fine
	retryPause time.Duration

	aside      time.Time // since when State.Aside is set; zero while it is not
	complaints complaints
	warnings   warnings  // any goroutine reads it
	rivals     rivals    // any goroutine reads it
	disorder   disorder  // what several adverts together show
	patrol     *patrol   // looks for rivals, and tells of them
	counts     counts    // any goroutine reads it
	paths      pathWatch // any goroutine reads it
	published  published // any goroutine reads it
}

func newRouter(c *Config, h Host, f *followUp, log *slog.Logger, notify func(Transition), now func() time.Time) *router {
	r := &router{host: h, follow: f, log: log, notify: notify, now: now, config: c, state: NewState(c), since: now(), retryPause: retryPauseMin}
	r.weighed = &Weighing{Base: c.Priority, Priority: c.Priority}
	r.speech, r.wall = newSpeech(c), now
	r.seal.configure(c)
	r.guard.configure(c)
	r.paths.configure(c)
	r.patrol = newPatrol(h, log, &r.rivals, f.done)
	r.publish()
	return r
}

// learn takes in what others told.
func (r *router) learn(n news) {
	if n.config != r.config {
		r.reconfigure(n.config)
	}
	if n.source != r.state.Source {
		r.step(SetSource{n.source}, time.Time{})
	}
	r.weigh(n)
	r.outside = n.faults
	r.stayOut(n.out)
	if n.loss != nil {
		r.lose(*n.loss)
	}
	if n.announce && r.state.advertises() {
		r.announce()
	}
}

// weigh takes in what the trackers make of the priority.
func (r *router) weigh(n news) {
	w := Weigh(n.config, n.verdicts)
	r.weighed = &w
	before := r.state.Priority
	if w.Priority == before {
		return
	}
	r.step(SetPriority{w.Priority}, time.Time{})
	if r.state.Role != Init {
		r.log.Info("virtual router changed priority", "router", r.config.Name, "from", before, "to", w.Priority, "reason", w.String())
	}
}

// reconfigure changes what the router goes by; role and deadlines stay, but see hasten.
func (r *router) reconfigure(c *Config) {
	old := r.config
	r.config, r.steady = c, false
	r.speech.reconfigure(c)
	r.seal.configure(c)
	r.guard.configure(c)
	r.paths.configure(c)
	if !c.learnsInterval() || r.state.Role != Backup { // nobody taught us another interval
		r.state.MasterInterval = c.AdvertInterval
	}
	r.hasten()
	if old.Priority != c.Priority || old.NoPreempt != c.NoPreempt {
		r.step(Resume{}, time.Time{}) // an operator thought again about who is to be master
	}
	if !sameOnWire(old, c) {
		r.step(Remade{}, time.Time{})
	}
	moved := !slices.Equal(old.Addresses, c.Addresses)
	changed := moved || !sameHeld(old, c)
	if changed && r.holdFault != "" {
		r.retryAt = r.now() // the new ones may be right
	}
	if r.state.Role != Master || !changed && old.Announce.Equal(c.Announce) && old.RA.Equal(c.RA) {
		return
	}
	r.hold(true)
	if moved && r.state.drawsClients() {
		r.announce()
	}
}

// standing is what the router brings along when its group is judged.
func (r *router) standing() standing {
	s := standing{name: r.config.Name, role: r.state.Role, faults: slices.Concat(r.outside, r.weighed.Faults)}
	if r.holdFault != "" {
		s.faults = append(s.faults, r.holdFault)
	}
	s.waits = r.waits()
	return s
}

// judge takes the role that the faults of the group leave it, and lets a new router begin.
func (r *router) judge(s standing, fault, wait bool) {
	r.ended, r.faults = r.faults, s.faults
	heir := r.heir
	r.heir = false
	switch {
	case !fault && wait:
		r.await(s.waits)
	case fault != (r.state.Role == Fault):
		r.step(SetFault{fault}, time.Time{})
	case r.state.Role == Init && !r.group.orders.quitting:
		r.step(Start{Heir: heir}, time.Time{})
	}
}

// await keeps a router that may not begin yet from holding what an earlier process left behind, and says what it waits for.
func (r *router) await(waits []string) {
	r.faults = waits
	if r.holdNumber == 0 {
		r.hold(false)
	}
}

// heed looks at how the newest Hold ended, and reports whether there is a new fault: a master without its addresses must not stay one.
func (r *router) heed(o outcome) bool {
	if o.hold != r.holdNumber || o.hold == r.heeded {
		return false
	}
	r.heeded = o.hold
	if r.state.Role != Master {
		return false
	}
	r.held = o.err == nil
	if r.held {
		r.retryPause = retryPauseMin
		return false
	}
	r.forfeit(o.err.Error())
	return true
}

// receive is what happens with an advert from the queue.
func (r *router) receive(a Advert) {
	if err := r.admit(a); err != nil {
		r.refuse(a, err)
		return
	}
	r.counts.received.Add(1)
	r.hear(a)
	for _, difference := range Differences(r.config, a) {
		r.complainAbout(a.From, difference)
	}
	if o := r.disorder.notice(r.config, r.state, r.since, a, max(DownInterval(r.config, r.state), 3*a.Packet.Interval), r.now()); o.Kind != "" {
		r.complainAbout(a.From, o)
	}
	ruled := r.state.advertises()
	peer := r.config.identify(a.From)
	r.watchPaths(peer, a.From)
	before := r.state
	r.group.happen(r, Received{From: peer, Packet: a.Packet}, time.Time{})
	r.settle(before, a)
	if ruled && r.state.advertises() && a.Packet.Priority != PriorityResign {
		r.rivalHeard(a, numReasons)
	}
}

func (r *router) admit(a Advert) error {
	running := r.state.Role != Init && r.state.Role != Fault
	if !running && r.config.HMAC == nil {
		return DropNotRunning
	}
	if err := admitPath(r.config, r.state.Source, a); err != nil {
		return err
	}
	if err := r.authenticate(a); err != nil {
		return err
	}
	if r.config.OwnerIgnores && r.state.Priority == PriorityOwner && r.state.advertises() {
		return DropOwner
	}
	if !running { // but what was recorded now is worth nothing later
		return DropNotRunning
	}
	return admitContent(r.config, a)
}

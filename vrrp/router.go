package vrrp

import (
	"log/slog"
	"slices"
	"time"
)

const (
	// A stalled process must not take a healthy master's place: when it wakes, its timer has run out, and the adverts that it missed are
	// still in the socket. So a backup takes over only after it was seen awake for serveGrace, in which what reads the socket hands
	// over what it finds. It wakes that long before its deadline to look; awakeSlack is how late that may be.
	serveGrace = MinAdvertInterval / 2
	awakeSlack = time.Millisecond
	// maxLooks bounds how often a takeover is put off for that: a machine that is late every time must take over at last.
	maxLooks = 3
	// replyPause is the least time between two replies of a master to lesser routers (T15): a flood of them is not answered in kind. A
	// reply that comes too early is sent later, once.
	replyPause = MinAdvertInterval
	// announcePause is the least time between two announcements that adverts of others cause; the last of them is always made, because
	// whoever sent the advert may have announced the addresses for itself a moment before.
	announcePause = time.Second

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
	alertAt    time.Time // a backup's, serveGrace before deadline
	tooLate    time.Time // a master that serves its deadline after this instant overslept
	replyAt    time.Time // a reply that had to wait
	announceAt time.Time // an announcement that had to wait
	retryAt    time.Time // the end of holdFault
	delayAt    time.Time // the end of the preempt delay
	rivalsAt   time.Time // a rival may be gone
	outUntil   time.Time // the end of the startup delay

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

// An occasion is why Step was called, as far as it matters for how its actions are performed.
type occasion struct {
	due   time.Time // deadline that ran out; zero for none
	heard bool      // an advert was received
	reply bool      // and a master answers it as that of a lesser router
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
	r.config = c
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

// hasten keeps the promise of a shorter interval: the first advert that names it may be a reply, and the next has to follow in time.
func (r *router) hasten() {
	latest := r.now().Add(r.config.AdvertInterval)
	if r.state.advertises() && r.deadline.After(latest) {
		r.setDeadline(latest)
	}
}

// setDeadline says when the timer of the protocol runs out, and what depends on that.
func (r *router) setDeadline(t time.Time) {
	r.deadline, r.looks, r.alertAt = t, 0, time.Time{}
	r.tooLate = t.Add(oversleepAfter(r.config))
	if alert := t.Add(-serveGrace); r.state.waits() && alert.After(r.now()) {
		r.alertAt = alert
	}
}

// oversleepAfter is how late a master's timer may be served: at two intervals of three, those have passed since the last advert, and
// from then on a backup may have taken over (RFC 9568 section 6.1). Where backups wait for one interval only, half of that.
func oversleepAfter(c *Config) time.Duration {
	if n := c.downAdverts(); n > 1 {
		return time.Duration(n-1) * c.AdvertInterval
	}
	return c.AdvertInterval / 2
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
	switch {
	case !fault && wait:
		r.await(s.waits)
	case fault != (r.state.Role == Fault):
		r.step(SetFault{fault}, time.Time{})
	case r.state.Role == Init && !r.group.orders.quitting:
		r.step(Start{}, time.Time{})
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
	if text := r.disorder.notice(r.config, r.state, a, max(DownInterval(r.config, r.state), 3*a.Packet.Interval), r.now()); text != "" {
		r.complainAbout(a.From, text)
	}
	ruled := r.state.advertises()
	peer := r.config.identify(a.From)
	r.watchPaths(peer, a.From)
	r.group.happen(r, Received{From: peer, Packet: a.Packet}, time.Time{})
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

// expire serves the deadline of the protocol when it is over.
func (r *router) expire(now time.Time) {
	r.alert(now)
	due := r.deadline
	if !over(due, now) {
		return
	}
	switch late := now.Sub(due); {
	case r.state.Role == Master && r.state.Handover == Staying && now.After(r.tooLate):
		r.counts.lateness.note(late)
		r.step(Overslept{}, time.Time{})
	case r.state.waits() && late > r.lateSlack() && r.looks < maxLooks:
		r.putOff(now)
	default:
		r.deadline = time.Time{}
		r.group.happen(r, Expired{}, due)
	}
}

// lateSlack is how late a deadline may be served without another look. A backup that waits for more than one advert has seen by then
// that those before did not come; one that waits for a single advert has to look for that one.
func (r *router) lateSlack() time.Duration {
	if r.config.downAdverts() == 1 {
		return awakeSlack
	}
	return serveGrace
}

// alert looks whether a backup is awake shortly before it may take over.
func (r *router) alert(now time.Time) {
	if !over(r.alertAt, now) {
		return
	}
	if now.Sub(r.alertAt) > awakeSlack {
		r.putOff(now)
	}
	r.alertAt = time.Time{}
}

// putOff gives what reads the socket the time to catch up with us.
func (r *router) putOff(now time.Time) {
	r.looks++
	r.deadline = now.Add(serveGrace)
}

// catchUp does what had to wait and is due. It reports whether a fault of ours, or what we had to wait for, is over.
func (r *router) catchUp() bool {
	now := r.now()
	if over(r.replyAt, now) {
		r.speak(r.state.Priority, now)
	}
	if over(r.announceAt, now) {
		r.announceProvoked(now, false)
	}
	r.expireRivals(now)
	if over(r.delayAt, now) {
		r.delayAt = time.Time{}
		r.step(DelayEnded{}, time.Time{})
	}
	ended := false
	if over(r.outUntil, now) {
		r.outUntil, ended = time.Time{}, true
	}
	if over(r.retryAt, now) {
		r.retryAt, r.holdFault, ended = time.Time{}, "", true
	}
	return ended
}

// over reports whether the deadline t is set and past.
func over(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// next returns the next deadline, or none.
func (r *router) next() time.Time {
	var next time.Time
	for _, t := range [...]time.Time{r.deadline, r.alertAt, r.replyAt, r.announceAt, r.retryAt, r.delayAt, r.rivalsAt, r.outUntil} {
		next = earlier(next, t)
	}
	return next
}

// step lets ev happen and performs what it asks for, adverts first as Step orders them. Due is the deadline that ran out, or zero.
func (r *router) step(ev Event, due time.Time) {
	before := r.state
	after, actions := Step(r.config, before, ev)
	r.state = after
	o := occasionOf(before, after, ev, due)
	for _, a := range actions {
		r.perform(a, o)
	}
	if after.Aside != before.Aside {
		r.aside = time.Time{}
		if after.Aside {
			r.aside = r.now()
		}
	}
	if !after.advertises() {
		r.replyAt, r.announceAt = time.Time{}, time.Time{}
		r.forgetRivals()
	}
	if after.Role != before.Role {
		r.report(before, ev)
	}
}

// occasionOf tells T15 from the rest: an advert other than a resignation that leaves a master what it is.
func occasionOf(before, after State, ev Event, due time.Time) occasion {
	received, heard := ev.(Received)
	stays := before.Role == Master && after.Role == Master
	return occasion{due: due, heard: heard, reply: heard && stays && received.Packet.Priority != PriorityResign}
}

func (r *router) perform(a Action, o occasion) {
	now := r.now()
	switch a := a.(type) {
	case Send:
		r.sendWhenDue(a.Priority, o, now)
	case Arm:
		r.setDeadline(r.anchor(o, now).Add(a.After))
	case ArmDelay:
		r.delayAt = now.Add(a.After)
	case Disarm:
		r.deadline, r.alertAt = time.Time{}, time.Time{}
	case Hold:
		r.hold(a.On)
	case AnnounceAddresses:
		if o.heard {
			r.group.announceProvoked(now, false)
			return
		}
		r.announce()
	case Silence:
		r.follow.silence()
	}
}

// announceProvoked announces because of an advert that was heard, also by another member of the group: whoever sent it may have made
// itself master on all their segments. It does so as soon as announcePause allows. That we announced on becoming
// master a moment ago does not count: the rival may have done so after us. Healed says that the rival is gone, which makes it a full announcement.
func (r *router) announceProvoked(now time.Time, healed bool) {
	if r.state.Role != Master || r.state.Listening {
		return
	}
	r.healed = r.healed || healed
	if wait := r.provokedAt.Add(announcePause); now.Before(wait) {
		r.announceAt = wait
		return
	}
	r.provokedAt = now
	if r.healed {
		r.announce()
		return
	}
	r.announceAt = time.Time{}
	r.follow.provoke()
}

// anchor is the instant from which Arm counts. A master's adverts keep their cadence: the next is due one interval after this one was
// due, not after it was sent, unless it was so late that two would follow each other too soon.
func (r *router) anchor(o occasion, now time.Time) time.Time {
	if !o.due.IsZero() && now.Sub(o.due) <= r.config.AdvertInterval {
		return o.due
	}
	return now
}

// sendWhenDue sends now, or a reply as soon as replyPause allows.
func (r *router) sendWhenDue(priority uint8, o occasion, now time.Time) {
	if wait := r.repliedAt.Add(replyPause); o.reply && now.Before(wait) {
		r.counts.repliesDelayed.Add(1)
		r.replyAt = wait
		return
	}
	r.speak(priority, now)
	if !o.due.IsZero() {
		r.counts.lateness.note(r.now().Sub(o.due))
	}
}

// speak sends an advert. It is the answer to whoever waits for one.
func (r *router) speak(priority uint8, now time.Time) {
	r.repliedAt, r.replyAt = now, time.Time{}
	r.advertise(priority)
}

func (r *router) hold(on bool) {
	r.holdNumber = r.follow.hold(r.config, on)
	r.held = r.held && on
}

func (r *router) announce() {
	r.announceAt, r.healed = time.Time{}, false
	r.follow.announce()
}

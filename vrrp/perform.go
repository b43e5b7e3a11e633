package vrrp

import "time"

const (
	// replyPause is the least time between two replies of a master to lesser routers (T15): a flood of them is not answered in kind. A
	// reply that comes too early is sent later, once.
	replyPause = MinAdvertInterval
	// announcePause is the least time between two announcements that adverts of others cause; the last of them is always made, because
	// whoever sent the advert may have announced the addresses for itself a moment before.
	announcePause = time.Second
)

// An occasion is why Step was called, as far as it matters for how its actions are performed.
type occasion struct {
	due   time.Time // deadline that ran out; zero for none
	heard bool      // an advert was received
	reply bool      // and a master answers it as that of a lesser router
}

// step lets ev happen and performs what it asks for, adverts first as Step orders them. Due is the deadline that ran out, or zero.
func (r *router) step(ev Event, due time.Time) {
	before := r.state
	after, actions := Step(r.config, before, ev)
	r.state = after
	r.steady, r.patience = false, onlyArmed(actions)
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
	if after.advertises() && !before.advertises() {
		r.provokedAt = time.Time{}
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
	case Retire:
		r.holdNumber, r.held = r.follow.retire(r.config, a.After), false
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
// master a moment ago does not count: the rival may have done so after us. Nor does what we announced in an earlier time of office. Healed says that the rival is gone, which makes it a full announcement.
func (r *router) announceProvoked(now time.Time, healed bool) {
	if !r.state.drawsClients() {
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

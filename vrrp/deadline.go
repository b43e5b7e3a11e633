package vrrp

import "time"

const (
	// A stalled process must not take a healthy master's place: when it wakes, its timer has run out, and the adverts that it missed are
	// still in the socket. So a backup takes over only after it was seen awake for its grace, in which what reads the socket hands
	// over what it finds. It wakes that long before its deadline to look; awakeSlack is how late that may be.
	// The grace is a tenth of the interval within these bounds; see Beat.
	shortestGrace = MinAdvertInterval / 2
	longestGrace  = 40 * time.Millisecond
	awakeSlack    = time.Millisecond
	// maxLooks bounds how often a takeover is put off for that: a machine that is late every time must take over at last.
	maxLooks = 3
)

// hasten keeps the promise of a shorter interval: the first advert that names it may be a reply, and the next has to follow in time.
func (r *router) hasten() {
	latest := r.now().Add(r.config.AdvertInterval)
	if r.state.advertises() && r.deadline.After(latest) {
		r.setDeadline(latest)
	}
}

// setDeadline says when the timer of the protocol runs out, and what depends on that.
func (r *router) setDeadline(t time.Time) {
	if r.state.advertises() {
		t = onBeat(t, r.config.AdvertInterval)
	}
	r.deadline, r.looks, r.alertAt = t, 0, time.Time{}
	r.tooLate = t.Add(oversleepAfter(r.config))
	if alert := t.Add(-grace(r.config.AdvertInterval)); r.state.waits() && alert.After(r.now()) {
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
	return shortestGrace
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
	r.deadline = now.Add(grace(r.config.AdvertInterval))
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

// grace returns how long a backup with this interval must have been awake before it takes over.
func grace(interval time.Duration) time.Duration {
	return min(max(interval/10, shortestGrace), longestGrace)
}

// What routers do at times of their own choice they do on common beats, multiples of their length since 1970, so that a thousand of them need
// not wake up one by one.
const (
	shortestBeat = time.Millisecond
	longestBeat  = 32 * time.Millisecond
)

// Beat returns the beat in which adverts for a backup with this interval may be read from a crowded socket: 1 to 32 ms. It is no longer
// than a twelfth of the interval or four fifths of the grace, in which an advert that waits in the socket has to be heard; but with less
// than 24 ms it is 1 ms.
func Beat(interval time.Duration) time.Duration {
	return beatWithin(min(interval/12, grace(interval)*4/5))
}

// onBeat returns the last beat up to t at which a master may advertise, when t is one interval after its last advert. It comes early by a
// fiftieth of the interval at most.
func onBeat(t time.Time, interval time.Duration) time.Time {
	if interval < 50*shortestBeat {
		return t
	}
	b := beatWithin(interval / 50)
	for b > shortestBeat && interval%b != 0 { // or every advert would come early, and not the first alone
		b /= 2
	}
	return t.Add(-sinceBeat(t, b))
}

// beatWithin returns the longest beat up to most. Each is a multiple of the shorter ones.
func beatWithin(most time.Duration) time.Duration {
	b := longestBeat
	for b > most && b > shortestBeat {
		b /= 2
	}
	return b
}

// lookAt returns when to look at alertAt. A backup that expects repeats does so up to a beat early: it is likely to find one.
func (r *router) lookAt() time.Time {
	if !r.steady || r.alertAt.IsZero() {
		return r.alertAt
	}
	early := r.alertAt.Add(-sinceBeat(r.alertAt, Beat(r.config.AdvertInterval)))
	if early.After(r.now()) {
		return early
	}
	return r.alertAt
}

// sinceBeat returns how long before t the last beat was, by the clock that all share.
func sinceBeat(t time.Time, b time.Duration) time.Duration { return time.Duration(t.UnixNano()) % b }

// over reports whether the deadline t is set and past.
func over(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// next returns the next deadline, or none.
func (r *router) next() time.Time { return earlier(r.deadline, r.nextBesides()) }

// nextBesides returns the next deadline but that of the protocol, or none.
func (r *router) nextBesides() time.Time {
	var next time.Time
	for _, t := range [...]time.Time{r.lookAt(), r.replyAt, r.announceAt, r.retryAt, r.delayAt, r.rivalsAt, r.outUntil} {
		next = earlier(next, t)
	}
	return next
}

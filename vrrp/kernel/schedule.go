package kernel

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

const (
	// roundGap is the time between two packets for the same address: apart, they do not get lost together.
	roundGap = 100 * time.Millisecond
	// againGap is the same when a router is told to announce again: another master may have announced the addresses since, and clients
	// find nobody until it is put right. It bounds what a router that announces again and again puts on the wire.
	againGap = 10 * time.Millisecond
)

// A burst is what one virtual router has to announce on one interface. A round is one packet for every address.
type burst struct {
	addrs []netip.Addr
	plan  vrrp.Announce

	left   int       // rounds of this burst that are not complete
	again  int       // rounds of the second burst
	done   int       // rounds of this burst that are complete
	next   int       // place in addrs of the next packet of the round
	began  time.Time // of the round that runs, or else of the last one
	due    time.Time // when the next packet may go out
	second time.Time // when the second burst begins; zero when there is none to come

	refreshing bool // what was left of the bursts is over
}

// A schedule decides which addresses one interface announces when. All that it knows is one burst for each router that holds addresses
// there, however often it is asked. It is pure: the time is an argument.
type schedule struct {
	bursts map[string]*burst // by name of the router
	pace   *pace
}

func newSchedule() schedule { return schedule{bursts: map[string]*burst{}, pace: &pace{}} }

// start begins a burst, or begins the router's burst again. Addresses that stay keep their place in the round that runs, so that none
// starves when a router is restarted faster than its rounds go.
func (s *schedule) start(router string, addrs []netip.Addr, plan vrrp.Announce, now time.Time) {
	b := &burst{addrs: addrs, plan: plan, left: plan.Repeat, again: plan.Repeat, due: now}
	if plan.Delay > 0 {
		b.second = now.Add(plan.Delay)
	}
	if old := s.bursts[router]; old != nil && slices.Equal(old.addrs, addrs) {
		b.next, b.began = old.next, old.began
		b.due = later(now, old.began.Add(againGap))
		if old.next > 0 { // finish that round, and then all that was asked for
			b.left, b.due = plan.Repeat+1, now
		}
		b.inherit(old)
	}
	s.bursts[router] = b
	if b.left == 0 {
		b.finish()
	}
}

// inherit keeps what is still to come of the burst before: an announcement because of another master may be a short one.
func (b *burst) inherit(old *burst) {
	if old.refreshing {
		return
	}
	b.left, b.again = max(b.left, old.left), max(b.again, old.again)
	b.second = later(b.second, old.second)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// stop forgets the router.
func (s *schedule) stop(router string) { delete(s.bursts, router) }

// take appends up to n addresses to announce now to dst, and returns when there are more to announce: the zero time for never.
func (s *schedule) take(dst []netip.Addr, n int, now time.Time) ([]netip.Addr, time.Time) {
	for n > 0 {
		b := s.first(now)
		if b == nil {
			break
		}
		share, ok := s.pace.share(b, n, now)
		if !ok {
			continue // another interface of its group was faster; b is not due any more
		}
		before := len(dst)
		dst = b.take(dst, share, now)
		n -= len(dst) - before
	}
	return dst, s.nextDue()
}

// first returns the burst whose turn it is: the one with the fewest packets per address behind it, so that a router that has just
// become master is not kept waiting by the repeats of others.
func (s *schedule) first(now time.Time) *burst {
	var best *burst
	for _, b := range s.bursts {
		if b.left == 0 || s.pace.due(b).After(now) {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(b.done, best.done), b.due.Compare(best.due)) < 0 {
			best = b
		}
	}
	return best
}

func (s *schedule) nextDue() time.Time {
	var next time.Time
	for _, b := range s.bursts {
		if b.left > 0 {
			if due := s.pace.due(b); next.IsZero() || due.Before(next) {
				next = due
			}
		}
	}
	return next
}

// take appends what the running round has left, at most n.
func (b *burst) take(dst []netip.Addr, n int, now time.Time) []netip.Addr {
	if b.next == 0 {
		b.began = now
	}
	end := min(b.next+n, len(b.addrs))
	dst = append(dst, b.addrs[b.next:end]...)
	b.next = end
	if end == len(b.addrs) {
		b.endRound()
	}
	return dst
}

func (b *burst) endRound() {
	b.next, b.done, b.left = 0, b.done+1, b.left-1
	b.due = b.began.Add(roundGap)
	if b.left == 0 {
		b.finish()
	}
}

// finish sets up what follows a burst: the second one, then the refreshes, each of a single round.
func (b *burst) finish() {
	switch {
	case !b.second.IsZero() && b.again > 0:
		b.left, b.done = b.again, 0
		b.due = later(b.second, b.due)
		b.second = time.Time{}
	case b.plan.Refresh > 0:
		b.refreshing = true
		b.left = max(1, b.plan.RefreshRepeat)
		b.due = b.refreshed()
	}
}

// refreshed returns when the next refresh is: counted from the last round, so that rounds which take long do not add up.
func (b *burst) refreshed() time.Time {
	every := max(b.plan.Refresh, roundGap)
	if b.began.IsZero() {
		return b.due.Add(every)
	}
	return b.began.Add(every)
}

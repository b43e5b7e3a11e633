package kernel

import (
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

// Constants of router advertisements, RFC 4861 section 10.
const (
	initialRAs        = 3                      // MAX_INITIAL_RTR_ADVERTISEMENTS
	initialRAInterval = 16 * time.Second       // MAX_INITIAL_RTR_ADVERT_INTERVAL
	minDelayRAs       = 3 * time.Second        // MIN_DELAY_BETWEEN_RAS
	maxDelayRA        = 500 * time.Millisecond // MAX_RA_DELAY_TIME
)

// An raSchedule decides when one router advertises itself to hosts, RFC 4861 sections 6.2.4 and 6.2.6. It is pure: the time is an argument, and
// so is luck, a number from 0 up to 1.
type raSchedule struct {
	ra   *vrrp.RouterAdvertisement
	left int       // of the initial ones
	last time.Time // when one was sent; zero for never
	due  time.Time // of the next one
}

// begin advertises at once, or as soon as hosts are to be spared after the last one, and then in quick succession: something is new.
func (s *raSchedule) begin(ra *vrrp.RouterAdvertisement, now time.Time) {
	s.ra, s.left, s.due = ra, initialRAs, s.spared(now)
}

// spared returns the first moment from now on that is long enough after the last advertisement.
func (s *raSchedule) spared(now time.Time) time.Time {
	if s.last.IsZero() {
		return now
	}
	return later(now, s.last.Add(minDelayRAs))
}

// solicited brings the next advertisement forward: a host asked for it. It answers all that ask within one delay.
func (s *raSchedule) solicited(now time.Time, luck float64) {
	at := s.spared(now.Add(time.Duration(luck * float64(maxDelayRA))))
	if at.Before(s.due) {
		s.due = at
	}
}

// sent notes that one was sent, and sets the time of the next.
func (s *raSchedule) sent(now time.Time, luck float64) {
	s.left = max(s.left-1, 0)
	wait := s.ra.MinInterval + time.Duration(luck*float64(s.ra.Interval-s.ra.MinInterval))
	if s.left > 0 {
		wait = min(wait, initialRAInterval)
	}
	s.last, s.due = now, now.Add(wait)
}

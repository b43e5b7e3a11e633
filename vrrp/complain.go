package vrrp

import (
	"maps"
	"time"
)

const (
	// complaintPause is the least time between two log lines of one kind about one peer, RFC 9568 section 7.1.
	complaintPause = time.Minute
	// complaintPauseMax is where that time, which doubles as long as the reason stays, ends: a pair that is configured differently for
	// a year must not fill a disk with it.
	complaintPauseMax = time.Hour
	// maxComplaints bounds the kinds and peers that are told apart: senders can be forged.
	maxComplaints = 64
)

// complaints limits the rate of log lines that what comes from the network can cause. The zero value is ready.
type complaints struct {
	said map[string]complaint // by kind and peer; at most maxComplaints
}

type complaint struct {
	at       time.Time // of the last line
	pause    time.Duration
	withheld int // since then
}

// admit reports whether a complaint of this kind may be logged now, and how many were withheld since the last one. When too many are
// told apart already, the rest count as one kind.
func (c *complaints) admit(kind string, now time.Time) (withheld int, ok bool) {
	if _, known := c.said[kind]; !known && len(c.said) >= maxComplaints-1 {
		c.forget(now)
		if len(c.said) >= maxComplaints-1 {
			kind = "others"
		}
	}
	last, known := c.said[kind]
	if known && now.Sub(last.at) < last.pause {
		last.withheld++
		c.said[kind] = last
		return 0, false
	}
	if c.said == nil {
		c.said = make(map[string]complaint)
	}
	pause := complaintPause
	if last.withheld > 0 {
		pause = min(2*last.pause, complaintPauseMax)
	}
	c.said[kind] = complaint{at: now, pause: pause}
	return last.withheld, true
}

// forget drops what may be said again anyway and owes no count.
func (c *complaints) forget(now time.Time) {
	maps.DeleteFunc(c.said, func(_ string, said complaint) bool {
		return said.withheld == 0 && now.Sub(said.at) >= said.pause
	})
}

package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A birth is when a process began, by the clocks that a startup delay counts from.
type birth struct {
	at     time.Time
	uptime time.Duration // of the machine at that time; a suspend counts
	silent time.Time     // until when the virtual routers were told to stay out; zero before
}

// newBirth returns that of a process which begins now.
func newBirth() (birth, error) {
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return birth{}, fmt.Errorf("how long the machine has been up: %w", err)
	}
	return birth{at: time.Now(), uptime: time.Duration(up.Nano())}, nil
}

// stayOut keeps virtual routers that have not begun from doing so while the startup delay lasts. A reload may shorten or lengthen it; it
// counts from the start of the process all the same. The caller holds r.mu.
func (r *router) stayOut(s vrrp.Startup) {
	until := r.birth.at.Add(s.Wait(r.birth.uptime))
	if !until.Equal(r.birth.silent) && until.After(time.Now()) {
		r.log.Info("virtual routers take no part before the startup delay is over", "until", until)
	}
	r.birth.silent = until
	for _, m := range r.members {
		m.StayOut(until)
	}
}

package kernel

import (
	"context"
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

// crowdWindow is the time over which a crowd is told.
const crowdWindow = 128 * time.Millisecond

// crowdControl tells a crowd by the packets of the present crowdWindow and of the last in which there were any: more than one for every second beat. In a crowd the
// reader wakes up once in a beat and reads what there is: a wake-up for each packet costs more than everything else that is done with
// it. An advert is heard later by at most a beat. Crowds come in bursts: after a beat without a packet the reader waits for the next one.
type crowdControl struct {
	began time.Time
	count int
	busy  bool // the last window was crowded
	idle  bool // the last read found nothing
	full  bool // the last read left something: the crowd is too large for pauses
}

// note takes in how many packets one read of at most most gave.
func (c *crowdControl) note(n, most int) { c.count, c.idle, c.full = c.count+n, n == 0, n == most }

// pause waits in a crowd for the next beat, so that the read that follows finds what came meanwhile. All readers wait for the same beats,
// and are served in one wake-up. It reports whether it did, or need not: then the next read must not wait, as there is another beat.
func (c *crowdControl) pause(ctx context.Context, beat time.Duration) bool {
	now := time.Now()
	most := int(crowdWindow / beat / 2)
	if now.Sub(c.began) >= crowdWindow {
		c.began, c.busy, c.count = now, c.count > most, 0
	}
	crowded := !c.idle && (c.busy || c.count > most)
	if crowded && !c.full {
		rest(ctx, beat-time.Duration(now.UnixNano())%beat)
	}
	return crowded
}

// rest waits, but not past the end of ctx.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// beat returns how often a crowd at p is served: as the router there with the shortest interval can bear it. What other routers on the
// link have for an interval does not matter, their adverts are for nobody here.
func (h *Host) beat(p *port) time.Duration {
	beat := vrrp.Beat(time.Hour)
	for _, r := range h.attached() {
		if r.hearsAt(p) {
			beat = min(beat, vrrp.Beat(r.config.AdvertInterval))
		}
	}
	return beat
}

// hearsAt reports whether p is one of the ports at which adverts for r arrive.
func (r *router) hearsAt(p *port) bool {
	if r.port == p || r.ah == p {
		return true
	}
	for _, g := range r.legs {
		if g.port == p {
			return true
		}
	}
	return false
}

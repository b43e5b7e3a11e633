package vrrp

import (
	"fmt"
	"net/netip"
	"time"
)

const (
	// flapsTold is how many takeovers within flapWindow are flapping, RFC 9568 section 2.5.
	flapsTold  = 3
	flapWindow = time.Minute
)

// disorder notices, from adverts that were admitted, what the segment does that no single advert shows. The zero value is ready.
type disorder struct {
	owner   netip.Addr // who advertised priority 255 last
	ownerAt time.Time

	worseAt time.Time            // when a router that has to yield to us advertised last
	flaps   [flapsTold]time.Time // when such routers began to, the newest first
}

// notice returns what is wrong on the segment of c, whose role is st's since a moment; the zero Observation for nothing. Within patience a master is
// expected to advertise.
func (d *disorder) notice(c *Config, st State, since time.Time, a Advert, patience time.Duration, now time.Time) Observation {
	if text := d.secondOwner(c, a, patience, now); text != "" {
		return Observation{WarnOwners, text}
	}
	if st.advertises() && a.Packet.Priority != PriorityResign && whoYields(st, a) == RivalYields {
		return d.flapping(now.Sub(since) > patience, patience, now)
	}
	return Observation{}
}

// secondOwner is for those who hear two owners; an owner itself sees the other one in Differences. RFC 9568 section 8.3.2.
func (d *disorder) secondOwner(c *Config, a Advert, patience time.Duration, now time.Time) string {
	if a.Packet.Priority != PriorityOwner || c.Priority == PriorityOwner {
		return ""
	}
	other, fresh := d.owner, now.Sub(d.ownerAt) < patience
	d.owner, d.ownerAt = a.From, now
	if !other.IsValid() || other == a.From || !fresh {
		return ""
	}
	return fmt.Sprintf("has priority 255, and so has %s: only one can own the addresses", other)
}

// flapping is for a master that worse routers try to replace again and again: they cannot have heard its adverts, which were late, as
// behind a full queue, or lost. That they go on is a rival; that they come back is this. Who was master before us, and says a last word
// when we take the role back, is neither: only what comes to a master in office counts.
func (d *disorder) flapping(inOffice bool, patience time.Duration, now time.Time) Observation {
	began := inOffice && (d.worseAt.IsZero() || now.Sub(d.worseAt) > patience)
	d.worseAt = now
	if !began {
		return Observation{}
	}
	copy(d.flaps[1:], d.flaps[:])
	d.flaps[0] = now
	if last := d.flaps[flapsTold-1]; last.IsZero() || now.Sub(last) > flapWindow {
		return Observation{}
	}
	text := "takes over again and again: %d times within %s it did not hear our adverts, which come late or get lost"
	return Observation{WarnFlapping, fmt.Sprintf(text, flapsTold, flapWindow)}
}

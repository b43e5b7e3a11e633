package vrrp

import (
	"slices"
	"sync"
	"time"
)

// repeats notes the adverts of a master that says the same again and again. All that such an advert does to a backup is to restart its
// timer, and that needs nobody to wake up: the goroutine that hands adverts over notes when the last one came, and the timer, when it
// runs out, is set anew from there. With a thousand routers these wake-ups would be most of what they cost. The zero value expects nothing.
type repeats struct {
	mu sync.Mutex
	// guarded by mu:
	expecting bool
	advert    Advert
	last      time.Time // when it came again; zero for never since expect
}

// expect makes a the advert that is only to be noted.
func (p *repeats) expect(a Advert) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expecting, p.advert, p.last = true, a, time.Time{}
}

// stop returns when the advert last came again since expect, the zero Time for never. From now on nothing is noted.
func (p *repeats) stop() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.expecting {
		return time.Time{}
	}
	p.expecting = false
	return p.last
}

// note reports whether a is the expected advert, and needs nothing more.
func (p *repeats) note(a Advert) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.expecting || !sameAdvert(&p.advert, &a) {
		return false
	}
	p.last = time.Now()
	return true
}

// sameAdvert reports whether two unsigned adverts are the same in all that anybody looks at.
func sameAdvert(a, b *Advert) bool {
	p, q := &a.Packet, &b.Packet
	return a.From == b.From && a.To == b.To && a.TTL == b.TTL &&
		p.Version == q.Version && p.VRID == q.VRID && p.Priority == q.Priority && p.Interval == q.Interval && p.Form == q.Form &&
		p.AuthType == q.AuthType && p.Password == q.Password && slices.Equal(p.Addresses, q.Addresses) &&
		unsigned(a) && unsigned(b)
}

// unsigned reports whether an advert carries nothing that is new in each.
func unsigned(a *Advert) bool { return a.Datagram == nil && a.Packet.Trailer == nil }

// repeatable reports whether another a would restart the timer of a router with this configuration and do nothing else. Those that are
// warned about, or compared with what came at what time from elsewhere, are not.
func repeatable(c *Config, a Advert) bool {
	return unsigned(&a) && len(c.Paths) == 0 && a.Packet.Priority != PriorityOwner && Differences(c, a) == nil
}

// heedRepeats restarts the timer for the adverts that were only noted. Nothing has happened to the router since it began to expect them.
// If the time to be seen awake before the new deadline is over already, it was missed: a stall began after the last of them.
func (m *Member) heedRepeats() {
	if last := m.repeats.stop(); !last.IsZero() {
		r := m.router
		r.setDeadline(last.Add(r.patience))
		r.alertAt = r.deadline.Add(-grace(r.config.AdvertInterval))
	}
}

// expectRepeats has the adverts noted that would change nothing.
func (m *Member) expectRepeats() {
	if r := m.router; r.steady && r.state.Role == Backup {
		m.repeats.expect(r.heard)
	}
}

// settle is called after an advert was received. The router is steady from then on, until anything else happens to it, if all that the
// advert did was to arm the timer.
func (r *router) settle(before State, a Advert) {
	r.steady = r.patience > 0 && r.state == before && repeatable(r.config, a)
	if r.steady {
		r.heard = a
	}
}

// onlyArmed returns what the timer was set to, if that was all; 0 otherwise.
func onlyArmed(actions []Action) time.Duration {
	if len(actions) != 1 {
		return 0
	}
	arm, _ := actions[0].(Arm)
	return arm.After
}

package vrrp

import (
	"net/netip"
	"time"
)

// rivalHeard is called for an advert after which we are still master. Refusal is why it was refused; numReasons when it was admitted.
func (r *router) rivalHeard(a Advert, refusal Reason) {
	now := r.now()
	interval := max(r.config.AdvertInterval, a.Packet.Interval)
	if now.Sub(r.since) < interval { // the advert and the one that made us master may have crossed
		return
	}
	s := sign{
		from: a.From, priority: a.Packet.Priority, yields: whoYields(r.state, a), refusal: refusal,
		interval: interval, lasts: time.Duration(r.config.downAdverts())*interval + Skew(r.config, r.state),
	}
	tell := r.rivals.hear(s, now)
	r.rivalsAt = earlier(r.rivalsAt, now.Add(s.lasts))
	if tell {
		r.tellRival(r.rivals.explain(s, whyStays(r.config, a, refusal)))
	}
}

// heedClaims looks at what the patrol has found.
func (r *router) heedClaims() {
	for _, c := range r.patrol.take() {
		r.claimHeard(c)
	}
}

// guardAddresses lets the patrol verify the addresses of a master in office.
func (r *router) guardAddresses() {
	if r.state.advertises() && r.held {
		r.patrol.guard(r.config)
		return
	}
	r.patrol.guard(nil)
}

// claimHeard is called when somebody else answered for a virtual address of ours. The addresses are announced again: whoever asked may
// have believed it.
func (r *router) claimHeard(c Claim) {
	if !r.state.advertises() || c.config != r.config {
		return
	}
	now := r.now()
	lasts := 2*r.config.VerifyAddresses + time.Duration(r.config.downAdverts())*r.config.AdvertInterval
	s := sign{claims: c.Address, mac: c.MAC, refusal: numReasons, lasts: lasts}
	tell := r.rivals.hear(s, now)
	r.rivalsAt = earlier(r.rivalsAt, now.Add(lasts))
	if tell {
		r.tellRival(r.rivals.explain(s, "another host has this address: a master that this one does not hear, or one that is configured by hand"))
	}
	r.group.announceProvoked(now, true)
}

// tellRival says once, and then at a limited rate, that there are two masters. It leaves that to the patrol, which can ask for the
// hardware address first.
func (r *router) tellRival(v Rival) {
	kind := "rival " + v.From.String()
	if v.Claims.IsValid() {
		kind = "rival for " + v.Claims.String()
	}
	if n, ok := r.complaints.admit(kind, r.now()); ok {
		r.patrol.report(rivalReport{rival: v, config: r.config, suppressed: n})
	}
}

// expireRivals announces again when a rival is gone: the caches of the segment may have its hardware address.
func (r *router) expireRivals(now time.Time) {
	if !over(r.rivalsAt, now) {
		return
	}
	var gone []Rival
	gone, r.rivalsAt = r.rivals.expire(now)
	if len(gone) == 0 {
		return
	}
	for _, v := range gone {
		if v.Why == "" {
			continue // it yielded at once, as it had to
		}
		if n, ok := r.complaints.admit("rival gone "+v.From.String()+v.MAC, now); ok {
			r.log.Info("the other master is gone", "router", r.config.Name, "from", who(v), "lasted", v.Last.Sub(v.Since).Round(time.Millisecond), "suppressed", n)
		}
	}
	r.group.announceProvoked(now, true)
}

// who names a rival in a log.
func who(v Rival) string {
	if v.From.IsValid() {
		return v.From.String()
	}
	return v.MAC
}

// forgetRivals is for a router that is no longer master.
func (r *router) forgetRivals() {
	if !r.rivalsAt.IsZero() {
		r.rivals.clear()
		r.rivalsAt = time.Time{}
	}
}

// A Claim is an answer of another host for a virtual address.
type Claim struct {
	Address netip.Addr
	MAC     string // of who answered
	config  *Config
}

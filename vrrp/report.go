package vrrp

import (
	"net/netip"
	"strings"
	"time"
)

// A Transition is one change of role.
type Transition struct {
	Router   string    `json:"router"` // Config.Name
	From     Role      `json:"from"`
	To       Role      `json:"to"`
	Priority uint8     `json:"priority"` // the effective one
	Reason   string    `json:"reason"`   // what made it change, in words; never empty
	At       time.Time `json:"at"`
}

// report logs the transition that ev caused, one line, and tells it once.
func (r *router) report(before State, ev Event) {
	t := Transition{
		Router:   r.config.Name,
		From:     before.Role,
		To:       r.state.Role,
		Priority: r.state.Priority,
		Reason:   r.reason(before, ev),
		At:       r.now(),
	}
	r.since = t.At
	r.counts.transitions.Add(1)
	r.log.Info("virtual router changed role",
		"router", t.Router, "from", t.From.String(), "to", t.To.String(), "priority", t.Priority, "reason", t.Reason)
	if r.notify != nil {
		r.notify(t)
	}
}

// reason is Why, and for a fault what it is or was; and how the priority came about while trackers count.
func (r *router) reason(before State, ev Event) string {
	why := Why(r.config, before, ev)
	if fault, ok := ev.(SetFault); ok {
		if fault.Fault {
			return strings.Join(r.faults, ", ")
		}
		why += "; it was " + strings.Join(r.ended, ", ")
	}
	if r.weighed.Changed() {
		why += "; priority: " + r.weighed.String()
	}
	return why
}

// refusalOf returns the Reason that Admit gave.
func refusalOf(err error) Reason {
	reason, ok := ReasonOf(err)
	if !ok {
		panic("vrrp: Admit returned an error that is no Reason: " + err.Error())
	}
	return reason
}

// refuse counts an advert that was not admitted, and says so at a limited rate.
func (r *router) refuse(a Advert, err error) {
	reason := refusalOf(err)
	r.counts.drops.Count(reason)
	if reason == DropInterval { // an alarm: two masters are likely
		r.warnings.add(a.From, Observation{WarnInterval, intervalDiffers(a.Packet.Interval, r.config.AdvertInterval) + ", and version 2 drops that: two masters are likely"}, r.now())
	}
	if r.state.advertises() && rivalSign(a.Packet, reason) {
		r.rivalHeard(a, reason)
	}
	if reason == DropNotRunning || reason == DropOwn { // expected, and nobody's mistake
		return
	}
	if n, ok := r.complaints.admit(reason.String(), r.now()); ok {
		r.log.Warn("advert dropped", "router", r.config.Name, "from", a.From, "reason", reason.Error(), "suppressed", n)
	}
}

// complainAbout says at a limited rate what is amiss with a peer.
func (r *router) complainAbout(from netip.Addr, o Observation) {
	r.warnings.add(from, o, r.now())
	if n, ok := r.complaints.admit(from.String()+" "+kindOf(o.Text), r.now()); ok {
		message, key := o.Kind.line()
		r.log.Warn(message, "router", r.config.Name, "from", from, key, o.Text, "suppressed", n)
	}
}

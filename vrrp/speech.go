package vrrp

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

// speech is how the adverts of a router are made: what a configuration makes of them, kept so that an advert costs no garbage, and
// what was learned about the checksums that others use.
type speech struct {
	packet       Packet       // without priority and form
	destinations []netip.Addr // the multicast group, or the peers
	// forms has the checksum form that was last heard from a destination: a peer, or the multicast group for whoever sends to it.
	// Admit lets only configured peers in, so that it does not grow.
	forms    map[netip.Addr]Form
	chosen   map[netip.Addr]Form         // by configuration and peer; overrides forms and packet.Form
	identify func(netip.Addr) netip.Addr // whose address a destination is
}

func newSpeech(c *Config) speech {
	return speech{packet: NewPacket(c, c.Priority), destinations: c.Destinations(), forms: make(map[netip.Addr]Form), chosen: c.PeerForms, identify: c.identify}
}

// reconfigure keeps what was learned about the peers that stay.
func (s *speech) reconfigure(c *Config) {
	s.packet, s.destinations, s.chosen, s.identify = NewPacket(c, c.Priority), c.Destinations(), c.PeerForms, c.identify
	maps.DeleteFunc(s.forms, func(to netip.Addr, _ Form) bool { return !slices.Contains(s.destinations, to) })
}

// hear learns the checksum form of an admitted advert.
func (s *speech) hear(a Advert) {
	if a.Packet.Form == FormNone {
		return
	}
	if a.To.IsMulticast() {
		s.forms[a.To] = a.Packet.Form
		return
	}
	s.forms[a.From] = a.Packet.Form
}

// form returns the checksum form to send to a destination: the configured one, or else the one that is used there.
func (s *speech) form(to netip.Addr) Form {
	form := s.packet.Form
	if f, ok := s.chosen[s.identify(to)]; ok {
		form = f
	}
	switch {
	case form == FormAny:
		return FormMessage
	case s.packet.Version == V2 || form != FormAuto:
		return form
	}
	if f, ok := s.forms[to]; ok {
		return f
	}
	return FormPseudoHeader
}

// namedInterval is the interval that an advert of ours names: the configured one, and in the last word of a master that yields that of the
// better master, if it is longer. A backup that obeys us rather than nobody learns what it hears, and would take over from a better master
// with a longer interval between two of its adverts; one that does not answer us, as an owner with OwnerIgnores, never puts that right.
func (r *router) namedInterval() time.Duration {
	if r.state.Role == Backup {
		return max(r.packet.Interval, r.state.MasterInterval)
	}
	return r.packet.Interval
}

// advertise sends one advert to every destination. Without an address of our own nothing can be sent; that is counted.
func (r *router) advertise(priority uint8) {
	if !r.state.Source.IsValid() {
		r.counts.unsent.Add(1)
		return
	}
	sent, signed := false, r.signed(priority)
	for _, to := range r.destinations {
		p := signed
		p.Form = r.form(to)
		if err := r.host.Send(r.config, to, p); err != nil {
			r.complainSend(to, err)
			continue
		}
		sent = true
	}
	if sent {
		r.counts.sent.Add(1)
	}
}

func (r *router) complainSend(to netip.Addr, err error) {
	r.counts.sendErrors.Add(1)
	if n, ok := r.complaints.admit("send "+to.String(), r.now()); ok {
		r.log.Warn("advert could not be sent", "router", r.config.Name, "to", to, "error", err, "suppressed", n)
	}
}

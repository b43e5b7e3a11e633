package pool

import (
	"net/netip"
	"time"
)

// A history is what a pool remembers of one server, for all that depends on what was before.
type history struct {
	heard  Condition // the last verdict on it; Unknown before the first
	serves bool      // it took connections after the last Step
	good   int       // the weight with which it did so last while it was well
	out    bool      // an operator took it out
	fresh  bool      // it is there since the pool began, and has neither served nor failed nor been taken out since

	falls   []time.Time // when it went down within the window of flap_damping, the newest last
	fell    time.Time   // when it went down last
	waits   time.Time   // until then it is kept out by the re-entry delay
	damped  time.Time   // until then it is kept out for its flapping
	delayed bool        // one of these is in force
	ramp    time.Time   // when its slow start began; zero when there is none
	kept    bool        // it goes on with its last good weight though its checks failed
}

// timed reports whether the past of the servers matters.
func (c Config) timed() bool {
	return c.SlowStart.Duration > 0 || c.Reentry > 0 || c.Flap.Count > 0 || c.Panic.Percent > 0 || c.KeepLast || c.Watched
}

// remember takes in what became of servers since the last Step.
func (p *Pool) remember(now time.Time, servers []Server) {
	if !p.config.timed() {
		p.past, p.panicFrom, p.state.Panic = nil, time.Time{}, false
		return
	}
	p.meet(servers)
	for _, s := range servers {
		p.past[s.Addr].hear(now, s, p.config)
	}
	serving := p.admit(now, servers)
	p.panic(now, servers)
	p.keep(servers, serving)
	p.ramp(now, servers)
}

// meet has a history of each of servers, and of no other.
func (p *Pool) meet(servers []Server) {
	before := p.past
	p.past = make(map[netip.AddrPort]*history, len(servers))
	for _, s := range servers {
		h := before[s.Addr]
		if h == nil {
			h = &history{fresh: !p.stepped}
		}
		if s.Left && h.heard == Unknown {
			h.heard = s.Condition // an earlier process had a verdict
			h.good = s.weight()
		}
		p.past[s.Addr] = h
	}
}

// hear takes in the verdict on a server.
func (h *history) hear(now time.Time, s Server, c Config) {
	if h.out = s.Override.takesOut(); h.out {
		h.fresh = false
	}
	if !s.Heard || s.Condition == Unknown || s.Condition == h.heard {
		return
	}
	was := h.heard
	h.heard = s.Condition
	switch {
	case s.Condition == Down && was == Up:
		h.fall(now, c.Flap)
	case s.Condition == Up && was == Down && c.Reentry > 0 && !h.kept: // one that was kept has not been away
		h.waits = now.Add(c.Reentry)
	}
	if s.Condition == Down {
		h.fresh, h.waits = false, time.Time{}
	}
}

// serving reports whether s is to take connections for its own sake.
func (p *Pool) serving(s Server) bool {
	h := p.past[s.Addr]
	return p.well(s) && !s.Override.takesOut() && s.weight() > 0 && (h == nil || !h.delayed)
}

// note keeps what the servers have got, for the next Step.
func (p *Pool) note(servers []Server) {
	for i, s := range servers {
		h, share := p.past[s.Addr], p.shares[i]
		if h == nil {
			return
		}
		h.serves = share.Weight > 0
		if h.serves && !h.kept {
			h.good = share.Weight
		}
	}
}

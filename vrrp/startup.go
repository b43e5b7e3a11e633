package vrrp

import "time"

// A Startup says for how long the virtual routers of a process that begins take no part: until then nothing is sent, and what is heard is
// dropped. A machine whose network is not ready yet would be deaf for the master and take its place. The zero value is no delay.
type Startup struct {
	Delay     time.Duration `json:"delay"`      // from the start of the process, 0 or more
	AfterBoot time.Duration `json:"after_boot"` // from the boot of the machine, 0 or more
}

// Wait returns for how long from its start a process stays out that was started when the machine had been up for uptime.
func (s Startup) Wait(uptime time.Duration) time.Duration { return max(s.Delay, s.AfterBoot-uptime, 0) }

// StayOut keeps a router that has not begun yet from taking part before until. One that takes part already, or a time that is past, is not
// concerned. Only the newest call counts.
func (m *Member) StayOut(until time.Time) {
	m.facts.stayOut(until)
	m.wake()
}

func (f *facts) stayOut(until time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.out, f.fresh = until, true
}

// stayOut notes until when the router has to wait before it begins; a time that is past is none.
func (r *router) stayOut(until time.Time) {
	r.outUntil = time.Time{}
	if until.After(r.now()) {
		r.outUntil = until
	}
}

// waits returns what the router has to wait for before it begins.
func (r *router) waits() []string {
	var out []string
	if !r.outUntil.IsZero() {
		out = append(out, "startup delay: over at "+r.outUntil.Format(time.DateTime))
	}
	for _, source := range r.weighed.Waits {
		out = append(out, source+": not known yet")
	}
	return out
}

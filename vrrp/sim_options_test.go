package vrrp

import "time"

// choose draws the options and the trackers of a machine.
func (w *world) choose(m *machine) {
	c := m.config
	c.QuietLower, c.QuietYield = w.IntN(4) == 0, w.IntN(6) == 0
	w.curt = w.curt || c.QuietYield
	if w.IntN(3) == 0 {
		c.DownAdverts = 1 + w.IntN(5)
	}
	if !c.NoPreempt && w.IntN(3) == 0 {
		c.PreemptDelay = 1 + w.upTo(6*c.AdvertInterval)
		w.preempt = max(w.preempt, c.PreemptDelay)
	}
	if w.IntN(2) == 0 {
		c.Track = []Tracker{
			{Source: "script/weight", Weight: (1 + w.IntN(maxWeight)) * (1 - 2*w.IntN(2)), Reverse: w.IntN(4) == 0},
			{Source: "file/load", Weight: []int{-2, -1, 1, 2}[w.IntN(4)]},
			{Source: "script/must", Reverse: w.IntN(4) == 0},
		}
		m.facts = map[string]Verdict{"script/weight": {}, "file/load": {State: Number, Value: 1}, "script/must": m.fine()}
	}
	w.note(m, "%+v, tracks %+v", c.Options, c.Track)
}

// fine is the verdict on script/must that lets the router of m take part.
func (m *machine) fine() Verdict {
	if m.config.Track[2].Reverse {
		return Verdict{State: Down}
	}
	return Verdict{State: Up}
}

// enthrone makes one machine the owner at times, or two, which is a mistake that has to end with one master.
func (w *world) enthrone() {
	if w.IntN(6) > 0 {
		return
	}
	owners := 1 + w.IntN(2)
	for _, m := range w.machines[:owners] {
		c := m.config
		c.Priority, c.NoPreempt, c.PreemptDelay = PriorityOwner, false, 0
		w.note(m, "is an owner")
	}
	// An owner that answers nobody never puts right what a backup learns from a lesser master with a shorter interval.
	if c := w.machines[0].config; owners == 1 && w.IntN(4) == 0 {
		c.OwnerIgnores, w.curt = true, true
		w.note(w.machines[0], "ignores all others")
	}
}

// limit computes how long a backup may wait for an advert.
func (w *world) limit() {
	adverts := DownAdvertsDefault
	for _, m := range w.machines {
		adverts = max(adverts, m.config.DownAdverts)
	}
	w.down = time.Duration(adverts)*w.slowest + w.slowest
	if w.machines[0].config.Version == V2 {
		w.down = time.Duration(adverts)*w.slowest + time.Second
	}
}

// weigh has one of the things that m tracks change.
func (w *world) weigh(m *machine) {
	if m.facts == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch w.IntN(3) {
	case 0:
		w.tell(m, "script/weight", Verdict{State: []TrackState{Unknown, Up, Down}[w.IntN(3)]})
	case 1:
		w.tell(m, "file/load", Verdict{State: Number, Value: w.IntN(400) - 200})
	case 2:
		w.tell(m, "script/must", Verdict{State: []TrackState{Unknown, Up, Down}[w.IntN(3)]})
	}
}

// tell hands a verdict to the router of m, now and at each start. The lan is locked.
func (w *world) tell(m *machine, source string, v Verdict) {
	w.note(m, "%s: %s %d", source, v.State, v.Value)
	m.facts[source], m.steady = v, time.Now()
	if m.group != nil {
		m.group.Track(source, v)
	}
}

// recover ends what keeps m out of the election by its trackers; the weights stay as they are.
func (w *world) recover(m *machine) {
	if m.facts == nil {
		return
	}
	w.mu.Lock()
	w.tell(m, "script/must", m.fine())
	w.mu.Unlock()
	w.blink()
	w.mu.Lock()
	if load := m.facts["file/load"]; len(Weigh(m.config, m.facts).Faults) > 0 {
		w.tell(m, "file/load", Verdict{State: Number, Value: load.Value / 4})
	}
	w.mu.Unlock()
	w.blink()
}

package vrrp

import "time"

// A Loss says what of the things that a master holds is missing though nobody of ours removed it.
type Loss struct {
	Reason string // what is missing, in words
	Final  bool   // it could not be put back: the router cannot do its work, as after a Hold that failed
}

// Lost tells the router of a loss. A master that can have its things back resigns, lets go of all, and is a backup that waits no longer
// than after somebody's resignation; otherwise it is in fault. Only the newest loss counts, and to others than a master none does.
func (m *Member) Lost(l Loss) {
	m.facts.lose(l)
	m.wake()
}

func (f *facts) lose(l Loss) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loss, f.fresh = &l, true
}

// lose is what happens with a loss.
func (r *router) lose(l Loss) {
	switch {
	case r.state.Role != Master:
	case l.Final:
		r.forfeit(l.Reason)
	default:
		r.group.happen(r, Lost{Reason: l.Reason}, time.Time{})
	}
}

// forfeit notes a fault of a master whose things cannot be held, for longer each time. The group is to be judged after it.
func (r *router) forfeit(reason string) {
	r.holdFault = "addresses: " + reason
	r.retryAt = r.now().Add(r.retryPause)
	r.retryPause = min(2*r.retryPause, retryPauseMax)
}

// stepDown is what keepalived does when somebody deletes an address: the others may take over, and if none does it is us again, with
// everything set up anew.
func stepDown(c *Config, st State) (State, []Action) {
	st = letGo(st, Backup)
	st.Resigned, st.Master = true, st.Source
	return st, []Action{Send{PriorityResign}, Hold{On: false}, Arm{Skew(c, st)}}
}

// lostTogether takes the other masters of a sync group along when one of them steps down for a loss.
func lostTogether(cs []*Config, sts []State, i int, ev Event, out []Event) bool {
	lost, ok := ev.(Lost)
	if !ok || sts[i].Role != Master || sts[i].Handover != Staying {
		return false
	}
	others(sts, i, Master, func(j int) {
		out[j] = Follow{Role: Backup, Cause: cs[i].Name + ": stepped down: " + lost.Reason}
	})
	return true
}

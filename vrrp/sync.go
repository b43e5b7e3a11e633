package vrrp

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"time"
)

// A sync group is master only as a whole, and only when on every segment nobody better is. All its members change role in the same
// instant, so that there is no time in which one is master and another backup, with one exception: what a reload adds to a group of
// masters is backup until it has found out, within its down interval, whether it may join them; if not, they make way.
//
// Keepalived's sync groups of the other machines are none the wiser. What they leave open is decided like this:
//
//   - A member that ran out of patience while another hears a master is held back (HeldBack, State.Ready) and looks again after one
//     interval and skew. It stays ready for as long as it hears nobody that it obeys, so that the group is master at the instant in
//     which the last of its members is ready.
//   - One master that makes way for a better one takes the others along (Follow). They resign, so that the winner's segment there need
//     not wait for silence.
//   - Two groups that are each better on another segment would chase each other away for ever. So whoever was taken along waits
//     for a while that depends on its address and on how often that happened, and differs between the two.

// A SyncGroup names the virtual routers of one sync group.
type SyncGroup struct {
	Name    string   // unique among sync groups
	Members []string // Config.Name of each, two or more, in no other sync group
}

type (
	// HeldBack is what Expired becomes for a backup while not all of its sync group may be master.
	HeldBack struct{}
	// Follow makes a member take the role of its sync group: Master, or Backup as a master.
	Follow struct {
		Role  Role
		Wait  time.Duration // Backup: beyond the down interval
		Aside bool          // Backup: the group was handed over, so that a lesser master is obeyed; see State.Aside
		Cause string        // what made the group change, for the log
	}
)

func (HeldBack) event() {}
func (Follow) event()   {}

// Together returns what happens to each member of a sync group when ev happens to the one at i; nil is nothing. What happens to
// that one comes first. Pulls is how often the group had to leave the role of master because of one member. It is a pure function.
func Together(cs []*Config, sts []State, i int, ev Event, pulls int) []Event {
	out := make([]Event, len(sts))
	out[i] = ev
	if _, ok := ev.(Expired); ok && sts[i].Role == Backup {
		if !mayLead(sts, i) {
			out[i] = HeldBack{}
			return out
		}
		others(sts, i, Backup, func(j int) {
			out[j] = Follow{Role: Master, Cause: fmt.Sprintf("%s: %s", cs[i].Name, Why(cs[i], sts[i], ev))}
		})
		return out
	}
	if lostTogether(cs, sts, i, ev, out) || handedOver(cs, sts, i, ev, out) || !obeys(cs[i], sts[i], ev) {
		return out
	}
	others(sts, i, Master, func(j int) {
		out[j] = Follow{Role: Backup, Aside: sts[i].Aside, Wait: pullWait(cs, sts[j].Source, pulls), Cause: fmt.Sprintf("%s: %s", cs[i].Name, whyObeyed(cs[i], sts[i], ev))}
	})
	return out
}

// others calls do with the index of each member but i that has the role.
func others(sts []State, i int, role Role, do func(int)) {
	for j, st := range sts {
		if j != i && st.Role == role {
			do(j)
		}
	}
}

// mayLead reports whether the member at i, which ran out of patience, was the last that the group waited for.
func mayLead(sts []State, i int) bool {
	for j, st := range sts {
		leaves := st.Handover == Offering || st.Handover == Succeeded
		if j != i && (st.Role != Master || leaves) && !st.Ready {
			return false
		}
	}
	return true
}

// obeys reports whether ev is an advert that a member with state st bows to.
func obeys(c *Config, st State, ev Event) bool {
	if received, ok := ev.(Received); !ok || received.Packet.Priority == PriorityResign {
		return false
	}
	after, actions := Step(c, st, ev)
	waits := slices.ContainsFunc(actions, func(a Action) bool { _, ok := a.(Arm); return ok })
	return after.Role == Backup && waits
}

func whyObeyed(c *Config, st State, ev Event) string {
	if why := Why(c, st, ev); why != "" {
		return why
	}
	received, _ := ev.(Received)
	return fmt.Sprintf("%s is master there, its priority %d, ours %d", received.From, received.Packet.Priority, st.Priority)
}

// pullWait spreads what was pulled out of the role of master over two of the longest intervals in the group, in quarters of one.
func pullWait(cs []*Config, source netip.Addr, pulls int) time.Duration {
	slowest := slices.MaxFunc(cs, func(a, b *Config) int { return cmp.Compare(a.AdvertInterval, b.AdvertInterval) }).AdvertInterval
	h := fnv.New32a()
	b, _ := source.MarshalBinary() // does not fail
	_, _ = h.Write(binary.BigEndian.AppendUint32(b, uint32(pulls)))
	return time.Duration(h.Sum32()%9) * slowest / 4
}

// stepHeldBack waits for one more interval; what is heard meanwhile decides.
func stepHeldBack(c *Config, st State) (State, []Action) {
	if st.Role != Backup {
		return st, nil
	}
	st.Ready = true
	return st, []Action{Arm{st.MasterInterval + Skew(c, st)}}
}

// stepFollow takes the role of the sync group.
func stepFollow(c *Config, st State, ev Follow) (State, []Action) {
	switch {
	case ev.Role == Master && st.Role == Backup:
		return becomeMaster(c, st)
	case ev.Role == Backup && st.Role == Master:
		do := retire(c, PriorityResign)
		switch {
		case st.Handover != Staying:
			do = turnBack(st)
		case c.QuietYield:
			do = []Action{Send{PriorityResign}, Hold{On: false}}
		}
		st = letGo(st, Backup)
		st.Master, st.MasterPriority, st.MasterInterval = netip.Addr{}, 0, c.AdvertInterval
		st.Aside = st.Aside || ev.Aside
		return st, append(do, Arm{DownInterval(c, st) + ev.Wait})
	}
	return st, nil
}

// A standing is what a member brings along when its group is judged.
type standing struct {
	name   string
	role   Role
	faults []string // its own
	waits  []string // what must be known before it may begin
}

// reasonsOf returns why those who bring this along take no part, each in front of its own reason: all faults, or else all that is waited for
// before anybody begins.
func reasonsOf(members []standing) []string {
	var faults, waits []string
	takesPart := false
	for _, m := range members {
		takesPart = takesPart || m.role == Backup || m.role == Master
		for _, f := range m.faults {
			faults = append(faults, m.name+": "+f)
		}
		for _, w := range m.waits {
			waits = append(waits, m.name+": waits for "+w)
		}
	}
	if len(faults) > 0 || takesPart {
		return faults
	}
	return waits
}

// Judge decides for all members of a sync group, or for a lone router with an empty name: whether there is a fault, and whether they
// have to wait before they begin. The standings get what the other members bring along. Whoever takes part already waits for nothing.
func Judge(group string, members []standing) (fault, wait bool) {
	var faults, waits []string
	takesPart := false
	for _, m := range members {
		takesPart = takesPart || m.role == Backup || m.role == Master
	}
	for i := range members {
		m := &members[i]
		if takesPart {
			m.waits = nil
		}
		for _, f := range m.faults {
			faults = append(faults, fmt.Sprintf("sync group %s: %s has %s", group, m.name, f))
		}
		for _, w := range m.waits {
			waits = append(waits, fmt.Sprintf("sync group %s: %s waits for %s", group, m.name, w))
		}
	}
	fault, wait = len(faults) > 0, len(waits) > 0
	for i := range members {
		m := &members[i]
		if fault && len(m.faults) == 0 {
			m.faults = faults
		}
		if wait && len(m.waits) == 0 {
			m.waits = waits
		}
	}
	return fault, wait
}

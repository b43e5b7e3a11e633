package vrrp

import (
	"fmt"
	"net/netip"
	"time"
)

// Role is what a virtual router does at the moment.
type Role uint8

// The roles of RFC 9568 section 6.4 under the names that operators use, and Fault for a router that may not take part.
const (
	Init Role = iota
	Backup
	Master
	Fault
)

// String returns the role as logs and status show it.
func (r Role) String() string {
	switch r {
	case Init:
		return "init"
	case Backup:
		return "backup"
	case Master:
		return "master"
	case Fault:
		return "fault"
	}
	return fmt.Sprintf("role %d", uint8(r))
}

// MarshalText makes Role a word in JSON.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (r *Role) UnmarshalText(b []byte) error {
	for _, known := range []Role{Init, Backup, Master, Fault} {
		if known.String() == string(b) {
			*r = known
			return nil
		}
	}
	return fmt.Errorf("%q is not a role", b)
}

// State is everything the protocol remembers between two events. It is comparable.
type State struct {
	Role           Role
	Listening      bool          // Master only: overslept, and silent until one interval has shown that nobody took over
	Resigned       bool          // Backup only: a priority 0 was heard, and nobody's advert since
	Ready          bool          // Backup only: ran out of patience, but its sync group is not ready
	Handover       Handover      // Master only: how far it is with leaving or arriving
	Quit           bool          // Offering and Succeeded only: it leaves because it stops, not to be backup
	Delay          Delay         // Backup only: how far it is with the preempt delay
	Rival          uint8         // Master at 255 only: adverts of another owner that does not yield to us
	Aside          bool          // after a failover: obeys any master, as long as one is heard; see Resume
	Priority       uint8         // effective; PriorityOwner makes the router the owner
	MasterInterval time.Duration // learned from the current master (Active_Adver_Interval)
	Master         netip.Addr    // who advertised last; ourselves in Master; zero when unknown
	MasterPriority uint8         // what that master advertised; 0 when it is unknown or ourselves
	Source         netip.Addr    // where our adverts come from
}

// advertises reports whether st is a master in office.
func (st State) advertises() bool {
	return st.Role == Master && !st.Listening && st.Handover == Staying
}

// drawsClients reports whether st is a master that clients are to send to: neither one on its way out nor one that may have a successor.
func (st State) drawsClients() bool { return st.advertises() || st.Handover == Arriving }

// waits reports whether the timer of st ends the wait for somebody else's advert, which must not be overlooked.
func (st State) waits() bool { return st.Role == Backup || st.Listening || st.Handover == Offering }

// NewState returns the state of a router that was not started yet.
func NewState(c *Config) State {
	return State{Role: Init, Priority: c.Priority, MasterInterval: c.AdvertInterval, Source: c.Source}
}

// Step returns the state that follows st when ev happens, and what must be done about it, in order. It is a pure function.
// The rows T01-T15 named below are those of RFC 9568 section 6.4, in the order of the text.
func Step(c *Config, st State, ev Event) (State, []Action) {
	switch ev := ev.(type) {
	case SetPriority:
		st.Priority = ev.Priority
		return st, nil
	case SetSource:
		if st.Role == Master && (st.Handover == Staying || st.Handover == Offering) {
			st.Master = ev.Source
		}
		st.Source = ev.Source
		return st, nil
	case SetFault:
		return stepFault(c, st, ev.Fault)
	case HeldBack:
		return stepHeldBack(c, st)
	case Follow:
		return stepFollow(c, st, ev)
	case DelayEnded:
		if st.Delay == DelayRuns {
			st.Delay = DelayOver
		}
		return st, nil
	case Resume:
		st.Aside = false
		return st, nil
	case Remade:
		return stepRemade(c, st)
	case TakeOver:
		return takeOver(c, st)
	}
	switch st.Role {
	case Init:
		return stepInit(c, st, ev)
	case Backup:
		return stepBackup(c, st, ev)
	case Master:
		return stepMaster(c, st, ev)
	case Fault:
		return stepFaulted(st, ev)
	}
	panic(fmt.Sprintf("vrrp: role %d does not exist", st.Role))
}

// stepInit knows one event: T03 ignores all others.
func stepInit(c *Config, st State, ev Event) (State, []Action) {
	start, ok := ev.(Start)
	switch {
	case !ok:
		return st, nil
	case start.Heir:
		return becomeMaster(c, st)
	}
	return begin(c, st)
}

// begin is Startup: T01 for the owner, T02 for everybody else. A backup first lets go of what an earlier process left behind.
func begin(c *Config, st State) (State, []Action) {
	st.MasterInterval = c.AdvertInterval
	if st.Priority == PriorityOwner && !st.Aside {
		return becomeMaster(c, st)
	}
	st.Role, st.Master, st.MasterPriority = Backup, netip.Addr{}, 0
	return st, []Action{Hold{On: false}, Arm{DownInterval(c, st)}}
}

// becomeMaster is the common part of T01 and T06: the advert comes first, so that rivals stop; then the addresses; then the
// announcement, which needs them (RFC 9568 section 8.1.2).
func becomeMaster(c *Config, st State) (State, []Action) {
	st.Role, st.Listening, st.Resigned, st.Ready, st.Handover, st.Aside = Master, false, false, false, Staying, false
	st.Delay, st.Rival = DelayNone, 0
	st.Master, st.MasterPriority = st.Source, 0
	st.MasterInterval = c.AdvertInterval // we are the current master; a learned interval is for backups only
	return st, []Action{Send{st.Priority}, Hold{On: true}, AnnounceAddresses{}, Arm{c.AdvertInterval}}
}

func stepBackup(c *Config, st State, ev Event) (State, []Action) {
	switch ev := ev.(type) {
	case Stop: // T05: nothing is sent
		return stopBackup(st)
	case HandOver:
		if ev.Quit {
			return stopBackup(st)
		}
		st.Aside = true // its sync group does
		return st, nil
	case Expired: // T06
		return becomeMaster(c, st)
	case Received:
		return backupReceives(c, st, ev)
	}
	return st, nil
}

func stopBackup(st State) (State, []Action) {
	return letGo(st, Init), []Action{Disarm{}}
}

func backupReceives(c *Config, st State, ev Received) (State, []Action) {
	p := ev.Packet
	switch {
	case p.Priority == PriorityResign: // T07: its interval is not learned
		st.Resigned = true
		return st, []Action{Arm{Skew(c, st)}}
	case p.Priority >= st.Priority || st.Aside || (c.NoPreempt && st.Priority != PriorityOwner): // T08
		st.Delay = DelayNone
		return obey(c, st, ev)
	}
	st, do, obeyed := delayed(c, st)
	if !obeyed { // T09: the timer runs on
		return st, nil
	}
	st, arm := obey(c, st, ev)
	return st, append(do, arm...)
}

// obey takes over the sender's interval and waits for its next advert: T08, and the second half of T14.
func obey(c *Config, st State, ev Received) (State, []Action) {
	st.Role, st.Listening, st.Resigned, st.Ready, st.Rival = Backup, false, false, false, 0
	st = learnMaster(c, st, ev)
	return st, []Action{Arm{DownInterval(c, st)}}
}

// learnMaster notes who the master is.
func learnMaster(c *Config, st State, ev Received) State {
	st.Master, st.MasterPriority = ev.From, ev.Packet.Priority
	if c.learnsInterval() { // otherwise the master has our interval, or Admit refused it
		st.MasterInterval = ev.Packet.Interval
	}
	return st
}

func stepMaster(c *Config, st State, ev Event) (State, []Action) {
	if st.Handover != Staying {
		return stepHandover(c, st, ev)
	}
	switch ev := ev.(type) {
	case Stop: // T11
		if ev.Heir {
			return letGo(st, Init), []Action{Disarm{}, Hold{On: false}}
		}
		return letGo(st, Init), []Action{Disarm{}, Send{PriorityResign}, Hold{On: false}}
	case HandOver:
		return handOver(c, st, ev)
	case Expired: // T12
		if st.Listening {
			return becomeMaster(c, st)
		}
		return st, []Action{Send{st.Priority}, Arm{c.AdvertInterval}}
	case Overslept:
		st.Listening = true
		return st, []Action{Arm{c.AdvertInterval + Skew(c, st)}}
	case Lost:
		return stepDown(c, st)
	case Received:
		return masterReceives(c, st, ev)
	}
	return st, nil
}

func masterReceives(c *Config, st State, ev Received) (State, []Action) {
	p := ev.Packet
	if st.Listening {
		return listenerReceives(c, st, ev)
	}
	switch {
	case p.Priority == PriorityResign: // T13; only a master resigns, so the addresses were announced by somebody else
		return st, []Action{Send{st.Priority}, AnnounceAddresses{}, Arm{c.AdvertInterval}}
	case better(ev, st): // T14
		return yield(c, st, ev)
	}
	st, gone := givesIn(st, ev)
	switch {
	case gone:
		return yield(c, st, ev)
	case c.QuietLower && p.Interval >= c.AdvertInterval: // backups that do not preempt go by a shorter one until they hear us
		return st, []Action{AnnounceAddresses{}}
	}
	// T15, and the addresses are announced again: whoever sent this may have done so for itself
	return st, []Action{Send{st.Priority}, AnnounceAddresses{}}
}

// yield is T14: the sender is the better master. The last advert is ours to add, see Config.QuietYield.
func yield(c *Config, st State, ev Received) (State, []Action) {
	do := retire(c, st.Priority)
	st, arm := obey(c, st, ev)
	return st, append(do, arm...)
}

// listenerReceives is a master that overslept and now learns of another one: it took over in good faith and is healthy, so it
// keeps its place, and what its priority means is decided as for any backup. But announcements that were due during the stall may
// have left at its end and drawn clients to us. A last advert makes the other announce again, as in yield, and it has the lowest
// priority, so that nobody makes way for it. Such an advert of somebody else, still queued from the time of the stall, does not show
// that there is a master.
func listenerReceives(c *Config, st State, ev Received) (State, []Action) {
	p := ev.Packet
	if p.Priority == PriorityResign || (p.Priority == priorityLowest && st.Priority > priorityLowest) {
		return st, nil
	}
	do := []Action{Hold{On: false}}
	if p.Priority > priorityLowest {
		do = retire(c, priorityLowest)
	}
	st, arm := obey(c, st, ev)
	return st, append(do, arm...)
}

// stepFaulted waits for the fault to end; stepFault does that.
func stepFaulted(st State, ev Event) (State, []Action) {
	switch ev := ev.(type) {
	case Stop:
		st.Role = Init
	case HandOver:
		if ev.Quit {
			st.Role = Init
		}
	}
	return st, nil
}

// stepFault enters and leaves Fault. A master resigns, so that its successor need not wait for silence.
func stepFault(c *Config, st State, fault bool) (State, []Action) {
	switch {
	case fault && st.Role == Master && st.Handover == Staying:
		return letGo(st, Fault), []Action{Disarm{}, Send{PriorityResign}, Hold{On: false}}
	case fault && st.Role != Fault: // who is handing over has said goodbye, or nothing yet
		return letGo(st, Fault), append([]Action{Disarm{}}, turnBack(st)...)
	case !fault && st.Role == Fault:
		return begin(c, st)
	}
	return st, nil
}

// Skew is Skew_Time: the higher the priority, the sooner a backup acts. RFC 9568 section 6.1; RFC 3768 section 6.1 for version 2.
func Skew(c *Config, st State) time.Duration {
	unit := st.MasterInterval
	if c.Version == V2 {
		unit = time.Second
	}
	return time.Duration(256-int(st.Priority)) * unit / 256
}

// DownInterval is Active_Down_Interval: how long a backup waits for an advert before it takes over.
func DownInterval(c *Config, st State) time.Duration {
	return time.Duration(c.downAdverts())*st.MasterInterval + Skew(c, st)
}

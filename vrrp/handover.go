package vrrp

import (
	"fmt"
	"net/netip"
	"time"
)

// A Handover is how far a master is with giving its role to another one, or with taking it from a lesser one, without that a packet
// for the addresses is lost: for a moment two routers hold them, and clients are told of the new one before the old one lets go.
//
//	failover, stop                            takeover
//	Staying ─ Send 0 ─► Offering ─ advert ─► Succeeded ─ grace ─► Backup or Init
//	   ▲                   │ nobody came                 Backup ─ Hold, announce ─► Arriving ─ grace ─ Send ─► Staying
//	   └─── failover ──────┴── stop ─► Init
//
// The lesser master says its last word when it hears the arrived one, and lets the addresses go a moment later (Retire): by then the last
// to announce them was the one that stays.
type Handover uint8

// Staying is every other master, and every other role.
const (
	Staying   Handover = iota
	Offering           // said priority 0, holds the addresses, and waits for a successor
	Succeeded          // heard the successor's advert, and gives it the time to announce the addresses
	Arriving           // holds and announces the addresses, and says nothing yet: the present master goes on until it hears us
)

// String returns the word for logs.
func (h Handover) String() string {
	switch h {
	case Staying:
		return "staying"
	case Offering:
		return "offering"
	case Succeeded:
		return "succeeded"
	case Arriving:
		return "arriving"
	}
	return fmt.Sprintf("handover %d", uint8(h))
}

const (
	// handoverSlack is what a successor may need beyond what the protocol lets it wait.
	handoverSlack = 250 * time.Millisecond
	// handoverWaitMax bounds the wait for a successor: a stop must come to its end. It is over a few intervals of 3 s.
	handoverWaitMax = 10 * time.Second
	// A successor sends its advert first and its announcement when it has the addresses; so long it is given for that. That both
	// hold them meanwhile does no harm: clients send to the one that announced last.
	handoverGrace           = 200 * time.Millisecond
	handoverGracePerAddress = time.Millisecond
	// So long a successor is given to announce the addresses once more after our last word, which is when we announce them no more
	// ourselves. It has done so already, and needs to hear us and to send one packet.
	retireGrace = 50 * time.Millisecond
)

// SuccessorWait is how long a router of c that resigned waits for a successor: the longest Skew_Time that a backup can have, and some
// slack; 10 s at most.
func SuccessorWait(c *Config) time.Duration {
	skew := c.AdvertInterval
	if c.Version == V2 {
		skew = time.Second
	}
	return min(skew+handoverSlack, handoverWaitMax)
}

// HandoverGrace is how long two routers hold the addresses of c in a planned hand-over.
func HandoverGrace(c *Config) time.Duration {
	return handoverGrace + time.Duration(len(c.Addresses))*handoverGracePerAddress
}

// retire lets go of the addresses of c after a last word of that priority, or at once and without a word where that is wanted. It is for
// a master that hears its successor.
func retire(c *Config, priority uint8) []Action {
	if c.QuietYield {
		return []Action{Hold{On: false}}
	}
	return []Action{Send{priority}, Retire{retireGrace + time.Duration(len(c.Addresses))*handoverGracePerAddress}}
}

// handOver begins to leave: a master says so, and goes on holding the addresses. But it announces them no more, or a repetition that
// comes after the successor's announcement would draw clients back.
func handOver(c *Config, st State, ev HandOver) (State, []Action) {
	st.Listening, st.Rival, st.Handover, st.Quit = false, 0, Offering, ev.Quit
	return st, []Action{Send{PriorityResign}, Silence{}, Arm{max(ev.Wait, SuccessorWait(c))}}
}

// stepHandover is stepMaster for a master that is not Staying.
func stepHandover(c *Config, st State, ev Event) (State, []Action) {
	switch ev := ev.(type) {
	case Stop:
		return letGo(st, Init), append([]Action{Disarm{}}, turnBack(st)...)
	case HandOver:
		return handOverAgain(c, st, ev)
	case Expired, Overslept:
		return handoverExpired(c, st)
	case Received:
		if st.Handover == Arriving {
			return arrivingReceives(c, st, ev)
		}
		return leavingReceives(c, st, ev)
	}
	return st, nil
}

// handOverAgain is a second wish: a stop goes before a failover, and who has not arrived yet turns back without a word.
func handOverAgain(c *Config, st State, ev HandOver) (State, []Action) {
	switch {
	case st.Handover != Arriving:
		st.Quit = st.Quit || ev.Quit
		return st, nil
	case ev.Quit:
		return letGo(st, Init), append([]Action{Disarm{}}, turnBack(st)...)
	}
	do := turnBack(st)
	st = letGo(st, Backup)
	st.Aside = true
	return st, append(do, Arm{DownInterval(c, st)})
}

// turnBack lets the addresses go in the midst of a hand-over. Who was arriving has announced them already, and the present master
// does not know: an advert of the lowest priority makes it announce again.
func turnBack(st State) []Action {
	if st.Handover == Arriving && st.MasterPriority > priorityLowest {
		return []Action{Send{priorityLowest}, Hold{On: false}}
	}
	return []Action{Hold{On: false}}
}

// letGo returns st in a role without addresses. What it knows of the master is of use to a backup only.
func letGo(st State, role Role) State {
	st.Role, st.Listening, st.Resigned, st.Ready, st.Handover, st.Quit = role, false, false, false, Staying, false
	st.Delay, st.Rival = DelayNone, 0
	if role != Backup {
		st.Master, st.MasterPriority = netip.Addr{}, 0
	}
	return st
}

func handoverExpired(c *Config, st State) (State, []Action) {
	switch {
	case st.Handover == Arriving:
		return takeOffice(c, st)
	case st.Handover == Offering && !st.Quit: // nobody came: the addresses stay with us
		return becomeMaster(c, st)
	}
	return makeWay(c, st)
}

// makeWay is the end of a hand-over that found a successor. Clients that asked for the address while two held it may have heard us
// last, so the successor is made to announce again by an advert of the lowest priority, as in listenerReceives. Who quits does not:
// priority 0 is its last word (RFC 9568 section 6.4.3, T11).
func makeWay(c *Config, st State) (State, []Action) {
	if st.Quit {
		return letGo(st, Init), []Action{Disarm{}, Hold{On: false}}
	}
	do := []Action{Hold{On: false}}
	if st.MasterPriority > priorityLowest {
		do = retire(c, priorityLowest)
	}
	st = letGo(st, Backup)
	st.Aside = true
	return st, append(do, Arm{DownInterval(c, st)})
}

// takeOffice ends the arrival. The addresses are here and announced, but the present master may have announced them since, for it does
// not know of us. So they are announced again with the advert that makes it yield, and once more at its last word.
func takeOffice(c *Config, st State) (State, []Action) {
	st, _ = becomeMaster(c, st)
	return st, []Action{Send{st.Priority}, AnnounceAddresses{}, Arm{c.AdvertInterval}}
}

// leavingReceives: whoever advertises after our resignation is the successor, whatever its priority. One that resigns itself is none.
func leavingReceives(c *Config, st State, ev Received) (State, []Action) {
	resigned := ev.Packet.Priority == PriorityResign
	switch {
	case st.Handover == Offering && resigned, st.Handover == Succeeded && resigned && ev.From != st.Master:
		return st, nil
	case resigned:
		st.Handover, st.Master, st.MasterPriority = Offering, st.Source, 0
		st.MasterInterval = c.AdvertInterval
		return st, []Action{Arm{SuccessorWait(c)}}
	}
	first := st.Handover == Offering
	st.Handover = Succeeded
	st = learnMaster(c, st, ev)
	if first {
		return st, []Action{Arm{HandoverGrace(c)}}
	}
	return st, nil
}

// arrivingReceives: the present master goes on, leaves, or there is a better one than we are.
func arrivingReceives(c *Config, st State, ev Received) (State, []Action) {
	switch {
	case ev.Packet.Priority == PriorityResign:
		return takeOffice(c, st)
	case better(ev, st):
		st = learnMaster(c, st, ev)
		do := turnBack(st)
		st, arm := obey(c, letGo(st, Backup), ev)
		return st, append(do, arm...)
	}
	return learnMaster(c, st, ev), nil
}

// takeOver ends standing aside. From a master that would yield to our advert the role is taken at once, in the order that loses
// nothing; any other is left in office, and without one the timer decides.
func takeOver(c *Config, st State) (State, []Action) {
	st.Aside = false
	if !MayTakeOver(st) {
		return st, nil
	}
	st.Role, st.Ready, st.Delay, st.Handover = Master, false, DelayNone, Arriving
	return st, []Action{Hold{On: true}, AnnounceAddresses{}, Arm{HandoverGrace(c)}}
}

// MayTakeOver reports whether st is a backup whose master would yield to its advert.
func MayTakeOver(st State) bool {
	known := st.Role == Backup && !st.Resigned && st.Master.IsValid() && st.MasterPriority != 0
	return known && (st.Priority > st.MasterPriority || st.Priority == st.MasterPriority && st.Master.Less(st.Source))
}

// better reports whether a master in st has to yield to ev (T14).
func better(ev Received, st State) bool {
	p := ev.Packet.Priority
	return p > st.Priority || p == st.Priority && st.Source.Less(ev.From)
}

// handedOver fills out with what the end of a hand-over of the member at i means for the others of its sync group, and reports whether
// that is what ev is. The group leaves as a whole: who found no successor while another did makes way all the same.
func handedOver(cs []*Config, sts []State, i int, ev Event, out []Event) bool {
	st := sts[i]
	if !timerRanOut(ev) || st.Quit || st.Handover != Succeeded && st.Handover != Offering {
		return false
	}
	cause := fmt.Sprintf("%s: %s", cs[i].Name, Why(cs[i], st, ev))
	for j, other := range sts {
		gone := other.Handover == Succeeded || other.Role == Backup
		switch {
		case j == i:
		case st.Handover == Offering && gone:
			out[i] = Follow{Role: Backup, Aside: true, Cause: fmt.Sprintf("%s was handed over", cs[j].Name)}
		case st.Handover == Succeeded && other.Role == Master && other.Handover == Staying:
			out[j] = Follow{Role: Backup, Aside: true, Cause: cause}
		}
	}
	return true
}

func timerRanOut(ev Event) bool {
	switch ev.(type) {
	case Expired, Overslept:
		return true
	}
	return false
}

package vrrp

import (
	"fmt"
	"time"
)

// Why returns, in words for the one log line of a transition, why ev makes a router of c leave the role of before. It is "" when
// ev leaves the role as it is. The group knows what lies behind a SetFault and says that beside it.
func Why(c *Config, before State, ev Event) string {
	after, _ := Step(c, before, ev)
	if after.Role == before.Role {
		return ""
	}
	switch ev := ev.(type) {
	case Start:
		if ev.Heir {
			return "made anew by a reload, master before"
		}
		return "started" + begins(c, after)
	case Stop:
		if ev.Heir {
			return "made anew by a reload"
		}
		return "stopped"
	case HandOver:
		return whyHandOver(before, ev)
	case TakeOver:
		return fmt.Sprintf("takeover from %s (its priority %d, ours %d)", name(before), before.MasterPriority, before.Priority)
	case Expired, Overslept:
		if before.Handover != Staying {
			return whyHandedOver(c, before)
		}
		return whyExpired(c, before)
	case Lost:
		return "stepped down: " + ev.Reason
	case Received:
		return whyYielded(before, ev)
	case SetFault:
		if ev.Fault {
			return "fault"
		}
		return "fault ended" + begins(c, after)
	case Remade:
		return "reload" + begins(c, after)
	case Follow:
		return "sync group follows " + ev.Cause
	}
	return fmt.Sprintf("%T", ev) // no other event changes the role
}

// begins says what a router does that begins in the role of st.
func begins(c *Config, st State) string {
	if st.Role == Master {
		return ", owner of the addresses (priority 255)"
	}
	return fmt.Sprintf(", waiting %s for a master", short(DownInterval(c, st)))
}

// whyExpired is T06: a backup ran out of patience.
func whyExpired(c *Config, before State) string {
	if before.Resigned {
		return fmt.Sprintf("%s resigned, no other master within %s", name(before), short(Skew(c, before)))
	}
	return fmt.Sprintf("no advert for %s", short(DownInterval(c, before)))
}

// whyHandOver is a hand-over that ends at once.
func whyHandOver(before State, ev HandOver) string {
	switch {
	case before.Handover == Arriving && ev.Quit:
		return "stopped during a takeover"
	case before.Handover == Arriving:
		return "takeover called off"
	}
	return "stopped"
}

// whyHandedOver is the end of a hand-over that took its time.
func whyHandedOver(c *Config, before State) string {
	verb := "failover"
	if before.Quit {
		verb = "stopped"
	}
	if before.Handover == Succeeded {
		return fmt.Sprintf("%s, %s took over (its priority %d)", verb, before.Master, before.MasterPriority)
	}
	return fmt.Sprintf("%s, nobody took over within %s", verb, short(SuccessorWait(c)))
}

// name returns the master that st knows.
func name(st State) string {
	if st.Master.IsValid() {
		return st.Master.String()
	}
	return "the master"
}

// whyYielded is T14, and its variant for a master that overslept.
func whyYielded(before State, ev Received) string {
	theirs, ours := ev.Packet.Priority, before.Priority
	switch {
	case before.Listening:
		return fmt.Sprintf("%s took over while this process was held up (its priority %d, ours %d)", ev.From, theirs, ours)
	case theirs == ours && !before.Source.Less(ev.From):
		return fmt.Sprintf("%s has priority 255, too, and does not yield to our higher address", ev.From)
	case theirs == ours:
		return fmt.Sprintf("%s advertises our priority %d from a higher address than our %s", ev.From, ours, before.Source)
	}
	return fmt.Sprintf("%s advertises priority %d, ours is %d", ev.From, theirs, ours)
}

// short rounds d to what an operator wants to read.
func short(d time.Duration) time.Duration {
	if d < 100*time.Millisecond {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}

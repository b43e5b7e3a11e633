package vrrp

import (
	"fmt"
	"time"
)

// lastWordOfListener reports whether a master that overslept heard another one, and says one word before it makes way.
func lastWordOfListener(e edge) bool {
	_, received := e.ev.(Received)
	if !e.before.st.Listening || !received || e.after.st.Role == Master {
		return false
	}
	_, sends := e.do[0].(Send)
	return sends
}

// lastWordOfLeaver reports whether a failover has ended, or a takeover turned back, and the master is made to announce again.
func lastWordOfLeaver(e edge) bool {
	before := e.before.st.Handover
	return before == Succeeded && e.after.st.Role == Backup || before == Arriving && e.after.st.Role != Master
}

// The rules that hold on every edge. Each returns what is wrong, or "".
var walkRules = map[string]func(c *Config, e edge) string{
	"addresses are held by masters only, and by them always": func(_ *Config, e edge) string {
		if n := e.after; n.started && n.held != (n.st.Role == Master) {
			return fmt.Sprintf("%s holds: %v", n.st.Role, n.held)
		}
		return ""
	},
	"the timer runs in backup and master only, and there always": func(_ *Config, e edge) string {
		runs := e.after.st.Role == Backup || e.after.st.Role == Master
		if e.after.armed != runs {
			return fmt.Sprintf("%s has a timer: %v", e.after.st.Role, e.after.armed)
		}
		return ""
	},
	"a timer is never set to the past, or beyond what a backup waits": func(_ *Config, e edge) string {
		for _, a := range e.do {
			if a, ok := a.(Arm); ok && (a.After <= 0 || a.After >= 4*3*time.Second) {
				return fmt.Sprintf("armed for %s", a.After)
			}
		}
		return ""
	},
	"priority 0 is the last word of a master that stops, hands over, has a fault or lost something, said once, before the addresses go": func(_ *Config, e edge) string {
		want, staying := 0, e.before.st.Role == Master && e.before.st.Handover == Staying
		_, handsOver := e.ev.(HandOver)
		if staying && (handsOver || e.ev == Event(Stop{}) || e.ev == Event(SetFault{true}) || e.ev == Event(Lost{})) {
			want = 1
		}
		got := 0
		for i, a := range e.do {
			if a != Action(Send{0}) {
				continue
			}
			got++
			if !handsOver && (i+1 >= len(e.do) || e.do[i+1] != Action(Hold{false})) {
				return "addresses do not go next"
			}
		}
		if got != want {
			return fmt.Sprintf("said %d times, want %d", got, want)
		}
		return ""
	},
	"only a master sends, with its own priority": func(_ *Config, e edge) string {
		for _, a := range e.do {
			s, ok := a.(Send)
			if ok && e.before.st.Role != Master && e.after.st.Role != Master {
				return "sent by " + e.before.st.Role.String()
			}
			if ok && s.Priority != 0 && s.Priority != e.before.st.Priority && !lastWordOfListener(e) && !lastWordOfLeaver(e) {
				return fmt.Sprintf("sent priority %d", s.Priority)
			}
		}
		return ""
	},
	"a listener says nothing until its timer has run out, but goodbye, and a last word to whoever took over": func(_ *Config, e edge) string {
		if !e.before.st.Listening || e.ev == Event(Expired{}) || lastWordOfListener(e) {
			return ""
		}
		for _, a := range e.do {
			if s, ok := a.(Send); ok && s.Priority != 0 {
				return "it sent"
			}
		}
		return ""
	},
	"nobody makes way for the last word of a listener": func(c *Config, e edge) string {
		if !lastWordOfListener(e) {
			return ""
		}
		word, r := e.do[0].(Send), e.ev.(Received)
		rival := State{Role: Master, Priority: r.Packet.Priority, MasterInterval: time.Second, Master: lower, Source: lower}
		if after, _ := Step(c, rival, advert(higher, word.Priority, time.Second)); word.Priority == 0 || after.Role != Master {
			return fmt.Sprintf("priority %d makes %d %s", word.Priority, rival.Priority, after.Role)
		}
		return ""
	},
	"who leaves or arrives is silent until that is done": func(_ *Config, e edge) string {
		if e.before.st.Handover == Staying || e.after.st.Handover == Staying {
			return ""
		}
		for _, a := range e.do {
			if s, ok := a.(Send); ok {
				return fmt.Sprintf("it sent priority %d", s.Priority)
			}
		}
		return ""
	},
	"the addresses are let go for a successor, after its grace, for a better master, a fault or the end": func(_ *Config, e edge) string {
		before := e.before.st
		if before.Handover == Staying || before.Handover == Arriving || !e.before.held || e.after.held {
			return ""
		}
		switch e.ev.(type) {
		case Stop, SetFault:
			return ""
		case Expired, Overslept:
			if before.Handover == Succeeded || before.Quit {
				return ""
			}
		}
		return "they were let go"
	},
	"who stands aside never takes the role from a master that it hears": func(_ *Config, e edge) string {
		_, received := e.ev.(Received)
		if before := e.before.st; !before.Aside || before.Role != Backup || !received {
			return ""
		}
		if e.after.st.Role != Backup || len(e.do) == 0 {
			return fmt.Sprintf("%+v does %v", e.after.st, e.do)
		}
		return ""
	},
	"a failover that succeeded leaves a backup that stands aside, and a master never does": func(_ *Config, e edge) string {
		before, after := e.before.st, e.after.st
		if before.Handover == Succeeded && !before.Quit && e.ev == Event(Expired{}) && (after.Role != Backup || !after.Aside || !after.Master.IsValid()) {
			return fmt.Sprintf("it is %+v", after)
		}
		if after.Role == Master && after.Aside {
			return "a master stands aside"
		}
		return ""
	},
	"a lesser master is obeyed while the preempt delay runs, and not before or after": func(c *Config, e edge) string {
		r, received := e.ev.(Received)
		before := e.before.st
		if before.Role != Backup || !received || c.PreemptDelay == 0 || before.Aside {
			return ""
		}
		if p := r.Packet.Priority; p == PriorityResign || p >= before.Priority || before.Priority == PriorityOwner {
			return ""
		}
		obeyed, begins := false, false
		for _, a := range e.do {
			switch a.(type) {
			case Arm:
				obeyed = true
			case ArmDelay:
				begins = true
			}
		}
		if obeyed != (before.Delay != DelayOver) || begins != (before.Delay == DelayNone) {
			return fmt.Sprintf("obeyed %v, the delay begins %v", obeyed, begins)
		}
		return ""
	},
	"an announcement follows the hold": func(_ *Config, e edge) string {
		held := e.before.held
		for _, a := range e.do {
			if h, ok := a.(Hold); ok {
				held = h.On
			}
			if a == Action(AnnounceAddresses{}) && !held {
				return "announced what is not held"
			}
		}
		return ""
	},
	"a backup that runs out of patience becomes master, and so does a listener that heard nobody": func(_ *Config, e edge) string {
		leaves := e.before.st.Handover == Succeeded || e.before.st.Quit
		if e.ev == Event(Expired{}) && !leaves && (e.after.st.Role != Master || e.after.st.Listening) {
			return fmt.Sprintf("it is %+v", e.after.st)
		}
		return ""
	},
	"a master leaves for a better one, a fault, a loss or the end only": func(_ *Config, e edge) string {
		before, r := e.before.st, Received{}
		if before.Role != Master || before.Listening || e.after.st.Role == Master || before.Handover == Offering || before.Handover == Succeeded {
			return ""
		}
		switch ev := e.ev.(type) {
		case Received:
			r = ev
		case Stop, SetFault, Lost:
			return ""
		case HandOver:
			if before.Handover == Arriving {
				return ""
			}
		}
		p := r.Packet.Priority
		if p > before.Priority || p == before.Priority && r.From.Compare(before.Source) > 0 {
			return ""
		}
		if before.Rival == rivalOwners-1 && p == PriorityOwner {
			return "" // the other owner does not know T14
		}
		return "it left"
	},
	"a master that yields says one word more, and none when configured so": func(c *Config, e edge) string {
		_, received := e.ev.(Received)
		if !received || !e.before.st.advertises() || e.after.st.Role == Master {
			return ""
		}
		if last := e.do[0] == Action(Send{e.before.st.Priority}); last == c.QuietYield {
			return fmt.Sprintf("it begins with %v", e.do[0])
		}
		return ""
	},
	"what a role does not use is empty": func(_ *Config, e edge) string {
		st := e.after.st
		switch {
		case st.Listening && st.Role != Master:
			return "listening"
		case st.Resigned && st.Role != Backup:
			return "resigned"
		case st.Master.IsValid() && (st.Role == Init || st.Role == Fault):
			return "master " + st.Master.String()
		case st.Handover != Staying && (st.Role != Master || st.Listening):
			return st.Handover.String()
		case st.Delay != DelayNone && st.Role != Backup:
			return "delay"
		case st.Rival != 0 && !st.advertises() && !st.Listening:
			return "rival"
		case st.Quit && st.Handover != Offering && st.Handover != Succeeded:
			return "quit"
		case (st.MasterPriority != 0) && !st.Master.IsValid():
			return "priority of no master"
		case st.Role == Master && (st.Handover == Staying || st.Handover == Offering) && (st.Master != st.Source || st.MasterPriority != 0):
			return "master " + st.Master.String()
		case st.Priority == 0:
			return "priority 0"
		}
		return ""
	},
	"an interval is learned from a better master in version 3 only, and forgotten as master": func(c *Config, e edge) string {
		own := !c.learnsInterval() || e.after.st.advertises()
		if got := e.after.st.MasterInterval; own && got != c.AdvertInterval {
			return fmt.Sprintf("interval %s", got)
		}
		back := e.after.st.Role == Master && e.after.st.MasterInterval == c.AdvertInterval
		if r, ok := e.ev.(Received); ok && !back && e.after.st.MasterInterval != e.before.st.MasterInterval && e.after.st.MasterInterval != r.Packet.Interval {
			return "interval of nobody"
		}
		return ""
	},
	"the log line exists when the role changes and only then": func(c *Config, e edge) string {
		if why := Why(c, e.before.st, e.ev); (why != "") != (e.before.st.Role != e.after.st.Role) {
			return fmt.Sprintf("it is %q", why)
		}
		return ""
	},
}

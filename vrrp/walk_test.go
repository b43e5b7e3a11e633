package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

// A node of the walk is a state with what the actions that led to it have left on the machine around it.
type node struct {
	st      State
	started bool // there was a step out of Init
	armed   bool
	held    bool
}

// An edge is one step of the walk.
type edge struct {
	before, after node
	ev            Event
	do            []Action
}

// walkConfigs is what the walk is made with; each has its own rows in the rules.
func walkConfigs() map[string]*Config {
	return map[string]*Config{
		"version 3":                  machineConfig(nil),
		"version 3, no preempt":      machineConfig(noPreempt),
		"version 3, quiet yield":     machineConfig(quietYield),
		"version 3, owner":           machineConfig(owner),
		"version 3, lowest priority": machineConfig(func(c *Config) { c.Priority = 1 }),
		"version 3, no source yet":   machineConfig(func(c *Config) { c.Source = netip.Addr{} }),
		"version 3, IPv6":            machineConfig(func(c *Config) { overIPv6(c); c.Source = addr6(10) }),
		"version 2":                  machineConfig(version2),
		"version 3, preempt delay":   machineConfig(func(c *Config) { c.PreemptDelay = 5 * time.Second }),
		"version 3, quiet to lesser": machineConfig(func(c *Config) { c.QuietLower = true }),
		"version 3, one advert":      machineConfig(func(c *Config) { c.DownAdverts = 1 }),
		"version 2, alive":           machineConfig(func(c *Config) { version2(c); c.Interval = MismatchAlive }),
		"version 2, no preempt":      machineConfig(func(c *Config) { version2(c); noPreempt(c) }),
		"version 2, owner":           machineConfig(func(c *Config) { version2(c); owner(c) }),
	}
}

// alphabet returns the events that can happen at n. The timer is an event only while it is armed, and Overslept is one of masters.
func alphabet(c *Config, n node) []Event {
	around := neighbours(c)
	evs := []Event{Start{}, Start{Heir: true}, Stop{}, Stop{Heir: true}, SetFault{true}, SetFault{false}, SetSource{around[1]}, SetSource{around[2]},
		HandOver{}, HandOver{Quit: true}, TakeOver{}, Resume{}, DelayEnded{}, Remade{}}
	if c.Priority != PriorityOwner { // tracking never lowers the owner
		evs = append(evs, SetPriority{1}, SetPriority{199}, SetPriority{200}, SetPriority{254})
	}
	if n.armed {
		evs = append(evs, Expired{})
		if n.st.Role == Master {
			evs = append(evs, Overslept{}, Lost{})
		}
	}
	intervals := []time.Duration{c.AdvertInterval, 3 * time.Second}
	if !c.learnsInterval() {
		intervals = intervals[:1]
	}
	for _, from := range around {
		for _, priority := range []uint8{0, 1, 199, 200, 201, 254, 255} {
			for _, interval := range intervals {
				evs = append(evs, advert(from, priority, interval))
			}
		}
	}
	return evs
}

// neighbours returns an address below ours, ours, and one above it.
func neighbours(c *Config) [3]netip.Addr {
	if c.Family() == IPv6 {
		return [3]netip.Addr{addr6(9), addr6(10), addr6(1 << 31)}
	}
	return [3]netip.Addr{lower, us, higher}
}

// walk visits every node that can be reached, breadth first, and calls visit for every edge. An earlier process may have left
// the addresses behind, so that there are two nodes to begin with.
func walk(c *Config, visit func(edge)) (nodes int) {
	queue := []node{{st: NewState(c)}, {st: NewState(c), held: true}}
	seen := map[node]bool{queue[0]: true, queue[1]: true}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, ev := range alphabet(c, queue[0]) {
			e := follow(c, queue[0], ev)
			visit(e)
			if !seen[e.after] {
				seen[e.after] = true
				queue = append(queue, e.after)
			}
		}
	}
	return len(seen)
}

// follow makes one step and performs its actions.
func follow(c *Config, n node, ev Event) edge {
	e := edge{before: n, after: n, ev: ev}
	switch ev.(type) {
	case Expired, Overslept:
		e.after.armed = false
	}
	e.after.st, e.do = Step(c, n.st, ev)
	e.after.started = n.started || e.after.st.Role != Init
	for _, a := range e.do {
		switch a := a.(type) {
		case Arm:
			e.after.armed = true
		case Disarm:
			e.after.armed = false
		case Hold:
			e.after.held = a.On
		case Retire:
			e.after.held = false
		}
	}
	return e
}

func TestEveryReachableStateKeepsTheRules(t *testing.T) {
	for name, c := range walkConfigs() {
		t.Run(name, func(t *testing.T) {
			roles, edges, failures := map[Role]bool{}, 0, 0
			nodes := walk(c, func(e edge) {
				roles[e.after.st.Role], edges = true, edges+1
				for rule, check := range walkRules {
					if wrong := check(c, e); wrong != "" && failures < 10 {
						failures++
						t.Errorf("%s: %s\n  before %+v\n  event  %T%+v\n  does   %v\n  after  %+v", rule, wrong, e.before, e.ev, e.ev, e.do, e.after)
					}
				}
			})
			if len(roles) != 4 {
				t.Errorf("reached roles %v, want all four", roles)
			}
			t.Logf("%d states, %d edges", nodes, edges)
		})
	}
}

// Of any two masters that hear each other exactly one yields, whatever brought them to be masters (R-6.4.3-12, R-6.4.3-13).
func TestOfTwoMastersOneYields(t *testing.T) {
	for name, c := range walkConfigs() {
		t.Run(name, func(t *testing.T) {
			pairs := masterPairs(c)
			if len(pairs) == 0 {
				t.Fatal("no two masters with different sources")
			}
			for p := range pairs {
				a, _ := Step(c, p[0], advert(p[1].Source, p[1].Priority, time.Second))
				b, _ := Step(c, p[1], advert(p[0].Source, p[0].Priority, time.Second))
				if (a.Role == Master) == (b.Role == Master) {
					t.Errorf("%+v and %+v: %s and %s", p[0], p[1], a.Role, b.Role)
				}
			}
		})
	}
}

// masterPairs returns every two master states of c that can be in force on two routers of one segment.
func masterPairs(c *Config) map[[2]State]bool {
	masters := map[State]bool{}
	walk(c, func(e edge) {
		if st := e.after.st; st.advertises() && st.Rival == 0 && st.Source.IsValid() {
			masters[st] = true
		}
	})
	pairs := map[[2]State]bool{}
	for a := range masters {
		for b := range masters {
			if a.Source != b.Source {
				pairs[[2]State{a, b}] = true
			}
		}
	}
	return pairs
}

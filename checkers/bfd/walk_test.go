package bfd

import (
	"testing"
	"time"
)

// A walkNode is a session and the configuration it goes by, as an index.
type walkNode struct {
	session Session
	config  int
}

// alphabet is every packet that differs in what the rules look at.
func alphabet() []Event {
	evs := []Event{Expired{}}
	for state := AdminDown; state <= Up; state++ {
		for bits := range 8 {
			for _, rx := range []time.Duration{0, 20 * ms, 3 * time.Second} {
				evs = append(evs, says(state, func(p *Packet) {
					p.Poll, p.Final, p.Demand = bits == 1 || bits == 5, bits == 2 || bits == 6, bits&4 != 0
					p.RequiredMinRx = rx
				}))
			}
		}
	}
	return evs
}

// The invariants hold in every state that any sequence of packets, silence and reloads can lead to.
func TestWalkOverAllStates(t *testing.T) {
	configs := []*Config{
		sessionConfig(nil), sessionConfig(adminDown), sessionConfig(passive),
		sessionConfig(func(c *Config) { c.MinTx, c.MinRx = 2*time.Second, 5*ms }),
	}
	var queue []walkNode
	seen := map[walkNode]bool{}
	visit := func(n walkNode) {
		if !seen[n] {
			seen[n] = true
			queue = append(queue, n)
		}
	}
	for i, c := range configs {
		visit(walkNode{NewSession(c, 9), i})
	}
	evs := alphabet()
	for ; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		for _, ev := range evs {
			s, ask := Step(configs[n.config], n.session, ev)
			checkStep(t, configs[n.config], n.session, s, ev, ask)
			visit(walkNode{s, n.config})
		}
		for i, c := range configs {
			s, ask := Step(c, n.session, Configured{})
			checkStep(t, c, n.session, s, Configured{}, ask)
			visit(walkNode{s, i})
		}
	}
	if len(seen) < 100 {
		t.Errorf("only %d nodes: the walk does not get about", len(seen))
	}
	t.Logf("%d nodes", len(seen))
}

func checkStep(t *testing.T, c *Config, before, s Session, ev Event, ask Asked) {
	t.Helper()
	fail := func(what string) {
		t.Helper()
		t.Fatalf("%s\n   before %+v\n    event %+v\n    after %+v\n     asks %b", what, before, ev, s, ask)
	}
	final, plain := s.Packet(c, true), s.Packet(c, false)
	received, heard := ev.(Received)
	switch interval := s.Interval(c); {
	case s.Discriminator != before.Discriminator:
		fail("the discriminator changed")
	case (s.State == AdminDown) != c.AdminDown && (ev == Event(Configured{}) || before.State == AdminDown):
		fail("admin down is not what the configuration says")
	case s.State == Up && s.Remote.Discriminator == 0:
		fail("up with a neighbour that was not heard")
	case s.State == Up && s.Diag != DiagNone:
		fail("up with a diagnostic")
	case s.State != Up && s.Tx < MinIdle:
		fail("sends faster than once in a second while not up (6.8.3)")
	case s.State != Up && interval != 0 && interval < MinIdle:
		fail("interval of less than a second while not up (6.8.3)")
	case interval != 0 && interval < s.Remote.Rx:
		fail("sends faster than the neighbour listens (6.8.7)")
	case s.Remote.Rx == 0 && interval != 0:
		fail("sends to a neighbour that wants nothing (6.8.7)")
	case c.Passive && s.Remote.Discriminator == 0 && (interval != 0 || ask&SendNow != 0):
		fail("a passive session speaks first (6.1)")
	case s.Poll != PollAsking && !s.PollAgain && (s.Tx != s.TxInForce || s.Rx != s.RxInForce):
		fail("no poll, and other intervals in force than told (6.8.3)")
	case s.State == Up && before.State == Up && s.TxInForce > before.TxInForce && (!heard || !received.Packet.Final):
		fail("sends slower before the neighbour has confirmed it (6.8.3)")
	case s.State == Up && before.State == Up && s.RxInForce < before.RxInForce && (!heard || !received.Packet.Final):
		fail("listens faster before the neighbour has confirmed it (6.8.3)")
	case plain.Poll && plain.Final || final.Poll:
		fail("poll and final in one packet (6.5)")
	case heard && received.Packet.Poll && s.State != AdminDown && ask&SendFinal == 0:
		fail("a poll is not answered (6.8.6)")
	case heard && s.State == AdminDown && ask&Refused == 0:
		fail("admin down takes a packet (6.8.6)")
	case s.State != before.State && s.Speaks(c) && ask&SendNow == 0:
		fail("a change of state is not told (6.8.7)")
	case s.Remote.Discriminator != 0 && s.DetectionTime() == 0:
		fail("a neighbour that is there is not watched")
	}
}

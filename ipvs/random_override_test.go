package ipvs

import (
	"fmt"
	"time"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// order is what an operator says of one server, with or without force, and how many connections servers have then.
func (s *storm) order() {
	s.carry(s.IntN(3))
	if len(s.wanted) == 0 {
		return
	}
	v := pick(s.wild, s.wanted...)
	servers := append([]RealServer{{Addr: s.dest(V4).Addr}}, v.Servers...) // it may be one that is not configured
	q := &request{done: make(chan result, 1), Order: Order{
		Server: ServerID{v.Name, pick(s.wild, servers...).Addr}, Command: pick(s.wild, Enable, Enable, DrainServer, DisableServer, Weigh),
		Deadline: time.Duration(s.IntN(3)) * 10 * time.Second, Weight: pick(s.wild, nil, weight(0), weight(9)), Force: s.IntN(2) == 0,
	}}
	before := s.served(v)
	s.step(inbox{orders: []*request{q}})
	answer := <-q.done
	s.say("ordered: %s %v, force %t, weight %v: %v", q.Command, q.Server, q.Force, q.Weight != nil, answer.err)
	if answer.err == nil && !q.Force && !q.takesBack() && before && !s.served(v) && s.broken == "" {
		s.broken = fmt.Sprintf("%s of %v took the last server without force", q.Command, q.Server)
	}
}

// served reports whether anybody is to serve the clients of v.
func (s *storm) served(v VirtualServer) bool {
	return len(v.Keys) == 0 || s.want(v.Keys[0]).serves(nil)
}

// carry gives every server n connections.
func (s *storm) carry(n int) {
	s.kernel.change(func(t Table) {
		for k, e := range t {
			e.Loads = make([]Load, len(e.Dests))
			for i := range e.Loads {
				e.Loads[i].Active = n
			}
			t[k] = e
		}
	})
}

// checkNobodyIdles demands that somebody is to serve where a server is well that no operator took out.
func (s *storm) checkNobodyIdles() {
	for _, v := range s.r.order {
		if s.broken != "" || len(v.keys) == 0 || s.want(v.keys[0]).serves(nil) {
			continue
		}
		for i, server := range v.vs.Servers {
			said := s.r.overrides.of(ServerID{v.vs.Name, server.Addr})
			weight := server.weight(v.verdicts[i])
			if said.Weight != nil {
				weight = *said.Weight
			}
			if v.verdicts[i].Condition == Up && weight > 0 && said.Kind == pool.None {
				s.broken = fmt.Sprintf("nobody serves %s though %s is well", v.vs.Name, server.Addr)
			}
		}
	}
}

package ipvs

import (
	"cmp"
	"slices"
	"time"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// Schedulers returns the names of the schedulers in Linux up to 6.12, in the order of ipvsadm's manual. Whether the running
// kernel has one of them shows when it is asked for.
func Schedulers() []string {
	return []string{"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos"}
}

// Desired returns the table that serves vs with the servers that h does not call Down; Unknown counts as up, but for alpha. A server
// that is up has the weight of its verdict, or the configured one. A sorry server stands in while the quorum is not held, judged without a
// history. Of virtual servers with the same Key the first counts.
func Desired(vs []VirtualServer, h Health) Table { return desired(vs, h, nil) }

// desired is Desired where operators said something of some servers.
func desired(vs []VirtualServer, h Health, said overrides) Table {
	t := make(Table, len(vs))
	for i := range vs {
		p := pool.New(vs[i].pool())
		p.Step(time.Time{}, said.over(&vs[i], vs[i].members(vs[i].verdicts(h), nil, nil)))
		for _, k := range vs[i].Keys {
			if _, twice := t[k]; !twice {
				t[k] = vs[i].entry(k, p, nil)
			}
		}
	}
	return t
}

// verdicts returns what h has of the servers of v, in their order.
func (v *VirtualServer) verdicts(h Health) []Verdict {
	out := make([]Verdict, len(v.Servers))
	for i, s := range v.Servers {
		out[i] = h[ServerID{v.Name, s.Addr}]
	}
	return out
}

// failed returns what becomes of s when its checks fail.
func (v *VirtualServer) failed(s RealServer) FailureAction {
	if v.consistent() {
		return Quiesce
	}
	return cmp.Or(s.Failed, v.Failed)
}

// pool returns what v says of its pool.
func (v *VirtualServer) pool() pool.Config {
	return pool.Config{Quorum: v.Quorum, Alpha: v.Alpha, OnFailure: v.failed(RealServer{}), Sorry: v.Sorry != nil, Stay: v.consistent(),
		SlowStart: v.SlowStart, Reentry: v.Reentry, Flap: v.Flap, Panic: v.Panic, KeepLast: v.KeepLast, Watched: v.Watched}
}

// members returns the servers of v as its pool sees them: by the verdicts on them, and by what was inherited where there is none.
// inherited is nil, or has one for each server, as verdicts does. They are in room if they have enough of it.
func (v *VirtualServer) members(verdicts []Verdict, inherited []inheritance, room []pool.Server) []pool.Server {
	out := slices.Grow(room[:0], len(v.Servers))[:len(v.Servers)]
	for i, s := range v.Servers {
		verdict := verdicts[i]
		out[i] = pool.Server{Addr: s.Addr, Condition: verdict.Condition, Heard: verdict.Condition != Unknown, Configured: s.Weight, Weight: s.weight(verdict),
			OnFailure: v.failed(s)}
		if verdict.Condition == Unknown && inherited != nil {
			out[i].Condition, out[i].Left = inherited[i].Condition, inherited[i].left
		}
	}
	return out
}

// members returns the servers of s as their checks have them.
func (s *service) members(room []pool.Server) []pool.Server {
	return s.vs.members(s.verdicts, s.inherited, room)
}

// entry returns the service at k as p has decided. Its destinations are in room if they have enough of it.
func (v *VirtualServer) entry(k Key, p *pool.Pool, room []Dest) Entry {
	e := Entry{Service: v.at(k), Dests: slices.Grow(room[:0], len(v.Servers)+1)}
	for i, share := range p.Shares() {
		if share.Present {
			e.Dests = append(e.Dests, v.Servers[i].dest(share.Weight))
		}
	}
	switch {
	case p.State().Sorry:
		e.put(v.sorry())
	case v.Sorry != nil && v.SorryInhibit && e.index(v.Sorry.Addr) < 0:
		idle := v.sorry()
		idle.Weight = 0
		e.put(idle)
	}
	slices.SortFunc(e.Dests, compareDests)
	return e
}

// dest returns s as the kernel should have it with weight w.
func (s RealServer) dest(w int) Dest {
	return Dest{Addr: s.Addr, Forward: s.Forward, Tunnel: s.Tunnel, Weight: w, Upper: s.Upper, Lower: s.Lower}
}

// weight returns the weight that s has when it is up, between 0 and MaxWeight.
func (s RealServer) weight(v Verdict) int {
	w := s.Weight
	if v.Weight != nil {
		w = *v.Weight
	}
	return min(max(w, 0), MaxWeight)
}

// sorry returns the sorry server with a weight that lets connections in.
func (v *VirtualServer) sorry() Dest {
	d := *v.Sorry
	d.Weight = min(max(d.Weight, 1), MaxWeight)
	return d
}

// at returns the service of v at k.
func (v *VirtualServer) at(k Key) Service {
	s := v.Service
	s.Key = k
	return s.normal()
}

// normal returns s as the kernel reads it back: whole seconds, and a mask that means something with persistence only.
func (s Service) normal() Service {
	s.Persistence = (s.Persistence + time.Second - 1).Truncate(time.Second)
	if s.Persistence <= 0 || s.Netmask == 0 {
		s.Persistence, s.Netmask = max(s.Persistence, 0), SingleClient(s.AF())
	}
	return s
}

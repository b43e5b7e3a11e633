package ipvs

import "time"

// Schedulers returns the names of the schedulers in Linux up to 6.12, in the order of ipvsadm's manual. Whether the running
// kernel has one of them shows when it is asked for.
func Schedulers() []string {
	return []string{"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos"}
}

// Desired returns the table that serves vs with the servers that h does not call Down; Unknown counts as up. A server that is up
// has the weight of its verdict, or the configured one. A sorry server is in the table while no server with a weight above 0 is
// up. Of virtual servers with the same Key the first counts.
func Desired(vs []VirtualServer, h Health) Table {
	t := make(Table, len(vs))
	for i := range vs {
		if _, twice := t[vs[i].Key]; !twice {
			t[vs[i].Key] = vs[i].entry(h)
		}
	}
	return t
}

func (v *VirtualServer) entry(h Health) Entry {
	e := Entry{Service: v.normal(), Dests: make([]Dest, 0, len(v.Servers)+1)}
	serving := false
	for _, s := range v.Servers {
		verdict := h[ServerID{v.Key, s.Addr}]
		if verdict.Condition == Down && v.Failed == Remove {
			continue
		}
		w := s.weight(verdict)
		e.Dests = append(e.Dests, s.dest(w))
		serving = serving || w > 0
	}
	if v.Sorry != nil && !serving {
		e.put(v.sorry())
	}
	e.Dests = canonical(e.Dests)
	return e
}

// dest returns s as the kernel should have it with weight w.
func (s RealServer) dest(w int) Dest {
	return Dest{Addr: s.Addr, Forward: s.Forward, Tunnel: s.Tunnel, Weight: w, Upper: s.Upper, Lower: s.Lower}
}

// weight returns the weight of s in the table, between 0 and MaxWeight.
func (s RealServer) weight(v Verdict) int {
	w := s.Weight
	if v.Weight != nil {
		w = *v.Weight
	}
	if v.Condition == Down {
		w = 0
	}
	return min(max(w, 0), MaxWeight)
}

// sorry returns the sorry server with a weight that lets connections in.
func (v *VirtualServer) sorry() Dest {
	d := *v.Sorry
	d.Weight = min(max(d.Weight, 1), MaxWeight)
	return d
}

// normal returns s as the kernel reads it back: whole seconds, and a mask that means something with persistence only.
func (s Service) normal() Service {
	s.Persistence = (s.Persistence + time.Second - 1).Truncate(time.Second)
	if s.Persistence <= 0 || s.Netmask == 0 {
		s.Persistence, s.Netmask = max(s.Persistence, 0), SingleClient(s.AF())
	}
	return s
}

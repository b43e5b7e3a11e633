package ipvs

import (
	"time"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// bowOut ends the services with Omega before the process does: each of their servers is taken for one whose checks have failed. What becomes
// of it, of its service's quorum, and who is told of that, is as ever. Services that the kernel did not let us take on have nothing to end.
func (r *reconciler) bowOut(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	servers := 0
	for _, s := range r.order {
		if !s.vs.Omega || !s.taken {
			continue
		}
		for i := range s.verdicts {
			s.verdicts[i] = Verdict{Condition: Down}
		}
		servers += len(s.verdicts)
		c := s.vs.pool()
		s.pool.Configure(pool.Config{Quorum: c.Quorum, OnFailure: c.OnFailure, Sorry: c.Sorry, Stay: c.Stay}) // no panic keeps them: they did not fail
		s.vs.Watched = false
		r.markService(s)
	}
	if servers == 0 {
		return
	}
	r.log.Info("the end takes out the servers of services with omega", "servers", servers)
	r.read(now) // there is no second try after what others changed a moment ago
	r.decide(now)
	r.repair(now)
}

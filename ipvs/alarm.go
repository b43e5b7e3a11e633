package ipvs

import (
	"time"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// An alarm is the panic of all virtual servers: so many servers went down at once that it is rather we who are wrong.
type alarm struct {
	limit   pool.Panic
	from    time.Time              // servers that went down since then are kept; zero without a panic
	since   time.Time              // when it began
	fallen  map[string][]time.Time // when the servers went down that are down, by virtual server
	servers int                    // of all virtual servers
	failed  int                    // of them, in the panic
}

// A PanicStatus is what is said of a panic of all virtual servers.
type PanicStatus struct {
	Since   time.Time `json:"since"`
	Failed  int       `json:"failed"`  // servers that went down at once, and are down
	Servers int       `json:"servers"` // of all
}

// note takes in which servers of s are down.
func (a *alarm) note(s *service) {
	if !s.vs.Watched {
		delete(a.fallen, s.vs.Name)
		return
	}
	var fallen []time.Time
	s.pool.Failed(func(at time.Time) { fallen = append(fallen, at) })
	if fallen == nil {
		delete(a.fallen, s.vs.Name)
		return
	}
	if a.fallen == nil {
		a.fallen = map[string][]time.Time{}
	}
	a.fallen[s.vs.Name] = fallen
}

// recount counts the servers that may take part, and forgets virtual servers that are no more.
func (r *reconciler) recount() {
	r.alarm.servers = 0
	for _, s := range r.order {
		if s.vs.Watched {
			r.alarm.servers += len(s.vs.Servers)
		}
	}
	for name := range r.alarm.fallen {
		if r.services[name] == nil {
			delete(r.alarm.fallen, name)
		}
	}
}

// judge begins or ends the panic of all virtual servers, and has those decide anew that it concerns.
func (r *reconciler) judge(now time.Time) {
	a := &r.alarm
	if a.limit.Percent == 0 && a.from.IsZero() {
		return
	}
	from := a.from
	if from.IsZero() {
		from = now.Add(-a.limit.Window)
	}
	a.failed = 0
	for _, fallen := range a.fallen {
		for _, at := range fallen {
			if at.After(from) {
				a.failed++
			}
		}
	}
	switch over := a.limit.Over(a.failed, a.servers); {
	case over == !a.from.IsZero():
		return
	case over:
		a.from, a.since = from, now
		r.log.Error("panic: too many real servers went down at once, they keep the weights that they had", "failed", a.failed, "of", a.servers, "threshold", a.limit.Percent)
	default:
		a.from = time.Time{}
		r.log.Info("the panic is over, servers that are down are taken out", "failed", a.failed, "of", a.servers, "took", now.Sub(a.since).Round(time.Second))
	}
	for name := range a.fallen {
		r.markService(r.services[name])
	}
}

// tellPanic logs the beginning and the end of a panic of one virtual server.
func (r *reconciler) tellPanic(s *service, is pool.State) {
	panics := is.Panic && r.alarm.from.IsZero()
	if panics == s.panics {
		return
	}
	s.panics = panics
	if panics {
		r.log.Error("panic: too many real servers of a virtual server went down at once, they keep the weights that they had", "service", s.vs.Name, "threshold", s.vs.Panic.Percent)
		return
	}
	r.log.Info("the panic of a virtual server is over", "service", s.vs.Name)
}

// status returns what there is to say of a; nil without a panic.
func (a *alarm) status() *PanicStatus {
	if a.from.IsZero() {
		return nil
	}
	return &PanicStatus{Since: a.since, Failed: a.failed, Servers: a.servers}
}

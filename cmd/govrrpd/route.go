package main

import (
	"log/slog"
	"sync"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/conf"
	"github.com/govrrpd/govrrpd/ipvs"
)

// A verdictRoute carries what the checks find to the IPVS engine: a server is up while all of its checks are.
type verdictRoute struct {
	health func(ipvs.ServerID, ipvs.Verdict) // ipvs.Engine.SetHealth
	log    *slog.Logger

	mu       sync.Mutex
	checks   map[string]ipvs.ServerID       // by the name of the check
	verdicts map[string]checkers.Verdict    // the newest of each check that has one
	byServer map[ipvs.ServerID][]string     // names of the checks of each server, in configured order
	sent     map[ipvs.ServerID]ipvs.Verdict // what the engine was last told
}

func newVerdictRoute(health func(ipvs.ServerID, ipvs.Verdict), log *slog.Logger) *verdictRoute {
	return &verdictRoute{health: health, log: log, verdicts: map[string]checkers.Verdict{}, sent: map[ipvs.ServerID]ipvs.Verdict{}}
}

// Configure says which check belongs to which server. What is known of checks that stay is kept; a server without checks is up.
func (r *verdictRoute) Configure(c *conf.Config) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checks = make(map[string]ipvs.ServerID, len(c.Checks))
	r.byServer = make(map[ipvs.ServerID][]string)
	for _, check := range c.Checks {
		r.checks[check.Name] = check.Server
		r.byServer[check.Server] = append(r.byServer[check.Server], check.Name)
	}
	for name := range r.verdicts {
		if _, ok := r.checks[name]; !ok {
			delete(r.verdicts, name)
		}
	}
	sent := r.sent
	r.sent = make(map[ipvs.ServerID]ipvs.Verdict, len(sent))
	for _, service := range c.Services {
		for _, server := range service.Servers {
			id := ipvs.ServerID{Service: service.Name, Addr: server.Addr}
			if v, ok := sent[id]; ok {
				r.sent[id] = v
			}
			r.send(id, "the configuration changed")
		}
	}
}

// Report takes the newest verdict of a check; it is the checkers.Report of the daemon.
func (r *verdictRoute) Report(name string, v checkers.Verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id, ok := r.checks[name]
	if !ok { // a probe that was in flight when its check was removed
		return
	}
	r.verdicts[name] = v
	reason := name + ": " + v.Reason
	if v.Reason == "" {
		reason = name + ": passed"
	}
	r.send(id, reason)
}

// send tells the engine what the checks of a server add up to, if that changed, and logs one line.
func (r *verdictRoute) send(id ipvs.ServerID, reason string) {
	next := r.sum(id)
	last, known := r.sent[id]
	if known && sameVerdict(last, next) {
		return
	}
	r.sent[id] = next
	r.health(id, next)
	attrs := []any{"service", id.Service, "server", id.Addr, "reason", reason}
	switch {
	case last.Condition == next.Condition && next.Weight != nil:
		r.log.Info("real server changed weight", append(attrs, "weight", *next.Weight)...)
	case next.Condition == ipvs.Down:
		r.log.Warn("real server is down", attrs...)
	case next.Condition == ipvs.Up && len(r.byServer[id]) > 0:
		r.log.Info("real server is up", attrs...)
	}
}

// sum adds up the verdicts of one server's checks. The first check that measures a weight decides it.
func (r *verdictRoute) sum(id ipvs.ServerID) ipvs.Verdict {
	total := ipvs.Verdict{Condition: ipvs.Up}
	for _, name := range r.byServer[id] {
		v, known := r.verdicts[name]
		switch {
		case known && !v.Up:
			return ipvs.Verdict{Condition: ipvs.Down}
		case !known:
			total.Condition = ipvs.Unknown
		case total.Weight == nil:
			total.Weight = v.Weight
		}
	}
	return total
}

func sameVerdict(a, b ipvs.Verdict) bool {
	if a.Condition != b.Condition || (a.Weight == nil) != (b.Weight == nil) {
		return false
	}
	return a.Weight == nil || *a.Weight == *b.Weight
}

package main

import (
	"log/slog"
	"sync"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/conf"
	"github.com/govrrpd/govrrpd/ipvs"
)

// A verdictRoute carries what the checks find to the IPVS engine: a server is up while all of its checks are, or one of them where that is
// enough.
type verdictRoute struct {
	health func(ipvs.ServerID, ipvs.Verdict) // ipvs.Engine.SetHealth
	log    *slog.Logger

	mu       sync.Mutex
	checks   map[string]conf.Check          // by their names
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
	r.checks = make(map[string]conf.Check, len(c.Checks))
	r.byServer = make(map[ipvs.ServerID][]string)
	for _, check := range c.Checks {
		r.checks[check.Name] = check
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
	check, ok := r.checks[name]
	if !ok { // a probe that was in flight when its check was removed
		return
	}
	r.verdicts[name] = v
	reason := name + ": " + v.Reason
	if v.Reason == "" {
		reason = name + ": passed"
	}
	r.send(check.Server, reason)
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
	case known && last.Condition == next.Condition && next.Weight != nil:
		r.log.Info("real server changed weight", append(attrs, "weight", *next.Weight)...)
	case known && last.Condition == next.Condition:
		r.log.Info("real server changed weight", append(attrs, "weight", "as configured")...)
	case next.Condition == ipvs.Down:
		r.log.Warn("real server is down", attrs...)
	case next.Condition == ipvs.Up && len(r.byServer[id]) > 0:
		r.log.Info("real server is up", attrs...)
	}
}

// sum adds up the verdicts of one server's checks. The first that measures a weight decides it.
func (r *verdictRoute) sum(id ipvs.ServerID) ipvs.Verdict {
	var weight *int
	var c vote
	for _, name := range r.byServer[id] {
		v, known := r.verdicts[name]
		if v.Up && weight == nil {
			weight = v.Weight
		}
		c.add(r.checks[name], v, known)
	}
	total := ipvs.Verdict{Condition: c.condition(), Weight: weight}
	if total.Condition == ipvs.Down {
		total.Weight = nil
	}
	return total
}

// A vote is how the checks of a server voted. Those that tell of its load alone have no vote.
type vote struct {
	up, down, unknown int
	any               bool // one that is up is enough
}

func (c *vote) add(check conf.Check, v checkers.Verdict, known bool) {
	if check.Load {
		return
	}
	c.any = check.Any
	switch {
	case !known:
		c.unknown++
	case v.Up:
		c.up++
	default:
		c.down++
	}
}

func (c *vote) condition() ipvs.Condition {
	switch {
	case c.any && c.up > 0:
		return ipvs.Up
	case !c.any && c.down > 0:
		return ipvs.Down
	case c.unknown > 0:
		return ipvs.Unknown
	case c.down > 0: // all of them
		return ipvs.Down
	}
	return ipvs.Up
}

func sameVerdict(a, b ipvs.Verdict) bool {
	if a.Condition != b.Condition || (a.Weight == nil) != (b.Weight == nil) {
		return false
	}
	return a.Weight == nil || *a.Weight == *b.Weight
}

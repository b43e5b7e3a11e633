package main

import (
	"context"
	"log/slog"
	"reflect"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/checkers/track"
	"github.com/govrrpd/govrrpd/conf"
	"github.com/govrrpd/govrrpd/vrrp"
)

// producers find out in the director what virtual routers track: by scripts, in files, and about processes. The router process watches
// interfaces, routes and BFD sessions by itself.
type producers struct {
	track     func(source string, v vrrp.Verdict) // routerLink.Track
	scripts   *checkers.Set
	files     *track.Files
	processes *track.Processes
	log       *slog.Logger

	// seeds are what the router that was taken over knew of scripts. They are set before the first Configure.
	seeds map[string]vrrp.Verdict
	// configured are the scripts of the last Configure. Configure is called by one goroutine at a time.
	configured map[string]checkers.Config
}

func newProducers(tell func(string, vrrp.Verdict), log *slog.Logger) *producers {
	p := &producers{track: tell, log: log, seeds: make(map[string]vrrp.Verdict)}
	p.scripts = checkers.NewSet(p.reportScript, log)
	p.files = track.NewFiles(p.reportFile, log)
	p.processes = track.NewProcesses(p.reportProcess, log)
	return p
}

// Run finds out until ctx ends. It is called once.
func (p *producers) Run(ctx context.Context) error {
	var running errgroup.Group
	running.Go(func() error { return p.scripts.Run(ctx) })
	running.Go(func() error { return p.files.Run(ctx) })
	running.Go(func() error { return p.processes.Run(ctx) })
	return running.Wait()
}

// seed takes over what a running router knew of scripts: they go on from there, as if the director had never been away. It is called
// before the first Configure.
func (p *producers) seed(known []trackedStatus) {
	for _, t := range known {
		if kind, _ := vrrp.CutSource(t.Source); kind == "script" && (t.State == vrrp.Up || t.State == vrrp.Down) {
			p.seeds[t.Source] = vrrp.Verdict{State: t.State, Reason: t.Reason}
		}
	}
}

// Configure makes t what is looked at.
func (p *producers) Configure(t conf.Track) {
	old := p.configured
	p.configured = make(map[string]checkers.Config, len(t.Scripts))
	scripts := make([]checkers.Config, len(t.Scripts))
	for i, c := range t.Scripts {
		scripts[i] = p.begin(c, old)
		p.configured[c.Name] = scripts[i]
	}
	p.scripts.Configure(scripts)
	p.files.Configure(t.Files)
	p.processes.Configure(t.Processes)
}

// begin tells what is known of a script that is new or another one, and returns it as it begins.
func (p *producers) begin(c checkers.Config, old map[string]checkers.Config) checkers.Config {
	was, known := old[c.Name]
	seed, seeded := p.seeds[c.Name]
	if seeded {
		c.Initial = checkers.Up
		if seed.State == vrrp.Down {
			c.Initial = checkers.Down
		}
	}
	switch {
	case known && reflect.DeepEqual(was.Checker, c.Checker): // it goes on
	case seeded && !known:
		p.track(c.Name, seed)
	case c.Initial == checkers.Down:
		p.track(c.Name, vrrp.Verdict{State: vrrp.Down, Reason: "it has not succeeded yet (init_fail)"})
	}
	if known && seeded && !reflect.DeepEqual(was.Checker, c.Checker) {
		delete(p.seeds, c.Name) // they were about another script
	}
	return c
}

func (p *producers) reportScript(source string, v checkers.Verdict) {
	if v.Up {
		p.tell(source, vrrp.Verdict{State: vrrp.Up, Reason: "exit status 0"})
		return
	}
	p.tell(source, vrrp.Verdict{State: vrrp.Down, Reason: v.Reason})
}

// reportFile tells of a file without a number as of a 0.
func (p *producers) reportFile(source string, f track.Fact) {
	if !f.Up {
		p.log.Warn("tracked file has no number and counts as 0", "source", source, "reason", f.Reason)
	}
	p.track(source, vrrp.Verdict{State: vrrp.Number, Value: f.Value, Reason: f.Reason})
}

func (p *producers) reportProcess(source string, f track.Fact) {
	v := vrrp.Verdict{State: vrrp.Down, Reason: f.Reason}
	if f.Up {
		v.State = vrrp.Up
	}
	p.tell(source, v)
}

// tell logs one line and tells.
func (p *producers) tell(source string, v vrrp.Verdict) {
	p.log.Info("tracked source is "+strings.ToLower(v.State.String()), "source", source, "reason", v.Reason)
	p.track(source, v)
}

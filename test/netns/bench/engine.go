package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/test/netns"
)

// verdicts is how many health changes are made one after the other to see what one costs.
const verdicts = 200

// virtualServers are those of hclTable, as the parser makes them.
func virtualServers(services int) []ipvs.VirtualServer {
	vs := make([]ipvs.VirtualServer, services)
	for i := range vs {
		k := ipvs.Key{Proto: ipvs.TCP, Addr: serviceAddress(i)}
		vs[i] = ipvs.VirtualServer{Name: fmt.Sprintf("s%d", i), Keys: []ipvs.Key{k}, Service: ipvs.Service{Scheduler: "wlc"}}
		for j := range servers {
			vs[i].Servers = append(vs[i].Servers, ipvs.RealServer{Addr: serverAddress(i, j), Weight: 1})
		}
	}
	return vs
}

// openTable opens the kernel's table of a node.
func openTable(s *scene, n *netns.Node) (table *ipvs.Netlink) {
	err := n.Do(func() (err error) {
		table, err = ipvs.Open()
		return err
	})
	if err != nil {
		s.Fatalf("%v", err)
	}
	s.Cleanup(table.Close)
	return table
}

// startFloor sends the messages that fill the table, and does nothing else.
func startFloor(s *scene, _ *netns.World, n *netns.Node, services int) func(*filling) {
	table := openTable(s, n)
	ops := ipvs.Diff(nil, ipvs.Desired(virtualServers(services), nil))
	var took time.Duration
	done := make(chan error, 1)
	go func() {
		began := time.Now()
		errs := table.Apply(ops)
		took = time.Since(began)
		done <- errors.Join(errs...)
	}()
	return func(f *filling) {
		if err := <-done; err != nil {
			s.Fatalf("%v", err)
		}
		f.Fill = ms(took) // of its own: what is watched from outside is too coarse for a small table
	}
}

// startEngine has an engine fill the table that gets the virtual servers at once, as from the parser, and measures what changes cost
// from there to the kernel's answer.
func startEngine(s *scene, _ *netns.World, n *netns.Node, services int) func(*filling) {
	answered := make(chan int, 1000) // changes in each group
	e := ipvs.NewEngine(openTable(s, n), slog.New(slog.DiscardHandler), ipvs.Options{
		Refresh: time.Hour, OnOps: func(ops []ipvs.Op, _ []error) { answered <- len(ops) },
	})
	ctx, cancel := context.WithCancel(s.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	s.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.Logf("%v", err)
		}
	})
	vs := virtualServers(services)
	began := time.Now()
	e.Configure(vs)
	var took time.Duration
	filled := make(chan struct{})
	go func() {
		for left := services * (1 + servers); left > 0; left -= <-answered {
		}
		took = time.Since(began)
		close(filled)
	}()
	return func(f *filling) {
		<-filled
		f.Fill = ms(took)
		e.Configure(virtualServers(services)) // no change: the next answer is to the next one
		next := virtualServers(services)
		next[services/2].Servers[5].Weight = 2
		began := time.Now()
		e.Configure(next)
		f.Writes = float64(<-answered - 1)
		f.Weight = ms(time.Since(began))
		f.Verdict = verdictCost(e, next, answered)
	}
}

// verdictCost returns the ms of CPU that this process uses for one health change, with the kernel's part.
func verdictCost(e *ipvs.Engine, vs []ipvs.VirtualServer, answered <-chan int) float64 {
	before := used()
	for i := range verdicts {
		v := &vs[i/2%len(vs)]
		e.SetHealth(ipvs.ServerID{Service: v.Name, Addr: v.Servers[0].Addr}, ipvs.Verdict{Condition: []ipvs.Condition{ipvs.Down, ipvs.Up}[i%2]})
		<-answered
	}
	return ms(used()-before) / verdicts
}

// known reports whether a program is to be measured; all are when none is named.
func known(names []string, p program) bool { return len(names) == 0 || slices.Contains(names, p.name) }

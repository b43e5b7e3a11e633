package main

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/conf"
	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/pool"
	"github.com/govrrpd/govrrpd/vrrp"
)

// A noTable is a kernel whose table cannot be read.
type noTable struct{}

func (noTable) Table() (ipvs.Table, error)  { return nil, errors.New("no IPVS here") }
func (noTable) Apply(ops []ipvs.Op) []error { return make([]error, len(ops)) }

// A trackedShop is the way of verdicts from checks over the engine's pool to what tracks it.
type trackedShop struct {
	engine *ipvs.Engine
	route  *verdictRoute
	told   toldTracks
}

func newTrackedShop(t *testing.T) *trackedShop {
	s := &trackedShop{}
	log := slog.New(slog.DiscardHandler)
	s.engine = ipvs.NewEngine(noTable{}, log, ipvs.Options{OnPool: trackServices(s.told.track)})
	s.route = newVerdictRoute(s.engine.SetHealth, log)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.engine.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *trackedShop) configure(c *conf.Config) {
	s.engine.Configure(c.Services)
	s.route.Configure(c)
}

// state is what was told since the last call, Unknown if nothing was.
func (s *trackedShop) state() vrrp.TrackState {
	synctest.Wait()
	v := vrrp.Verdict{}
	for _, f := range s.told.take() {
		v = f["virtual_server/shop"]
	}
	return v.State
}

// twoServers has a check each, one and two.
func twoServers(weight int, q pool.Quorum) *conf.Config {
	second := netip.MustParseAddrPort("10.0.0.12:8080")
	c := oneServer("one")
	c.Services[0].Servers = append(c.Services[0].Servers, ipvs.RealServer{Addr: second, Weight: weight})
	c.Services[0].Quorum = q
	c.Checks = append(c.Checks, conf.Check{Config: checkers.Config{Name: "two"}, Server: ipvs.ServerID{Service: "shop", Addr: second}})
	return c
}

func TestTrackedVirtualServerIsUpWhileItsQuorumIsHeld(t *testing.T) {
	zero := 0
	all := pool.Quorum{Min: 2, Hysteresis: 1}
	synctest.Test(t, func(t *testing.T) {
		s := newTrackedShop(t)
		report := func(name string, v checkers.Verdict) func() { return func() { s.route.Report(name, v) } }
		configure := func(c *conf.Config) func() { return func() { s.configure(c) } }
		for i, step := range []struct {
			do   func()
			want vrrp.TrackState // Unknown: nothing is told
		}{
			{configure(twoServers(1, pool.Quorum{})), vrrp.Unknown},
			{report("one", down("refused")), vrrp.Unknown},
			{report("two", up()), vrrp.Up},
			{report("two", checkers.Verdict{Up: true, Weight: &zero}), vrrp.Down},
			{report("one", up()), vrrp.Up},
			{report("one", down("refused")), vrrp.Down},
			{report("two", up()), vrrp.Up},
			{configure(twoServers(0, pool.Quorum{})), vrrp.Down},
			{configure(oneServer()), vrrp.Up},
			{configure(twoServers(3, all)), vrrp.Unknown},
			{report("one", down("refused")), vrrp.Unknown},
			{report("two", down("refused")), vrrp.Down},
			{report("one", up()), vrrp.Unknown},
			{report("two", up()), vrrp.Up},
		} {
			if step.do(); s.state() != step.want {
				t.Errorf("step %d: not %s", i, step.want)
			}
		}
	})
}

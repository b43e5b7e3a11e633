package main

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/conf"
	"github.com/govrrpd/govrrpd/ipvs"
)

// A toldEngine remembers what a verdictRoute told it.
type toldEngine struct{ verdicts []ipvs.Verdict }

func (e *toldEngine) setHealth(_ ipvs.ServerID, v ipvs.Verdict) { e.verdicts = append(e.verdicts, v) }

// take returns what was told since the last call.
func (e *toldEngine) take() []ipvs.Verdict {
	v := e.verdicts
	e.verdicts = nil
	return v
}

var (
	shop   = ipvs.Key{Proto: ipvs.TCP, Addr: netip.MustParseAddrPort("192.0.2.10:80")}
	server = ipvs.ServerID{Service: "shop", Addr: netip.MustParseAddrPort("10.0.0.11:8080")}
)

// oneServer is a configuration with one server that has the named checks.
func oneServer(checks ...string) *conf.Config {
	c := &conf.Config{Services: []ipvs.VirtualServer{{
		Name: "shop", Keys: []ipvs.Key{shop}, Servers: []ipvs.RealServer{{Addr: server.Addr, Weight: 1}},
	}}}
	for _, name := range checks {
		c.Checks = append(c.Checks, conf.Check{Config: checkers.Config{Name: name}, Server: server})
	}
	return c
}

func up() checkers.Verdict                { return checkers.Verdict{Up: true} }
func down(reason string) checkers.Verdict { return checkers.Verdict{Reason: reason} }

func newRouteForTest(t *testing.T) (*verdictRoute, *toldEngine, *bytes.Buffer) {
	t.Helper()
	engine, log := &toldEngine{}, &bytes.Buffer{}
	return newVerdictRoute(engine.setHealth, slog.New(slog.NewTextHandler(log, nil))), engine, log
}

func TestServerWithoutChecksIsUp(t *testing.T) {
	route, engine, _ := newRouteForTest(t)
	route.Configure(oneServer())
	if diff := cmp.Diff([]ipvs.Verdict{{Condition: ipvs.Up}}, engine.take()); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestServerIsUpWhileAllChecksAre(t *testing.T) {
	route, engine, log := newRouteForTest(t)
	route.Configure(oneServer("a", "b"))
	steps := []struct {
		check   string
		verdict checkers.Verdict
		want    []ipvs.Verdict
	}{
		{"a", up(), nil}, // b is still unknown, and so was the whole
		{"b", up(), []ipvs.Verdict{{Condition: ipvs.Up}}},
		{"a", down("connection refused"), []ipvs.Verdict{{Condition: ipvs.Down}}},
		{"b", down("status 503"), nil},
		{"a", up(), nil},
		{"b", up(), []ipvs.Verdict{{Condition: ipvs.Up}}},
	}
	if diff := cmp.Diff([]ipvs.Verdict{{}}, engine.take()); diff != "" {
		t.Errorf("at start (-want +got):\n%s", diff)
	}
	for i, step := range steps {
		route.Report(step.check, step.verdict)
		if diff := cmp.Diff(step.want, engine.take()); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
	}
	if got := strings.Count(log.String(), "real server is down"); got != 1 {
		t.Errorf("%d lines tell that the server is down, want 1:\n%s", got, log)
	}
	if !strings.Contains(log.String(), "connection refused") {
		t.Errorf("the log does not give the reason:\n%s", log)
	}
}

func TestReloadKeepsVerdictsOfChecksThatStay(t *testing.T) {
	route, engine, _ := newRouteForTest(t)
	route.Configure(oneServer("a", "b"))
	route.Report("a", down("connection refused"))
	engine.take()

	route.Configure(oneServer("a"))
	if got := engine.take(); got != nil {
		t.Errorf("a reload that leaves the failed check told %v, want nothing", got)
	}
	route.Configure(oneServer("b"))
	if diff := cmp.Diff([]ipvs.Verdict{{}}, engine.take()); diff != "" {
		t.Errorf("after the failed check was removed (-want +got):\n%s", diff)
	}
	route.Report("a", up())
	if got := engine.take(); got != nil {
		t.Errorf("the late verdict of a removed check told %v, want nothing", got)
	}
}

func TestMeasuredWeightReachesTheEngine(t *testing.T) {
	route, engine, _ := newRouteForTest(t)
	route.Configure(oneServer("load"))
	seven, nine := 7, 9
	engine.take()
	for _, w := range []*int{&seven, &seven, &nine} {
		route.Report("load", checkers.Verdict{Up: true, Weight: w})
	}
	want := []ipvs.Verdict{{Condition: ipvs.Up, Weight: &seven}, {Condition: ipvs.Up, Weight: &nine}}
	if diff := cmp.Diff(want, engine.take()); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestAnyCheckIsEnoughWhereThatIsConfigured(t *testing.T) {
	route, engine, _ := newRouteForTest(t)
	c := oneServer("a", "b")
	for i := range c.Checks {
		c.Checks[i].Any = true
	}
	route.Configure(c)
	steps := []struct {
		check   string
		verdict checkers.Verdict
		want    []ipvs.Verdict
	}{
		{"a", down("status 503"), nil}, // b is still unknown
		{"b", up(), []ipvs.Verdict{{Condition: ipvs.Up}}},
		{"b", down("status 503"), []ipvs.Verdict{{Condition: ipvs.Down}}},
		{"a", up(), []ipvs.Verdict{{Condition: ipvs.Up}}},
	}
	engine.take()
	for i, step := range steps {
		route.Report(step.check, step.verdict)
		if diff := cmp.Diff(step.want, engine.take()); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
	}
}

// TestALoadHasNoVoteOnHealth: only its weight counts, and only while it has one.
func TestALoadHasNoVoteOnHealth(t *testing.T) {
	route, engine, _ := newRouteForTest(t)
	c := oneServer("a", "load")
	c.Checks[1].Load = true
	route.Configure(c)
	seven := 7
	loaded := checkers.Verdict{Up: true, Weight: &seven}
	steps := []struct {
		check   string
		verdict checkers.Verdict
		want    []ipvs.Verdict
	}{
		{"a", up(), []ipvs.Verdict{{Condition: ipvs.Up}}},
		{"load", loaded, []ipvs.Verdict{{Condition: ipvs.Up, Weight: &seven}}},
		{"load", down("no answer within 2s"), []ipvs.Verdict{{Condition: ipvs.Up}}},
		{"a", down("connection refused"), []ipvs.Verdict{{Condition: ipvs.Down}}},
		{"load", loaded, nil},
		{"a", up(), []ipvs.Verdict{{Condition: ipvs.Up, Weight: &seven}}},
	}
	engine.take()
	for i, step := range steps {
		route.Report(step.check, step.verdict)
		if diff := cmp.Diff(step.want, engine.take()); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
	}
	alone := oneServer("load")
	alone.Checks[0].Load = true
	route.Configure(alone)
	if diff := cmp.Diff([]ipvs.Verdict(nil), engine.take()); diff != "" {
		t.Errorf("a server with a load and no check (-want +got):\n%s", diff)
	}
}

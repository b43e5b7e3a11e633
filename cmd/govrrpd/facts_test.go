package main

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/vrrp"
)

// idleHost is a host on which everything succeeds and nothing happens.
type idleHost struct{}

func (idleHost) Send(*vrrp.Config, netip.Addr, vrrp.Packet) error { return nil }
func (idleHost) Hold(*vrrp.Config, bool) error                    { return nil }
func (idleHost) Announce(*vrrp.Config) error                      { return nil }
func (idleHost) Silence(*vrrp.Config)                             {}

// newIdleRouter returns a router process that has no host and ends with the test.
func newIdleRouter(t *testing.T) *router {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &router{
		log: slog.New(slog.DiscardHandler), ctx: ctx, stop: cancel,
		members: make(map[string]*member), running: make(map[string]*runningGroup), tracked: make(trackedFacts),
	}
	t.Cleanup(func() { cancel(); r.groups.Wait() })
	return r
}

// begin runs a lone router of c as apply and regroup do, but on no host.
func (r *router) begin(t *testing.T, c *vrrp.Config) *vrrp.Member {
	t.Helper()
	m := vrrp.NewMember(c, idleHost{}, r.log, nil)
	r.tracked.tell(m, c)
	r.members[c.Name] = &member{Member: m, config: c}
	r.regroup(nil)
	return m
}

func trackerConfig(name string, sources ...string) *vrrp.Config {
	c := fullConfig()
	c.Name, c.Track = name, nil
	for _, s := range sources {
		c.Track = append(c.Track, vrrp.Tracker{Source: s, Weight: -10})
	}
	return c
}

func wantPriority(t *testing.T, g *vrrp.Member, want uint8) {
	t.Helper()
	waitFor(t, "the priority", func() bool { return g.Status().Priority == want })
}

func TestFactsReachWhoTracksThemBeforeAndAfterItBegins(t *testing.T) {
	r := newIdleRouter(t)
	down := vrrp.Verdict{State: vrrp.Down}
	r.answer(routerRequest{Facts: trackedFacts{"script/a": down}})
	first, second := trackerConfig("first", "script/a", "script/b"), trackerConfig("second", "script/b")
	r.forget(routerConfig{Routers: []*vrrp.Config{first, second}}.sources())
	one, two := r.begin(t, first), r.begin(t, second)
	wantPriority(t, one, 140)
	wantPriority(t, two, 150)
	if reply := r.answer(routerRequest{Facts: trackedFacts{"script/b": down, "script/later": down}}); reply.Error != "" {
		t.Error(reply.Error)
	}
	wantPriority(t, one, 130)
	wantPriority(t, two, 140)

	// A fact that is tracked no longer is forgotten; one that never was waits for somebody.
	r.forget(routerConfig{Routers: []*vrrp.Config{second}}.sources())
	wantPriority(t, one, 140)
	if diff := cmp.Diff(trackedFacts{"script/b": down, "script/later": down}, r.tracked); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

// The director may come to know things while there is no router, and routers may die: the next one has to hear everything.
func TestEveryRouterHearsAllFacts(t *testing.T) {
	far, link := newFarEnd(t, content)
	up, down := vrrp.Verdict{State: vrrp.Up}, vrrp.Verdict{State: vrrp.Down, Reason: "exit status 1"}
	link.Track("script/a", up)
	wanted := routerConfig{Routers: []*vrrp.Config{{Name: "web", Track: []vrrp.Tracker{{Source: "script/a"}}}}}
	if _, err := link.Connect(t.Context(), wanted); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = link.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	waitFor(t, "the first request", func() bool { return len(far.heard()) == 1 })
	link.Track("script/a", up) // no news
	link.Track("script/b", down)
	waitFor(t, "the news", func() bool { return len(far.heard()) == 2 })
	_ = link.current().conn.Close()
	waitFor(t, "the next router", func() bool { return len(far.heard()) == 3 })
	waitFor(t, "the link to use it", func() bool { return link.current() != nil })
	if err := link.Apply(routerConfig{}); err != nil {
		t.Fatal(err)
	}
	var got []trackedFacts
	for _, request := range far.heard() {
		got = append(got, request.Facts)
	}
	want := []trackedFacts{{"script/a": up}, {"script/b": down}, {"script/a": up, "script/b": down}, {"script/b": down}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facts of each request (-want +got):\n%s", diff)
	}
}

func TestTrackDoesNotWaitForARouterThatHangs(t *testing.T) {
	release := make(chan struct{})
	far, link := newFarEnd(t, func(routerRequest) *routerReply { <-release; return nil })
	conn, err := dialRouter(link.socket)
	if err != nil {
		t.Fatal(err)
	}
	link.conn = conn
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { link.deliver(ctx) })
	link.Track("script/a", vrrp.Verdict{State: vrrp.Up})
	waitFor(t, "the router to be asked", func() bool { return len(far.heard()) == 1 })
	link.Track("script/b", vrrp.Verdict{State: vrrp.Up}) // returns, or the test does not end
	close(release)
	cancel()
	running.Wait()
}

package main

import (
	"bytes"
	"log/slog"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/checkers/track"
	"github.com/govrrpd/govrrpd/conf"
	"github.com/govrrpd/govrrpd/vrrp"
)

func TestTrackedSourcesAreListedWithWhoUsesThem(t *testing.T) {
	now := time.Unix(100000, 0)
	term := func(source string, state vrrp.TrackState, value int, reason string) vrrp.Term {
		return vrrp.Term{Source: source, State: state, Value: value, Reason: reason}
	}
	nginx := term("script/nginx", vrrp.Down, 0, "exit status 1")
	got := sumTracked([]vrrp.Status{
		{Name: "web", PriorityTerms: []vrrp.Term{nginx, term("file/load", vrrp.Number, -3, "-3 in /run/load")}},
		{Name: "inner", PriorityTerms: []vrrp.Term{term("bfd/peer", vrrp.Unknown, 0, ""), nginx}},
	}, map[string]time.Time{"script/nginx": now.Add(-time.Minute), "bfd/peer": now})
	want := []trackedStatus{
		{Source: "bfd/peer", UsedBy: []string{"inner"}},
		{Source: "file/load", State: vrrp.Number, Value: -3, Reason: "-3 in /run/load", UsedBy: []string{"web"}},
		{Source: "script/nginx", State: vrrp.Down, Reason: "exit status 1", Since: now.Add(-time.Minute), UsedBy: []string{"inner", "web"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	writeTracked(w, got, now)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	wantText := `TRACKED       STATE    SINCE  BY         REASON
bfd/peer      unknown  -      inner      
file/load     -3       -      web        -3 in /run/load
script/nginx  down     1m0s   inner web  exit status 1

`
	if diff := cmp.Diff(wantText, text.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

func TestSinceIsWhenTheStateChanged(t *testing.T) {
	s, old := make(sinces), make(trackedFacts)
	tell := func(v vrrp.Verdict, at int64) {
		s.note(old, map[string]vrrp.Verdict{"script/a": v}, time.Unix(at, 0))
		old["script/a"] = v
	}
	tell(vrrp.Verdict{State: vrrp.Down, Reason: "exit status 1"}, 10)
	tell(vrrp.Verdict{State: vrrp.Down, Reason: "exit status 2"}, 20)
	if got := s["script/a"].Unix(); got != 10 {
		t.Errorf("since %d, want 10: only the reason changed", got)
	}
	tell(vrrp.Verdict{State: vrrp.Up}, 30)
	if got := s["script/a"].Unix(); got != 30 {
		t.Errorf("since %d, want 30", got)
	}
}

// A toldTracks remembers what a router would be told, in order.
type toldTracks struct{ told []trackedFacts }

func (r *toldTracks) track(source string, v vrrp.Verdict) {
	r.told = append(r.told, trackedFacts{source: v})
}

func (r *toldTracks) take() []trackedFacts {
	out := r.told
	r.told = nil
	return out
}

func newProducersForTest() (*producers, *toldTracks) {
	r := &toldTracks{}
	return newProducers(r.track, slog.New(slog.DiscardHandler)), r
}

func scriptConfig(initial checkers.State, command ...string) conf.Track {
	return conf.Track{Scripts: []checkers.Config{{Name: "script/nginx", Checker: checkers.Script{Command: command}, Interval: time.Second,
		Timeout: time.Second, Rise: 2, Fall: 2, Initial: initial}}}
}

func (p *producers) state() checkers.State { return p.scripts.Status()[0].State }

func TestScriptBeginsAsConfigured(t *testing.T) {
	p, r := newProducersForTest()
	p.Configure(scriptConfig(checkers.Unknown, "/bin/a"))
	if got := r.take(); len(got) != 0 || p.state() != checkers.Unknown {
		t.Errorf("told %v, state %s; want nothing before the first verdict", got, p.state())
	}
	p.Configure(conf.Track{})
	p.Configure(scriptConfig(checkers.Down, "/bin/a"))
	failed := []trackedFacts{{"script/nginx": {State: vrrp.Down, Reason: "it has not succeeded yet (init_fail)"}}}
	if diff := cmp.Diff(failed, r.take()); diff != "" || p.state() != checkers.Down {
		t.Errorf("init_fail: state %s, told (-want +got):\n%s", p.state(), diff)
	}
	p.Configure(scriptConfig(checkers.Down, "/bin/a"))
	if got := r.take(); len(got) != 0 {
		t.Errorf("a reload that changed nothing told %v", got)
	}
	p.Configure(scriptConfig(checkers.Down, "/bin/b"))
	if diff := cmp.Diff(failed, r.take()); diff != "" {
		t.Errorf("another script (-want +got):\n%s", diff)
	}
}

// TestScriptGoesOnAfterADirector: what the router knows outlives the director, and the next one counts from there.
func TestScriptGoesOnAfterADirector(t *testing.T) {
	up := vrrp.Verdict{State: vrrp.Up, Reason: "exit status 0"}
	for _, initial := range []checkers.State{checkers.Unknown, checkers.Down} {
		p, r := newProducersForTest()
		p.seed([]trackedStatus{{Source: "script/nginx", State: vrrp.Up, Reason: "exit status 0"}, {Source: "file/load", State: vrrp.Number}})
		p.Configure(scriptConfig(initial, "/bin/a"))
		if diff := cmp.Diff([]trackedFacts{{"script/nginx": up}}, r.take()); diff != "" || p.state() != checkers.Up {
			t.Errorf("configured to begin %s: state %s, told (-want +got):\n%s", initial, p.state(), diff)
		}
		p.Configure(scriptConfig(initial, "/bin/a"))
		if got := r.take(); len(got) != 0 || p.state() != checkers.Up {
			t.Errorf("a reload told %v, state %s", got, p.state())
		}
	}
}

func TestFactsBecomeVerdicts(t *testing.T) {
	p, r := newProducersForTest()
	p.reportScript("script/a", checkers.Verdict{Up: true, Reason: "answered in 2ms"})
	p.reportScript("script/a", checkers.Verdict{Reason: "exit status 1"})
	p.reportFile("file/a", track.Fact{Up: true, Value: 7, Reason: "7 in /a"})
	p.reportFile("file/a", track.Fact{Reason: "/a is empty, want a number"})
	p.reportProcess("process/a", track.Fact{Up: true, Reason: "a runs, quorum 1"})
	p.reportProcess("process/a", track.Fact{Reason: "no process is a, want at least 1"})
	want := []trackedFacts{
		{"script/a": {State: vrrp.Up, Reason: "exit status 0"}},
		{"script/a": {State: vrrp.Down, Reason: "exit status 1"}},
		{"file/a": {State: vrrp.Number, Value: 7, Reason: "7 in /a"}},
		{"file/a": {State: vrrp.Number, Reason: "/a is empty, want a number"}},
		{"process/a": {State: vrrp.Up, Reason: "a runs, quorum 1"}},
		{"process/a": {State: vrrp.Down, Reason: "no process is a, want at least 1"}},
	}
	if diff := cmp.Diff(want, r.take()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

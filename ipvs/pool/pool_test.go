package pool

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// three returns three servers of weight 1 that are as the letters of conditions say: u up, d down, ? not heard.
func three(conditions string) []Server { return weighing(conditions, 1, 1, 1) }

func address(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 80)
}

func weighing(conditions string, weights ...int) []Server {
	out := make([]Server, len(weights))
	for i, w := range weights {
		c := map[byte]Condition{'u': Up, 'd': Down, '?': Unknown}[conditions[i]]
		out[i] = Server{Addr: address(i), Condition: c, Heard: c != Unknown, Configured: w, Weight: w}
	}
	return out
}

func TestQuorumNeedsHysteresisToComeBack(t *testing.T) {
	p := New(Config{Quorum: Quorum{Min: 2, Hysteresis: 1}, Sorry: true})
	for i, s := range []struct {
		servers string
		held    bool
	}{
		{"uu?", true}, {"uud", true}, {"udd", true}, {"ddd", false}, {"udd", false}, {"uud", false}, {"uuu", true}, {"udd", true}, {"ddd", false},
	} {
		if got := p.Step(start, three(s.servers)); got.Held != s.held || got.Sorry == s.held {
			t.Errorf("step %d, %s: held %t, sorry %t; want held %t", i, s.servers, got.Held, got.Sorry, s.held)
		}
	}
}

func TestQuorum(t *testing.T) {
	for _, tt := range []struct {
		name    string
		quorum  Quorum
		servers []Server
		want    Bounds
		held    bool
	}{
		{"by default one of any weight", Quorum{}, weighing("ddu", 9, 9, 1), Bounds{1, 1, 1}, true},
		{"none is none", Quorum{}, weighing("ddd", 9, 9, 1), Bounds{1, 1, 1}, false},
		{"a drained one is none", Quorum{}, weighing("ddu", 9, 9, 0), Bounds{1, 1, 1}, false},
		{"weight", Quorum{Min: 10}, weighing("uud", 5, 5, 90), Bounds{10, 10, 10}, true},
		{"weight short by one", Quorum{Min: 10}, weighing("uud", 5, 4, 90), Bounds{10, 10, 10}, false},
		{"servers", Quorum{Of: Servers, Min: 2}, weighing("uud", 1, 1, 90), Bounds{2, 2, 2}, true},
		{"servers short by one", Quorum{Of: Servers, Min: 2}, weighing("ddu", 1, 1, 90), Bounds{2, 2, 2}, false},
		{"drained servers do not count", Quorum{Of: Servers, Min: 2}, weighing("uuu", 0, 0, 90), Bounds{2, 2, 2}, false},
		{"per cent of the weight", Quorum{Percent: true, Min: 60}, weighing("uud", 50, 10, 40), Bounds{60, 60, 60}, true},
		{"per cent of the weight, short", Quorum{Percent: true, Min: 60}, weighing("uud", 50, 9, 41), Bounds{60, 60, 60}, false},
		{"per cent of the servers, rounded up", Quorum{Of: Servers, Percent: true, Min: 50}, three("udd"), Bounds{2, 2, 2}, false},
		{"per cent of nothing is not held by nobody", Quorum{Percent: true, Min: 50}, weighing("uuu", 0, 0, 0), Bounds{1, 1, 1}, false},
		{"hysteresis in per cent", Quorum{Percent: true, Min: 50, Hysteresis: 25}, weighing("uud", 25, 25, 50), Bounds{25, 50, 75}, true},
		{"no servers at all", Quorum{}, nil, Bounds{1, 1, 1}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := New(Config{Quorum: tt.quorum}).Step(start, tt.servers)
			if d := cmp.Diff(tt.want, got.Bounds); d != "" || got.Held != tt.held {
				t.Errorf("held %t, want %t; bounds (-want +got):\n%s", got.Held, tt.held, d)
			}
		})
	}
}

func TestShares(t *testing.T) {
	full, out := Share{Present: true, Weight: 1}, func(r Reason) Share { return Share{Reason: r} }
	idle := func(r Reason) Share { return Share{Present: true, Reason: r} }
	for _, tt := range []struct {
		name    string
		config  Config
		servers string
		want    []Share
	}{
		{"what failed is removed", Config{}, "ud?", []Share{full, out(Failed), full}},
		{"or quiesced", Config{OnFailure: Quiesce}, "ud?", []Share{full, idle(Failed), full}},
		{"alpha waits for a verdict", Config{Alpha: true}, "ud?", []Share{full, out(Failed), out(Untested)}},
		{"and quiesces until then", Config{Alpha: true, OnFailure: Quiesce}, "ud?", []Share{full, idle(Failed), idle(Untested)}},
		{"below quorum the well keep what they have", Config{Sorry: true, Quorum: Quorum{Min: 2}}, "udd",
			[]Share{idle(BelowQuorum), out(Failed), out(Failed)}},
		{"without a sorry server they go on", Config{Quorum: Quorum{Min: 2}}, "udd", []Share{full, out(Failed), out(Failed)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := New(tt.config)
			p.Step(start, three(tt.servers))
			if d := cmp.Diff(tt.want, p.Shares()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestServersSayThemselvesWhatBecomesOfThem(t *testing.T) {
	for _, tt := range []struct{ all, one Action }{{Remove, Quiesce}, {Quiesce, Remove}, {Standard, Quiesce}} {
		servers := three("ddu")
		servers[0].OnFailure = tt.one
		p := New(Config{OnFailure: tt.all})
		p.Step(start, servers)
		for i, want := range []Action{tt.one, tt.all} {
			if got := p.Shares()[i]; got.Present != (want == Quiesce) || got.Weight != 0 {
				t.Errorf("all %s, one %s: server %d gets %+v", tt.all, tt.one, i, got)
			}
		}
	}
}

func TestKnownIsWhatNobodyWhoIsNotHeardCanChange(t *testing.T) {
	for _, tt := range []struct {
		servers     string
		alpha       bool
		known, held bool
	}{
		{"???", false, false, true}, {"???", true, false, false}, {"u??", false, false, true}, {"uu?", false, true, true},
		{"uu?", true, true, true}, {"dd?", false, true, false}, {"d??", true, false, false}, {"ddd", false, true, false},
	} {
		got := New(Config{Quorum: Quorum{Min: 2}, Alpha: tt.alpha}).Step(start, three(tt.servers))
		if got.Known != tt.known || got.Held != tt.held {
			t.Errorf("%s, alpha %t: known %t, held %t; want %t, %t", tt.servers, tt.alpha, got.Known, got.Held, tt.known, tt.held)
		}
	}
}

func TestStartNeedsNoHysteresis(t *testing.T) {
	c := Config{Quorum: Quorum{Min: 2, Hysteresis: 1}, Alpha: true}
	p := New(c)
	for _, servers := range []string{"???", "u??"} {
		if p.Step(start, three(servers)).Held {
			t.Errorf("%s: held with alpha", servers)
		}
	}
	if !p.Step(start, three("uu?")).Held {
		t.Error("not held by its quorum at the start")
	}
}

func TestRestoredQuorumGoesOn(t *testing.T) {
	c := Config{Quorum: Quorum{Min: 2, Hysteresis: 1}}
	for _, held := range []bool{true, false} {
		p := New(c)
		p.Restore(held)
		if got := p.Step(start, three("uud")); got.Held != held {
			t.Errorf("restored as %t, it is %t within the hysteresis", held, got.Held)
		}
	}
}

func TestAnotherQuorumIsJudgedAnew(t *testing.T) {
	p := New(Config{Quorum: Quorum{Min: 3}, Sorry: true})
	if p.Step(start, three("uud")).Held {
		t.Fatal("held by 2 of 3")
	}
	lower := Config{Quorum: Quorum{Min: 2, Hysteresis: 1}, Sorry: true}
	p.Configure(lower)
	if !p.Step(start, three("uud")).Held {
		t.Error("an operator who asks for less does not get it")
	}
	p.Step(start, three("ddd"))
	p.Configure(lower)
	if p.Step(start, three("uud")).Held {
		t.Error("a reload without a change forgot the hysteresis")
	}
}

func TestSinceIsWhenTheQuorumChanged(t *testing.T) {
	p := New(Config{})
	for i, s := range []struct {
		servers string
		since   int
	}{{"uuu", 0}, {"uud", 0}, {"ddd", 2}, {"ddd", 2}, {"udd", 4}} {
		if got := p.Step(start.Add(time.Duration(i)*time.Second), three(s.servers)).Since.Sub(start); got != time.Duration(s.since)*time.Second {
			t.Errorf("step %d: since %s, want %ds", i, got, s.since)
		}
	}
}

// TestWalk takes pools of all kinds through random verdicts and reloads, and holds each step to what must always be so.
func TestWalk(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := walk{config: anyConfig(r), servers: make([]Server, r.IntN(5))}
		for i := range w.servers {
			w.servers[i].Configured = r.IntN(4)
			w.servers[i].Weight = w.servers[i].Configured
		}
		w.pool = New(w.config)
		w.step()
		for range 40 {
			w.change(r)
			w.step()
			if w.wrong != "" {
				t.Fatalf("seed %d: %s\n%+v\n%+v\n%+v\n%+v", seed, w.wrong, w.config, w.servers, w.pool.State(), w.pool.Shares())
			}
		}
	}
}

func anyConfig(r *rand.Rand) Config {
	q := Quorum{Of: Measure(r.IntN(2)), Min: r.IntN(5)}
	q.Hysteresis = r.IntN(max(q.Min, 1))
	if r.IntN(3) == 0 {
		q.Percent, q.Min, q.Hysteresis = true, q.Min*20, q.Hysteresis*20
	}
	return Config{Quorum: q, Alpha: r.IntN(2) == 0, OnFailure: Action(r.IntN(3)), Sorry: r.IntN(2) == 0, Stay: r.IntN(4) == 0}
}

type walk struct {
	pool    *Pool
	config  Config
	servers []Server
	anew    bool // another quorum was configured
	wrong   string
}

func (w *walk) change(r *rand.Rand) {
	w.anew = false
	switch {
	case r.IntN(10) == 0:
		old := w.config.Quorum
		w.config = anyConfig(r)
		w.anew = w.config.Quorum != old
		w.pool.Configure(w.config)
	case len(w.servers) > 0:
		s := &w.servers[r.IntN(len(w.servers))]
		s.Condition, s.Weight = Condition(r.IntN(3)), r.IntN(4)
		s.Heard = s.Condition != Unknown && r.IntN(5) > 0
		s.OnFailure = Action(r.IntN(3))
		if s.Override = nil; r.IntN(3) == 0 {
			s.Override = anyOverride(r)
		}
	}
}

func anyOverride(r *rand.Rand) *Override {
	o := &Override{Kind: Kind(r.IntN(3))}
	if r.IntN(2) == 0 {
		o.Weight = new(r.IntN(3))
	}
	if o.Kind == Drain && r.IntN(2) == 0 {
		o.Drained, o.Cut = start, r.IntN(2) == 0
	}
	return o
}

// step steps, and says in wrong what must not be.
func (w *walk) step() {
	before := w.pool.State()
	got := w.pool.Step(start, w.servers)
	shares := slices.Clone(w.pool.Shares())
	healthy, serving := 0, 0
	for i, s := range w.servers {
		if w.pool.well(s) && s.weight() > 0 && !s.Override.Out() {
			healthy++
			if !shares[i].Present {
				w.wrong = fmt.Sprintf("server %d is well and not in the table", i)
			}
		}
		if shares[i].Weight > 0 {
			serving++
		}
		if shares[i].Weight > 0 && (!w.pool.well(s) || !shares[i].Present) {
			w.wrong = fmt.Sprintf("server %d is not well and has weight", i)
		}
		if shares[i].Weight > 0 && s.Override.Out() {
			w.wrong = fmt.Sprintf("server %d was taken out and has weight", i)
		}
	}
	switch {
	case healthy > 0 && serving == 0 && !got.Sorry:
		w.wrong = "nobody serves though a server is well"
	case serving > 0 && got.Sorry:
		w.wrong = "the sorry server and a real one serve at once"
	case got.Held && healthy == 0:
		w.wrong = "a quorum of nobody"
	case w.config.Sorry && serving == 0 && !got.Sorry:
		w.wrong = "the sorry server does not stand in"
	case before.Known && !w.anew && before.Bounds == got.Bounds && before.Held != got.Held && got.Have >= got.Lose && got.Have < got.Gain:
		w.wrong = "it flips within the hysteresis"
	}
	again := w.pool.Step(start, w.servers)
	again.Need = got.Need // of the second judgement, which has a history
	if d := cmp.Diff(got, again); d != "" || !slices.Equal(shares, w.pool.Shares()) {
		w.wrong = "the same step again decides otherwise: " + d
	}
}

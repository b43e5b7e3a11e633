package pool

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// A moment is when servers become what letters say, and what the pool then gives them: their weights, with - for one that is not in the table.
type moment struct {
	at      time.Duration
	servers string
	want    string
}

// play steps p through moments, and at each time that p itself asks for in between.
func play(t *testing.T, p *Pool, weights []int, moments []moment) {
	t.Helper()
	last := ""
	for _, m := range moments {
		now := start.Add(m.at)
		for next := p.Next(); last != "" && !next.IsZero() && next.Before(now); next = p.Next() {
			p.Step(next, weighing(last, weights...))
		}
		p.Step(now, weighing(m.servers, weights...))
		last = m.servers
		if got := shown(p.Shares()); got != m.want {
			t.Errorf("after %v with %s: %s, want %s", m.at, m.servers, got, m.want)
		}
		if next := p.Next(); !next.IsZero() && !next.After(now) {
			t.Errorf("after %v: the next step would be at %v, which is not later", m.at, next.Sub(start))
		}
	}
}

func shown(shares []Share) string {
	var out []string
	for _, s := range shares {
		text := "-"
		if s.Present {
			text = fmt.Sprint(s.Weight)
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestTimed(t *testing.T) {
	const s = time.Second
	slow := Config{SlowStart: Ramp{Duration: 10 * s}}
	flap := Config{Flap: Flap{Count: 2, Window: 60 * s, Hold: 100 * s}}
	panics := Config{Panic: Panic{Percent: 50, Window: 10 * s}, Sorry: true}
	for _, tt := range []struct {
		name    string
		config  Config
		weights []int
		moments []moment
	}{
		{"a server that comes back starts slowly", slow, []int{100, 100}, []moment{
			{0, "uu", "100 100"}, {s, "du", "- 100"}, {5 * s, "uu", "1 100"}, {6 * s, "uu", "10 100"}, {14500 * time.Millisecond, "uu", "90 100"}, {15 * s, "uu", "100 100"}}},
		{"by doubling", Config{SlowStart: Ramp{Duration: 10 * s, Double: true}}, []int{100, 100}, []moment{
			{0, "uu", "100 100"}, {s, "du", "- 100"}, {5 * s, "uu", "3 100"}, {7 * s, "uu", "6 100"}, {11 * s, "uu", "25 100"}, {13 * s, "uu", "50 100"}, {15 * s, "uu", "100 100"}}},
		{"one that fails meanwhile starts anew", slow, []int{100, 100}, []moment{
			{0, "uu", "100 100"}, {s, "du", "- 100"}, {5 * s, "uu", "1 100"}, {8 * s, "du", "- 100"}, {9 * s, "uu", "1 100"}, {11 * s, "uu", "20 100"}}},
		{"not where nobody else serves", slow, []int{100, 100}, []moment{
			{0, "uu", "100 100"}, {s, "dd", "- -"}, {5 * s, "ud", "100 -"}, {6 * s, "uu", "100 1"}}},
		{"nor together", slow, []int{100, 100}, []moment{{0, "uu", "100 100"}, {s, "dd", "- -"}, {5 * s, "uu", "100 100"}}},
		{"nor at the start", Config{Alpha: true, SlowStart: slow.SlowStart}, []int{100, 100, 100}, []moment{
			{0, "???", "- - -"}, {s, "u??", "100 - -"}, {2 * s, "uu?", "100 100 -"}, {3 * s, "uud", "100 100 -"}, {4 * s, "uuu", "100 100 1"}}},
		{"a weight of 1 cannot be less", slow, []int{1, 1}, []moment{{0, "uu", "1 1"}, {s, "du", "- 1"}, {5 * s, "uu", "1 1"}}},

		{"what failed comes back later", Config{Reentry: 30 * s}, []int{1, 1}, []moment{
			{0, "uu", "1 1"}, {s, "du", "- 1"}, {5 * s, "uu", "- 1"}, {34 * s, "uu", "- 1"}, {35 * s, "uu", "1 1"}}},
		{"counted from the last time", Config{Reentry: 30 * s, OnFailure: Quiesce}, []int{1, 1}, []moment{
			{0, "uu", "1 1"}, {s, "du", "0 1"}, {5 * s, "uu", "0 1"}, {20 * s, "du", "0 1"}, {21 * s, "uu", "0 1"}, {36 * s, "uu", "0 1"}, {51 * s, "uu", "1 1"}}},
		{"but not as the only one", Config{Reentry: 30 * s}, []int{1, 1}, []moment{
			{0, "uu", "1 1"}, {s, "dd", "- -"}, {2 * s, "ud", "1 -"}, {3 * s, "uu", "1 -"}, {33 * s, "uu", "1 1"}}},
		{"nor once the others have gone", Config{Reentry: 30 * s}, []int{1, 1}, []moment{
			{0, "uu", "1 1"}, {s, "du", "- 1"}, {2 * s, "uu", "- 1"}, {3 * s, "ud", "1 -"}}},
		{"nor when it was never well", Config{Reentry: 30 * s, Alpha: true}, []int{1, 1}, []moment{{0, "u?", "1 -"}, {s, "uu", "1 1"}}},
		{"it waits and then starts slowly", Config{Reentry: 5 * s, SlowStart: slow.SlowStart}, []int{100, 100}, []moment{
			{0, "uu", "100 100"}, {s, "du", "- 100"}, {2 * s, "uu", "- 100"}, {7 * s, "uu", "1 100"}, {12 * s, "uu", "50 100"}, {17 * s, "uu", "100 100"}}},
		{"until it has come back it is none of the quorum", Config{Reentry: 5 * s, Quorum: Quorum{Min: 2}, Sorry: true}, []int{1, 1}, []moment{
			{0, "uu", "1 1"}, {s, "du", "- 0"}, {2 * s, "uu", "- 0"}, {7 * s, "uu", "1 1"}}},

		{"what fails twice is held", flap, []int{1, 1}, []moment{
			{0, "uu", "1 1"}, {s, "du", "- 1"}, {2 * s, "uu", "1 1"}, {3 * s, "du", "- 1"}, {4 * s, "uu", "- 1"}, {102 * s, "uu", "- 1"}, {103 * s, "uu", "1 1"}}},
		{"but not after a while", flap, []int{1, 1}, []moment{
			{0, "uu", "1 1"}, {s, "du", "- 1"}, {2 * s, "uu", "1 1"}, {61 * s, "du", "- 1"}, {62 * s, "uu", "1 1"}, {63 * s, "du", "- 1"}, {64 * s, "uu", "- 1"}}},
		{"nor as the only one", flap, []int{1, 1}, []moment{
			{0, "uu", "1 1"}, {s, "du", "- 1"}, {2 * s, "uu", "1 1"}, {3 * s, "du", "- 1"}, {4 * s, "uu", "- 1"}, {5 * s, "ud", "1 -"}}},
		{"those that wait come before those that are held", Config{Flap: flap.Flap, Reentry: 10 * s}, []int{1, 1, 1}, []moment{
			{0, "uuu", "1 1 1"}, {s, "duu", "- 1 1"}, {12 * s, "uuu", "- 1 1"}, {23 * s, "uuu", "1 1 1"}, {24 * s, "duu", "- 1 1"}, {25 * s, "udu", "- - 1"}, {26 * s, "uuu", "- - 1"}, {27 * s, "uud", "- 1 -"}}},

		{"one failure is no panic", panics, []int{1, 2, 3, 4}, []moment{{0, "uuuu", "1 2 3 4"}, {s, "duuu", "- 2 3 4"}}},
		{"nor are as many as the threshold", panics, []int{1, 2, 3, 4}, []moment{{0, "uuuu", "1 2 3 4"}, {s, "dduu", "- - 3 4"}}},
		{"more are", panics, []int{1, 2, 3, 4}, []moment{
			{0, "uuuu", "1 2 3 4"}, {s, "duuu", "- 2 3 4"}, {2 * s, "dddu", "1 2 3 4"}, {200 * s, "dddd", "1 2 3 4"}, {201 * s, "uudd", "1 2 - -"}}},
		{"not over a long time", panics, []int{1, 2, 3, 4}, []moment{
			{0, "uuuu", "1 2 3 4"}, {s, "duuu", "- 2 3 4"}, {11 * s, "dduu", "- - 3 4"}, {21 * s, "dddu", "- - - 4"}}},
		{"what was kept need not wait", Config{Panic: panics.Panic, Reentry: 60 * s}, []int{1, 2, 3}, []moment{
			{0, "uuu", "1 2 3"}, {s, "ddd", "1 2 3"}, {2 * s, "udd", "1 2 3"}, {3 * s, "uud", "1 2 -"}, {4 * s, "uuu", "1 2 -"}, {64 * s, "uuu", "1 2 3"}}},
		{"what was down before stays so", panics, []int{1, 2, 3, 4}, []moment{
			{0, "duuu", "- 2 3 4"}, {100 * s, "dddd", "- 2 3 4"}, {101 * s, "dduu", "- - 3 4"}}},
		{"nor does it begin at the start", panics, []int{1, 2}, []moment{{0, "??", "1 2"}, {s, "dd", "- -"}}},
		{"one server is none", panics, []int{1}, []moment{{0, "u", "1"}, {s, "d", "-"}}},

		{"those that served last go on", Config{KeepLast: true}, []int{1, 2, 3}, []moment{
			{0, "uuu", "1 2 3"}, {s, "duu", "- 2 3"}, {2 * s, "ddd", "- 2 3"}, {9 * s, "ddd", "- 2 3"}, {10 * s, "udd", "1 - -"}, {11 * s, "ddd", "1 - -"}}},
		{"none that never served", Config{KeepLast: true}, []int{1, 2}, []moment{{0, "dd", "- -"}}},
	} {
		t.Run(tt.name, func(t *testing.T) { play(t, New(tt.config), tt.weights, tt.moments) })
	}
}

func TestTrustEndsDelays(t *testing.T) {
	p := New(Config{Flap: Flap{Count: 1, Window: time.Minute, Hold: time.Hour}, Reentry: time.Minute})
	moments := []moment{{0, "uu", "1 1"}, {time.Second, "du", "- 1"}, {2 * time.Second, "uu", "- 1"}}
	play(t, p, []int{1, 1}, moments)
	if got := p.Shares()[0]; got.Reason != Flapping || !got.Until.Equal(start.Add(time.Hour+time.Second)) {
		t.Errorf("the share of the first is %+v", got)
	}
	p.Trust(address(0))
	play(t, p, []int{1, 1}, []moment{{3 * time.Second, "uu", "1 1"}})
}

func TestAlarmKeepsWhatFellSince(t *testing.T) {
	p := New(Config{Watched: true, Sorry: true})
	play(t, p, []int{1, 1}, []moment{{0, "uu", "1 1"}, {time.Second, "du", "- 1"}, {2 * time.Second, "dd", "- -"}})
	p.Alarm(start.Add(1500 * time.Millisecond))
	play(t, p, []int{1, 1}, []moment{{3 * time.Second, "dd", "- 1"}})
	if s := p.State(); !s.Panic || s.Sorry || s.Held {
		t.Errorf("state %+v", s)
	}
	p.Alarm(time.Time{})
	play(t, p, []int{1, 1}, []moment{{4 * time.Second, "dd", "- -"}})
}

func TestOperatorsComeBeforePanic(t *testing.T) {
	p := New(Config{Panic: Panic{Percent: 50, Window: time.Minute}, KeepLast: true})
	p.Step(start, three("uuu"))
	p.Step(start, said("ddd", Override{Kind: Disable}))
	if got := shown(p.Shares()); got != "- 1 1" {
		t.Errorf("with a disabled one: %s", got)
	}
	p.Step(start, said("ddd", Override{Weight: new(7)}))
	if got := shown(p.Shares()); got != "7 1 1" {
		t.Errorf("with a weight: %s", got)
	}
}

// TestTimedWalk goes through random pools: nothing is ever served while somebody is well whom no operator took out, time only goes on, and the
// same steps lead to the same shares.
func TestTimedWalk(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 7))
		c := wildConfig(r)
		p, twin := New(c), New(c)
		now := start
		servers := weighing("????", 1, 10, 0, 100)
		for range 60 {
			now = now.Add(time.Duration(r.IntN(8000)) * time.Millisecond)
			if next := p.Next(); !next.IsZero() && r.IntN(2) == 0 {
				now = next
			}
			change(r, &servers[r.IntN(4)])
			if r.IntN(5) == 0 {
				r.Shuffle(4, func(i, j int) { servers[i], servers[j] = servers[j], servers[i] })
			}
			if r.IntN(20) == 0 {
				p.Trust(servers[0].Addr)
				twin.Trust(servers[0].Addr)
			}
			state := p.Step(now, servers)
			twin.Step(now, servers)
			if problem := unfit(p, state, now, servers); problem != "" || !slices.Equal(p.Shares(), twin.Shares()) {
				t.Fatalf("seed %d, %+v: %s\nservers %+v\nshares %+v\ntwin %+v", seed, c, problem, servers, p.Shares(), twin.Shares())
			}
		}
	}
}

func wildConfig(r *rand.Rand) (c Config) {
	c.OnFailure, c.Alpha, c.Sorry, c.KeepLast = Action(r.IntN(2)), r.IntN(3) == 0, r.IntN(3) == 0, r.IntN(3) == 0
	c.Quorum.Min = r.IntN(3)
	if r.IntN(2) == 0 {
		c.SlowStart = Ramp{Duration: time.Duration(1+r.IntN(20)) * time.Second, Double: r.IntN(2) == 0}
	}
	if r.IntN(2) == 0 {
		c.Reentry = time.Duration(r.IntN(20)) * time.Second
	}
	if r.IntN(2) == 0 {
		c.Flap = Flap{Count: 1 + r.IntN(3), Window: 20 * time.Second, Hold: 40 * time.Second}
	}
	if r.IntN(2) == 0 {
		c.Panic = Panic{Percent: 1 + r.IntN(99), Window: 10 * time.Second}
	}
	return c
}

// change gives s another verdict, or another order of an operator.
func change(r *rand.Rand, s *Server) {
	switch r.IntN(4) {
	case 0:
		s.Override = []*Override{nil, nil, {Kind: Drain}, {Kind: Disable}, {Weight: new(5)}, {Weight: new(0)}}[r.IntN(6)]
	default:
		s.Condition, s.Heard = []Condition{Up, Down}[r.IntN(2)], true
	}
}

// unfit says what is wrong with what p has come to, "" if nothing is.
func unfit(p *Pool, state State, now time.Time, servers []Server) string {
	if next := p.Next(); !next.IsZero() && !next.After(now) {
		return fmt.Sprintf("next %v is not after %v", next, now)
	}
	serving, able := state.Sorry, false
	seen := map[netip.AddrPort]bool{}
	for i, s := range servers {
		share := p.Shares()[i]
		serving = serving || share.Weight > 0
		able = able || s.Condition == Up && !s.Override.Out() && s.weight() > 0
		if share.Weight > 0 && (s.Override.takesOut() || !share.Present || share.Weight > max(s.weight(), 100)) {
			return fmt.Sprintf("share %+v of %+v", share, s)
		}
		seen[s.Addr] = true
	}
	if able && !serving {
		return "nobody serves"
	}
	return ""
}

package checkers

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// weights returns what p makes of loads, one after the other.
func weights(p Policy, loads ...float64) (out []int) {
	var f followed
	for _, load := range loads {
		f = p.next(f, load)
		out = append(out, f.weight)
	}
	return out
}

func linear(change func(*Policy)) Policy {
	p := Policy{Base: 100, Full: 8, Floor: 10, Ceiling: 200, Step: 1000}
	change(&p)
	return p
}

func TestPoliciesMakeWeightsOfLoads(t *testing.T) {
	for name, c := range map[string]struct {
		policy Policy
		loads  []float64
		want   []int
	}{
		"linear":              {linear(func(*Policy) {}), []float64{8, 0, 4, 12, 16, 100, 8}, []int{100, 200, 150, 50, 10, 10, 100}},
		"linear, smoothed":    {linear(func(p *Policy) { p.Smoothing = 0.5 }), []float64{8, 16, 16, 16, 16}, []int{100, 50, 25, 13, 10}},
		"linear, by steps":    {linear(func(p *Policy) { p.Step = 25 }), []float64{0, 0, 0, 0, 0, 16, 16}, []int{125, 150, 175, 200, 200, 175, 150}},
		"linear, trifles":     {linear(func(*Policy) {}), []float64{8, 8.3, 7.7, 8.4, 8.5}, []int{100, 100, 100, 100, 94}},
		"linear, of 1":        {linear(func(p *Policy) { p.Base, p.Floor, p.Ceiling, p.Step = 1, 1, 2, 1 }), []float64{8, 0, 100}, []int{1, 2, 1}},
		"linear, of nothing":  {linear(func(p *Policy) { p.Base = 0 }), []float64{8, 0, 4}, []int{0, 0, 0}},
		"percent":             {Policy{Kind: Percent, Base: 10}, []float64{100, 75, 1, 0, 250, 1e9}, []int{10, 8, 1, 0, 25, 65535}},
		"weight":              {Policy{Kind: Absolute, Base: 10}, []float64{3, 0, 2.6, 1e300}, []int{3, 0, 3, 65535}},
		"weight of a drained": {Policy{Kind: Absolute}, []float64{3, 0}, []int{0, 0}},
	} {
		if err := c.policy.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, weights(c.policy, c.loads...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestPiranhasSequence: w' = w + W/2 · ∛(1 − load), between W and 10 W, in integers, and only in leaps of W/4, for W = 100.
func TestPiranhasSequence(t *testing.T) {
	p := Policy{Kind: Piranha, Base: 100}
	for _, c := range []struct {
		loads []float64
		want  []int
	}{
		// ∛0.9 = 0.9655, so 48 each time
		{[]float64{0.1, 0.1, 0.1, 1, 4, 4}, []int{148, 196, 244, 244, 171, 100}}, // ∛3 = 1.4422: 72.1 off
		// ∛0.1 = 0.4642: 23.2, less than a quarter; ∛0.2 = 0.5848: 29.2, but not under W
		{[]float64{0.9, 0.9, 0.87, 1.1, 1.2}, []int{100, 100, 125, 125, 100}},
		{[]float64{2, 2, 2}, []int{100, 100, 100}}, // never under W
		{[]float64{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []int{150, 200, 250, 300, 350, 400, 450, 500, 550, 600, 650, 700, 750, 800, 850, 900, 950, 1000, 1000, 1000}},
	} {
		if diff := cmp.Diff(c.want, weights(p, c.loads...)); diff != "" {
			t.Errorf("loads %v (-want +got):\n%s", c.loads, diff)
		}
	}
}

// TestEveryLoadGivesAWeightThatIPVSTakes, whatever was before.
func TestEveryLoadGivesAWeightThatIPVSTakes(t *testing.T) {
	loads := []float64{0, math.SmallestNonzeroFloat64, 0.5, 1, 7, 1e9, math.MaxFloat64}
	for _, base := range []int{0, 1, 2, 3, 100, 65535} {
		for kind := range Absolute + 1 {
			p := Policy{Kind: kind, Base: base, Full: 1, Smoothing: 0.99, Floor: 1, Ceiling: 65535, Step: 65535}
			for _, a := range loads {
				for _, b := range loads {
					for _, w := range weights(p, a, b, a) {
						if w < 0 || w > 65535 || w == 0 && base > 0 && kind < Percent {
							t.Errorf("policy %d of %d: loads %v, %v give %d", kind, base, a, b, w)
						}
					}
				}
			}
		}
	}
}

func TestPoliciesThatMakeNoSense(t *testing.T) {
	for want, change := range map[string]func(*Policy){
		"full load is 0":      func(p *Policy) { p.Full = 0 },
		"full load is NaN":    func(p *Policy) { p.Full = math.NaN() },
		"smoothing is 1":      func(p *Policy) { p.Smoothing = 1 },
		"between 0 and 200":   func(p *Policy) { p.Floor = 0 },
		"between 300 and 200": func(p *Policy) { p.Floor = 300 },
		"step is 0":           func(p *Policy) { p.Step = 0 },
		"server is -1":        func(p *Policy) { p.Base = -1 },
	} {
		if err := linear(change).Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}

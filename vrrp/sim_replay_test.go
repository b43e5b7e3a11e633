package vrrp

import (
	"slices"
	"testing"
	"testing/synctest"
)

// What a seed has shown once it shows again, or a failure could not be looked into. The trace has the nanosecond of everything.
func TestSeedGivesTheSameRunAgain(t *testing.T) {
	const seeds = 10
	for seed := uint64(1); seed <= seeds; seed++ {
		wantSameRuns(t, seed, func(run *testing.T) (trace []string) {
			synctest.Test(run, func(t *testing.T) { trace = simulate(t, seed).trace })
			return trace
		})
		wantSameRuns(t, seed, func(run *testing.T) (trace []string) {
			onSite(run, func(t *testing.T, s *site) {
				simulateSite(t, s, seed)
				for _, l := range s.lans {
					trace = append(trace, l.trace...)
				}
			})
			return trace
		})
	}
}

// wantSameRuns runs something twice and shows the first line that differs. What several goroutines do at the same nanosecond has no order.
func wantSameRuns(t *testing.T, seed uint64, run func(t *testing.T) []string) {
	t.Helper()
	first, second := run(t), run(t)
	slices.Sort(first)
	slices.Sort(second)
	for i := range max(len(first), len(second)) {
		a, b := lineOf(first, i), lineOf(second, i)
		if a != b {
			t.Errorf("seed %d, line %d of the trace is\n%s\nand then\n%s", seed, i, a, b)
			return
		}
	}
}

func lineOf(trace []string, i int) string {
	if i < len(trace) {
		return trace[i]
	}
	return "missing"
}

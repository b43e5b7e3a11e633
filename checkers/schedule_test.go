package checkers

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFirstProbeComesWithinASecondAndTheSecondWithinAnInterval(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, interval := range []time.Duration{50 * time.Millisecond, time.Second, 5 * time.Second, time.Hour} {
		for _, x := range []float64{0, 0.001, 0.5, 0.999} {
			due, then := first(now, window(1000, interval), interval, x)
			if wait := due.Sub(now); wait < 0 || wait >= min(interval, time.Second) {
				t.Errorf("interval %s, place %g: first probe after %s", interval, x, wait)
			}
			if gap := then.Sub(due); gap < min(interval, time.Second) || gap > interval {
				t.Errorf("interval %s, place %g: second probe %s after the first", interval, x, gap)
			}
		}
	}
}

func TestManyNewChecksTakeTheirTime(t *testing.T) {
	for _, tt := range []struct {
		n        int
		interval time.Duration
		want     time.Duration
	}{
		{1, 50 * time.Millisecond, 50 * time.Millisecond}, {5000, 5 * time.Second, time.Second}, {15000, 5 * time.Second, 3 * time.Second},
		{50000, 5 * time.Second, 5 * time.Second}, {50000, time.Minute, 10 * time.Second},
	} {
		if got := window(tt.n, tt.interval); got != tt.want {
			t.Errorf("%d checks every %s begin within %s, want %s", tt.n, tt.interval, got, tt.want)
		}
	}
}

func TestNextKeepsTheGrid(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name     string
		late     time.Duration // of the start
		interval time.Duration
		want     time.Duration // from due to the next
	}{
		{"in time", 0, 2 * s, 2 * s},
		{"a little late", s / 2, 2 * s, 2 * s},
		{"late by more than half an interval", 3 * s / 2, 2 * s, 4 * s},
		{"late by many intervals", 21*s - 1, 2 * s, 22 * s},
		{"early, as after a step of the clock", -5 * s, 2 * s, 2 * s},
	}
	for _, tt := range tests {
		due := time.Unix(1000, 0)
		start := due.Add(tt.late)
		got := next(due, start, tt.interval)
		if got.Sub(due) != tt.want {
			t.Errorf("%s: next is %s after due, want %s", tt.name, got.Sub(due), tt.want)
		}
		if gap := got.Sub(start); gap < tt.interval/2 {
			t.Errorf("%s: next start only %s after this one", tt.name, gap)
		}
	}
}

func TestPlacesAreOneInEachPart(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 100 {
		if x := place(i, 100, random.Float64()); int(x*100) != i {
			t.Errorf("check %d of 100 has place %g", i, x)
		}
	}
}

func TestQueueGivesTheNextDueFirst(t *testing.T) {
	now := time.Unix(1000, 0)
	var q queue
	all := make([]*monitor, 50)
	for _, at := range rand.New(rand.NewPCG(3, 4)).Perm(50) {
		all[at] = &monitor{index: -1, due: now.Add(time.Duration(at) * time.Second)}
		q.add(all[at])
	}
	for at := 0; at < 50; at += 5 {
		q.remove(all[at])
		q.remove(all[at]) // no longer in: nothing happens
	}
	if m := q.takeDue(now); m != nil {
		t.Errorf("took a check that is due %s from now", m.due.Sub(now))
	}
	var got, want []int
	for at := range 30 {
		if at%5 != 0 {
			want = append(want, at)
		}
	}
	for m := q.takeDue(now.Add(29 * time.Second)); m != nil; m = q.takeDue(now.Add(29 * time.Second)) {
		got = append(got, int(m.due.Sub(now)/time.Second))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
}

package vrrp

import (
	"testing"
	"time"
)

func TestLatenessIsAHistogram(t *testing.T) {
	var l latenessRecord
	for _, late := range []time.Duration{-time.Microsecond, 100 * time.Microsecond, 101 * time.Microsecond, 5 * time.Millisecond, 3 * time.Second} {
		l.note(late)
	}
	h := l.histogram()
	want := map[float64]uint64{0.0001: 2, 0.00025: 3, 0.0025: 3, 0.005: 4, 2.5: 4}
	for _, b := range h.Buckets {
		if n, ok := want[b.UpTo]; ok && n != b.Count {
			t.Errorf("at most %g s: %d, want %d", b.UpTo, b.Count, n)
		}
		delete(want, b.UpTo)
	}
	if len(want) > 0 || h.Count != 5 || h.Sum < 3.005 || h.Sum > 3.006 {
		t.Errorf("no buckets %v, count %d, sum %g; want 5 and 3.0052", want, h.Count, h.Sum)
	}
	if got := time.Duration(l.longest.nanoseconds.Load()); got != 3*time.Second {
		t.Errorf("longest %s", got)
	}
}

func TestNotingLatenessAllocatesNothing(t *testing.T) {
	var l latenessRecord
	if n := testing.AllocsPerRun(100, func() { l.note(time.Millisecond) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

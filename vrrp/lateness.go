package vrrp

import (
	"sync/atomic"
	"time"
)

// latenessBounds are the upper bounds of the buckets of a Histogram. An advert that is later than its interval by two of them may cost
// the role, so that they are close where intervals of 10 ms to 1 s are decided.
var latenessBounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond,
}

// A Histogram counts how late something was, as Prometheus wants it.
type Histogram struct {
	Buckets []Bucket `json:"buckets"` // by growing bounds
	Count   uint64   `json:"count"`   // of all, those above the last bound included
	Sum     float64  `json:"sum"`     // seconds
}

// A Bucket counts what was at most so late.
type Bucket struct {
	UpTo  float64 `json:"le"`    // seconds
	Count uint64  `json:"count"` // those of the smaller buckets included
}

// A latenessRecord is a Histogram in the making, and its maximum. One goroutine notes, any reads. The zero value is ready.
type latenessRecord struct {
	longest maximum
	within  [len(latenessBounds) + 1]atomic.Uint64 // not those of the smaller ones
	sum     atomic.Int64                           // nanoseconds
}

// note adds one.
func (l *latenessRecord) note(late time.Duration) {
	late = max(late, 0)
	l.longest.note(late)
	l.sum.Add(int64(late))
	i := 0
	for i < len(latenessBounds) && late > latenessBounds[i] {
		i++
	}
	l.within[i].Add(1)
}

// histogram returns what was noted so far.
func (l *latenessRecord) histogram() Histogram {
	h := Histogram{Buckets: make([]Bucket, len(latenessBounds)), Sum: time.Duration(l.sum.Load()).Seconds()}
	for i, bound := range latenessBounds {
		h.Count += l.within[i].Load()
		h.Buckets[i] = Bucket{UpTo: bound.Seconds(), Count: h.Count}
	}
	h.Count += l.within[len(latenessBounds)].Load()
	return h
}

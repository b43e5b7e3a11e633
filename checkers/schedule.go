package checkers

import (
	"container/heap"
	"time"
)

const (
	// minSpread is the time over which the first probes of new checks are spread, where there are few.
	minSpread = time.Second
	// maxStarts is how many first probes begin in a second, where there are many: hosts in front of that many servers would take more
	// at once for an attack.
	maxStarts = 5000
)

// window returns the time over which the first probes of n new checks are spread.
func window(n int, interval time.Duration) time.Duration {
	return min(interval, max(minSpread, time.Duration(n)*time.Second/maxStarts))
}

// first returns when the first probe of a check that is new at now begins, and when the second one does. x in [0, 1) is the
// check's place among all that are new.
//
//	now      now+window                now+window+interval
//	├─ first ──┤───────── second ─────────┤
//
// The first comes soon, so that no server goes unseen for an interval; but then all checks are crowded into one window. The second
// is never more than an interval after the first, and they are spread over a whole interval: from then on the load is even.
func first(now time.Time, window, interval time.Duration, x float64) (due, then time.Time) {
	due = now.Add(time.Duration(x * float64(window)))
	then = now.Add(window + time.Duration(x*float64(interval)))
	return due, then
}

// next returns when the probe after one that was due at due and started at start begins: an interval later on the check's own grid,
// so that the spread lasts. A start that was late by more than half an interval (the process was stopped, or too many probes hang)
// skips as many places of the grid as it missed; nothing is caught up in a burst.
func next(due, start time.Time, interval time.Duration) time.Time {
	late := max(0, start.Sub(due))
	return due.Add(late.Round(interval) + interval)
}

// place returns where in the spread the i-th of n new checks is: somewhere in the i-th of n equal parts, by random in [0, 1).
func place(i, n int, random float64) float64 {
	return (float64(i) + random) / float64(n)
}

// A queue is the idle checks, the next due first. It is a heap.
type queue []*monitor

// Len returns how many checks are idle.
func (q queue) Len() int { return len(q) }

// Less reports whether check i is due before check j.
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }

// Swap swaps two checks, which know their places.
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push appends a *monitor.
func (q *queue) Push(x any) {
	m := x.(*monitor)
	m.index = len(*q)
	*q = append(*q, m)
}

// Pop removes the last one.
func (q *queue) Pop() any {
	last := len(*q) - 1
	m := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	m.index = -1
	return m
}

func (q *queue) add(m *monitor) { heap.Push(q, m) }

// remove takes m out, if it is in.
func (q *queue) remove(m *monitor) {
	if m.index >= 0 {
		heap.Remove(q, m.index)
	}
}

// takeDue takes the first check out if it is due at now, and returns nil otherwise.
func (q *queue) takeDue(now time.Time) *monitor {
	if len(*q) == 0 || (*q)[0].due.After(now) {
		return nil
	}
	return heap.Pop(q).(*monitor)
}

package netns

import (
	"context"
	"sync"
	"time"
)

// Stalls notices when the machine stands still: a guest that its host does not let run, or a host that is too busy. What is
// measured in milliseconds meanwhile says nothing about the measured.
type Stalls struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	mu     sync.Mutex
	seen   []stall // guarded by mu
}

type stall struct {
	ended time.Time
	lasts time.Duration
}

const (
	stallTick = 5 * time.Millisecond
	// StallNoticed is the shortest stall that is kept: a tick may be this late on a machine with other work to do.
	StallNoticed = 15 * time.Millisecond
)

// WatchStalls looks at the clock every few milliseconds until the end of the World.
func (w *World) WatchStalls() *Stalls {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	s := &Stalls{cancel: cancel}
	w.fabric.closers = append(w.fabric.closers, s.stop)
	s.done.Go(func() {
		ticker := time.NewTicker(stallTick)
		defer ticker.Stop()
		for last := time.Now(); ctx.Err() == nil; <-ticker.C {
			now := time.Now()
			s.add(stall{ended: now, lasts: now.Sub(last) - stallTick})
			last = now
		}
	})
	return s
}

func (s *Stalls) add(one stall) {
	if one.lasts < StallNoticed {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, one)
}

func (s *Stalls) stop() {
	s.cancel()
	s.done.Wait()
}

// Since returns how long the machine stood still, all in all, after a moment; 0 when there was nothing to notice.
func (s *Stalls) Since(moment time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum time.Duration
	for _, one := range s.seen {
		if one.ended.After(moment) {
			sum += one.lasts
		}
	}
	return sum
}

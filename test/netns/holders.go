package netns

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// A Sample says which nodes held an address at one moment.
type Sample struct {
	Began, Ended time.Time // the nodes were asked one after another between the two
	Holders      []string  // names, in the order of the nodes given to WatchHolders
}

// Holders polls who holds an address.
type Holders struct {
	cancel  context.CancelFunc
	done    sync.WaitGroup
	mu      sync.Mutex
	samples []Sample // guarded by mu
}

// HolderPoll is how often the nodes are asked.
const HolderPoll = 10 * time.Millisecond

// WatchHolders asks the given nodes every HolderPoll whether they hold addr, until Stop or the end of the World.
func (w *World) WatchHolders(addr netip.Addr, nodes ...*Node) *Holders {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	h := &Holders{cancel: cancel}
	w.fabric.closers = append(w.fabric.closers, h.Stop)
	h.done.Go(func() {
		ticker := time.NewTicker(HolderPoll)
		defer ticker.Stop()
		for {
			h.add(sample(addr, nodes))
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	})
	return h
}

func sample(addr netip.Addr, nodes []*Node) Sample {
	s := Sample{Began: time.Now()}
	for _, n := range nodes {
		if n.Has(addr) {
			s.Holders = append(s.Holders, n.Name)
		}
	}
	s.Ended = time.Now()
	return s
}

func (h *Holders) add(s Sample) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.samples = append(h.samples, s)
}

// Stop ends the polling; the samples stay. It may be called more than once.
func (h *Holders) Stop() {
	h.cancel()
	h.done.Wait()
}

// Since returns the samples that began after a moment.
func (h *Holders) Since(moment time.Time) []Sample {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, s := range h.samples {
		if s.Began.After(moment) {
			return append([]Sample(nil), h.samples[i:]...)
		}
	}
	return nil
}

// NotOne returns an error that names the first sample that does not have exactly one holder, or says that there are no samples.
func NotOne(samples []Sample) error {
	if len(samples) == 0 {
		return fmt.Errorf("nobody was asked")
	}
	for _, s := range samples {
		if len(s.Holders) != 1 {
			return fmt.Errorf("at %s the address was held by [%s]", s.Began.Format("15:04:05.000"), strings.Join(s.Holders, " "))
		}
	}
	return nil
}

package track

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"
)

// A recorder keeps the newest fact of each source and says when one came.
type recorder struct {
	mu sync.Mutex
	// guarded by mu:
	facts map[string]Fact
	told  map[string]int

	news chan struct{} // one slot
}

func newRecorder() *recorder {
	return &recorder{facts: map[string]Fact{}, told: map[string]int{}, news: make(chan struct{}, 1)}
}

func (r *recorder) report(source string, f Fact) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.facts[source] = f
	r.told[source]++
	poke(r.news)
}

func (r *recorder) fact(source string) Fact {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.facts[source]
}

func (r *recorder) reports(source string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.told[source]
}

// wait waits until ok of what is known of source.
func (r *recorder) wait(t *testing.T, source, what string, ok func(Fact) bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		if ok(r.fact(source)) {
			return
		}
		select {
		case <-r.news:
		case <-deadline:
			t.Fatalf("%s: %s did not come, the newest is %+v", source, what, r.fact(source))
		}
	}
}

// run runs f until the test ends.
func run(t *testing.T, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

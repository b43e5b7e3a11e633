//go:build netns

package kernel

import (
	"context"
	"testing"
	"time"
)

// Both watchers are interrupted, whichever hears of the end first.
func TestRunEndsAtOnceWhenItsContextDoes(t *testing.T) {
	h := newHost(t)
	for i := range 300 {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- h.Run(ctx) }()
		eventually(t, "Run has started", func() bool {
			h.admin.Lock()
			defer h.admin.Unlock()
			return h.started != nil
		})
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(patience):
			t.Fatalf("Run %d lasts on", i)
		}
	}
}

//go:build netns

package kernel

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/govrrpd/govrrpd/vrrp"
)

func contains(err error, s string) bool { return strings.Contains(err.Error(), s) }

// runGroup attaches a real router and runs it until the test ends. Call it before run, so that the host outlives it.
func runGroup(t *testing.T, h *Host, c *vrrp.Config) *vrrp.Member {
	t.Helper()
	g := vrrp.NewMember(c, h, slog.New(slog.NewTextHandler(t.Output(), nil)), nil)
	must(t, h.Attach(c, g))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- vrrp.NewGroup("", g).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Group.Run: %v", err)
		}
	})
	return g
}

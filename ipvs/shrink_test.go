package ipvs

import (
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is to take over must be in before what serves goes: a refused addition keeps the old server, until it succeeds.
func TestShrinkWaitsForGrowth(t *testing.T) {
	moved := shop()
	moved.Servers = []RealServer{{Addr: nat("10.0.0.3:80", 0).Addr, Weight: 30}}
	lowered := moved
	lowered.Servers = append(lowered.Servers, RealServer{Addr: shop().Servers[0].Addr}, RealServer{Addr: shop().Servers[1].Addr})
	const addThird = "add server 10.0.0.3:80 nat weight 30 to tcp 192.0.2.10:80"
	for _, tt := range []struct {
		name   string
		next   VirtualServer
		shrink []string
	}{
		{"servers replaced", moved, []string{removeFirst, removeSecond}},
		{"servers drained", lowered, []string{
			"change server 10.0.0.1:80 nat weight 0 of tcp 192.0.2.10:80", "change server 10.0.0.2:80 nat weight 0 of tcp 192.0.2.10:80",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				var groups [][]string
				b := start(t, newMapKernel(), Options{OnOps: func(ops []Op, errs []error) {
					groups = append(groups, lines(ops))
					if len(errs) != len(ops) {
						t.Errorf("%d errors for %d changes", len(errs), len(ops))
					}
				}}, shop())
				b.did(shopAdded...)
				b.kernel.fail(nil, func(op Op) error {
					if op.Verb == AddDest {
						return syscall.EINVAL
					}
					return nil
				})
				b.Configure([]VirtualServer{tt.next})
				b.did()
				if e := b.kernel.table[shop().Keys[0]]; !e.serves(nil) || len(e.Dests) != 2 {
					t.Errorf("the kernel has %v, want the two old servers", e.Dests)
				}
				b.kernel.fail(nil, nil)
				b.sleep(retryFirst)
				b.did(append([]string{addThird}, tt.shrink...)...)
				if d := cmp.Diff([][]string{shopAdded, {addThird}, {addThird}, tt.shrink}, groups); d != "" {
					t.Errorf("groups of changes (-want +got):\n%s", d)
				}
			})
		})
	}
}

// A refused addition does not keep a failed server in, where another one serves.
func TestShrinkDoesNotWaitWhereAnotherServerServes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, shop())
		b.did(shopAdded...)
		b.kernel.fail(nil, func(op Op) error {
			if op.Verb == AddDest {
				return syscall.EINVAL
			}
			return nil
		})
		next := shop()
		next.Servers = append(next.Servers[1:], RealServer{Addr: nat("10.0.0.3:80", 0).Addr, Weight: 30})
		b.Configure([]VirtualServer{next})
		b.did(removeFirst)
	})
}

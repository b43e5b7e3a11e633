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

// A service that moves to another address, or folds into one by mark, keeps the old key until the new one serves.
func TestOldKeyStaysUntilTheNewOneServes(t *testing.T) {
	mark := Key{Mark: 80, Family: V4}
	addMark := []string{"add service fwmark 80 ipv4 wlc", "add server 10.0.0.1:80 nat weight 10 to fwmark 80 ipv4", "add server 10.0.0.2:80 nat weight 20 to fwmark 80 ipv4"}
	for _, tt := range []struct {
		name    string
		refused Verb
		before  []string // made before the refusal ends
		after   []string
	}{
		{"the service is refused", AddService, nil, addMark},
		{"its servers are refused", AddDest, addMark[:1], addMark[1:]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := start(t, newMapKernel(), Options{}, shop())
				b.did(shopAdded...)
				b.kernel.fail(nil, func(op Op) error {
					if op.Verb == tt.refused {
						return syscall.ENOMEM
					}
					return nil
				})
				folded := shop()
				folded.Keys = []Key{mark}
				b.Configure([]VirtualServer{folded})
				b.sleep(10 * retryFirst)
				b.did(tt.before...)
				b.kernel.fail(nil, nil)
				b.sleep(retryMax)
				b.did(append(tt.after, "remove service tcp 192.0.2.10:80")...)
			})
		})
	}
}

// What replaces nothing does not wait: the virtual server left with its address, or has nobody who could serve at the new one.
func TestOldKeyThatNobodyReplacesGoesAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, shop())
		b.did(shopAdded...)
		b.kernel.fail(nil, func(op Op) error {
			if op.Verb == AddService {
				return syscall.ENOMEM
			}
			return nil
		})
		folded := shop()
		folded.Keys = []Key{{Mark: 80, Family: V4}}
		b.Configure([]VirtualServer{folded})
		b.did()
		b.Configure(nil)
		b.did("remove service tcp 192.0.2.10:80")
	})
}

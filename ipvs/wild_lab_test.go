//go:build lab

package ipvs

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The kernel in memory, on which the tests of the Engine rest, answers as the running one does, error by error, and has the same
// table after it, field by field and in the same order.
func TestMapAnswersAsTheKernelDoes(t *testing.T) {
	n, m := namespace(t), newMapKernel()
	refused, changed := map[syscall.Errno]int{}, 0
	for seed := range uint64(500) {
		w := newWild(seed)
		have, err := m.Table()
		if err != nil {
			t.Fatal(err)
		}
		ops := append(Diff(have, w.table()), w.ops(12)...)
		got, want := n.Apply(ops), m.Apply(ops)
		for i, op := range ops {
			var g, e syscall.Errno
			if errors.As(got[i], &g) != errors.As(want[i], &e) || g != e {
				t.Fatalf("seed %d: %s: the kernel says %v, the map %v", seed, op, got[i], want[i])
			}
			if refused[e]++; e == 0 {
				changed++
			}
		}
		same(t, seed, n, m)
	}
	for _, e := range []syscall.Errno{syscall.EEXIST, syscall.ESRCH, syscall.ENOENT, syscall.EINVAL, syscall.ERANGE} {
		if refused[e] < 50 {
			t.Errorf("%v was the answer %d times, want at least 50", e, refused[e])
		}
	}
	if t.Logf("changes %d, answers %v", changed, refused); changed < 2000 {
		t.Errorf("%d changes were made, want at least 2000", changed)
	}
}

func same(t *testing.T, seed uint64, n *Netlink, m *mapKernel) {
	t.Helper()
	want, err := m.Table()
	if err != nil {
		t.Fatal(err)
	}
	got, err := n.Table()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, inOrder); d != "" {
		t.Fatalf("seed %d: the map is -, the kernel +:\n%s", seed, d)
	}
}

// Each text of explain belongs to the answer that the running kernel gives.
func TestExplainFitsTheKernelsAnswers(t *testing.T) {
	n := namespace(t)
	apply(t, n, []Op{{AddService, svc(tcp("192.0.2.10:80"), "rr"), Dest{}}, {AddService, svc(tcp("[2001:db8::10]:80"), "rr"), Dest{}}})
	for _, tt := range wrong() {
		if tt.op.Verb == AddService {
			tt.op.Service.Addr = netip.AddrPortFrom(tt.op.Service.Addr.Addr(), 99)
		}
		if err := n.Apply([]Op{tt.op})[0]; !errors.Is(err, tt.err) {
			t.Errorf("%s: the kernel says %v, want %v", tt.op, err, tt.err)
		}
	}
}

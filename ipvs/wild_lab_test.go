//go:build lab

package ipvs

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// kinds are what an entry has of all that a service and its servers can have.
func kinds(e Entry) []string {
	k, s := e.Service.Key, e.Service
	out := []string{s.AF().String()}
	has := func(is bool, kind string) {
		if is {
			out = append(out, kind)
		}
	}
	has(k.Mark != 0, "fwmark")
	has(k.Mark == 0, k.Proto.String()+" service")
	has(k.Mark == 0 && k.Addr.Port() == 0, "every port")
	has(s.Flags&0x4 != 0, "one-packet")
	has(s.Flags&0x38 != 0, "flags of the scheduler")
	has(s.Persistence > 0, "persistence")
	has(s.Persistence > 0 && s.Netmask != SingleClient(s.AF()), "persistence by prefix")
	has(s.Netmask == 0xff00ff00, "a netmask that is no prefix")
	has(s.Engine != "", "engine")
	for _, d := range e.Dests {
		out = append(out, d.Forward.String())
		has(d.Forward == TUN, fmt.Sprintf("tunnel %v", d.Tunnel.Kind))
		has(d.Tunnel.Flags != 0, "checksum of a tunnel")
		has(d.Upper > 0, "upper bound")
		has(d.Lower > 0, "lower bound")
		has(d.Weight == 0, "weight 0")
		has(d.Addr.Addr().IsLoopback(), "this machine")
		has(familyOf(d.Addr.Addr()) != s.AF(), "server of the other family")
	}
	return out
}

// wholeRange is what the random tables must have had, each many times.
func wholeRange() []string {
	return []string{"ipv4", "ipv6", "tcp service", "udp service", "sctp service", "fwmark", "every port", "one-packet", "flags of the scheduler", "persistence",
		"persistence by prefix", "a netmask that is no prefix", "engine", "nat", "dr", "tun", "tunnel ipip", "tunnel gue", "tunnel gre", "checksum of a tunnel",
		"upper bound", "lower bound", "weight 0", "this machine", "server of the other family"}
}

// The kernel in memory, on which the tests of the Engine rest, answers as the running one does, error by error, and has the same
// table after it, field by field and in the same order.
func TestMapAnswersAsTheKernelDoes(t *testing.T) {
	n, m := namespace(t), newMapKernel()
	reader, err := Open() // has written nothing, and takes all that it knows from the kernel
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	refused, changed, had := map[syscall.Errno]int{}, 0, map[string]int{}
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
		if seed%5 == 0 {
			same(t, seed, reader, m)
		}
		for _, e := range m.table {
			for _, kind := range kinds(e) {
				had[kind]++
			}
		}
	}
	for _, kind := range wholeRange() {
		if had[kind] < 50 {
			t.Errorf("%s was in %d services and servers, want at least 50", kind, had[kind])
		}
	}
	for _, e := range []syscall.Errno{syscall.EEXIST, syscall.ESRCH, syscall.ENOENT, syscall.EINVAL, syscall.ERANGE} {
		if refused[e] < 50 {
			t.Errorf("%v was the answer %d times, want at least 50", e, refused[e])
		}
	}
	if t.Logf("changes %d, answers %v, kinds %v", changed, refused, had); changed < 2000 {
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

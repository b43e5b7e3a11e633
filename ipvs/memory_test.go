package ipvs

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"
)

// shown returns what /proc shows of t.
func shown(t Table) Table {
	out := Table{}
	for k, e := range cloneTable(t) {
		for i := range e.Dests {
			d := &e.Dests[i]
			d.Tunnel, d.Upper, d.Lower = Tunnel{}, 0, 0
		}
		if k.Mark == 0 {
			out[k] = e
		}
	}
	return out
}

// full returns n services with one server each, and a memory that knows them and has no turn left in its round but of the first.
func full(n int) (Table, *memory) {
	t, m := Table{}, &memory{}
	for i := range n {
		k := tcp(netip.AddrPortFrom(netip.MustParseAddr("192.0.2.10"), uint16(1+i)).String())
		t[k] = entry(svc(k, "rr"), nat("10.0.0.1:80", 1))
		m.learn(k, t[k].Dests)
	}
	m.round = []Key{tcp("192.0.2.10:1")}
	return t, m
}

func TestMemoryIsUnsureOfWhatDoesNotLookAsRemembered(t *testing.T) {
	web := tcp("192.0.2.10:2")
	bounded := nat("10.0.0.1:80", 1)
	bounded.Upper = 100
	gue := Dest{bounded.Addr, TUN, Tunnel{Kind: GUE, Port: 6080}, 1, 0, 0}
	s := Service{Key: web}
	for _, tt := range []struct {
		name    string
		ops     []Op  // ours
		err     error // of each
		foreign []Op
		want    bool
	}{
		{"nothing", nil, nil, nil, false},
		{"our own changes", []Op{{AddDest, s, nat("10.0.0.2:80", 1)}, {EditDest, s, nat("10.0.0.1:80", 7)}}, nil, nil, false},
		{"our bounds", []Op{{EditDest, s, bounded}}, nil, nil, true},
		{"our tunnel", []Op{{EditDest, s, gue}}, nil, nil, true},
		{"a bound that we took back", []Op{{EditDest, s, bounded}, {EditDest, s, nat("10.0.0.1:80", 1)}}, nil, nil, false},
		{"a service made anew", []Op{{DeleteService, s, Dest{}}, {AddService, svc(web, "rr"), Dest{}}, {AddDest, s, nat("10.0.0.3:80", 1)}}, nil, nil, false},
		{"a service made anew with bounds", []Op{{DeleteService, s, Dest{}}, {AddService, svc(web, "rr"), Dest{}}, {AddDest, s, bounded}}, nil, nil, true},
		{"a change that was refused", []Op{{EditDest, s, nat("10.0.0.1:80", 1)}}, syscall.EINVAL, nil, true},
		{"a weight that somebody changed, and what else", nil, nil, []Op{{EditDest, s, nat("10.0.0.1:80", 2)}}, true},
		{"a server that somebody added, who knows how", nil, nil, []Op{{AddDest, s, nat("10.0.0.4:80", 1)}}, true},
		{"a server that somebody removed", nil, nil, []Op{{DeleteDest, s, nat("10.0.0.1:80", 1)}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			kernel, m := full(3)
			errs := make([]error, len(tt.ops))
			for i, op := range tt.ops {
				errs[i] = tt.err
				kernel.apply(op)
			}
			m.applied(tt.ops, errs)
			for _, op := range tt.foreign {
				kernel.apply(op)
			}
			if got := slices.Contains(m.unsure(shown(kernel)), web); got != tt.want {
				t.Errorf("unsure: %v, want %v", got, tt.want)
			}
		})
	}
}

func TestMemoryAsksForWhatItNeverSaw(t *testing.T) {
	kernel, _ := full(3)
	m := &memory{round: []Key{udp("192.0.2.1:1")}}
	if got := m.unsure(kernel); len(got) != 3 {
		t.Errorf("unsure of %v, want of all three", got)
	}
}

// Each service has its turn within one round, and each read asks for so many at the most.
func TestMemoryHasEveryServiceDumpedWithinARound(t *testing.T) {
	for _, n := range []int{1, dumpsPerRead, dumpsPerRead + 1, 5*dumpsPerRead - 1} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			kernel, m := full(n)
			m.round = nil
			seen := map[Key]bool{}
			for range (n + dumpsPerRead - 1) / dumpsPerRead {
				ask := m.unsure(kernel)
				if len(ask) > dumpsPerRead {
					t.Fatalf("%d services at once, want at most %d", len(ask), dumpsPerRead)
				}
				for _, k := range ask {
					seen[k] = true
				}
			}
			if len(seen) != n {
				t.Errorf("%d services had their turn, want %d", len(seen), n)
			}
		})
	}
}

func TestMemoryForgetsWhatIsGone(t *testing.T) {
	kernel, m := full(3)
	delete(kernel, tcp("192.0.2.10:2"))
	m.forget(kernel)
	if len(m.traces) != 2 {
		t.Errorf("%d services remembered, want 2", len(m.traces))
	}
	m.applied([]Op{{AddService, svc(Key{Mark: 1, Family: V4}, "rr"), Dest{}}, {AddDest, Service{Key: tcp("192.0.2.99:1")}, Dest{}}}, []error{nil, nil})
	m.applied([]Op{{AddDest, Service{Key: tcp("192.0.2.99:1")}, Dest{}}}, []error{errors.New("refused")})
	if len(m.traces) != 2 {
		t.Errorf("%d services remembered, want 2: neither a mark nor one that was never seen", len(m.traces))
	}
}

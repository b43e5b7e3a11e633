//go:build lab

package ipvs

import (
	"math/bits"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	moby "github.com/moby/ipvs"
	"golang.org/x/sys/unix"
)

// A mobyKernel is a Kernel on github.com/moby/ipvs: the plain way, one change and one answer at a time. It shares no code with
// Netlink, so it tells what Netlink gets wrong.
type mobyKernel struct{ h *moby.Handle }

// newMobyKernel opens the table of the test's namespace. It comes after Open, which has made sure that there is one: moby/ipvs
// reports success for every change on a kernel without IPVS.
func newMobyKernel(t *testing.T) mobyKernel {
	t.Helper()
	h, err := moby.New("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return mobyKernel{h}
}

func (m mobyKernel) Apply(ops []Op) []error {
	errs := make([]error, len(ops))
	for i, op := range ops {
		s, d := toMoby(op.Service), destToMoby(op.Dest)
		switch op.Verb {
		case AddService:
			errs[i] = m.h.NewService(s)
		case EditService:
			errs[i] = m.h.UpdateService(s)
		case DeleteService:
			errs[i] = m.h.DelService(s)
		case AddDest:
			errs[i] = m.h.NewDestination(s, d)
		case EditDest:
			errs[i] = m.h.UpdateDestination(s, d)
		case DeleteDest:
			errs[i] = m.h.DelDestination(s, d)
		}
	}
	return errs
}

func (m mobyKernel) Table() (Table, error) {
	services, err := m.h.GetServices()
	if err != nil {
		return nil, err
	}
	t := Table{}
	for _, s := range services {
		dests, err := m.h.GetDestinations(s)
		if err != nil {
			return nil, err
		}
		e := entry(fromMoby(s))
		for _, d := range dests {
			e.Dests = append(e.Dests, Dest{
				Addr: addrPort(d.Address, d.Port), Forward: Forward(d.ConnectionFlags & moby.ConnFwdMask), Weight: d.Weight,
				Upper: d.UpperThreshold, Lower: d.LowerThreshold,
			})
		}
		t[e.Service.Key] = e
	}
	return t, nil
}

func toMoby(s Service) *moby.Service {
	out := &moby.Service{
		Address:       s.Addr.Addr().AsSlice(),
		Protocol:      uint16(s.Proto),
		Port:          s.Addr.Port(),
		SchedName:     s.Scheduler,
		Flags:         s.Flags,
		Timeout:       uint32(s.Persistence / time.Second),
		Netmask:       bits.ReverseBytes32(uint32(s.Netmask)),
		AddressFamily: unix.AF_INET,
	}
	if s.Persistence > 0 {
		out.Flags |= 1
	}
	return out
}

func fromMoby(s *moby.Service) Service {
	out := Service{
		Key:       Key{Proto: Proto(s.Protocol), Addr: addrPort(s.Address, s.Port)},
		Scheduler: s.SchedName,
		Netmask:   SingleClient(V4),
		Flags:     s.Flags &^ 3,
	}
	if s.Flags&1 != 0 {
		out.Persistence = time.Duration(s.Timeout) * time.Second
		out.Netmask = Netmask(bits.ReverseBytes32(s.Netmask)) // moby/ipvs takes what is in network order for a number of this machine
	}
	return out
}

func destToMoby(d Dest) *moby.Destination {
	return &moby.Destination{
		Address:         d.Addr.Addr().AsSlice(),
		Port:            d.Addr.Port(),
		Weight:          d.Weight,
		UpperThreshold:  d.Upper,
		LowerThreshold:  d.Lower,
		ConnectionFlags: uint32(d.Forward),
		AddressFamily:   unix.AF_INET,
	}
}

func addrPort(ip net.IP, port uint16) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip.To4())
	return netip.AddrPortFrom(a, port)
}

// Whatever one of the two writes, the other one reads, over many tables and the changes between them.
func TestNetlinkAgreesWithMoby(t *testing.T) {
	n := namespace(t)
	m := newMobyKernel(t)
	have := Table{}
	for seed := range uint64(60) {
		writer, reader := Kernel(n), Kernel(m)
		if seed%2 == 1 {
			writer, reader = m, n
		}
		want := randomTable(rand.New(rand.NewPCG(seed, 1)))
		apply(t, writer, Diff(have, want))
		for _, k := range []Kernel{reader, writer} {
			got, err := k.Table()
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got, asAddress); d != "" {
				t.Fatalf("seed %d, written by %T, read by %T (-want +got):\n%s", seed, writer, k, d)
			}
		}
		have = want
	}
}

package ipvs

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// contract holds a Kernel to what the Engine relies on. It runs against the map here, and under the tag lab against the running
// kernel: a map that lies is caught.
func contract(t *testing.T, k Kernel) {
	t.Helper()
	web, dns := tcp("192.0.2.10:80"), udp("192.0.2.10:53")
	sticky := Service{Key: web, Scheduler: "wlc", Persistence: 5 * time.Minute, Netmask: 0xffffff00}
	for _, step := range []struct {
		name string
		ops  []Op
		errs []error
		want Table
	}{
		{"a service and its servers in one go", []Op{
			{AddService, sticky, Dest{}},
			{AddDest, Service{Key: web}, nat("10.0.0.1:80", 5)},
			{AddDest, Service{Key: web}, dest("10.0.0.2:80", DR, 0)},
			{AddDest, Service{Key: web}, dest("10.0.0.3:80", TUN, MaxWeight)},
		}, make([]error, 4), table(entry(sticky, nat("10.0.0.1:80", 5), dest("10.0.0.2:80", DR, 0), dest("10.0.0.3:80", TUN, MaxWeight)))},
		{"the same address over UDP is another service", []Op{
			{AddService, svc(dns, "rr"), Dest{}},
			{DeleteService, Service{Key: web}, Dest{}},
		}, make([]error, 2), table(entry(svc(dns, "rr")))},
		{"what is refused does not stop what follows", []Op{
			{AddService, svc(web, "nonsense"), Dest{}},
			{AddDest, Service{Key: web}, nat("10.0.0.1:80", 1)},
			{AddService, svc(dns, "rr"), Dest{}},
			{AddDest, Service{Key: dns}, nat("10.0.0.1:53", 1)},
			{AddDest, Service{Key: dns}, nat("10.0.0.1:53", 2)},
			{EditDest, Service{Key: dns}, nat("10.0.0.2:53", 2)},
			{DeleteDest, Service{Key: dns}, Dest{Addr: netip.MustParseAddrPort("10.0.0.2:53")}},
			{AddDest, Service{Key: dns}, nat("10.0.0.3:53", -1)},
			{DeleteService, Service{Key: web}, Dest{}},
			{EditService, svc(web, "rr"), Dest{}},
			{EditService, svc(dns, "nonsense"), Dest{}},
			{AddDest, Service{Key: dns}, nat("10.0.0.4:53", 4)},
		}, []error{
			syscall.ENOENT, syscall.ESRCH, syscall.EEXIST, nil, syscall.EEXIST, syscall.ENOENT, syscall.ENOENT, syscall.ERANGE,
			syscall.ESRCH, syscall.ESRCH, syscall.ENOENT, nil,
		}, table(entry(svc(dns, "rr"), nat("10.0.0.1:53", 1), nat("10.0.0.4:53", 4)))},
		{"everything of a service can change in place", []Op{
			{EditService, Service{Key: dns, Scheduler: "sh", Persistence: time.Minute, Netmask: 0xffff0000}, Dest{}},
			{EditDest, Service{Key: dns}, dest("10.0.0.1:53", TUN, 9)},
			{DeleteDest, Service{Key: dns}, Dest{Addr: netip.MustParseAddrPort("10.0.0.4:53")}},
		}, make([]error, 3), table(entry(Service{Key: dns, Scheduler: "sh", Persistence: time.Minute, Netmask: 0xffff0000}, dest("10.0.0.1:53", TUN, 9)))},
		{"and be taken back", []Op{{EditService, svc(dns, "rr"), Dest{}}}, make([]error, 1), table(entry(svc(dns, "rr"), dest("10.0.0.1:53", TUN, 9)))},
		{"no change at all", nil, []error{}, table(entry(svc(dns, "rr"), dest("10.0.0.1:53", TUN, 9)))},
		{"a service goes with its servers", []Op{{DeleteService, Service{Key: dns}, Dest{}}}, make([]error, 1), Table{}},
	} {
		errs := k.Apply(step.ops)
		if len(errs) != len(step.errs) {
			t.Fatalf("%s: %d errors, want %d", step.name, len(errs), len(step.errs))
		}
		for i, want := range step.errs {
			if !errors.Is(errs[i], want) {
				t.Errorf("%s: %s: got error %v, want %v", step.name, step.ops[i], errs[i], want)
			}
		}
		got, err := k.Table()
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if d := cmp.Diff(step.want, got, asAddress); d != "" {
			t.Fatalf("%s: table (-want +got):\n%s", step.name, d)
		}
	}
}

func dest(addr string, f Forward, weight int) Dest {
	return Dest{Addr: netip.MustParseAddrPort(addr), Forward: f, Weight: weight}
}

func TestMapKernelKeepsTheContract(t *testing.T) { contract(t, newMapKernel()) }

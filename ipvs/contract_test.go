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
	mark4, mark6 := Key{Mark: 80, Family: V4}, Key{Mark: 80, Family: V6}
	sctp6 := Key{Proto: SCTP, Addr: netip.MustParseAddrPort("[2001:db8::10]:80")}
	sip := Service{Key: udp("192.0.2.10:5060"), Scheduler: "rr", Persistence: time.Minute, Netmask: 0xff00ff00, Engine: "sip"}
	prefix := Service{Key: mark6, Scheduler: "wrr", Persistence: time.Minute, Netmask: 64}
	bounded := Dest{netip.MustParseAddrPort("10.0.0.1:0"), TUN, Tunnel{GUE, 6080, TunnelChecksum}, 10, 100, 50}
	plain := dest("10.0.0.1:0", TUN, 10)
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
		}, make([]error, 4), table(entry(sticky, dest("10.0.0.3:80", TUN, MaxWeight), dest("10.0.0.2:80", DR, 0), nat("10.0.0.1:80", 5)))},
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
		}, table(entry(svc(dns, "rr"), nat("10.0.0.4:53", 4), nat("10.0.0.1:53", 1)))},
		{"everything of a service can change in place", []Op{
			{EditService, Service{Key: dns, Scheduler: "sh", Persistence: time.Minute, Netmask: 0xffff0000}, Dest{}},
			{EditDest, Service{Key: dns}, dest("10.0.0.1:53", TUN, 9)},
			{DeleteDest, Service{Key: dns}, Dest{Addr: netip.MustParseAddrPort("10.0.0.4:53")}},
		}, make([]error, 3), table(entry(Service{Key: dns, Scheduler: "sh", Persistence: time.Minute, Netmask: 0xffff0000}, dest("10.0.0.1:53", TUN, 9)))},
		{"and be taken back", []Op{{EditService, svc(dns, "rr"), Dest{}}}, make([]error, 1), table(entry(svc(dns, "rr"), dest("10.0.0.1:53", TUN, 9)))},
		{"no change at all", nil, []error{}, table(entry(svc(dns, "rr"), dest("10.0.0.1:53", TUN, 9)))},
		{"a service goes with its servers", []Op{{DeleteService, Service{Key: dns}, Dest{}}}, make([]error, 1), Table{}},
		{"one mark is a service of each family, and there are SCTP and an engine", []Op{
			{AddService, svc(mark4, "rr"), Dest{}}, {AddService, prefix, Dest{}}, {AddService, svc(sctp6, "rr"), Dest{}}, {AddService, sip, Dest{}},
			{AddDest, Service{Key: mark4}, bounded}, {AddDest, Service{Key: sctp6}, dest("[2001:db8::1]:80", DR, 1)},
		}, make([]error, 6), table(entry(svc(mark4, "rr"), bounded), entry(prefix), entry(svc(sctp6, "rr"), dest("[2001:db8::1]:80", DR, 1)), entry(sip))},
		{"a tunnel and bounds are taken back, and so is an engine", []Op{
			{EditDest, Service{Key: mark4}, plain}, {EditService, svc(sip.Key, "rr"), Dest{}}, {EditService, svc(mark6, "rr"), Dest{}},
		}, make([]error, 3), table(entry(svc(mark4, "rr"), plain), entry(svc(mark6, "rr")), entry(svc(sctp6, "rr"), dest("[2001:db8::1]:80", DR, 1)), entry(svc(sip.Key, "rr")))},
		{"the newest server is the first of the list", []Op{
			{AddDest, Service{Key: mark4}, dest("10.0.0.3:0", DR, 1)}, {AddDest, Service{Key: mark4}, dest("10.0.0.2:0", DR, 1)},
			{DeleteService, Service{Key: mark6}, Dest{}}, {DeleteService, Service{Key: sip.Key}, Dest{}},
			{AddDest, Service{Key: sctp6}, dest("[2001:db8::2]:80", DR, 1)}, {EditDest, Service{Key: sctp6}, dest("[2001:db8::1]:80", DR, 2)},
		}, make([]error, 6), table(entry(svc(mark4, "rr"), dest("10.0.0.2:0", DR, 1), dest("10.0.0.3:0", DR, 1), plain),
			entry(svc(sctp6, "rr"), dest("[2001:db8::2]:80", DR, 1), dest("[2001:db8::1]:80", DR, 2)))},
		{"marks go as they came", []Op{
			{DeleteService, Service{Key: mark4}, Dest{}}, {DeleteService, Service{Key: sctp6}, Dest{}},
		}, make([]error, 2), Table{}},
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
		if d := cmp.Diff(step.want, got, inOrder); d != "" {
			t.Fatalf("%s: table (-want +got):\n%s", step.name, d)
		}
	}
}

func dest(addr string, f Forward, weight int) Dest {
	return Dest{Addr: netip.MustParseAddrPort(addr), Forward: f, Weight: weight}
}

func TestMapKernelKeepsTheContract(t *testing.T) { contract(t, newMapKernel()) }

//go:build lab

package ipvs

import (
	"fmt"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// everyKind is a virtual server of each kind that the kernel takes.
func everyKind() []VirtualServer {
	gue := Tunnel{GUE, 6080, TunnelChecksum}
	at := func(addr string, f Forward, tun Tunnel, upper, lower uint32) RealServer {
		return RealServer{Addr: netip.MustParseAddrPort(addr), Forward: f, Tunnel: tun, Weight: 5, Upper: upper, Lower: lower}
	}
	sip := Service{Key: udp("192.0.2.10:5060"), Scheduler: "rr", Persistence: time.Minute, Netmask: 0xffffff00, Engine: "sip"}
	services := []struct {
		Service
		servers []RealServer
	}{
		{svc(tcp("192.0.2.10:80"), "rr"), []RealServer{at("10.0.0.1:80", NAT, Tunnel{}, 100, 0), at("10.0.0.2:80", NAT, Tunnel{}, 100, 50)}},
		{svc(tcp("192.0.2.10:81"), "wrr"), []RealServer{at("10.0.0.1:81", TUN, gue, 0, 0), at("10.0.0.2:81", TUN, Tunnel{Kind: GRE}, 0, 0), at("10.0.0.3:81", TUN, Tunnel{}, 7, 0)}},
		{svc(tcp("192.0.2.10:82"), "wlc"), []RealServer{at("[2001:db8::1]:82", TUN, gue, 9, 0), at("10.0.0.1:82", TUN, Tunnel{}, 0, 0)}},
		{svc(udp("[2001:db8::10]:53"), "mh"), []RealServer{at("[2001:db8::2]:53", DR, Tunnel{}, 5, 3), at("[2001:db8::1]:53", DR, Tunnel{}, 0, 0)}},
		{svc(Key{Proto: SCTP, Addr: netip.MustParseAddrPort("192.0.2.10:80")}, "rr"), []RealServer{at("10.0.0.1:80", DR, Tunnel{}, 11, 0)}},
		{svc(Key{Mark: 80, Family: V4}, "rr"), []RealServer{at("10.0.0.1:0", TUN, gue, 1, 0)}},
		{svc(Key{Mark: 80, Family: V6}, "rr"), []RealServer{at("[2001:db8::1]:0", TUN, Tunnel{Kind: GRE, Flags: TunnelChecksum}, 1, 0)}},
		{sip, []RealServer{at("10.0.0.1:5060", NAT, Tunnel{}, 3, 0)}},
		{svc(tcp("192.0.2.10:83"), "rr"), []RealServer{at("127.0.0.1:83", NAT, Tunnel{}, 0, 0), at("10.0.0.1:83", NAT, Tunnel{}, 0, 0)}}, // this machine itself
	}
	var vs []VirtualServer
	for _, s := range services {
		vs = append(vs, VirtualServer{Name: s.String(), Keys: []Key{s.Key}, Service: s.Service, Servers: s.servers})
	}
	return vs
}

func TestTableReadsEveryKindAsItWasWritten(t *testing.T) {
	n := namespace(t)
	want := Desired(everyKind(), nil)
	apply(t, n, Diff(nil, want))
	second, err := Open() // has written nothing
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	for _, k := range []*Netlink{n, n, second, second} {
		got, err := k.Table()
		if err != nil {
			t.Fatal(err)
		}
		if ops := Diff(got, want); len(ops) > 0 {
			t.Errorf("what was read lacks %q", lines(ops))
		}
	}
}

// Read again and again, what is as wanted is no drift; the same read finds what somebody changes that /proc does not show.
func TestBoundsAndTunnelsAreNoDrift(t *testing.T) {
	n := namespace(t)
	e, log, _ := run(t, n, Options{Refresh: 20 * time.Millisecond}, everyKind()...)
	reads := func(times int) {
		t.Helper()
		for range times {
			last := e.Status().LastRead
			eventually(t, "another read", func() bool { return e.Status().LastRead.After(last) }, log.String)
		}
	}
	want := len(Diff(nil, Desired(everyKind(), nil)))
	eventually(t, "programmed", func() bool { return e.Status().Applied >= want }, log.String)
	reads(5)
	if s := e.Status(); s.Applied != want || s.DriftRepaired != 0 {
		t.Fatalf("%d changes and %d of drift after five reads, want %d and none\n%s", s.Applied, s.DriftRepaired, want, log)
	}
	for i, args := range [][]string{
		{"-e", "-t", "192.0.2.10:80", "-r", "10.0.0.1:80", "-m", "-w", "5", "-x", "99"},
		{"-e", "-t", "192.0.2.10:81", "-r", "10.0.0.1:81", "-i", "-w", "5"},
		{"-e", "-f", "80", "-6", "-r", "[2001:db8::1]:0", "-i", "-w", "5", "-x", "1"},
		{"-e", "-t", "192.0.2.10:83", "-r", "10.0.0.1:83", "-m", "-w", "5", "-x", "1"},
	} {
		ipvsadm(t, args...)
		eventually(t, fmt.Sprint(args, " is taken back"), func() bool { return e.Status().DriftRepaired == i+1 }, log.String)
	}
	got, err := exec.Command("ipvsadm", "-S", "-n").Output()
	if err != nil {
		t.Fatal(err)
	}
	reads(3)
	if d := cmp.Diff(string(got), ipvsadm(t, "-S", "-n")); d != "" || e.Status().Applied != want+4 {
		t.Errorf("%d changes, want %d; the table in between:\n%s", e.Status().Applied, want+4, d)
	}
}

// Beyond so many services a bound that somebody sets where none was is found within a round.
func TestTableFindsForeignBoundsAmongMany(t *testing.T) {
	n := namespace(t)
	want := Desired(thousand()[:3*dumpsPerRead-1], nil)
	apply(t, n, Diff(nil, want))
	if _, err := n.Table(); err != nil { // in the midst of a round
		t.Fatal(err)
	}
	var k Key
	for k = range want {
		break
	}
	ipvsadm(t, "-e", "-t", k.Addr.String(), "-r", "10.0.0.1:8080", "-m", "-w", "1", "-x", "9")
	var ops []Op
	for range 6 {
		got, err := n.Table()
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, Diff(got, want)...)
	}
	if len(ops) == 0 || ops[0].Service.Key != k || ops[0].Verb != EditDest {
		t.Errorf("changes %q within two rounds, want one of the bound of %s", lines(ops), k)
	}
}

package ipvs

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"testing"
)

// wrong is what a kernel refuses, why, and what an operator reads of it.
func wrong() []refusal {
	web, six := svc(tcp("192.0.2.10:80"), "rr"), svc(tcp("[2001:db8::10]:80"), "rr")
	noScheduler, noEngine, noPrefix := web, svc(udp("192.0.2.10:5060"), "rr"), six
	noScheduler.Scheduler, noEngine.Engine, noPrefix.Netmask = "foo", "foo", 0
	at := func(addr string, f Forward, tun Tunnel, weight int, upper, lower uint32) Dest {
		return Dest{netip.MustParseAddrPort(addr), f, tun, weight, upper, lower}
	}
	add := func(s Service, d Dest) Op { return Op{AddDest, Service{Key: s.Key}, d} }
	return []refusal{
		{Op{AddService, noScheduler, Dest{}}, syscall.ENOENT, `scheduler "foo" is unknown to this kernel: is module ip_vs_foo there?`},
		{Op{AddService, noEngine, Dest{}}, syscall.ENOENT,
			`scheduler "rr" or persistence engine "foo" is unknown to this kernel: are modules ip_vs_rr and ip_vs_pe_foo there?`},
		{Op{AddService, noPrefix, Dest{}}, syscall.EINVAL, "clients of IPv6 persist by a prefix of 1 to 128 bits, not 0"},
		{add(web, at("255.255.255.255:80", NAT, Tunnel{}, 1, 0, 0)), syscall.EINVAL,
			"the kernel does not take 255.255.255.255 for a host's address: is it a broadcast address, or has this machine no address yet?"},
		{add(web, at("[2001:db8::1]:80", NAT, Tunnel{}, 1, 0, 0)), syscall.EINVAL, "an ipv6 server of an ipv4 service can be reached by tun only, not by nat"},
		{add(six, at("10.0.0.1:80", DR, Tunnel{}, 1, 0, 0)), syscall.EINVAL, "an ipv4 server of an ipv6 service can be reached by tun only, not by dr"},
		{add(web, at("[ff02::1]:80", TUN, Tunnel{}, 1, 0, 0)), syscall.EINVAL,
			"the kernel does not take ff02::1 for a host's address: is it a broadcast address, or has this machine no address yet? " +
				"Or is a sync daemon running? It excludes ipv6 servers of ipv4 services."},
		{add(web, at("10.0.0.1:80", TUN, Tunnel{Kind: GUE}, 1, 0, 0)), syscall.EINVAL, "a tunnel by gue needs the UDP port of the server's end"},
		{add(web, at("10.0.0.1:80", NAT, Tunnel{}, -1, 0, 0)), syscall.ERANGE, "a weight is at least 0"},
		{add(web, at("10.0.0.1:80", NAT, Tunnel{}, 1, 5, 6)), syscall.ERANGE, "the lower bound, 6, must not be above the upper one, 5"},
		{Op{EditDest, Service{Key: tcp("192.0.2.10:99")}, nat("10.0.0.1:80", 1)}, syscall.ESRCH, "somebody else changes the same service"},
	}
}

type refusal struct {
	op   Op
	err  error
	want string
}

// What a kernel does not answer at will stands here; TestExplainFitsTheKernelsAnswers asks it for the rest.
func TestExplainSaysWhatToDo(t *testing.T) {
	o := Op{AddService, svc(Key{Proto: SCTP, Addr: tcp("192.0.2.10:80").Addr}, "rr"), Dest{}}
	const memory = "the kernel is out of memory: have fewer services and servers, or more memory"
	for _, tt := range append(wrong(),
		refusal{o, syscall.EPERM, needsAdmin},
		refusal{o, syscall.ENOMEM, memory},
		refusal{o, syscall.ENOBUFS, memory},
		refusal{o, syscall.EPROTONOSUPPORT, "this kernel does not balance sctp"},
		refusal{o, syscall.EAFNOSUPPORT, "this kernel's IPVS knows no IPv6: it needs CONFIG_IP_VS_IPV6, and IPv6 not disabled"},
	) {
		err := explain(tt.op, os.NewSyscallError("netlink", tt.err))
		want := fmt.Sprintf("%s: %s (netlink: %s)", tt.op, tt.want, tt.err)
		if err.Error() != want || !errors.Is(err, tt.err) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if err := explain(o, ErrUnconfirmed); !errors.Is(err, ErrUnconfirmed) {
		t.Errorf("error %v, want one that is %v", err, ErrUnconfirmed)
	}
}

func TestExplainReadSaysWhatToDo(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{os.NewSyscallError("netlink", syscall.EPERM), needsAdmin + " (netlink: operation not permitted)"},
		{os.NewSyscallError("netlink", syscall.ENOBUFS), "netlink: no buffer space available"},
		{ErrNoIPVS, ErrNoIPVS.Error()},
	} {
		if err := explainRead(tt.err); err.Error() != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
}

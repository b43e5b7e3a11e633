package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/conf"
	"github.com/govrrpd/govrrpd/ipvs"
)

func TestForwardingIsOffOnlyWhereNoInterfaceForwards(t *testing.T) {
	for name, tt := range map[string]struct {
		files            map[string]string
		closed4, closed6 bool
	}{
		"no settings at all": {},
		"off":                {map[string]string{"ipv4/conf/all": "0", "ipv4/conf/lo": "0", "ipv4/conf/eth0": "0", "ipv6/conf/all": "0"}, true, true},
		"on":                 {map[string]string{"ipv4/conf/all": "1", "ipv4/conf/eth0": "1", "ipv6/conf/all": "1"}, false, false},
		"one interface only": {map[string]string{"ipv4/conf/all": "0", "ipv4/conf/eth0": "0", "ipv4/conf/eth1": "1"}, false, false},
		"lo alone":           {map[string]string{"ipv4/conf/lo": "1", "ipv4/conf/default": "1", "ipv4/conf/all": "1", "ipv4/conf/eth0": "0"}, true, false},
		"IPv6 of an interface is that of a host or a router, and does not forward": {map[string]string{"ipv6/conf/all": "0", "ipv6/conf/eth0": "1"}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := passage{netSysctlsRoot: t.TempDir()}
			for folder, value := range tt.files {
				writeSysctl(t, filepath.Join(p.netSysctlsRoot, folder), "forwarding", value)
			}
			p.check(t, tt.closed4, tt.closed6)
		})
	}
	t.Run("IPv6 forced on an interface", func(t *testing.T) {
		p := passage{netSysctlsRoot: t.TempDir()}
		writeSysctl(t, filepath.Join(p.netSysctlsRoot, "ipv6/conf/all"), "forwarding", "0")
		writeSysctl(t, filepath.Join(p.netSysctlsRoot, "ipv6/conf/eth1"), "force_forwarding", "1")
		p.check(t, false, false)
	})
}

func writeSysctl(t *testing.T, folder, name, value string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name), []byte(value+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p passage) check(t *testing.T, closed4, closed6 bool) {
	t.Helper()
	p.readFrom()
	if p.closed4 != closed4 || p.closed6 != closed6 {
		t.Errorf("closed for IPv4 %t, IPv6 %t, want %t, %t", p.closed4, p.closed6, closed4, closed6)
	}
}

func TestServersBehindNATNeedForwarding(t *testing.T) {
	server := func(f ipvs.Forward, at string) ipvs.RealServer {
		return ipvs.RealServer{Forward: f, Addr: netip.MustParseAddrPort(at)}
	}
	virtual := func(name string, servers ...ipvs.RealServer) ipvs.VirtualServer {
		return ipvs.VirtualServer{Name: name, Servers: servers}
	}
	away := virtual("away", server(ipvs.NAT, "10.0.0.11:80"))
	sorry := virtual("sorry", server(ipvs.DR, "10.0.0.11:80"))
	sorry.Sorry = &ipvs.Dest{Forward: ipvs.NAT, Addr: netip.MustParseAddrPort("10.0.0.99:80")}
	direct := virtual("direct", server(ipvs.DR, "10.0.0.11:80"), server(ipvs.TUN, "[2001:db8::11]:80"))
	here := virtual("here", server(ipvs.NAT, "127.0.0.1:80"), server(ipvs.NAT, "10.0.0.2:80"), server(ipvs.NAT, "[::1]:80"))
	six := virtual("six", server(ipvs.NAT, "[2001:db8::11]:80"))
	const (
		off4 = `: servers by forward = "nat" answer through this host, which forwards no IPv4 packet: set net.ipv4.ip_forward = 1`
		off6 = `: servers by forward = "nat" answer through this host, which forwards no IPv6 packet: set net.ipv6.conf.all.forwarding = 1`
	)
	for name, tt := range map[string]struct {
		services         []ipvs.VirtualServer
		closed4, closed6 bool
		want             []string
	}{
		"all is open":                           {[]ipvs.VirtualServer{away, six}, false, false, nil},
		"one":                                   {[]ipvs.VirtualServer{direct, away, here}, true, true, []string{`virtual_server "away"` + off4}},
		"several":                               {[]ipvs.VirtualServer{away, sorry, six, away}, true, false, []string{`virtual_server "away" and 2 others` + off4}},
		"both families":                         {[]ipvs.VirtualServer{away, six}, true, true, []string{`virtual_server "away"` + off4, `virtual_server "six"` + off6}},
		"the sorry server":                      {[]ipvs.VirtualServer{sorry}, true, false, []string{`virtual_server "sorry"` + off4}},
		"those that answer by themselves, here": {[]ipvs.VirtualServer{direct, here}, true, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := passage{local: addrSet{netip.MustParseAddr("10.0.0.2"): {}}, closed4: tt.closed4, closed6: tt.closed6}
			if diff := cmp.Diff(tt.want, p.warnings(&conf.Config{Services: tt.services})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

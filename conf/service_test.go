package conf

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/ipvs"
)

// TestServicesOfEveryKind: what a virtual_server says arrives as the entry of the kernel's table that it stands for.
func TestServicesOfEveryKind(t *testing.T) {
	one := func(k ipvs.Key) ipvs.Service {
		return ipvs.Service{Key: k, Scheduler: "wlc", Netmask: ipvs.SingleClient(k.AF())}
	}
	with := func(s ipvs.Service, change func(*ipvs.Service)) ipvs.Service {
		change(&s)
		return s
	}
	v4, v6 := ipvs.Key{Proto: ipvs.UDP, Addr: at("192.0.2.10:80")}, ipvs.Key{Proto: ipvs.SCTP, Addr: at("[2001:db8::10]:80")}
	sticky := func(m ipvs.Netmask) func(*ipvs.Service) {
		return func(s *ipvs.Service) { s.Persistence, s.Netmask = time.Minute, m }
	}
	const udp = `address = "192.0.2.10:80"
  protocol = "udp"
  `
	for text, want := range map[string]ipvs.Service{
		"fwmark = 80": one(ipvs.Key{Mark: 80, Family: ipvs.V4}),
		"fwmark = 4294967295\n  family = \"ipv6\"":               one(ipvs.Key{Mark: 1<<32 - 1, Family: ipvs.V6}),
		"address = \"[2001:db8::10]:80\"\n  protocol = \"sctp\"": one(v6),
		udp:                       one(v4),
		udp + "one_packet = true": with(one(v4), func(s *ipvs.Service) { s.Flags = 0x4 }),
		udp + "scheduler = \"sh\"\n  scheduler_flags = [\"sh-port\", \"sh-fallback\"]": with(one(v4), func(s *ipvs.Service) { s.Scheduler, s.Flags = "sh", 0x18 }),
		udp + "scheduler = \"mh\"\n  scheduler_flags = [\"mh-fallback\"]":              with(one(v4), func(s *ipvs.Service) { s.Scheduler, s.Flags = "mh", 0x8 }),
		udp + `persistence {
    timeout = "60s"
    netmask = "255.0.255.0"
    engine  = "sip"
  }`: with(with(one(v4), sticky(0xff00ff00)), func(s *ipvs.Service) { s.Engine = "sip" }),
		"fwmark = 1\n  family = \"ipv6\"\n  persistence {\n    timeout = \"60s\"\n    prefix = 64\n  }":        with(one(ipvs.Key{Mark: 1, Family: ipvs.V6}), sticky(64)),
		"address = \"192.0.2.10:0\"\n  persistence { timeout = \"60s\" }":                                      with(one(ipvs.Key{Proto: ipvs.TCP, Addr: at("192.0.2.10:0")}), sticky(1<<32-1)),
		"address = \"[2001:db8::10]:0\"\n  protocol = \"sctp\"\n  persistence {\n    timeout = \"60s\"\n\n  }": with(one(ipvs.Key{Proto: ipvs.SCTP, Addr: at("[2001:db8::10]:0")}), sticky(128)),
	} {
		c := mustLoad(t, nil, file(t, fmt.Sprintf("virtual_server \"a\" {\n  %s\n}\n", text)))
		got := c.Services[0].Service
		got.Key = c.Services[0].Keys[0]
		if d := cmp.Diff(want, got, domain); d != "" {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
	}
}

// TestServersSayTheirOwnAndTakeTheRestFromTheService: forward, tunnel and thresholds.
func TestServersSayTheirOwnAndTakeTheRestFromTheService(t *testing.T) {
	c := mustLoad(t, nil, file(t, `
virtual_server "a" {
  address         = "192.0.2.10:80"
  forward         = "tun"
  upper_threshold = 100
  lower_threshold = 50
  tunnel {
    type     = "gue"
    port     = 6080
    checksum = "remote"
  }
  real_server "10.0.0.1:80" {}
  real_server "[2001:db8::2]:80" {
    upper_threshold = 70
    tunnel {
      type     = "gre"
      checksum = "full"
    }
  }
  real_server "10.0.0.3:8080" {
    forward         = "nat"
    lower_threshold = 0
    weight          = 0
  }
  sorry_server "10.0.0.4:80" { upper_threshold = 7 }
}
virtual_server "b" {
  fwmark = 7
  real_server "10.0.0.1" {}
  real_server "10.0.0.2:0" { forward = "dr" }
  real_server "10.0.0.3:80" {}
}
virtual_server "c" {
  fwmark = 7
  family = "ipv6"
  real_server "2001:db8::1" {}
  real_server "[2001:db8::2]" {}
  real_server "[2001:db8::3]:0" {}
  real_server "2001:db8::4:0" {}
  real_server "[2001:db8::5]:80" {}
}
`))
	gue := ipvs.Tunnel{Kind: ipvs.GUE, Port: 6080, Flags: ipvs.TunnelRemoteChecksum}
	want := []ipvs.RealServer{
		{Addr: at("10.0.0.1:80"), Forward: ipvs.TUN, Tunnel: gue, Weight: 1, Upper: 100, Lower: 50},
		{Addr: at("[2001:db8::2]:80"), Forward: ipvs.TUN, Tunnel: ipvs.Tunnel{Kind: ipvs.GRE, Flags: ipvs.TunnelChecksum}, Weight: 1, Upper: 70, Lower: 50},
		{Addr: at("10.0.0.3:8080"), Forward: ipvs.NAT, Upper: 100},
		{Addr: at("10.0.0.1:0"), Weight: 1}, {Addr: at("10.0.0.2:0"), Forward: ipvs.DR, Weight: 1}, {Addr: at("10.0.0.3:80"), Weight: 1},
		{Addr: at("[2001:db8::1]:0"), Weight: 1}, {Addr: at("[2001:db8::2]:0"), Weight: 1}, {Addr: at("[2001:db8::3]:0"), Weight: 1},
		{Addr: at("[2001:db8::4:0]:0"), Weight: 1}, {Addr: at("[2001:db8::5]:80"), Weight: 1},
	}
	var got []ipvs.RealServer
	for _, s := range c.Services {
		got = append(got, s.Servers...)
	}
	if d := cmp.Diff(want, got, domain); d != "" {
		t.Errorf("servers (-want +got):\n%s", d)
	}
	sorry := ipvs.Dest{Addr: at("10.0.0.4:80"), Forward: ipvs.TUN, Tunnel: gue, Weight: 1, Upper: 7}
	if d := cmp.Diff(&sorry, c.Services[0].Sorry, domain); d != "" {
		t.Errorf("sorry server (-want +got):\n%s", d)
	}
}

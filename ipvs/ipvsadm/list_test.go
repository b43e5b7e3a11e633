package ipvsadm

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/ipvs"
)

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func service(k ipvs.Key, scheduler string, edit ...func(*ipvs.Service)) ipvs.Service {
	s := ipvs.Service{Key: k, Scheduler: scheduler, Netmask: ipvs.SingleClient(k.AF())}
	for _, f := range edit {
		f(&s)
	}
	return s
}

func persistent(seconds int, mask ipvs.Netmask) func(*ipvs.Service) {
	return func(s *ipvs.Service) {
		s.Persistence, s.Netmask = time.Duration(seconds)*time.Second, mask
	}
}

func flags(f uint32) func(*ipvs.Service) { return func(s *ipvs.Service) { s.Flags = f } }

func sip(s *ipvs.Service) { s.Engine = "sip" }

func tcp(a string) ipvs.Key { return ipvs.Key{Proto: ipvs.TCP, Addr: addr(a)} }

func server(a string, f ipvs.Forward, weight int, tunnel ipvs.Tunnel) ipvs.ListedServer {
	return ipvs.ListedServer{Dest: ipvs.Dest{Addr: addr(a), Forward: f, Weight: weight, Tunnel: tunnel}}
}

// sample is a table in the kernel's order of which ipvsadm 1.31 printed what the tests want.
func sample() []ipvs.Listed {
	busy := server("10.0.0.1:8080", ipvs.NAT, 10, ipvs.Tunnel{})
	busy.Dest.Upper, busy.Dest.Lower = 100, 50
	busy.Load = ipvs.Load{Active: 3, Inactive: 12, Persistent: 2}
	return []ipvs.Listed{
		{Service: service(ipvs.Key{Proto: ipvs.UDP, Addr: addr("192.0.2.10:53")}, "rr", flags(4)), Servers: []ipvs.ListedServer{
			server("10.0.0.4:53", ipvs.TUN, 1, ipvs.Tunnel{Kind: ipvs.GUE, Port: 6080, Flags: ipvs.TunnelRemoteChecksum}),
			server("10.0.0.3:53", ipvs.TUN, 1, ipvs.Tunnel{Kind: ipvs.GRE, Flags: ipvs.TunnelChecksum}),
			server("10.0.0.2:53", ipvs.TUN, 1, ipvs.Tunnel{Kind: ipvs.GUE, Port: 6080}),
			server("10.0.0.1:53", ipvs.NAT, 1, ipvs.Tunnel{}),
		}},
		{Service: service(tcp("192.0.2.10:80"), "wlc"), Servers: []ipvs.ListedServer{server("10.0.0.2:8080", ipvs.NAT, 65535, ipvs.Tunnel{}), busy}},
		{Service: service(tcp("192.0.2.10:443"), "sh", persistent(300, 0xffffff00), flags(0x18)), Servers: []ipvs.ListedServer{server("10.0.0.1:443", ipvs.DR, 1, ipvs.Tunnel{})}},
		{Service: service(tcp("192.0.2.11:80"), "rr", flags(0x28))},
		{Service: service(ipvs.Key{Proto: ipvs.UDP, Addr: addr("192.0.2.10:5060")}, "rr", persistent(60, 0xffffffff), sip)},
		{Service: service(ipvs.Key{Proto: ipvs.SCTP, Addr: addr("192.0.2.10:3868")}, "mh", flags(0x18))},
		{Service: service(tcp("[2001:db8::10]:80"), "rr"), Servers: []ipvs.ListedServer{
			server("10.0.0.1:80", ipvs.TUN, 1, ipvs.Tunnel{}), server("[2001:db8::1]:80", 1, 1, ipvs.Tunnel{}),
			server("[2001:db8:1111:2222:3333:4444:5555:6666]:65535", ipvs.NAT, 1, ipvs.Tunnel{})}},
		{Service: service(ipvs.Key{Mark: 1, Family: ipvs.V6}, "wrr", persistent(10, 64))},
		{Service: service(ipvs.Key{Mark: 5, Family: ipvs.V4}, "wrr", persistent(10, 0xffffffff))},
		{Service: service(ipvs.Key{Mark: 0xffffffff, Family: ipvs.V4}, "rr")},
	}
}

func printed(f Form, list []ipvs.Listed) string {
	var out strings.Builder
	WriteTitle(&out, ipvs.Info{Version: "1.2.1", TableSize: 4096})
	f.WriteHeadings(&out)
	for _, l := range list {
		f.WriteService(&out, l)
	}
	return out.String()
}

func TestListIsThatOfIpvsadm(t *testing.T) {
	list := sample()
	Sort(list)
	for _, tt := range []struct {
		name string
		form Form
		want string
	}{
		{"-Ln", Form{}, `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
FWM  -1 rr
TCP  192.0.2.10:80 wlc
  -> 10.0.0.1:8080                Masq    10     3          12        
  -> 10.0.0.2:8080                Masq    65535  0          0         
TCP  192.0.2.10:443 sh (sh-fallback,sh-port) persistent 300 mask 255.255.255.0
  -> 10.0.0.1:443                 Route   1      0          0         
TCP  192.0.2.11:80 rr (flag-1,flag-3)
UDP  192.0.2.10:53 rr ops
  -> 10.0.0.1:53                  Masq    1      0          0         
  -> 10.0.0.2:53                  Tunnel  1      0          0         
  -> 10.0.0.3:53                  Tunnel  1      0          0         
  -> 10.0.0.4:53                  Tunnel  1      0          0         
UDP  192.0.2.10:5060 rr persistent 60 pe sip
SCTP 192.0.2.10:3868 mh (mh-fallback,mh-port)
TCP  [2001:db8::10]:80 rr
  -> 10.0.0.1:80                  Tunnel  1      0          0         
  -> [2001:db8::1]:80             Local   1      0          0         
  -> [2001:db8:1111:2222:3333:4444:5555:6666]:65535 Masq    1      0          0         
FWM  1 IPv6 wrr persistent 10 mask 64
FWM  5 wrr persistent 10
`},
		{"-Ln --tun-info, UDP", Form{Columns: TunInfo}, `Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn
UDP  192.0.2.10:53 rr ops
  -> 10.0.0.1:53                  Masq    n/a           1      0          0         
  -> 10.0.0.2:53                  Tunnel  gue:6080:-c   1      0          0         
  -> 10.0.0.3:53                  Tunnel  gre:+c        1      0          0         
  -> 10.0.0.4:53                  Tunnel  gue:6080:r+c  1      0          0         
`},
		{"-Ln --thresholds, TCP", Form{Columns: Thresholds}, `Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn 
  -> RemoteAddress:Port
TCP  192.0.2.10:80 wlc
  -> 10.0.0.1:8080                100        50         3          12        
  -> 10.0.0.2:8080                0          0          0          0         
`},
		{"-Ln --persistent-conn, TCP", Form{Columns: PersistentConns}, `Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn 
  -> RemoteAddress:Port
TCP  192.0.2.10:80 wlc
  -> 10.0.0.1:8080                10        2           3          12        
  -> 10.0.0.2:8080                65535     0           0          0         
`},
		{"-Ln --stats, TCP over IPv6", Form{Columns: Statistics}, `Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  [2001:db8::10]:80                   0        0        0        0        0
  -> 10.0.0.1:80                         0        0        0        0        0
  -> [2001:db8::1]:80                    0        0        0        0        0
  -> [2001:db8:1111:2222:3333:4444:5555:6666]:65535        0        0        0        0        0
`},
		{"-Ln --rate, mark", Form{Columns: Rate}, `Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS
  -> RemoteAddress:Port
FWM  1 IPv6                              0        0        0        0        0
`},
	} {
		of := list
		if _, what, one := strings.Cut(tt.name, ", "); one {
			i := map[string]int{"TCP": 1, "UDP": 4, "TCP over IPv6": 7, "mark": 8}[what]
			of = list[i : i+1]
		}
		got := printed(tt.form, of)
		if len(of) == 1 {
			_, got, _ = strings.Cut(got, "\n")
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

func TestCountersAreThoseOfIpvsadm(t *testing.T) {
	for _, tt := range []struct {
		n    uint64
		want string
	}{
		{0, "        0"}, {9999999, "  9999999"}, {99999999, " 99999999"}, {100000000, "  100000K"}, {123456789, "  123456K"}, {999999999, "  999999K"},
		{1000000000, "    1000M"}, {12345678901, "   12345M"}, {99999999999, "   99999M"}, {100000000000, "     100G"}, {99999999999999, "   99999G"},
		{100000000000000, "     100T"}, {12345678901234567, "   12345T"}, {18446744073709551615, "18446744T"},
	} {
		if got := (Form{}).counter(tt.n); got != tt.want {
			t.Errorf("%d: %q, want %q", tt.n, got, tt.want)
		}
	}
	stats := ipvs.Stats{Connections: 18446744073709551615, InPackets: 2, OutPackets: 100000000, InBytes: 4, OutBytes: 5}
	rates := ipvs.Rates{Connections: 6, InPackets: 7, OutPackets: 8, InBytes: 9, OutBytes: 100000000000}
	if got, want := (Form{Columns: Statistics, Exact: true}).counters(stats, rates), " 18446744073709551615        2 100000000        4        5"; got != want {
		t.Errorf("--stats --exact: %q, want %q", got, want)
	}
	if got, want := (Form{Columns: Rate}).counters(stats, rates), "        6        7        8        9     100G"; got != want {
		t.Errorf("--rate: %q, want %q", got, want)
	}
}

// ipvsadm's order of these was seen, from a kernel that had them in the order of the list.
func TestOrderIsThatOfIpvsadm(t *testing.T) {
	var servers []ipvs.ListedServer
	for _, a := range []string{"192.0.2.254:80", "10.0.0.7:80", "[1001:db8:6:a000::9]:8080", "[1001:db8:6:9::9]:8080", "[1001:db8:6::9]:8080",
		"[a001:db8:6::9]:8080", "[9001:db8:6::9]:8080", "[2001:db8:6::9]:8080"} {
		servers = append(servers, server(a, ipvs.TUN, 1, ipvs.Tunnel{}))
	}
	list := []ipvs.Listed{{Service: service(tcp("[2001:db8::10]:80"), "wlc"), Servers: servers}}
	Sort(list)
	var got []string
	for _, s := range list[0].Servers {
		got = append(got, s.Dest.Addr.String())
	}
	want := []string{"[a001:db8:6::9]:8080", "192.0.2.254:80", "10.0.0.7:80", "[1001:db8:6::9]:8080", "[1001:db8:6:9::9]:8080", "[1001:db8:6:a000::9]:8080",
		"[2001:db8:6::9]:8080", "[9001:db8:6::9]:8080"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("servers (-want +got):\n%s", d)
	}
}

func TestRulesAreThoseOfIpvsadm(t *testing.T) {
	list := sample()
	Sort(list)
	list = append(list, ipvs.Listed{Service: service(ipvs.Key{Proto: ipvs.UDP, Addr: addr("192.0.2.12:80")}, "mh", persistent(60, 0xff00ff00), sip, flags(0x14))})
	const want = `-A -f -1 -s rr
-A -t 192.0.2.10:80 -s wlc
-a -t 192.0.2.10:80 -r 10.0.0.1:8080 -m -w 10 -x 100 -y 50
-a -t 192.0.2.10:80 -r 10.0.0.2:8080 -m -w 65535
-A -t 192.0.2.10:443 -s sh -p 300 -M 255.255.255.0 -b sh-fallback,sh-port
-a -t 192.0.2.10:443 -r 10.0.0.1:443 -g -w 1
-A -t 192.0.2.11:80 -s rr -b flag-1,flag-3
-A -u 192.0.2.10:53 -s rr -o
-a -u 192.0.2.10:53 -r 10.0.0.1:53 -m -w 1
-a -u 192.0.2.10:53 -r 10.0.0.2:53 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum
-a -u 192.0.2.10:53 -r 10.0.0.3:53 -i -w 1 --tun-type gre --tun-csum
-a -u 192.0.2.10:53 -r 10.0.0.4:53 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum
-A -u 192.0.2.10:5060 -s rr -p 60 --pe sip
-A --sctp-service 192.0.2.10:3868 -s mh -b mh-fallback,mh-port
-A -t [2001:db8::10]:80 -s rr
-a -t [2001:db8::10]:80 -r 10.0.0.1:80 -i -w 1 --tun-type ipip
-a -t [2001:db8::10]:80 -r [2001:db8::1]:80 -g -w 1
-a -t [2001:db8::10]:80 -r [2001:db8:1111:2222:3333:4444:5555:6666]:65535 -m -w 1
-A -f 1 -6 -s wrr -p 10 -M 64
-A -f 5 -s wrr -p 10
-A -u 192.0.2.12:80 -s mh -p 60 -M 255.0.255.0 --pe sip -o -b mh-port
`
	for bounds, want := range map[bool]string{true: want, false: strings.Replace(want, " -x 100 -y 50", "", 1)} {
		var got strings.Builder
		for _, l := range list {
			WriteRules(&got, l, Names{}, bounds)
		}
		if d := cmp.Diff(want, got.String()); d != "" {
			t.Errorf("bounds %v (-want +got):\n%s", bounds, d)
		}
	}
}

func TestNamesStandInForNumbers(t *testing.T) {
	names := Names{
		Host: func(a netip.Addr) string {
			return map[string]string{"192.0.2.10": "www.example.com", "2001:db8::10": "v6.www.example.com", "10.0.0.1": "rs1"}[a.String()]
		},
		Port: func(p ipvs.Proto, port uint16) string {
			if p == ipvs.TCP && port == 80 {
				return "http"
			}
			return ""
		},
	}
	var got strings.Builder
	list := sample()
	for _, i := range []int{1, 4, 6} {
		WriteRules(&got, list[i], names, false)
	}
	const want = `-A -t www.example.com:http -s wlc
-a -t www.example.com:http -r 10.0.0.2:8080 -m -w 65535
-a -t www.example.com:http -r rs1:8080 -m -w 10
-A -u www.example.com:5060 -s rr -p 60 --pe sip
-A -t [v6.www.example.com]:http -s rr
-a -t [v6.www.example.com]:http -r rs1:http -i -w 1 --tun-type ipip
-a -t [v6.www.example.com]:http -r [2001:db8::1]:http -g -w 1
-a -t [v6.www.example.com]:http -r [2001:db8:1111:2222:3333:4444:5555:6666]:65535 -m -w 1
`
	if d := cmp.Diff(want, got.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestConnectionsTimeoutsAndDaemonsAreThoseOfIpvsadm(t *testing.T) {
	conn := func(protocol string, p ipvs.Proto, client, service, server, state string, seconds int) ipvs.Connection {
		return ipvs.Connection{Conn: ipvs.Conn{Proto: p, Client: addr(client), Service: addr(service), Server: addr(server)}, Protocol: protocol, State: state,
			Expires: time.Duration(seconds) * time.Second}
	}
	call := conn("UDP", ipvs.UDP, "198.51.100.9:35626", "192.0.2.10:5060", "10.0.0.1:5060", "UDP", 59)
	call.Engine, call.EngineData = "sip", "1234@host"
	conns := []ipvs.Connection{
		conn("TCP", ipvs.TCP, "198.51.100.9:0", "192.0.2.10:81", "10.0.0.1:8080", "ASSURED", 99),
		conn("TCP", ipvs.TCP, "[2001:db8:5::9]:39402", "[2001:db8::10]:80", "[2001:db8:6::9]:8080", "ESTABLISHED", 899),
		conn("IP", 0, "198.51.100.9:0", "0.0.0.5:0", "10.0.0.1:0", "NONE", 3661),
		conn("SCTP", ipvs.SCTP, "198.51.100.9:35626", "192.0.2.10:3868", "10.0.0.1:3868", "ESTABLISHED", 99999),
		conn("IP_47", 0, "198.51.100.9:35626", "192.0.2.10:3868", "10.0.0.1:3868", "BAD", 999999),
		call,
	}
	const want = `IPVS connection entries
pro expire state       source             virtual            destination
TCP 01:39  ASSURED     198.51.100.9:0     192.0.2.10:81      10.0.0.1:8080
TCP 14:59  ESTABLISHED [2001:db8:5::9]:39402 [2001:db8::10]:80  [2001:db8:6::9]:8080
IP  61:01  NONE        198.51.100.9:0     0.0.0.5:0          10.0.0.1:0
SCTP 1666:39 ESTABLISHED 198.51.100.9:35626 192.0.2.10:3868    10.0.0.1:3868
IP_47 16666:39 BAD         198.51.100.9:35626 192.0.2.10:3868    10.0.0.1:3868
UDP 00:59  UDP         198.51.100.9:35626 192.0.2.10:5060    10.0.0.1:5060
`
	engines := strings.Replace(want, "destination\n", "destination        pe name          pe_data\n", 1)
	engines = strings.Replace(engines, "10.0.0.1:5060\n", "10.0.0.1:5060    sip                1234@host\n", 1)
	for withEngines, want := range map[bool]string{false: want, true: engines} {
		var got strings.Builder
		WriteConnHeadings(&got, withEngines)
		for _, c := range conns {
			WriteConn(&got, c, Names{}, withEngines)
		}
		if d := cmp.Diff(want, got.String()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
	var got strings.Builder
	WriteTimeouts(&got, ipvs.Timeouts{TCP: 15 * time.Minute, FIN: 2 * time.Minute, UDP: 5 * time.Minute})
	WriteDaemon(&got, ipvs.Daemon{State: ipvs.SyncMaster, Interface: "s", ID: 3, MaxLen: 1472, Group: netip.MustParseAddr("224.0.0.81"), Port: 8848, TTL: 1})
	if want := "Timeout (tcp tcpfin udp): 900 120 300\nmaster sync daemon (mcast=s, syncid=3, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)\n"; got.String() != want {
		t.Errorf("%q, want %q", got.String(), want)
	}
}

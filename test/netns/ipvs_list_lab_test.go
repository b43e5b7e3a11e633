//go:build lab

package netns_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/test/netns"
)

// listedRules is a table with something of everything that a list can show.
const listedRules = `-A -t 192.0.2.10:80 -s wlc
-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 3 -x 100 -y 50
-a -t 192.0.2.10:80 -r 10.0.0.12:8080 -m -w 0
-A -t 192.0.2.10:443 -s sh -b sh-port,sh-fallback -p 360 -M 255.255.255.0
-a -t 192.0.2.10:443 -r 10.0.0.11:443 -g -w 65535
-A -t [2001:db8::10]:443 -s mh -b mh-port -p 60 -M 64
-a -t [2001:db8::10]:443 -r [2001:db8::11]:443 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum
-a -t [2001:db8::10]:443 -r [2001:db8::12]:443 -i -w 1 --tun-type gre --tun-nocsum
-a -t [2001:db8::10]:443 -r [2001:db8::13]:443 -i -w 1
-A -u 192.0.2.10:53 -s rr -o
-a -u 192.0.2.10:53 -r 10.0.0.13:53 -m -w 1
-A -u 192.0.2.10:7200 -s rr
-a -u 192.0.2.10:7200 -r 10.0.0.11:7200 -m -w 1
-a -u 192.0.2.10:7200 -r 10.0.0.12:7200 -m -w 1
-A -u 192.0.2.10:5060 -s rr -p 120 --pe sip
-a -u 192.0.2.10:5060 -r 10.0.0.11:5060 -m -w 1
-A --sctp-service 192.0.2.10:2905 -s wrr
-a --sctp-service 192.0.2.10:2905 -r 10.0.0.11:2905 -m -w 5
-A -f 80 -s rr -p 300
-a -f 80 -r 10.0.0.11:0 -g -w 1
-A -f 80 -6 -s rr
-a -f 80 -6 -r [2001:db8::11]:0 -g -w 1
-A -f 4294967295 -s dh
-A -t 100.64.0.1:80 -s rr
-A -t 10.9.9.9:80 -s rr
`

// TestIPVSCommandPrintsWhatIpvsadmPrints: each command, byte for byte, of the same table with connections.
func TestIPVSCommandPrintsWhatIpvsadmPrints(t *testing.T) {
	site := newSinks(t)
	lb := site.LB1
	ours := []string{site.Program(), "ipvs"}
	if out, err := lb.Run(append(ours, "list", "-t", "192.0.2.10:80")...); err == nil || !strings.Contains(out, "table is empty") {
		t.Errorf("a service of an empty table: %v\n%s", err, out)
	}
	for line := range strings.Lines(listedRules) {
		lb.MustRun(append([]string{"ipvsadm"}, strings.Fields(line)...)...)
	}
	lb.MustRun("ipvsadm", "--set", "800", "70", "250")
	lb.MustRun("ipvsadm", "--start-daemon", "master", "--mcast-interface", "inside", "--syncid", "7", "--sync-maxlen", "1400")
	lb.MustRun("ipvsadm", "--start-daemon", "backup", "--mcast-interface", "inside", "--syncid", "9", "--mcast-group", "239.1.2.3", "--mcast-port", "9000", "--mcast-ttl", "3")
	site.Client.Volley(netip.MustParseAddrPort("192.0.2.10:7200"), netns.Clients(clientsPrefix, 40), firstPort)
	site.Client.VolleyTCP(netip.MustParseAddrPort("192.0.2.10:443"), netns.Clients(clientsPrefix, 5), firstPort)

	for _, pair := range [][2]string{
		{"-L -n", "list -n"},
		{"-L", "list"},
		{"-L -n --nosort", "list -n --nosort"},
		{"-L -n --stats", "list -n --stats"},
		{"-L -n --stats", "stats -n"},
		{"-L -n --stats --exact", "stats -n --exact"},
		{"-L -n --rate", "list -n --rate"},
		{"-L -n --rate", "stats -n --rate"},
		{"-L -n --thresholds", "list -n --thresholds"},
		{"-L -n --persistent-conn", "list -n --persistent-conn"},
		{"-L -n --tun-info", "list -n --tun-info"},
		{"-L -n -t 192.0.2.10:80", "list -n -t 192.0.2.10:80"},
		{"-L -n -t [2001:db8::10]:443", "list -n -t [2001:db8::10]:443"},
		{"-L -n -u 192.0.2.10:53", "list -n -u 192.0.2.10:53"},
		{"-L -n --sctp-service 192.0.2.10:2905", "list -n --sctp-service 192.0.2.10:2905"},
		{"-L -n -f 80", "list -n -f 80"},
		{"-L -n -f 80 -6", "list -n -f 80 -6"},
		{"-S -n", "list -n --rules"},
		{"-S", "list --rules"},
		{"-L -c -n", "conns -n"},
		{"-L -c -n --persistent-conn", "conns -n --persistent-conn"},
		{"-L --timeout", "timeouts"},
		{"-L --daemon", "daemons"},
	} {
		theirs := append([]string{"ipvsadm"}, strings.Fields(pair[0])...)
		mine := append(append([]string{}, ours...), strings.Fields(pair[1])...)
		// Seconds go by and the kernel's estimates change between two looks, so there are as many as it takes.
		site.WaitNone(settle, pair[1]+" to be as ipvsadm "+pair[0]+" (-ipvsadm +ours)", func() string {
			return cmp.Diff(lb.MustRun(theirs...), lb.MustRun(mine...))
		})
	}
	listedAsJSON(t, lb, ours)
}

// listedAsJSON compares what is printed for programs with what was made.
func listedAsJSON(t *testing.T, lb *netns.Node, ours []string) {
	t.Helper()
	read := func(v any, args ...string) {
		t.Helper()
		if err := json.Unmarshal([]byte(lb.MustRun(append(append([]string{}, ours...), args...)...)), v); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
	}
	var table struct {
		Services []struct {
			Protocol, Address, Family, Scheduler string
			Mark                                 uint32
			Stats                                struct{ Connections uint64 }
			Servers                              []struct {
				Address, Forward string
				Weight           int
				Upper            int `json:"upper_threshold"`
			} `json:"real_servers"`
		}
	}
	read(&table, "list", "-o", "json", "-t", "192.0.2.10:80")
	if got, want := fmt.Sprint(table.Services), "[{tcp 192.0.2.10:80 ipv4 wlc 0 {0} [{10.0.0.11:8080 nat 3 100} {10.0.0.12:8080 nat 0 0}]}]"; got != want {
		t.Errorf("list -o json -t 192.0.2.10:80: %s, want %s", got, want)
	}
	read(&table, "stats", "-o", "json", "-u", "192.0.2.10:7200")
	if len(table.Services) != 1 || table.Services[0].Stats.Connections != 40 {
		t.Errorf("stats -o json: %+v, want 40 connections", table.Services)
	}
	var total struct{ Stats struct{ Connections uint64 } }
	read(&total, "stats", "--total", "-o", "json")
	if total.Stats.Connections < 45 {
		t.Errorf("stats --total -o json: %+v, want at least 45 connections", total)
	}
	conns := strings.Count(lb.MustRun(append(append([]string{}, ours...), "conns", "-o", "json")...), `"service":"192.0.2.10:7200"`)
	if conns != 40 {
		t.Errorf("conns -o json has %d connections to 192.0.2.10:7200, want 40", conns)
	}
	var timeouts struct {
		TCP int `json:"tcp_seconds"`
	}
	read(&timeouts, "timeouts", "-o", "json")
	if timeouts.TCP != 800 {
		t.Errorf("timeouts -o json: tcp %d, want 800", timeouts.TCP)
	}
}

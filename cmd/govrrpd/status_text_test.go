package main

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/checkers/bfd"
	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/vrrp"
)

var update = flag.Bool("update", false, "write the golden files")

func exampleStatus(now time.Time) Status {
	vip := netip.MustParsePrefix("192.0.2.10/24")
	return Status{
		Director: DirectorStatus{RouterID: "lb1", Version: "v1.0", PID: 101, Config: "/etc/govrrpd", LoadedAt: now.Add(-12 * time.Minute), Loads: 1},
		Router:   RouterStatus{Version: "v1.0", PID: 102},
		VRRP: []vrrp.Status{
			{Name: "web", Interface: "eth0", VRID: 51, Role: vrrp.Master, Priority: 120, Master: netip.MustParseAddr("10.0.0.1"),
				Since: now.Add(-3 * time.Hour), VirtualAddresses: []netip.Prefix{vip}, BasePriority: 150, PriorityTerms: []vrrp.Term{
					{Source: "script/nginx", Weight: -30, State: vrrp.Down, Amount: -30, Reason: "exit status 1"}, {Source: "bfd/peer1", Weight: -10, State: vrrp.Up}}},
			{Name: "inner", Interface: "eth1", VRID: 52, Role: vrrp.Fault, Priority: 100, Since: now.Add(-50 * time.Hour),
				VirtualAddresses: []netip.Prefix{vip, vip, vip, vip, vip}, Reasons: []string{"link: eth1 has no carrier"}},
			{Name: "guests", Interface: "eth2", VRID: 53, Role: vrrp.Backup, Priority: 100, Since: now.Add(-time.Minute), Aside: now.Add(-time.Minute),
				VirtualAddresses: []netip.Prefix{vip}, Warnings: []vrrp.Warning{{From: netip.MustParseAddr("10.0.0.2"), Text: "advertises every 2s, we every 1s"}}},
		},
		Groups: []vrrp.GroupStatus{
			{Name: "edge", Role: vrrp.Fault, Since: now.Add(-time.Hour), Members: []string{"web", "inner"}, Reasons: []string{"inner: link: eth1 has no carrier"}},
			{Name: "site", Role: vrrp.Backup, Since: now.Add(-time.Second), Members: []string{"a", "b", "c"}, Ready: []string{"a", "c"}},
		},
		BFD: []bfd.Status{
			{Name: "peer1", Neighbor: netip.MustParseAddr("10.0.0.2"), Interface: "eth0", State: bfd.Up, RemoteState: bfd.Up, RemoteDiscr: 7,
				Since: now.Add(-time.Hour), TxInterval: bfd.Duration{Duration: 10 * time.Millisecond}, RxInterval: bfd.Duration{Duration: 10 * time.Millisecond},
				DetectionTime: bfd.Duration{Duration: 50 * time.Millisecond}, Flaps: 2},
			{Name: "far", Neighbor: netip.MustParseAddr("198.51.100.1"), Multihop: true, State: bfd.Down, Since: now.Add(-time.Second),
				TxInterval: bfd.Duration{Duration: time.Second}, Reason: "control detection time of 50ms expired"},
			{Name: "taken", Neighbor: netip.MustParseAddr("2001:db8::1"), State: bfd.Down, Since: now.Add(-time.Second),
				TxInterval: bfd.Duration{Duration: time.Second}, Reason: "the neighbour was not heard yet", SendError: "UDP port 3784 is taken"},
		},
		IPVS: []ipvs.ServiceStatus{
			{Name: "shop", Address: netip.MustParseAddrPort("192.0.2.10:80"), Protocol: "tcp", Scheduler: "wlc", Forward: "nat",
				RealServers: []ipvs.ServerStatus{
					{Address: netip.MustParseAddrPort("10.0.0.11:8080"), Weight: 10, Up: true, ActiveConns: 12, InactiveConns: 40},
					{Address: netip.MustParseAddrPort("10.0.0.12:8080")},
				}},
			{Name: "dns", Address: netip.MustParseAddrPort("192.0.2.10:53"), Protocol: "udp", Scheduler: "foo", Forward: "dr",
				Error: `scheduler "foo" is unknown to this kernel`},
			{Name: "ftp", Mark: 80, Family: "ipv6", Scheduler: "mh", Forward: "dr"},
			{Name: "mail", Address: netip.MustParseAddrPort("192.0.2.10:25"), Protocol: "tcp", Scheduler: "rr", Forward: "tun", SorryActive: true,
				Quorum:      ipvs.QuorumStatus{Known: true, Counts: "servers", Have: 1, Total: 3, Lose: 1, Gain: 3},
				RealServers: []ipvs.ServerStatus{{Address: netip.MustParseAddrPort("10.0.0.13:25"), Up: true, Reason: "below quorum"}}},
		},
		Checks: []checkers.Status{
			{Name: "shop 10.0.0.11:8080 http", State: checkers.Up, Since: now.Add(-time.Minute), Last: &checkers.Outcome{Duration: 1234567, OK: true}},
			{Name: "shop 10.0.0.12:8080 http", State: checkers.Down, Since: now.Add(-2 * time.Second),
				Last: &checkers.Outcome{Duration: 400 * time.Microsecond, Reason: "connect to 10.0.0.12:8080: connection refused"}},
			{Name: "shop 10.0.0.13:8080 http"},
		},
	}
}

func TestStatusText(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	lost := exampleStatus(now)
	lost.Router = RouterStatus{Error: "the router process is not running"}
	lost.VRRP, lost.Groups = nil, nil
	lost.Engine.Error = "read the table: operation not permitted"
	for _, tt := range []struct {
		name   string
		status Status
		part   string
	}{
		{"whole", exampleStatus(now), ""},
		{"vrrp", exampleStatus(now), "vrrp"},
		{"ipvs", exampleStatus(now), "ipvs"},
		{"checks", exampleStatus(now), "checks"},
		{"bfd", exampleStatus(now), "bfd"},
		{"nothing configured, router lost", Status{Router: lost.Router, Engine: lost.Engine}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got bytes.Buffer
			if err := writeStatusText(&got, tt.status, tt.part, now); err != nil {
				t.Fatal(err)
			}
			golden := "testdata/status " + tt.name + ".txt"
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

package main

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/vrrp"
)

func TestStatusNamesOtherMasters(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	list := []vrrp.Rival{
		{From: netip.MustParseAddr("192.0.2.2"), MAC: "02:00:00:00:00:02", Priority: 150, MustYield: vrrp.RivalYields, Why: "its adverts are refused here: password is wrong",
			Since: now.Add(-time.Minute), Last: now.Add(-time.Second)},
		{MAC: "02:00:00:00:00:03", Claims: netip.MustParseAddr("192.0.2.10"), Why: "another host has this address", Since: now.Add(-3 * time.Second), Last: now},
	}
	want := []string{
		"TWO MASTERS: 192.0.2.2 (02:00:00:00:00:02) advertises priority 150 since 1m0s, last 1s ago; rival has to yield: its adverts are refused here: password is wrong",
		"TWO MASTERS: 02:00:00:00:00:03 answers for 192.0.2.10, too, since 3s, last 0s ago: another host has this address",
	}
	if diff := cmp.Diff(want, notes(vrrp.Status{Rivals: list}, now)); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

func TestNotesSayWhatIsAmissWithAPeer(t *testing.T) {
	from := netip.MustParseAddr("192.0.2.2")
	r := vrrp.Status{Warnings: []vrrp.Warning{
		{From: from, Kind: vrrp.WarnInterval, Text: "advertises every 2s, we every 1s"},
		{From: from, Kind: vrrp.WarnOwners, Text: "has priority 255, and so have we: only one can own the addresses"},
		{From: from, Kind: vrrp.WarnFlapping, Text: "takes over again and again"},
	}}
	want := []string{
		"WARNING: 192.0.2.2 advertises every 2s, we every 1s",
		"TWO OWNERS: 192.0.2.2 has priority 255, and so have we: only one can own the addresses",
		"FLAPPING: 192.0.2.2 takes over again and again",
	}
	if diff := cmp.Diff(want, notes(r, time.Unix(1000, 0))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNotesTellOfOtherMastersAndOfLostPaths(t *testing.T) {
	now := time.Unix(1000, 0)
	peer, other := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.1.0.2")
	r := vrrp.Status{
		Rivals: []vrrp.Rival{{From: peer, Priority: 100, MustYield: "it", Why: "it does not hear us"}},
		Paths:  []vrrp.PathStatus{{Peer: peer, Address: peer, Interface: "eth0"}, {Peer: peer, Address: other, Interface: "eth1", LostSince: now}},
	}
	got := strings.Join(notes(r, now), "\n")
	if !strings.Contains(got, "TWO MASTERS: 10.0.0.2") || !strings.Contains(got, "PATH LOST: 10.1.0.2 of peer 10.0.0.2 on eth1") {
		t.Errorf("notes:\n%s", got)
	}
}

package main

import (
	"net/netip"
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

package main

import (
	"net/netip"
	"testing"

	"github.com/govrrpd/govrrpd/vrrp"
)

func TestFailoverSaysWhoIsMasterNow(t *testing.T) {
	for _, tt := range []struct {
		name   string
		master netip.Addr
		want   string
	}{
		{"heard", netip.MustParseAddr("10.0.0.2"), "10.0.0.2 is master"},
		{"not heard yet", netip.Addr{}, "another director is master, from which no advert has come yet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := successor(vrrp.HandedRouter{Name: "web", Role: vrrp.Backup, Master: tt.master}); got != tt.want {
				t.Errorf("it says %q, want %q", got, tt.want)
			}
		})
	}
}

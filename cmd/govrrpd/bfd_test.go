package main

import (
	"log/slog"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/checkers/bfd"
	"github.com/govrrpd/govrrpd/vrrp"
)

// What was reported before somebody tracks it, after that, and of a session that is gone.
func TestSessionsAreToldToWhoTracksThem(t *testing.T) {
	var b bfdRoute
	peer, other := bfd.Default("peer1", netip.MustParseAddr("10.0.0.2")), bfd.Default("other", netip.MustParseAddr("10.0.0.3"))
	c := &vrrp.Config{Name: "web", Version: vrrp.V3, Priority: 100, Track: []vrrp.Tracker{{Source: "bfd/peer1", Weight: -20}}}
	m := vrrp.NewMember(c, idleHost{}, slog.New(slog.DiscardHandler), nil)
	b.Report("peer1", bfd.Verdict{Reason: "the neighbour was not heard yet"})
	b.Report("other", bfd.Verdict{Up: true})
	b.Configure(map[string]*member{"web": {Member: m, config: c}}, []*bfd.Config{&peer, &other})
	b.Report("peer1", bfd.Verdict{Up: true})
	b.mu.Lock()
	got, heard := b.verdicts, len(b.listeners["bfd/peer1"]) == 1 && len(b.listeners["bfd/other"]) == 0
	b.mu.Unlock()
	want := map[string]vrrp.Verdict{"bfd/peer1": {State: vrrp.Up}, "bfd/other": {State: vrrp.Up}}
	if diff := cmp.Diff(want, got); diff != "" || !heard {
		t.Errorf("listeners %v, (-want +got):\n%s", b.listeners, diff)
	}
	b.Configure(nil, []*bfd.Config{&other})
	if diff := cmp.Diff(map[string]vrrp.Verdict{"bfd/other": {State: vrrp.Up}}, b.verdicts); diff != "" {
		t.Errorf("after a reload (-want +got):\n%s", diff)
	}
}

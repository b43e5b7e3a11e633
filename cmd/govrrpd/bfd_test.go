package main

import (
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/checkers/bfd"
	"github.com/govrrpd/govrrpd/vrrp"
)

// What was reported before somebody tracks it, after that, and of a session that is gone.
func TestSessionsAreToldToWhoTracksThem(t *testing.T) {
	b := bfdRoute{board: newBoard[vrrp.Verdict]()}
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

// TestASessionThatBeginsTakesNothingOut for a while; one that does not come up in that does.
func TestASessionThatBeginsTakesNothingOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []error
		n := sessionNews{tell: func(_ string, err error) { told = append(told, err) }}
		want := func(claim string, want ...error) {
			t.Helper()
			synctest.Wait()
			if !slices.Equal(told, want) {
				t.Errorf("%s: told %v, want %v", claim, told, want)
			}
			told = nil
		}
		begins, lost := errors.New(bfd.NotYetUp), errors.New("control detection time of 50ms expired")
		n.hear("web1", begins)
		time.Sleep(sessionGrace - time.Millisecond)
		want("it begins")
		n.hear("web1", nil)
		want("it is up", nil)
		time.Sleep(time.Hour)
		want("and stays so")
		n.hear("web1", lost)
		want("it is down", lost)
		n.hear("web1", begins)
		time.Sleep(sessionGrace + time.Millisecond)
		want("it does not come up", begins)
	})
}

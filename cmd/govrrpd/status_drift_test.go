package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/ipvs"
)

func TestStatusTellsWhatOthersDidToServices(t *testing.T) {
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	repaired := ipvs.Drift{Service: "shop", Found: "service removed", Seen: now.Add(-3 * time.Second), Repaired: now.Add(-2 * time.Second)}
	waiting := ipvs.Drift{Service: "mail", Found: "server 10.0.0.1:25 nat weight 9", Seen: now.Add(-time.Second)}
	for _, tt := range []struct {
		name string
		in   EngineStatus
		want string
	}{
		{"nothing", EngineStatus{}, ""},
		{"all put back", EngineStatus{DriftRepaired: 7, Drifts: []ipvs.Drift{repaired}}, "  7 changes of others put back, the last seen 3s ago: shop: service removed\n\n"},
		{"one that the kernel refuses", EngineStatus{DriftRepaired: 1, Drifts: []ipvs.Drift{repaired, waiting}},
			"  1 change of others put back, the last seen 1s ago: mail: server 10.0.0.1:25 nat weight 9\n  NOT PUT BACK YET: 1 change of others\n\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got strings.Builder
			writeDrift(&got, tt.in, now)
			if diff := cmp.Diff(tt.want, got.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

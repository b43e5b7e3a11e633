package vrrp

import (
	"errors"
	"fmt"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The labels are in dashboards and alerts: this list only grows.
func TestReasonLabelsAreStable(t *testing.T) { // R-7.1-11
	want := []string{
		"ip_header", "address_family", "ttl", "version", "type", "length", "hmac_trailer", "checksum", "unknown_vrid", "address_count",
		"interval_zero", "own_packet", "multicast_on_unicast", "unicast_on_multicast", "not_a_peer", "checksum_form", "auth_type",
		"password", "interval_mismatch", "queue_full", "not_running", "first_address",
		"hmac_missing", "hmac_malformed", "hmac_stale", "hmac_unknown_key", "hmac_invalid", "hmac_replayed", "hmac_senders",
		"ah_header", "ah_invalid", "ah_replayed", "peer_ttl", "owner", "multicast_group",
	}
	var got []string
	for r := range Reasons {
		got = append(got, Reason(r).String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

func TestEveryReasonHasItsOwnWords(t *testing.T) {
	label := regexp.MustCompile(`^[a-z][a-z0-9_]+$`)
	seen := map[string]Reason{}
	for i := range Reasons {
		r := Reason(i)
		if !label.MatchString(r.String()) {
			t.Errorf("%q is not a metric label", r)
		}
		for _, s := range []string{r.String(), r.Error()} {
			if other, ok := seen[s]; ok || s == "" {
				t.Errorf("reasons %d and %d both say %q", other, r, s)
			}
			seen[s] = r
		}
	}
}

func TestReasonBeyondTheLastSaysItsNumber(t *testing.T) {
	if got := Reason(Reasons).Error(); got != fmt.Sprintf("reason_%d", Reasons) {
		t.Errorf("got %q", got)
	}
}

func TestReasonOf(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want Reason
		ok   bool
	}{
		{"a reason", DropTTL, DropTTL, true},
		{"wrapped", fmt.Errorf("from 10.0.0.2: %w", DropPassword), DropPassword, true},
		{"joined", errors.Join(errors.New("other"), DropType), DropType, true},
		{"another error", errors.New("other"), 0, false},
		{"none", nil, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := ReasonOf(tt.err); got != tt.want || ok != tt.ok {
				t.Errorf("got %v, %v, want %v, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestDropsCountsEachReasonForItself(t *testing.T) {
	var d Drops
	for r := range Reasons {
		for range r + 1 {
			d.Count(Reason(r))
		}
	}
	got := d.Snapshot()
	if len(got) != Reasons {
		t.Errorf("snapshot has %d reasons, want %d", len(got), Reasons)
	}
	for r := range Reasons {
		want := uint64(r + 1)
		if d.Load(Reason(r)) != want || got[Reason(r).String()] != want {
			t.Errorf("%s: Load %d, Snapshot %d, want %d", Reason(r), d.Load(Reason(r)), got[Reason(r).String()], want)
		}
	}
}

func TestSnapshotNamesReasonsThatDidNotHappen(t *testing.T) {
	var d Drops
	if n, ok := d.Snapshot()["checksum"]; n != 0 || !ok {
		t.Errorf("checksum is %d, %v, want 0, true", n, ok)
	}
}

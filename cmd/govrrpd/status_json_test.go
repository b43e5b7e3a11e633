package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A script may ask for the whole or for a part: what it finds has the same name and value.
func TestPartsOfTheStatusHaveTheNamesOfTheWhole(t *testing.T) {
	keys := func(part string) map[string]json.RawMessage {
		var text bytes.Buffer
		if err := writeStatusJSON(&text, exampleStatus(time.Unix(1000, 0)), part); err != nil {
			t.Fatal(err)
		}
		var out map[string]json.RawMessage
		if err := json.Unmarshal(text.Bytes(), &out); err != nil {
			t.Fatalf("%v: %s", err, text.String())
		}
		return out
	}
	whole := keys("")
	for part, want := range map[string][]string{
		"vrrp":   {"kernel", "router", "track_scripts", "tracked", "vrrp", "vrrp_sync_groups"},
		"bfd":    {"bfd", "bfd_dropped"},
		"ipvs":   {"ipvs", "ipvs_engine", "ipvs_marks"},
		"checks": {"checks"},
	} {
		got := keys(part)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", part, diff)
		}
		for key, value := range got {
			if !bytes.Equal(value, whole[key]) {
				t.Errorf("%s of %s differs from the whole", key, part)
			}
		}
	}
}

package ipvs

import (
	"net/netip"
	"testing"
	"time"
)

func TestSyncIDIsReadFromBothVersions(t *testing.T) {
	for _, tt := range []struct {
		name    string
		message []byte
		id      uint8
		ok      bool
	}{
		{"version 1", []byte{0, 51, 0, 8, 1, 1, 0, 0}, 51, true},
		{"version 0", []byte{3, 7, 0, 76}, 7, true},
		{"no header", []byte{0, 51, 0}, 0, false},
		{"nothing", nil, 0, false},
	} {
		if id, ok := parseSyncID(tt.message); id != tt.id || ok != tt.ok {
			t.Errorf("%s: %d, %t, want %d, %t", tt.name, id, ok, tt.id, tt.ok)
		}
	}
}

func TestBackupIgnoresOtherIDsUnlessItsOwnIsZero(t *testing.T) {
	heard := SyncHeard{ID: 51, From: netip.MustParseAddr("10.0.0.2"), At: time.Unix(1, 0)}
	for id, want := range map[uint8]bool{51: false, 52: true, 0: false} {
		if got := heard.ignoredBy(id); got != want {
			t.Errorf("id %d: ignored %t, want %t", id, got, want)
		}
	}
	if (SyncHeard{}).ignoredBy(51) {
		t.Error("nothing was heard, and it is ignored")
	}
}

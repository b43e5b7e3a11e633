package track

import (
	"testing"

	"golang.org/x/sys/unix"
)

// FuzzKernelRecords: whatever the kernel or a process writes, reading it neither panics nor goes on for ever.
func FuzzKernelRecords(f *testing.F) {
	f.Add([]byte("12 (haproxy) S 1 2 3"))
	f.Add([]byte("a\x00-f\x00"))
	f.Add(make([]byte, eventSize))
	f.Add(make([]byte, 3*unix.SizeofInotifyEvent))
	f.Fuzz(func(t *testing.T, b []byte) {
		if ev, ok := parseProcEvent(b); ok && len(b) < eventSize {
			t.Errorf("an event of %d bytes: %+v", len(b), ev)
		}
		if n := parseNotices(b); len(n)*unix.SizeofInotifyEvent > len(b) {
			t.Errorf("%d notices of %d bytes", len(n), len(b))
		}
		if comm, ok := parseStat(b); ok && len(comm) > len(b) {
			t.Errorf("a name of %d bytes in %d", len(comm), len(b))
		}
		parseCommandLine(b)
		if fact := factOf("/load", string(b), nil); !fact.Up && fact.Value != 0 {
			t.Errorf("no number, and %+v", fact)
		}
	})
}

//go:build netns

package nft

import (
	"runtime"
	"testing"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// The generation is another one after a change, and the same without one.
func TestGenerationTellsOfChanges(t *testing.T) {
	runtime.LockOSThread() // the namespace goes with the thread
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	now := func() uint32 {
		t.Helper()
		g, err := Generation()
		if err != nil || g == 0 {
			t.Fatalf("generation %d, %v", g, err)
		}
		return g
	}
	conn, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	before := now()
	if again := now(); again != before {
		t.Errorf("generation %d and then %d, and nothing was changed", before, again)
	}
	conn.AddTable(&nftables.Table{Name: "one", Family: nftables.TableFamilyINet})
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if after := now(); after == before {
		t.Errorf("generation %d before and after a change", before)
	}
}

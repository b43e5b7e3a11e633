//go:build netns

package nft

import (
	"runtime"
	"testing"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// Each change is waited for once; what is forgotten is not, and after a stop there is nothing to wait for.
func TestChangesAreHeard(t *testing.T) {
	runtime.LockOSThread() // the namespace goes with the thread
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	changes, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer changes.Close()
	conn, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	table := func(name string) {
		t.Helper()
		conn.AddTable(&nftables.Table{Name: name, Family: nftables.TableFamilyINet})
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	table("one")
	if err := changes.Wait(); err != nil {
		t.Errorf("a change: %v", err)
	}
	table("two")
	changes.Forget()
	done := make(chan error, 1)
	go func() { done <- changes.Wait() }()
	changes.Stop()
	if err := <-done; err == nil {
		t.Error("something was heard that is forgotten")
	}
}

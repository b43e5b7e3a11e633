//go:build lab

package ipvs

import (
	"bytes"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// namespace moves the test to a network namespace of its own, with an empty table. The goroutine stays on its thread to the end, and
// the namespace goes with the thread.
func namespace(t *testing.T) *Netlink {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("new network namespace: %v", err)
	}
	// Without a local routing table, which comes with the first address, the kernel takes every address for a broadcast, and
	// refuses it as a destination.
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("lo: %v\n%s", err, out)
	}
	n, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// ipvsadm runs ipvsadm in the namespace of the test and returns its output, which is also that of `ipvsadm -Sn` after a change.
func ipvsadm(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("ipvsadm", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ipvsadm %s: %v\n%s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return string(out)
}

func TestNetlinkKeepsTheContract(t *testing.T) { contract(t, namespace(t)) }

// Package alone runs the tests of a package in a network namespace of their own, and waits for what they expect of the kernel.
package alone

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// insideEnv says that the process is in a network namespace of its own.
const insideEnv = "GOVRRPD_TEST_INSIDE"

// Main is for a TestMain: it runs the tests in a child in an empty network namespace, which goes when the child does. It needs root,
// and does not return.
func Main(m *testing.M) {
	if os.Getenv(insideEnv) != "" {
		os.Exit(m.Run())
	}
	child := exec.Command("/proc/self/exe", os.Args[1:]...)
	child.Env = append(os.Environ(), insideEnv+"=1")
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL}
	runtime.LockOSThread() // Pdeathsig is about the thread
	err := child.Run()
	if child.ProcessState == nil {
		fmt.Fprintln(os.Stderr, "tests with the tag netns need root:", err)
		os.Exit(1)
	}
	os.Exit(child.ProcessState.ExitCode())
}

// Await waits until ok, and ends the test when that takes longer than patience. What is for its message: "the link is up".
func Await(t testing.TB, patience time.Duration, what string, ok func() bool) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

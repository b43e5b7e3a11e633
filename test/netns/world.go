// Package netns builds small networks out of network namespaces, runs directors, peers, servers and clients in them, breaks
// cables, and watches what happens: on the wire, in the nodes' addresses, and from the client's chair. The end-to-end tests, the
// demo and the benchmark are written with it. It does not care which kernel it is on; what needs IPVS runs under test/netns/lab.
//
//	World ──┬─ Segment (a bridge, in a namespace of the world's own)
//	        │     └─ Port ─── veth ─── Node's interface
//	        └─ Node (a namespace) ── Process, HTTP server, client, Pinger
//
// Everything a World made is removed by its TB's Cleanup, and what an earlier process left is removed by the next.
package netns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// TB is the part of *testing.T that a World reports to; the demo has one of its own. Fatalf does not return.
type TB interface {
	Helper()
	Context() context.Context
	Cleanup(func())
	Failed() bool
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// A World is one network and everything that runs in it. Its methods report what goes wrong to its TB and do not return then,
// so they may be called from the TB's own goroutine only, unless they say otherwise.
type World struct {
	t      TB
	prefix string // of the names of our namespaces: gv<pid>-<n>
	dir    string // logs, configurations and sockets; removed at the end
	fabric *Node  // where the bridges are
	nodes  []*Node
	ports  int
}

// namespaceFolder is where iproute2 and netns keep the names of namespaces.
const namespaceFolder = "/run/netns"

// New returns a World without nodes. The caller must be root.
func New(t TB) *World {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatalf("network namespaces need root: run as root, or `make test-fast` for what needs none")
	}
	sweep(t)
	dir, err := os.MkdirTemp("", "gv") // short: the path of a socket has 107 bytes
	if err != nil {
		t.Fatalf("%v", err)
	}
	w := &World{t: t, dir: dir, prefix: fmt.Sprintf("gv%d-%s", os.Getpid(), filepath.Base(dir)[len("gv"):])}
	t.Cleanup(w.close)
	w.fabric = w.Node("lan")
	return w
}

// Dir returns the folder of the World's own files.
func (w *World) Dir() string { return w.dir }

// close removes everything, last made first, and shows the logs when the test has failed.
func (w *World) close() {
	if w.t.Failed() {
		w.showLogs()
	}
	for _, n := range w.nodes {
		if err := n.close(); err != nil {
			w.t.Logf("remove %s: %v", n.Name, err)
		}
	}
	if err := os.RemoveAll(w.dir); err != nil {
		w.t.Logf("%v", err)
	}
}

// logTail is how many bytes of each log a failed test shows.
const logTail = 6000

func (w *World) showLogs() {
	logs, _ := filepath.Glob(filepath.Join(w.dir, "*.log"))
	for _, path := range logs {
		b, err := os.ReadFile(path)
		if err != nil || len(b) == 0 {
			continue
		}
		w.t.Logf("--- %s\n%s", filepath.Base(path), b[max(0, len(b)-logTail):])
	}
}

// sweep removes the namespaces of processes that were killed before they could.
func sweep(t TB) {
	entries, err := os.ReadDir(namespaceFolder)
	if err != nil {
		return // no folder, no leftovers
	}
	for _, e := range entries {
		owner, ok := ownerOf(e.Name())
		if !ok || syscall.Kill(owner, 0) == nil {
			continue
		}
		if err := removeLeftover(e.Name()); err != nil {
			t.Logf("remove leftover namespace %s: %v", e.Name(), err)
		}
	}
}

func removeLeftover(name string) error {
	ns, err := netns.GetFromName(name)
	if err != nil {
		return errors.Join(err, netns.DeleteNamed(name)) // a name without a namespace
	}
	return errors.Join(killAllIn(ns), ns.Close(), netns.DeleteNamed(name))
}

// ownerOf returns the process that made the namespace called name, if it is one of a World.
func ownerOf(name string) (pid int, ok bool) {
	rest, ours := strings.CutPrefix(name, "gv")
	number, _, dash := strings.Cut(rest, "-")
	pid, err := strconv.Atoi(number)
	return pid, ours && dash && err == nil
}

// pollInterval is how often a condition is looked at: short against what is waited for.
const pollInterval = 5 * time.Millisecond

// pollShare is how much longer than the look itself the pause after it is: looking must not slow down what is looked at.
const pollShare = 5

// poll calls look again and again until it returns true.
func poll(look func() (enough bool)) {
	for {
		start := time.Now()
		if look() {
			return
		}
		<-time.After(max(pollInterval, pollShare*time.Since(start)))
	}
}

// WaitFor returns how long it took until done returned true, and gives up after limit. what says in an error what was waited for.
func (w *World) WaitFor(limit time.Duration, what string, done func() bool) time.Duration {
	w.t.Helper()
	start := time.Now()
	poll(func() bool {
		ok := done()
		if !ok && time.Since(start) > limit {
			w.t.Fatalf("waited %s in vain: %s", limit, what)
		}
		return ok
	})
	return time.Since(start)
}

// WaitNone is WaitFor for conditions that can say what is still amiss: it waits until amiss returns "", and shows the last answer
// when that does not happen.
func (w *World) WaitNone(limit time.Duration, what string, amiss func() string) time.Duration {
	w.t.Helper()
	start := time.Now()
	poll(func() bool {
		text := amiss()
		if text != "" && time.Since(start) > limit {
			w.t.Fatalf("waited %s in vain: %s; at the end:\n%s", limit, what, text)
		}
		return text == ""
	})
	return time.Since(start)
}

// Always fails as soon as holds returns false within span. what says what should have held.
func (w *World) Always(span time.Duration, what string, holds func() bool) {
	w.t.Helper()
	end := time.Now().Add(span)
	poll(func() bool {
		if !holds() {
			w.t.Fatalf("did not last %s: %s", span, what)
		}
		return time.Now().After(end)
	})
}

// must reports err, if it is one, as what went wrong with what.
func (w *World) must(err error, format string, args ...any) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s: %v", fmt.Sprintf(format, args...), err)
	}
}

// closeAll closes what can fail to be closed, and joins the complaints.
func closeAll(handle *netlink.Handle, files ...netns.NsHandle) error {
	if handle != nil {
		handle.Close()
	}
	var errs []error
	for _, f := range files {
		if err := f.Close(); err != nil && !errors.Is(err, unix.EBADF) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

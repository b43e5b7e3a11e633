//go:build netns

// Package servers_test asks real server programs with the checkers that know their protocols: while they are well, when they say no,
// when they hang and when they are gone. All of it happens in a network namespace of the test's own.
package servers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/checkers"
)

// insideVariable tells the test's second process that it is in the namespace.
const insideVariable = "GOVRRPD_SERVERS_INSIDE"

func TestMain(m *testing.M) {
	if os.Getenv(insideVariable) == "" {
		os.Exit(enter())
	}
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err == nil {
		err = private()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the namespace:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// enter runs this program again in a network namespace of its own, where it can also put files in the place of others.
func enter() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return ended.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// private keeps what is mounted here from the namespace that this one was copied from. Where the process lives below a changed root, no
// path leads to the mount that holds it: a thread that enters the namespace once more, and ends, has its true root.
func private() error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- func() error {
			own, err := os.Open("/proc/thread-self/ns/mnt")
			if err != nil {
				return err
			}
			defer own.Close()
			if err := unix.Unshare(unix.CLONE_FS); err != nil {
				return err
			}
			if err := unix.Setns(int(own.Fd()), unix.CLONE_NEWNS); err != nil {
				return err
			}
			return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}()
	}()
	return <-done
}

const (
	// timeout is what a probe has for a server that is well, on a busy machine.
	timeout = 10 * time.Second
	// short is what it has for one that hangs.
	short = 700 * time.Millisecond
	// startup is what a server has until it answers.
	startup = time.Minute
)

// A server is a program that a test has started, with all its processes.
type server struct {
	t    *testing.T
	name string
	dir  string // its files; all may read them
	cmd  *exec.Cmd
	log  bytes.Buffer
	gone chan struct{}
}

// folder returns a folder in which every user may read, unlike what testing makes.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// write writes a file in dir and returns its name.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// command returns one that runs as a user of this host, or as ourselves when that is empty.
func command(t *testing.T, as string, argv ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(argv[0])
	if err != nil {
		path = filepath.Join("/usr/sbin", argv[0])
	}
	cmd := exec.Command(path, argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if as != "" {
		uid, gid := identity(t, as)
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
		cmd.Env = append(os.Environ(), "HOME=/tmp")
	}
	return cmd
}

func identity(t *testing.T, name string) (uid, gid uint32) {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	id := func(text string) uint32 {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(n)
	}
	return id(u.Uid), id(u.Gid)
}

// must runs a command to its end.
func must(t *testing.T, as string, argv ...string) {
	t.Helper()
	cmd := command(t, as, argv...)
	cmd.Dir = "/"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
}

// start starts a server, which stays in the foreground, and ends it with the test.
func start(t *testing.T, dir, as string, argv ...string) *server {
	t.Helper()
	s := &server{t: t, name: filepath.Base(argv[0]), dir: dir, cmd: command(t, as, argv...), gone: make(chan struct{})}
	s.cmd.Dir = dir
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.gone)
	}()
	t.Cleanup(s.kill)
	return s
}

// signal signals all processes of the server's session, which have found groups of their own in some servers.
func (s *server) signal(sig syscall.Signal) {
	for _, pid := range session(s.cmd.Process.Pid) {
		_ = syscall.Kill(pid, sig)
	}
}

// session returns the processes of a session, and those that left it but descend from one of them.
func session(leader int) []int {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	parent, of := map[int]int{}, map[int]int{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		var ppid, pgrp, sid int
		var state string
		rest := string(text[bytes.LastIndexByte(text, ')')+1:])
		if _, err := fmt.Sscan(rest, &state, &ppid, &pgrp, &sid); err != nil {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		parent[pid], of[pid] = ppid, sid
	}
	var out []int
	for pid := range parent {
		for p := pid; p > 1; p = parent[p] {
			if p == leader || of[p] == leader {
				out = append(out, pid)
				break
			}
		}
	}
	return out
}

// stop stops all processes of the server, and waits until they are: a signal takes its time.
func (s *server) stop() {
	s.t.Helper()
	s.signal(syscall.SIGSTOP)
	for end := time.Now().Add(startup); time.Now().Before(end); time.Sleep(time.Millisecond) {
		running := 0
		for _, pid := range session(s.cmd.Process.Pid) {
			tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
			for _, f := range tasks {
				text, _ := os.ReadFile(f)
				if i := bytes.LastIndexByte(text, ')'); i > 0 && !bytes.HasPrefix(text[i:], []byte(") T")) && !bytes.HasPrefix(text[i:], []byte(") Z")) {
					running++
				}
			}
		}
		if running == 0 {
			return
		}
	}
	s.t.Fatalf("%s does not stop", s.name)
}

func (s *server) kill() {
	s.signal(syscall.SIGKILL)
	<-s.gone
	if s.t.Failed() {
		s.t.Logf("--- %s\n%s", s.name, s.log.String())
	}
}

// deadline is the context of a probe, as a Set has it.
func deadline(after time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.Background(), after, fmt.Errorf("no answer within %s", after))
}

// probe asks once.
func probe(c checkers.Checker, within time.Duration) error {
	ctx, cancel := deadline(within)
	defer cancel()
	return c.Check(ctx)
}

// well waits until a server answers as it should.
func (s *server) well(c checkers.Checker) {
	s.t.Helper()
	var err error
	for end := time.Now().Add(startup); time.Now().Before(end); {
		if err = probe(c, timeout); err == nil {
			return
		}
		select {
		case <-s.gone:
			s.t.Fatalf("%s has ended: %v\n%s", s.name, err, s.log.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
	s.t.Fatalf("%s is not well: %v\n%s", s.name, err, s.log.String())
}

// unwell demands that a probe fails for a reason that has a text in it.
func (s *server) unwell(what string, c checkers.Checker, within time.Duration, reason string) {
	s.t.Helper()
	began := time.Now()
	err := probe(c, within)
	if err == nil || !strings.Contains(err.Error(), reason) {
		s.t.Errorf("%s: %v, want an error with %q", what, err, reason)
	}
	if took := time.Since(began); took > within+timeout {
		s.t.Errorf("%s: the probe took %s, it had %s", what, took, within)
	}
	s.t.Logf("%s: %v", what, err)
}

// A question is one that a server answers with no.
type question struct {
	what   string
	ask    checkers.Checker
	reason string // part of why
}

// asked puts a server through everything: well, no for several reasons, hanging, well again, gone.
func (s *server) asked(good checkers.Checker, no ...question) {
	s.t.Helper()
	s.well(good)
	for _, q := range no {
		s.unwell(q.what, q.ask, timeout, q.reason)
	}
	s.stop()
	s.unwell("hanging", good, short, "no answer within")
	s.signal(syscall.SIGCONT)
	s.well(good)
	s.kill()
	s.unwell("gone", good, timeout, refused)
}

// refused is what is said of a port where nobody listens.
const refused = "connection refused"

func at(port uint16) checkers.Target {
	return checkers.Target{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)}
}

// listening waits until somebody listens at a TCP port.
func (s *server) listening(port uint16) {
	s.t.Helper()
	for end := time.Now().Add(startup); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", at(port).Addr.String())
		if err == nil {
			_ = conn.Close()
			return
		}
	}
	s.t.Fatalf("nobody listens at port %d\n%s", port, s.log.String())
}

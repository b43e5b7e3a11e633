//go:build netns

package track

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// program copies a program under a name that nothing else on this host has.
func program(t *testing.T, of string) string {
	t.Helper()
	b, err := os.ReadFile(of)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), fmt.Sprintf("govt-%d", os.Getpid()%1000000))
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// start runs a command until the test ends, or kill is called.
func start(t *testing.T, name string, args ...string) (kill func()) {
	t.Helper()
	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	kill = func() {
		if !ended {
			ended = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(kill)
	return kill
}

func up(f Fact) bool   { return f.Up }
func down(f Fact) bool { return !f.Up && f.Reason != "" }

func TestProcessesAreCountedAsTheyComeAndGo(t *testing.T) {
	path := program(t, "/bin/sleep")
	r := newRecorder()
	p := NewProcesses(r.report, quiet())
	one := 1
	p.Configure([]Process{
		{Name: "any", Command: filepath.Base(path), Quorum: 1},
		{Name: "two", Command: filepath.Base(path), Quorum: 2},
		{Name: "single", Command: filepath.Base(path), Quorum: 1, Max: &one},
		{Name: "thousand", Command: path, FullCommand: true, Match: MatchExact, Arguments: []string{"1000"}, Quorum: 1},
	})
	first := start(t, path, "2000") // before: it is found in /proc
	run(t, p.Run)
	r.wait(t, "process/any", "the one that ran already", up)
	r.wait(t, "process/two", "not two", down)
	r.wait(t, "process/single", "the one", up)
	r.wait(t, "process/thousand", "none with these arguments", down)
	second := start(t, path, "1000")
	r.wait(t, "process/two", "two", up)
	r.wait(t, "process/single", "one too many", down)
	r.wait(t, "process/thousand", "the one with these arguments", up)
	second()
	r.wait(t, "process/two", "one is gone", down)
	r.wait(t, "process/single", "one again", up)
	r.wait(t, "process/thousand", "it is gone", down)
	first()
	r.wait(t, "process/any", "none left", down)
}

// TestBurstOfProcessesLosesNothing: 1,400 processes come and go at once, and in the end the one that stays is the one that counts.
func TestBurstOfProcessesLosesNothing(t *testing.T) {
	path := program(t, "/bin/sh")
	r := newRecorder()
	p := NewProcesses(r.report, quiet())
	p.Configure([]Process{{Name: "sh", Command: filepath.Base(path), Quorum: 1}})
	run(t, p.Run)
	r.wait(t, "process/sh", "none", down)
	burst := exec.Command(path, "-c", `i=0; while [ $i -lt 1400 ]; do (exit 0) & i=$((i+1)); done; wait`)
	if out, err := burst.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r.wait(t, "process/sh", "none after the burst", down)
	kill := start(t, path, "-c", "read x < /dev/zero")
	r.wait(t, "process/sh", "the one that stays", up)
	kill()
	r.wait(t, "process/sh", "none again", down)
	t.Logf("%d recounts", p.recounts.Load())
}

// TestLostEventsAreMadeGood: with room for one event most are lost, and the count is right all the same.
func TestLostEventsAreMadeGood(t *testing.T) {
	path := program(t, "/bin/sh")
	r := newRecorder()
	p := NewProcesses(r.report, quiet())
	p.open = func() (*connector, error) {
		c, err := openConnector()
		if err == nil {
			raw, _ := c.file.SyscallConn()
			_ = raw.Control(shrink)
		}
		return c, err
	}
	p.Configure([]Process{{Name: "sh", Command: filepath.Base(path), Quorum: 1}})
	run(t, p.Run)
	r.wait(t, "process/sh", "none", down)
	deadline := time.Now().Add(20 * time.Second)
	for p.recounts.Load() == 0 && time.Now().Before(deadline) {
		burst := exec.Command(path, "-c", `i=0; while [ $i -lt 300 ]; do (exit 0) & i=$((i+1)); done; wait`)
		if out, err := burst.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if p.recounts.Load() == 0 {
		t.Fatal("nothing was lost: the test shows nothing")
	}
	r.wait(t, "process/sh", "none after the bursts", down)
	kill := start(t, path, "-c", "read x < /dev/zero")
	r.wait(t, "process/sh", "the one that stays", up)
	kill()
	r.wait(t, "process/sh", "none again", down)
}

// TestProcessesAreReadWhereTheKernelIsSilent is a director in a container.
func TestProcessesAreReadWhereTheKernelIsSilent(t *testing.T) {
	path := program(t, "/bin/sleep")
	r := newRecorder()
	p := NewProcesses(r.report, quiet())
	p.open = func() (*connector, error) { return nil, errors.New("not here") }
	p.Configure([]Process{{Name: "sleep", Command: filepath.Base(path), Quorum: 1}})
	run(t, p.Run)
	r.wait(t, "process/sleep", "none", down)
	kill := start(t, path, "1000")
	r.wait(t, "process/sleep", "one", up)
	kill()
	r.wait(t, "process/sleep", "none again", down)
}

func TestFilterLetsWholeProcessesThrough(t *testing.T) {
	vm, err := bpf.NewVM(eventFilter())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, a, b, c, d uint32
		want             bool
	}{
		{procNone, 0, 0, 0, 0, true},
		{procFork, 1, 1, 2, 2, true},
		{procFork, 1, 1, 2, 1, false},
		{procExec, 5, 5, 0, 0, true},
		{procExec, 6, 5, 0, 0, false},
		{procComm, 5, 5, 0, 0, true},
		{procComm, 6, 5, 1, 1, false},
		{procExit, 5, 5, 0, 0, true},
		{procExit, 6, 5, 1, 1, false},
		{4, 5, 5, 5, 5, false},
	} {
		m := make([]byte, eventSize)
		putWord(m, offWhat, c.what)
		for i, v := range []uint32{c.a, c.b, c.c, c.d} {
			putWord(m, offData+4*i, v)
		}
		n, err := vm.Run(m)
		if err != nil || n > 0 != c.want {
			t.Errorf("%+v: %d, %v", c, n, err)
		}
	}
}

// shrink leaves room for one event.
func shrink(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 1) }

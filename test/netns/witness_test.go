//go:build netns

package netns_test

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/test/netns"
)

// A pause is a time in which a CPU ran not even the thread of the highest priority: its hypervisor did not let it run. Nothing that
// is measured on it can be blamed for that.
type pause struct{ from, to time.Time }

func (p pause) lasts() time.Duration { return p.to.Sub(p.from) }

func (p pause) overlap(q pause) time.Duration {
	from, to := p.from, p.to
	if q.from.After(from) {
		from = q.from
	}
	if q.to.Before(to) {
		to = q.to
	}
	return to.Sub(from)
}

const (
	witnessArgument = "witness"
	witnessTick     = time.Millisecond
	witnessNoticed  = 5 * time.Millisecond // shorter pauses are not printed
	witnessPriority = 99                   // above every other thread, those of the kernel included
)

// This program is also the witness: a process of its own, so that no garbage collection and no race detector holds it up.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == witnessArgument {
		fmt.Println(bearWitness())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// bearWitness prints the pauses of all CPUs, one a line, and returns when that is impossible.
func bearWitness() error {
	debug.SetGCPercent(-1)
	runtime.GOMAXPROCS(2*runtime.NumCPU() + 1)
	failed := make(chan error)
	for cpu := range runtime.NumCPU() {
		go func() { failed <- watchCPU(cpu) }()
	}
	return <-failed
}

func watchCPU(cpu int) error {
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return err
	}
	param := struct{ priority int32 }{witnessPriority}
	if _, _, errno := unix.Syscall(unix.SYS_SCHED_SETSCHEDULER, 0, unix.SCHED_FIFO, uintptr(unsafe.Pointer(&param))); errno != 0 {
		return errno
	}
	tick := unix.NsecToTimespec(int64(witnessTick))
	for last := time.Now(); ; {
		if err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &tick, nil); err != nil && err != unix.EINTR {
			return err
		}
		now := time.Now()
		if now.Sub(last) > witnessTick+witnessNoticed {
			fmt.Println("pause", last.UnixNano(), now.UnixNano())
		}
		last = now
	}
}

type witness struct{ *netns.Process }

func startWitness(node *netns.Node) witness {
	return witness{node.Start("witness", os.Args[0], witnessArgument)}
}

// pauses ends the witness and returns what it saw.
func (w witness) pauses() ([]pause, error) {
	if !w.Running() {
		return nil, fmt.Errorf("the witness ended: %s", w.Log())
	}
	w.Kill()
	var out []pause
	for lines := bufio.NewScanner(strings.NewReader(w.Log())); lines.Scan(); {
		var from, to int64
		if _, err := fmt.Sscanf(lines.Text(), "pause %d %d", &from, &to); err != nil {
			return nil, fmt.Errorf("witness: %q: %w", lines.Text(), err)
		}
		out = append(out, pause{time.Unix(0, from), time.Unix(0, to)})
	}
	return out, nil
}

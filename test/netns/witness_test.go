//go:build netns

package netns_test

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/test/netns"
)

// A pause is a time in which the hypervisor held this machine up, so that nothing that is measured on it can be blamed.
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
	pageTick        = 5 * time.Millisecond // how often the witness looks for pages
)

// What the witness saw, a line each. A CPU stands still when it runs not even the thread of the highest priority. A page comes when the
// hypervisor had taken it away: a thread that touches such a page sleeps until it is back, whatever its priority, while all CPUs run.
const (
	sawCPU  = "cpu"
	sawPage = "page"
)

// This program is also the witness: a process of its own, so that no garbage collection and no race detector holds it up.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == witnessArgument {
		fmt.Println(bearWitness())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// bearWitness prints what it sees, and returns when that is impossible.
func bearWitness() error {
	debug.SetGCPercent(-1)
	runtime.GOMAXPROCS(2*runtime.NumCPU() + 2)
	failed := make(chan error)
	for cpu := range runtime.NumCPU() {
		go func() { failed <- watchCPU(cpu) }()
	}
	go func() { failed <- watchPages() }()
	return <-failed
}

func watchCPU(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	if err := toFront(); err != nil {
		return err
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return err
	}
	return everyTick(witnessTick, func(last, now time.Time) error {
		if now.Sub(last) > witnessTick+witnessNoticed {
			fmt.Println(sawCPU, last.UnixNano(), now.UnixNano())
		}
		return nil
	})
}

// watchPages watches the interrupts by which a hypervisor tells that a page is back.
func watchPages() error {
	if err := toFront(); err != nil {
		return err
	}
	before, err := hypervisorCalls()
	if err != nil {
		return err
	}
	return everyTick(pageTick, func(last, now time.Time) error {
		calls, err := hypervisorCalls()
		if calls != before {
			fmt.Println(sawPage, last.UnixNano(), now.UnixNano())
		}
		before = calls
		return err
	})
}

// hypervisorCalls returns how many interrupts all CPUs had from the hypervisor itself; 0 on a machine that has none.
func hypervisorCalls() (n uint64, err error) {
	table, err := os.ReadFile("/proc/interrupts")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "HYP:" {
			continue
		}
		for _, field := range fields[1:] {
			if calls, err := strconv.ParseUint(field, 10, 64); err == nil { // the name follows the numbers
				n += calls
			}
		}
	}
	return n, nil
}

// toFront gives the goroutine a thread of its own with the witness's priority.
func toFront() error {
	runtime.LockOSThread()
	param := struct{ priority int32 }{witnessPriority}
	if _, _, errno := unix.Syscall(unix.SYS_SCHED_SETSCHEDULER, 0, unix.SCHED_FIFO, uintptr(unsafe.Pointer(&param))); errno != 0 {
		return errno
	}
	return nil
}

// everyTick calls look until it fails, with the time of the last call and of this one.
func everyTick(d time.Duration, look func(last, now time.Time) error) error {
	tick := unix.NsecToTimespec(int64(d))
	for last := time.Now(); ; {
		if err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &tick, nil); err != nil && err != unix.EINTR {
			return err
		}
		now := time.Now()
		if err := look(last, now); err != nil {
			return err
		}
		last = now
	}
}

type witness struct{ *netns.Process }

func startWitness(node *netns.Node) witness {
	return witness{node.Start("witness", os.Args[0], witnessArgument)}
}

// end ends the witness and returns what it saw: when CPUs stood still, and between which instants a page came back.
func (w witness) end() (cpus, pages []pause, err error) {
	if !w.Running() {
		return nil, nil, fmt.Errorf("the witness ended: %s", w.Log())
	}
	w.Kill()
	for line := range strings.Lines(w.Log()) {
		var saw string
		var from, to int64
		if _, err := fmt.Sscanf(line, "%s %d %d", &saw, &from, &to); err != nil {
			return nil, nil, fmt.Errorf("witness: %q: %w", line, err)
		}
		p := pause{time.Unix(0, from), time.Unix(0, to)}
		if saw == sawPage {
			pages = append(pages, p)
			continue
		}
		cpus = append(cpus, p)
	}
	return cpus, pages, nil
}

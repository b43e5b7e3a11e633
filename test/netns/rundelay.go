package netns

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// RunDelay returns for how long all in all the threads of the node's processes that run now were ready to run and got no CPU, since each
// of them began. The difference of two readings is what a busy machine took from those who are measured on it. Any goroutine may call it.
func (n *Node) RunDelay() time.Duration {
	pids, err := processesIn(n.ns)
	if err != nil {
		return 0 // then nothing is excused
	}
	var sum time.Duration
	for _, pid := range pids {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid)) // the pattern is well formed
		for _, path := range threads {
			sum += runDelay(path)
		}
	}
	return sum
}

// runDelay reads one thread's schedstat: time on a CPU, time waiting for one, and how often it got one, the times in nanoseconds.
func runDelay(path string) time.Duration {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0 // it has ended
	}
	var ran, waited int64
	if _, err := fmt.Sscan(string(b), &ran, &waited); err != nil {
		return 0
	}
	return time.Duration(waited)
}

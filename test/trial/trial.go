// Package trial is what the programs that break the code to test its tests have in common.
package trial

import (
	"regexp"
	"sync"
	"sync/atomic"
)

// Each calls try for every number below n, by so many workers, which have numbers too, and returns how often it was true.
func Each(n, workers int, try func(worker, i int) bool) int {
	var yes atomic.Int64
	next := make(chan int)
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := range next {
				if try(worker, i) {
					yes.Add(1)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	group.Wait()
	return int(yes.Load())
}

var failure = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// Failed returns the names of the tests that failed, in the order in which they did, by what a test binary printed.
func Failed(out string) []string {
	var names []string
	for _, m := range failure.FindAllStringSubmatch(out, -1) {
		names = append(names, m[1])
	}
	return names
}

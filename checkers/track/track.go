// Package track finds out on this host what may change the priority of a virtual router or forbid it to take part: the number in a file,
// and whether processes run. Nothing is polled: the kernel says when something changed (inotify, proc connector), and that only
// wakes a comparison of what is with what was told last.
//
//	file.go      Files: the number in each file       chain.go, inotify.go   which folders to watch, and the watching
//	process.go   Processes: is the quorum there?      match.go, census.go    which processes count, and how many there are
//	                                                  connector.go, procfs.go   what the kernel tells, and what it has
//
// Scripts are checks like those of real servers, see package checkers.
package track

import (
	"slices"
	"sync"
)

// A Fact is what is known of one source.
type Fact struct {
	Up     bool   // the file has a number, the processes have their quorum
	Value  int    // of a file: the number in it, 0 where there is none
	Reason string // for a person: "3 in /run/load", "no process is haproxy, want at least 1"
}

// A Report is told each change of a fact, by name of the source: "file/load", "process/haproxy". It is called from one goroutine and must
// not block for long.
type Report func(source string, f Fact)

// An order is what is to be looked at, as it was said last. Any goroutine may say it, and Run reads it.
type order[T any] struct {
	news chan struct{} // one slot: there is another one

	mu sync.Mutex
	// guarded by mu:
	wanted []T
}

func newOrder[T any]() *order[T] { return &order[T]{news: make(chan struct{}, 1)} }

// give replaces the order.
func (o *order[T]) give(wanted []T) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wanted = slices.Clone(wanted)
	poke(o.news)
}

func (o *order[T]) current() []T {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.wanted
}

// poke fills the one slot of wake; when it is full, whoever reads it is going to look anyway.
func poke(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

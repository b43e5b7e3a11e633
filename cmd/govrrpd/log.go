package main

import (
	"bytes"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
)

// logFlags are how a process logs.
type logFlags struct{ format, level string }

func (f *logFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.format, "log-format", "text", "`format` of the log on standard error: text or json")
	c.Flags().StringVar(&f.level, "log-level", "info", "lowest `level` that is logged: debug, info, warn or error")
}

// args returns the flags as a child process takes them.
func (f *logFlags) args() []string {
	return []string{"--log-format=" + f.format, "--log-level=" + f.level}
}

// logger returns a logger that writes to w as the flags say.
func (f *logFlags) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		return nil, usagef("--log-level=%s: want debug, info, warn or error", f.level)
	}
	options := &slog.HandlerOptions{Level: level}
	switch f.format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, usagef("--log-format=%s: want text or json", f.format)
}

// start returns a logger that never waits for whoever reads w, and the function that ends it. Every long-lived process logs through
// one: a full pipe must stop neither adverts nor checks.
func (f *logFlags) start(w io.Writer) (*slog.Logger, func(), error) {
	direct, err := f.logger(w)
	if err != nil {
		return nil, nil, err
	}
	out := newAsyncWriter(w, func(lines uint64) {
		direct.Warn("log lines lost, the reader of the log is too slow", "lines", lines)
	})
	log, err := f.logger(out)
	return log, out.close, err
}

// An asyncWriter lets goroutines that must not wait write logs: Write queues a copy and never blocks. Lines that do not fit in
// the queue are dropped, and their number is told as soon as there is room.
type asyncWriter struct {
	to      io.Writer
	tell    func(lost uint64) // writes to the same reader
	lines   chan []byte       // capacity logQueue
	lost    atomic.Uint64
	closing chan struct{}
	done    chan struct{}
}

// logQueue is enough for a role change of every virtual router of a large site at once.
const logQueue = 4096

// logGrace is how long a process that ends waits for the reader of its log.
const logGrace = time.Second

// newAsyncWriter returns a writer to w and starts its goroutine, which close ends. That goroutine calls tell with the number of
// lines that were lost.
func newAsyncWriter(w io.Writer, tell func(lost uint64)) *asyncWriter {
	a := &asyncWriter{to: w, tell: tell, lines: make(chan []byte, logQueue), closing: make(chan struct{}), done: make(chan struct{})}
	go a.run()
	return a
}

// Write takes a copy of line, or counts it as lost when the queue is full. It never blocks and never fails.
func (a *asyncWriter) Write(line []byte) (int, error) {
	select {
	case a.lines <- bytes.Clone(line):
	default:
		a.lost.Add(1)
	}
	return len(line), nil
}

func (a *asyncWriter) run() {
	defer close(a.done)
	for {
		select {
		case line := <-a.lines:
			a.pass(line)
		case <-a.closing:
			a.drain()
			return
		}
	}
}

// drain writes what is queued.
func (a *asyncWriter) drain() {
	for {
		select {
		case line := <-a.lines:
			a.pass(line)
		default:
			return
		}
	}
}

func (a *asyncWriter) pass(line []byte) {
	_, _ = a.to.Write(line) // who could be told that the log cannot be written?
	if n := a.lost.Swap(0); n > 0 {
		a.tell(n)
	}
}

// close writes what is queued, for at most logGrace: a log that nobody reads cannot keep the process alive. It says nothing about
// what it could not write, because the only place to say it is the one that does not take it. Lines that come later are lost.
func (a *asyncWriter) close() {
	close(a.closing)
	select {
	case <-a.done:
	case <-time.After(logGrace):
	}
}

package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
)

// logFlags are how a process logs.
type logFlags struct{ format, level string }

func (f *logFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.format, "log-format", "text", "text or json")
	c.Flags().StringVar(&f.level, "log-level", "info", "debug, info, warn or error")
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

// An asyncWriter lets goroutines that must not wait write logs: Write queues a copy and never blocks. Lines that do not fit in
// the queue are dropped and their number is told as soon as there is room.
type asyncWriter struct {
	to    io.Writer
	lines chan []byte
	lost  atomic.Uint64
	done  chan struct{}
}

// logQueue is enough for a role change of every virtual router of a large site at once.
const logQueue = 4096

// newAsyncWriter returns a writer to w and starts its goroutine, which close ends.
func newAsyncWriter(w io.Writer) *asyncWriter {
	a := &asyncWriter{to: w, lines: make(chan []byte, logQueue), done: make(chan struct{})}
	go a.run()
	return a
}

func (a *asyncWriter) Write(line []byte) (int, error) {
	select {
	case a.lines <- append([]byte(nil), line...):
	default:
		a.lost.Add(1)
	}
	return len(line), nil
}

func (a *asyncWriter) run() {
	defer close(a.done)
	for line := range a.lines {
		_, _ = a.to.Write(line) // who could be told that the log cannot be written?
		if n := a.lost.Swap(0); n > 0 {
			_, _ = fmt.Fprintf(a.to, "level=WARN msg=\"log lines lost, the reader of the log is too slow\" lines=%d\n", n)
		}
	}
}

// close writes what is queued, for at most a second, so that a log that nobody reads cannot keep the process alive.
func (a *asyncWriter) close() {
	close(a.lines)
	select {
	case <-a.done:
	case <-time.After(time.Second):
		fmt.Fprintln(os.Stderr, "govrrpd: the log could not be written in time")
	}
}

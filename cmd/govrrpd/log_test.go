package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
)

// A stuckWriter blocks in Write until it is released.
type stuckWriter struct {
	release chan struct{}
	mu      sync.Mutex
	out     bytes.Buffer
}

func (w *stuckWriter) Write(b []byte) (int, error) {
	<-w.release
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(b)
}

func TestAsyncWriterNeverBlocksAndTellsWhatItLost(t *testing.T) {
	stuck := &stuckWriter{release: make(chan struct{})}
	var told []uint64
	w := newAsyncWriter(stuck, func(lost uint64) { told = append(told, lost) })
	for range 2 * logQueue { // returns although nobody reads
		if n, err := w.Write([]byte("line\n")); n != 5 || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	close(stuck.release)
	w.close()
	got := stuck.out.String()
	if lines := strings.Count(got, "line\n"); lines < logQueue || lines > logQueue+1 {
		t.Errorf("%d lines were written, want what fits in the queue, %d", lines, logQueue)
	}
	if lost := uint64(2*logQueue - strings.Count(got, "line\n")); len(told) != 1 || told[0] != lost {
		t.Errorf("the losses told are %d, want %d once", told, lost)
	}
}

func TestLogFlagsRefuseWhatTheyDoNotKnow(t *testing.T) {
	for _, f := range []logFlags{{format: "xml", level: "info"}, {format: "text", level: "loud"}} {
		if _, err := f.logger(io.Discard); !errors.Is(err, errUsage) {
			t.Errorf("%+v: error %v, want a usage error", f, err)
		}
	}
}

// The reader of a log may hang when the process ends, and goroutines that nobody waits for may log after that.
func TestAsyncWriterEndsWithAReaderThatHangs(t *testing.T) {
	stuck := &stuckWriter{release: make(chan struct{})}
	defer close(stuck.release)
	w := newAsyncWriter(stuck, func(uint64) {})
	for range 2 {
		if _, err := w.Write([]byte("line\n")); err != nil {
			t.Fatal(err)
		}
	}
	w.close() // returns
	if _, err := w.Write([]byte("late\n")); err != nil {
		t.Errorf("a late line: %v", err)
	}
}

func TestLostLinesAreToldInTheFormatOfTheLog(t *testing.T) {
	stuck := &stuckWriter{release: make(chan struct{})}
	log, end, err := (&logFlags{format: "json", level: "info"}).start(stuck)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * logQueue {
		log.Info("line")
	}
	close(stuck.release)
	end()
	if got := stuck.out.String(); strings.Count(got, `"msg":"log lines lost`) != 1 || strings.Contains(got, "level=") {
		t.Errorf("want the loss told once, as JSON; the log ends with %q", got[max(0, len(got)-300):])
	}
}

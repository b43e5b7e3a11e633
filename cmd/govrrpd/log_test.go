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
	w := newAsyncWriter(stuck)
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
	if strings.Count(got, "log lines lost") != 1 {
		t.Errorf("the loss is not told once: %q", got[:min(len(got), 200)])
	}
}

func TestLogFlagsRefuseWhatTheyDoNotKnow(t *testing.T) {
	for _, f := range []logFlags{{format: "xml", level: "info"}, {format: "text", level: "loud"}} {
		if _, err := f.logger(io.Discard); !errors.Is(err, errUsage) {
			t.Errorf("%+v: error %v, want a usage error", f, err)
		}
	}
}

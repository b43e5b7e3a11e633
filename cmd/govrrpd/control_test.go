package main

import (
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestNoAnswerSaysWhatToLookAt(t *testing.T) {
	tests := []struct {
		name  string
		err   error
		words string
	}{
		{"not running", syscall.ENOENT, "is govrrpd running"},
		{"dead socket", syscall.ECONNREFUSED, "is govrrpd running"},
		{"not root", syscall.EACCES, "normally root"},
		{"not root, in Go's words", fs.ErrPermission, "normally root"},
		{"hangs", os.ErrDeadlineExceeded, "has not answered for 30s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wrapped := &url.Error{Op: "Get", URL: "http://govrrpd/api", Err: &net.OpError{Op: "dial", Net: "unix", Err: tt.err}}
			got := noAnswer("/run/x.sock", 30*time.Second, wrapped).Error()
			if !strings.Contains(got, tt.words) || !strings.Contains(got, "/run/x.sock") || strings.Contains(got, "http://") {
				t.Errorf("%q: want %q and the socket in it, and no URL", got, tt.words)
			}
		})
	}
}

func TestAnswerThatIsNotOursIsAnError(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "control.sock")
	listener, err := listenUnix(socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler()}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	var s Status
	if _, err := askDaemon(t.Context(), controlDeadline, socket, http.MethodGet, "/api/v1/status", &s); err == nil {
		t.Error("no error")
	}
}

func TestSocketWithALongPathIsRefusedInWords(t *testing.T) {
	_, err := listenUnix("/tmp/" + strings.Repeat("x", maxSocketPath))
	if err == nil || errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "107") {
		t.Errorf("error %v, want one that tells the limit", err)
	}
}

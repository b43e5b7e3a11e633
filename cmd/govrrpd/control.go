package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

const (
	// controlDeadline bounds one request on the control socket.
	controlDeadline = 30 * time.Second
	// reloadDeadline bounds a reload, which reads the files: ten thousand services take five seconds, and much longer on a slow machine. It waits
	// for the router, too, which may wait for the kernel.
	reloadDeadline = 5 * time.Minute
)

// A reloadResult is the answer to POST /api/v1/reload.
type reloadResult struct {
	Error       string `json:"error,omitempty"`
	Diagnostics string `json:"diagnostics,omitempty"` // errors or warnings, as text for a person
}

// serveControl answers on the control socket until ctx ends.
func (d *daemon) serveControl(ctx context.Context, listener net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/status", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, d.status())
	})
	mux.HandleFunc("POST /api/v1/reload", func(w http.ResponseWriter, _ *http.Request) {
		complaints, err := d.reload(ctx) // not the request's: a client that hangs up does not stop a reload halfway
		if err != nil {
			writeJSON(w, http.StatusUnprocessableEntity, reloadResult{Error: err.Error(), Diagnostics: complaints})
			return
		}
		writeJSON(w, http.StatusOK, reloadResult{Diagnostics: complaints})
	})
	d.serveHandovers(mux)
	d.serveAnnounce(mux)
	d.serveWhichReal(mux)
	d.serveOverrides(mux)
	server := &http.Server{
		Handler:     mux,
		ConnContext: withCaller,
		ErrorLog:    slog.NewLogLogger(d.log.Handler(), slog.LevelWarn),
		ReadTimeout: controlDeadline, WriteTimeout: reloadDeadline + controlDeadline, // a client that does not read, after the longest reload
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("control socket: %w", err)
	case <-ctx.Done():
	}
	// The parent context is over; requests under way get a moment of their own. Who keeps a connection for longer does not keep us.
	shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	err := server.Shutdown(shutdown)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	d.reloading.Lock()   // a reload that was cut off from its client ends before anything else does, and none begins any more
	d.reloading.Unlock() //nolint:staticcheck // as above
	return errors.Join(err, ignoreClosed(<-ended))
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func writeJSON(w http.ResponseWriter, code int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(value) // the client went away: its loss
}

// askDaemon sends one request to the daemon behind socket and decodes the answer into value, whatever its status code, which it
// returns. It waits for as long as patience.
func askDaemon(ctx context.Context, patience time.Duration, socket, method, path string, value any) (int, error) {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true,
	}}
	request, err := http.NewRequestWithContext(ctx, method, "http://govrrpd"+path, nil)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, noAnswer(socket, patience, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, fmt.Errorf("read the daemon's answer: %w", err)
	}
	if err := json.Unmarshal(body, value); err != nil {
		return 0, fmt.Errorf("the daemon's answer is not JSON: %w", err)
	}
	return response.StatusCode, nil
}

// noAnswer says why the daemon behind socket could not be asked, and what to look at.
func noAnswer(socket string, patience time.Duration, err error) error {
	var outer *url.Error
	if errors.As(err, &outer) { // it would name a URL that nobody knows
		err = outer.Err
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: permission denied: run this as the user that govrrpd runs as, normally root", socket)
	case os.IsTimeout(err):
		return fmt.Errorf("the daemon on %s has not answered for %s; its log may say why", socket, patience)
	}
	return fmt.Errorf("no daemon answers on %s: is govrrpd running, and is --socket the same as its own? %w", socket, err)
}

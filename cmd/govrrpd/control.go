package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// controlDeadline bounds one request on the control socket. A reload waits for the router, which may wait for the kernel.
const controlDeadline = 30 * time.Second

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
		complaints, err := d.reload()
		if err != nil {
			d.log.Error("reload refused or incomplete", "error", err)
			writeJSON(w, http.StatusUnprocessableEntity, reloadResult{Error: err.Error(), Diagnostics: complaints})
			return
		}
		writeJSON(w, http.StatusOK, reloadResult{Diagnostics: complaints})
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: controlDeadline}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("control socket: %w", err)
	case <-ctx.Done():
	}
	// The parent context is over; requests under way get a moment of their own.
	shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return errors.Join(server.Shutdown(shutdown), ignoreClosed(<-ended))
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
// returns.
func askDaemon(ctx context.Context, socket, method, path string, value any) (int, error) {
	client := &http.Client{Timeout: controlDeadline, Transport: &http.Transport{
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
		return 0, fmt.Errorf("no daemon answers on %s (is govrrpd running, and is --socket right?): %w", socket, err)
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

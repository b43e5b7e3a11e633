package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

// An announceRequest asks the router process to announce the addresses of a virtual router.
type announceRequest struct {
	Name string `json:"name"` // of a vrrp_instance, or of a vrrp_sync_group for all of its members
}

// An announceResult is the answer to POST /api/v1/vrrp/NAME/announce.
type announceResult struct {
	Error string `json:"error,omitempty"`
}

// announce carries out request in the router process.
func (r *router) announce(request announceRequest) routerReply {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := []string{request.Name}
	if g, ok := r.running[syncKey(request.Name)]; ok {
		names = g.names
	}
	var errs []error
	for _, name := range names {
		m, ok := r.members[name]
		if !ok {
			return routerReply{Error: errNoInstance.Error()}
		}
		errs = append(errs, m.Announce())
	}
	if err := errors.Join(errs...); err != nil {
		return routerReply{Error: err.Error()}
	}
	return routerReply{}
}

// Announce asks the router to announce addresses.
func (l *routerLink) Announce(request announceRequest) error {
	conn := l.current()
	if conn == nil {
		return errNoRouter
	}
	_, err := conn.ask(routerRequest{Announce: &request})
	return err
}

// serveAnnounce adds the request to mux.
func (d *daemon) serveAnnounce(mux *http.ServeMux) {
	mux.HandleFunc("POST /api/v1/vrrp/{name}/announce", func(w http.ResponseWriter, r *http.Request) {
		if err := d.link.Announce(announceRequest{Name: r.PathValue("name")}); err != nil {
			writeJSON(w, http.StatusConflict, announceResult{Error: err.Error()})
			return
		}
		d.log.Info("addresses are announced by request", "router", r.PathValue("name"))
		writeJSON(w, http.StatusOK, announceResult{})
	})
}

func newAnnounceCommand() *cobra.Command {
	var socket string
	c := &cobra.Command{
		Use: "announce NAME", Short: "Send gratuitous ARP and neighbour advertisements now",
		Long: "Announce tells the network again where the addresses of a vrrp_instance, or of all in a vrrp_sync_group, are: after a switch was\n" +
			"replaced, for example. It does what a new master does (garp in the configuration) and returns at once. It exits with 1 when this\n" +
			"director is not master.",
		Args: usageArgs(oneName),
		RunE: func(c *cobra.Command, args []string) error {
			var result announceResult
			_, err := askDaemon(c.Context(), controlDeadline, socket, http.MethodPost, "/api/v1/vrrp/"+url.PathEscape(args[0])+"/announce", &result)
			if err == nil && result.Error != "" {
				err = fmt.Errorf("announce %s: %s", args[0], result.Error)
			}
			if err == nil {
				fmt.Printf("%s is announced\n", args[0])
			}
			return err
		},
	}
	addSocketFlag(c, &socket)
	return c
}

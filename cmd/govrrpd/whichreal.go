package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"github.com/govrrpd/govrrpd/ipvs"
)

// connFile is the kernel's table of connections.
const connFile = "/proc/net/ip_vs_conn"

// A whichResult is the answer to GET /api/v1/ipvs/NAME/whichreal?src=IP:PORT.
type whichResult struct {
	Error  string       `json:"error,omitempty"`
	Answer []ipvs.Which `json:"answer,omitempty"` // one for each service of the virtual server in the kernel
}

// serveWhichReal adds the request to mux.
func (d *daemon) serveWhichReal(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/ipvs/{name}/whichreal", func(w http.ResponseWriter, r *http.Request) {
		answer, err := d.whichReal(r.PathValue("name"), r.URL.Query().Get("src"))
		if err != nil {
			writeJSON(w, http.StatusUnprocessableEntity, whichResult{Error: err.Error()})
			return
		}
		writeJSON(w, http.StatusOK, whichResult{Answer: answer})
	})
}

func (d *daemon) whichReal(service, src string) ([]ipvs.Which, error) {
	client, err := netip.ParseAddrPort(src)
	if err != nil {
		return nil, fmt.Errorf("%q is no address with a port, such as 203.0.113.9:4312 or [2001:db8::9]:4312", src)
	}
	text, err := os.ReadFile(connFile) // none in a kernel without IPVS, where no service is configured either
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return d.engine.Which(service, client, ipvs.ParseConns(string(text)))
}

func newWhichRealCommand() *cobra.Command {
	var socket, src, output string
	c := &cobra.Command{
		Use:   "whichreal --src IP:PORT SERVICE",
		Short: "Say which real server a client is sent to",
		Long: "Whichreal says where the virtual_server SERVICE sends a client: by a connection that is there, by persistence, or by the hash of the\n" +
			"schedulers mh, sh and dh. With any other scheduler it is not fixed before the connection comes.",
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := netip.ParseAddrPort(src); err != nil {
				return usagef("--src=%s: want the client's address and port, such as 203.0.113.9:4312 or [2001:db8::9]:4312", src)
			}
			if output != "text" && output != "json" {
				return usagef("-o %s: want text or json", output)
			}
			var result whichResult
			path := "/api/v1/ipvs/" + url.PathEscape(args[0]) + "/whichreal?src=" + url.QueryEscape(src)
			code, err := askDaemon(c.Context(), controlDeadline, socket, http.MethodGet, path, &result)
			if err != nil {
				return err
			}
			if code != http.StatusOK {
				return errors.New(result.Error)
			}
			return writeWhich(os.Stdout, output, result.Answer)
		},
	}
	c.Flags().StringVar(&src, "src", "", "the client: `IP:PORT`")
	c.Flags().StringVarP(&output, "output", "o", "text", "`format`: text or json")
	addSocketFlag(c, &socket)
	return c
}

// writeWhich prints one answer on a line, or all as a list of JSON.
func writeWhich(w io.Writer, output string, answer []ipvs.Which) error {
	if output == "json" {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(answer)
	}
	for _, one := range answer {
		fmt.Fprintln(w, whichLine(one))
	}
	return nil
}

// whichLine is an answer on one line: "tcp 192.0.2.10:80 -> 10.0.0.2:80 (the hash of scheduler mh)".
func whichLine(w ipvs.Which) string {
	server := "-"
	if w.Server.IsValid() {
		server = w.Server.String()
	}
	return fmt.Sprintf("%s -> %s (%s)", w.Service, server, w.Why)
}

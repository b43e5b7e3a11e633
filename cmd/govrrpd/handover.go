package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A handoverRequest asks the router process to hand a virtual router's role over, or to take it.
type handoverRequest struct {
	Name     string `json:"name"` // of a vrrp_instance, whose whole sync group is meant, or of a vrrp_sync_group
	Takeover bool   `json:"takeover"`
}

// handoverPatience bounds a hand-over: the longest wait for a successor is 10 s, and the request to the router may take 20 s.
const handoverPatience = 15 * time.Second

// A handoverResult is the answer to POST /api/v1/vrrp/NAME/failover and …/takeover.
type handoverResult struct {
	Error  string               `json:"error,omitempty"`
	Report *vrrp.HandoverReport `json:"report,omitempty"`
}

var (
	errNoInstance = errors.New("no vrrp_instance and no vrrp_sync_group of this name is in force")
	errNoHandover = errors.New("the router process gave no report: director and router differ in version")
)

// handOver carries out request, in the router process, and waits for what comes of it.
func (r *router) handOver(request handoverRequest) routerReply {
	group := r.groupOf(request.Name)
	if group == nil {
		return routerReply{Error: errNoInstance.Error()}
	}
	ctx, cancel := context.WithTimeout(r.ctx, handoverPatience)
	defer cancel()
	begin := group.Failover
	if request.Takeover {
		begin = group.Takeover
	}
	report, err := begin(ctx)
	if err != nil {
		return routerReply{Error: err.Error()}
	}
	return routerReply{Handover: &report}
}

// groupOf returns the running group that has this name, or has a member of this name; nil if there is none.
func (r *router) groupOf(name string) *vrrp.Group {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.running {
		if slices.Contains(g.names, name) {
			return g.group
		}
	}
	if g, ok := r.running[syncKey(name)]; ok {
		return g.group
	}
	return nil
}

// HandOver asks the router for a failover or takeover.
func (l *routerLink) HandOver(request handoverRequest) (*vrrp.HandoverReport, error) {
	conn := l.current()
	if conn == nil {
		return nil, errNoRouter
	}
	reply, err := conn.ask(routerRequest{Handover: &request})
	if err == nil && reply.Handover == nil {
		err = errNoHandover
	}
	return reply.Handover, err
}

// serveHandovers adds the two requests to mux.
func (d *daemon) serveHandovers(mux *http.ServeMux) {
	for verb, takeover := range map[string]bool{"failover": false, "takeover": true} {
		mux.HandleFunc("POST /api/v1/vrrp/{name}/"+verb, func(w http.ResponseWriter, r *http.Request) {
			name := r.PathValue("name")
			report, err := d.link.HandOver(handoverRequest{Name: name, Takeover: takeover})
			if err != nil {
				d.log.Warn("hand-over refused or failed", "order", verb, "router", name, "error", err)
				writeJSON(w, http.StatusConflict, handoverResult{Error: err.Error()})
				return
			}
			d.log.Info("hand-over done", "order", verb, "router", name, "took", report.Took.Duration)
			writeJSON(w, http.StatusOK, handoverResult{Report: report})
		})
	}
}

func newFailoverCommand() *cobra.Command {
	return newHandoverCommand("failover", "Hand the role of master over to another director",
		"Failover makes another director master of a vrrp_instance, or of all in a vrrp_sync_group together. No packet for their addresses is\n"+
			"lost: this one holds them until the other one has announced them. Afterwards it stays backup, whatever its priority, until\n"+
			"`govrrpd takeover`, until a reload that changes the instance's priority or preemption, or until no master is heard any more.\n"+
			"It exits with 1 when nobody took over; this director is master then, as before.",
		func(report vrrp.HandoverReport) string {
			return describeHandover(report, func(r vrrp.HandedRouter) string {
				return fmt.Sprintf("%s, this director is %s and stays so until `govrrpd takeover %s`", successor(r), r.Role, r.Name)
			})
		})
}

// successor says who is master now. The members of a sync group change together, though one of them may not have heard its master yet.
func successor(r vrrp.HandedRouter) string {
	if !r.Master.IsValid() {
		return "another director is master, from which no advert has come yet"
	}
	return r.Master.String() + " is master"
}

func newTakeoverCommand() *cobra.Command {
	return newHandoverCommand("takeover", "Take the role of master back",
		"Takeover makes this director master of a vrrp_instance at once, also where preemption is off or delayed. No packet for its addresses is\n"+
			"lost. It ends what `govrrpd failover` began. A master of higher priority is left in office: it would take the role\n"+
			"back, so that the failover has to be asked for there.",
		func(report vrrp.HandoverReport) string {
			return describeHandover(report, func(vrrp.HandedRouter) string { return "this director is master" })
		})
}

// describeHandover has a line for each virtual router.
func describeHandover(report vrrp.HandoverReport, describe func(vrrp.HandedRouter) string) string {
	lines := make([]string, len(report.Routers))
	for i, r := range report.Routers {
		lines[i] = fmt.Sprintf("%s: after %s %s", r.Name, report.Took.Round(time.Millisecond), describe(r))
	}
	return strings.Join(lines, "\n")
}

// oneName wants the name of what is handed over or announced.
func oneName(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return errors.New("want one NAME, that of a vrrp_instance or vrrp_sync_group")
	}
	return nil
}

func newHandoverCommand(verb, short, long string, done func(vrrp.HandoverReport) string) *cobra.Command {
	var socket string
	c := &cobra.Command{
		Use: verb + " NAME", Short: short, Long: long,
		Args: usageArgs(oneName),
		RunE: func(c *cobra.Command, args []string) error {
			var result handoverResult
			_, err := askDaemon(c.Context(), controlDeadline, socket, http.MethodPost, "/api/v1/vrrp/"+url.PathEscape(args[0])+"/"+verb, &result)
			switch {
			case err != nil:
				return err
			case result.Error != "":
				return fmt.Errorf("%s %s: %s", verb, args[0], result.Error)
			case result.Report == nil:
				return fmt.Errorf("%s %s: the daemon gave no report", verb, args[0])
			}
			fmt.Println(done(*result.Report))
			return nil
		},
	}
	addSocketFlag(c, &socket)
	return c
}

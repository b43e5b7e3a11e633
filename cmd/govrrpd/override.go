package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/govrrpd/govrrpd/ipvs"
)

// An overrideResult is the answer to GET /api/v1/ipvs/NAME/SERVER and to POST …/drain, …/disable, …/enable and …/weight.
type overrideResult struct {
	Error   string             `json:"error,omitempty"`
	Refused bool               `json:"refused,omitempty"` // force=true carries it out all the same
	Report  *ipvs.ServerReport `json:"report,omitempty"`
}

// orderDeadline is when an order is withdrawn that the engine has not come to: before the client gives up, who is told.
const orderDeadline = controlDeadline - 5*time.Second

// errParameter marks a parameter of a request that means nothing.
var errParameter = errors.New("wrong parameter")

// overrideCommands are what operators may say of a server, by the last word of the path.
func overrideCommands() map[string]ipvs.Command {
	return map[string]ipvs.Command{"drain": ipvs.DrainServer, "disable": ipvs.DisableServer, "enable": ipvs.Enable, "weight": ipvs.Weigh}
}

// serveOverrides adds the requests to mux. Parameters of the orders are reason, force=true, deadline=10m of drain and weight=N of weight.
func (d *daemon) serveOverrides(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/ipvs/{name}/{server}", func(w http.ResponseWriter, r *http.Request) {
		id, err := d.engine.Find(r.PathValue("name"), r.PathValue("server"))
		if err != nil {
			writeJSON(w, http.StatusNotFound, overrideResult{Error: err.Error()})
			return
		}
		report := d.engine.Server(id)
		writeJSON(w, http.StatusOK, overrideResult{Report: &report})
	})
	for word, command := range overrideCommands() {
		mux.HandleFunc("POST /api/v1/ipvs/{name}/{server}/"+word, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), orderDeadline)
			defer cancel()
			report, code, err := d.override(ctx, command, r)
			if err != nil {
				writeJSON(w, code, overrideResult{Error: err.Error(), Refused: code == http.StatusConflict})
				return
			}
			writeJSON(w, http.StatusOK, overrideResult{Report: &report})
		})
	}
}

// override carries out one order and returns the status code of an error.
func (d *daemon) override(ctx context.Context, command ipvs.Command, r *http.Request) (ipvs.ServerReport, int, error) {
	order, err := orderOf(command, r.URL.Query())
	if err != nil {
		return ipvs.ServerReport{}, http.StatusBadRequest, err
	}
	if order.Server, err = d.engine.Find(r.PathValue("name"), r.PathValue("server")); err != nil {
		return ipvs.ServerReport{}, http.StatusNotFound, err
	}
	order.Who = callerOf(r)
	report, err := d.engine.Override(ctx, order)
	var refused *ipvs.RefusedError
	switch {
	case errors.As(err, &refused):
		return report, http.StatusConflict, err
	case err != nil:
		return report, http.StatusUnprocessableEntity, err
	}
	if warning := persistenceWarning(order, report, expiresTemplates()); warning != "" {
		report.Warnings = append(report.Warnings, warning)
	}
	return report, http.StatusOK, nil
}

// maxReason bounds the bytes of a reason: it is shown on one line.
const maxReason = 200

// orderOf reads the parameters of an order.
func orderOf(command ipvs.Command, q url.Values) (o ipvs.Order, err error) {
	o = ipvs.Order{Command: command, Why: oneLine(q.Get("reason")), Force: q.Get("force") == "true"}
	if len(o.Why) > maxReason {
		return o, fmt.Errorf("%w: reason has %d bytes, want at most %d", errParameter, len(o.Why), maxReason)
	}
	if text := q.Get("deadline"); text != "" {
		if o.Deadline, err = time.ParseDuration(text); err != nil || o.Deadline <= 0 || command != ipvs.DrainServer {
			return o, fmt.Errorf("%w: deadline=%s: want a time such as 10m, of a drain", errParameter, text)
		}
	}
	text := q.Get("weight")
	if (text != "") != (command == ipvs.Weigh) {
		return o, fmt.Errorf("%w: weight=%s: want one of the order weight alone, 0 to %d or default", errParameter, text, ipvs.MaxWeight)
	}
	o.Weight, err = weightOf(text)
	return o, err
}

// oneLine returns text as it may be shown on a line of a terminal, whatever it would do there.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// weightOf reads a weight; nil is none.
func weightOf(text string) (*int, error) {
	if text == "" || text == "default" {
		return nil, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > ipvs.MaxWeight {
		return nil, fmt.Errorf("%w: weight %s: want 0 to %d, or default", errParameter, text, ipvs.MaxWeight)
	}
	return &n, nil
}

// expireFile is the setting by which persistence lets go of servers with weight 0. A test reads another one.
const expireFile = "/proc/sys/net/ipv4/vs/expire_quiescent_template"

// expiresTemplates reports whether persistence sends clients elsewhere once their server has weight 0.
func expiresTemplates() bool {
	text, err := os.ReadFile(expireFile)
	return err == nil && strings.TrimSpace(string(text)) != "0"
}

// persistenceWarning says that clients will go on to come to a server that takes no new ones, if they will.
func persistenceWarning(o ipvs.Order, is ipvs.ServerReport, expires bool) string {
	quiesced := o.Command == ipvs.DrainServer || o.Command == ipvs.Weigh && o.Weight != nil && *o.Weight == 0
	if !quiesced || expires || is.Persistence == 0 || is.Override != nil && !is.Override.Drained.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s has persistence: clients that this server has go on to come to it with new connections, until they stay away for %s; with"+
		" sysctls = { expire_quiescent_template = 1 } in the ipvs block they go to other servers", is.Service, is.Persistence)
}

// overridesFile has what operators said of servers.
func (d *daemon) overridesFile() string { return runtimeFile(d.socket, "ipvs-overrides.json") }

func (d *daemon) rememberOverrides(all []ipvs.ServerOverride) error {
	err := saveJSON(d.overridesFile(), ipvs.Overrides(all))
	if err != nil {
		d.log.Warn("cannot remember what operators said of servers", "error", err)
	}
	return err
}

// recallOverrides returns what operators told an earlier director.
func (d *daemon) recallOverrides() ipvs.Overrides {
	var all ipvs.Overrides
	if err := loadJSON(d.overridesFile(), &all); err != nil {
		d.log.Warn("not all that operators said of servers is known", "known", len(all), "error", err)
	}
	return all
}

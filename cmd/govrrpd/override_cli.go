package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// An overrideCall is one order as it was given on the command line.
type overrideCall struct {
	word, service, server string
	socket, reason        string
	force                 bool
	deadline              time.Duration
	weight                string
}

// newOverrideCommands returns drain, disable, enable and weight.
func newOverrideCommands() []*cobra.Command {
	return []*cobra.Command{newDrainCommand(), newDisableCommand(), newEnableCommand(), newWeightCommand()}
}

func newDrainCommand() *cobra.Command {
	var wait bool
	call := overrideCall{word: "drain"}
	c := newOverrideCommand(&call, "drain VS RS", "Take a real server out as its connections end",
		"Drain gives the real server RS of the virtual_server VS no new connections. It stays until it has had none for two seconds, whatever\n"+
			"its checks say meanwhile, or until --deadline, and then leaves the table: what it has then is ended. With --wait the command returns\n"+
			"then, with 0 if no connection was ended, and with 3 if some were; it may be interrupted, the drain goes on. `govrrpd enable` takes it\n"+
			"back. RS is IP or IP:PORT as configured. Persistence may keep clients coming: the command says so.",
		func(ctx context.Context, out io.Writer) error {
			report, err := call.order(ctx)
			if err != nil {
				return err
			}
			call.tell(out, report)
			if !wait {
				return nil
			}
			return call.wait(ctx, out)
		})
	call.addReason(c)
	call.addForce(c)
	c.Flags().BoolVar(&wait, "wait", false, "return when the server has drained")
	c.Flags().DurationVar(&call.deadline, "deadline", 0, "end what is left after this `time`, such as 10m (default: wait for the connections)")
	return c
}

func newDisableCommand() *cobra.Command {
	call := overrideCall{word: "disable"}
	c := newOverrideCommand(&call, "disable VS RS", "Take a real server out at once",
		"Disable removes the real server RS of the virtual_server VS from the table; its connections end. `govrrpd enable` takes it back. Drain\n"+
			"is gentler. RS is IP or IP:PORT as configured.", call.run)
	call.addReason(c)
	call.addForce(c)
	return c
}

func newEnableCommand() *cobra.Command {
	call := overrideCall{word: "enable"}
	return newOverrideCommand(&call, "enable VS RS", "Let a real server serve again that was drained or disabled",
		"Enable ends what drain or disable began. The real server RS of the virtual_server VS serves again if its checks say so, with the weight\n"+
			"that `govrrpd weight` has given it, if any. It also forgets what was said of a server that is configured no more.", call.run)
}

func newWeightCommand() *cobra.Command {
	call := overrideCall{word: "weight"}
	c := newOverrideCommand(&call, "weight VS RS N|default", "Give a real server another weight",
		"Weight gives the real server RS of the virtual_server VS the weight N, 0 to 65535, before that of its checks and of the configuration.\n"+
			"With 0 it takes no new connections and keeps the old ones. `default` takes it back.", call.run)
	c.Args = usageArgs(func(_ *cobra.Command, args []string) error {
		if len(args) != 3 {
			return errors.New("want VS, the name of a virtual_server, RS, the address of its real server, and a weight or `default`")
		}
		if _, err := weightOf(args[2]); err != nil {
			return err
		}
		call.service, call.server, call.weight = args[0], args[1], args[2]
		return nil
	})
	call.addReason(c)
	call.addForce(c)
	return c
}

// newOverrideCommand returns a command that does run with the names of a virtual server and a real server in call.
func newOverrideCommand(call *overrideCall, use, short, long string, run func(context.Context, io.Writer) error) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Long: long,
		Args: usageArgs(func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errors.New("want VS, the name of a virtual_server, and RS, the address of its real server")
			}
			call.service, call.server = args[0], args[1]
			return nil
		}),
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return completeServer(c.Context(), call.socket, args), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, _ []string) error { return run(c.Context(), os.Stdout) },
	}
	addSocketFlag(c, &call.socket)
	return c
}

func (o *overrideCall) addReason(c *cobra.Command) {
	c.Flags().StringVar(&o.reason, "reason", "", "why, in a few `words`: status shows them beside your name")
}

func (o *overrideCall) addForce(c *cobra.Command) {
	c.Flags().BoolVar(&o.force, "force", false, "also if nobody else would serve, or the quorum would be lost")
}

// run gives the order and says what comes of it.
func (o *overrideCall) run(ctx context.Context, out io.Writer) error {
	report, err := o.order(ctx)
	if err == nil {
		o.tell(out, report)
	}
	return err
}

// path is that of the server on the control socket.
func (o *overrideCall) path() string {
	return "/api/v1/ipvs/" + url.PathEscape(o.service) + "/" + url.PathEscape(o.server)
}

func (o *overrideCall) order(ctx context.Context) (ipvs.ServerReport, error) {
	if o.deadline < 0 {
		return ipvs.ServerReport{}, usagef("--deadline=%s: want a time above 0, such as 10m", o.deadline)
	}
	q := url.Values{}
	for key, value := range map[string]string{"reason": o.reason, "weight": o.weight} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if o.deadline > 0 {
		q.Set("deadline", o.deadline.String())
	}
	if o.force {
		q.Set("force", "true")
	}
	return o.ask(ctx, http.MethodPost, o.path()+"/"+o.word+"?"+q.Encode())
}

func (o *overrideCall) ask(ctx context.Context, method, path string) (ipvs.ServerReport, error) {
	var result overrideResult
	_, err := askDaemon(ctx, controlDeadline, o.socket, method, path, &result)
	switch {
	case err != nil:
		return ipvs.ServerReport{}, err
	case result.Refused:
		return ipvs.ServerReport{}, fmt.Errorf("%s; --force does it all the same", result.Error)
	case result.Error != "":
		return ipvs.ServerReport{}, errors.New(result.Error)
	case result.Report == nil:
		return ipvs.ServerReport{}, errors.New("the daemon gave no report")
	}
	return *result.Report, nil
}

// tell prints what came of an order.
func (o *overrideCall) tell(out io.Writer, is ipvs.ServerReport) {
	fmt.Fprintf(out, "%s of %s %s\n", is.Server, is.Service, o.outcome(is))
	for _, w := range is.Warnings {
		fmt.Fprintf(os.Stderr, "warning: %s\n", w)
	}
	switch {
	case is.Error != "":
		fmt.Fprintf(os.Stderr, "warning: the kernel refuses a change of %s: %s\n", is.Service, is.Error)
	case !is.Applied:
		fmt.Fprintf(os.Stderr, "warning: the kernel does not have it yet; `govrrpd status` shows why\n")
	}
}

func (o *overrideCall) outcome(is ipvs.ServerReport) string {
	switch said := is.Override; {
	case o.word == "weight" && said != nil && said.Weight != nil:
		return fmt.Sprintf("has weight %d until `govrrpd weight %s %s default`", *said.Weight, is.Service, is.Server)
	case o.word == "weight":
		return "has the weight of its checks or its configuration"
	case said == nil || said.Kind == pool.None:
		return "is enabled"
	case said.Kind == pool.Disable:
		return fmt.Sprintf("is disabled until `govrrpd enable %s %s`", is.Service, is.Server)
	case said.Drains():
		return fmt.Sprintf("drains: %s; `govrrpd enable %s %s` takes it back", left(is, time.Now()), is.Service, is.Server)
	}
	return fmt.Sprintf("has drained; `govrrpd enable %s %s` takes it back", is.Service, is.Server)
}

// left says what a drain waits for: "12 active connections, 3 inactive, at most 9m58s".
func left(is ipvs.ServerReport, now time.Time) string {
	text := fmt.Sprintf("%s, %d inactive", count(is.ActiveConns, "active connection"), is.InactiveConns)
	if is.Override != nil && !is.Override.Deadline.IsZero() {
		text += fmt.Sprintf(", at most %s", max(is.Override.Deadline.Sub(now), 0).Round(time.Second))
	}
	return text
}

// completeServer proposes the names of virtual servers, and then the addresses of the real servers of the one that was named.
func completeServer(ctx context.Context, socket string, args []string) []string {
	if ctx == nil {
		ctx = context.Background()
	}
	var s Status
	if _, err := askDaemon(ctx, controlDeadline, socket, http.MethodGet, "/api/v1/status", &s); err != nil || len(args) > 1 {
		return nil
	}
	var names []string
	for _, service := range s.IPVS {
		switch {
		case len(args) == 0:
			names = append(names, service.Name)
		case service.Name == args[0]:
			for _, server := range service.RealServers {
				names = append(names, server.Address.String())
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

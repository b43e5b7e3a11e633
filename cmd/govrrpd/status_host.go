package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/govrrpd/govrrpd/ipvs"
)

// writeHost shows sync daemons and settings of IPVS; nothing where none are configured, as on most hosts.
func writeHost(w io.Writer, h ipvs.HostStatus, now time.Time) {
	if h.Error != "" {
		fmt.Fprintf(w, "IPVS SETTINGS\tERROR: %s\n\n", h.Error)
	}
	if h.Guard != nil {
		fmt.Fprintf(w, "LOOP GUARD\t%s\n\n", guardLine(h.Guard))
	}
	if len(h.Daemons) > 0 {
		fmt.Fprintln(w, "SYNC DAEMON\tINTERFACE\tID\tGROUP\tSINCE\tQUEUED\tDROPPED\tSTATE")
		for _, d := range h.Daemons {
			fmt.Fprintf(w, "%s\t%s\t%d\t%s port %d\t%s\t%d\t%d\t%s\n", daemonName(d), d.Interface, d.ID, d.Group, d.Port, age(now, d.Since), d.Queued, d.Dropped, daemonState(d))
		}
		fmt.Fprintln(w)
	}
	if len(h.Settings) == 0 {
		return
	}
	fmt.Fprintln(w, "IPVS SETTING\tVALUE\tSTATE")
	for _, s := range h.Settings {
		state := "ok"
		if s.Error != "" {
			state = "ERROR: " + s.Error
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, s.Value, state)
	}
	fmt.Fprintln(w)
}

// daemonName is the part that a daemon is to play: "master", and whom it follows.
func daemonName(d ipvs.DaemonStatus) string {
	var words []string
	if d.Wanted != "" {
		words = append(words, d.Wanted)
	}
	if d.Follow != "" {
		words = append(words, "follows "+d.Follow)
	}
	return strings.Join(words, ", ")
}

// daemonState is the last column of a daemon: what is wrong, in capitals.
func daemonState(d ipvs.DaemonStatus) string {
	switch {
	case d.Error != "":
		return "ERROR: " + d.Error
	case d.Wanted == "":
		return "waits for the role of " + d.Follow
	case !d.Alive && d.Running != "":
		return "NOT RUNNING, the kernel runs " + d.Running
	case !d.Alive:
		return "NOT RUNNING"
	case d.Ignores:
		return fmt.Sprintf("TAKES IN NOTHING: %s sends sync_id %d", d.HeardFrom, d.HeardID)
	case !d.InStep:
		return fmt.Sprintf("OUT OF STEP: %d messages dropped", d.Dropped)
	}
	return "in step"
}

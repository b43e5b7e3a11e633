package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/vrrp"
)

// writeStatusText prints s for a person, all of it or one part. now makes points in time into ages.
func writeStatusText(w io.Writer, s Status, part string, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	if part == "" {
		writeProcesses(t, s, now)
	}
	if part == "" || part == "vrrp" {
		writeVRRP(t, s, now)
		writeTracked(t, s.Tracked, now)
	}
	if part == "" && len(s.BFD) > 0 || part == "bfd" {
		writeBFD(t, s.BFD, now)
	}
	if part == "" || part == "ipvs" {
		writeHost(t, s.Engine.Host, now)
		writeIPVS(t, s.IPVS, now)
		writeWarnings(t, s.Engine.Warnings)
		writeStrays(t, s.Engine.Strays, now)
		writeUnread(t, s.Engine.Error, part)
		writeMarks(t, s.Marks)
		writeDrift(t, s.Engine, now)
	}
	if part == "" || part == "checks" {
		writeChecks(t, s.Checks, now)
	}
	return t.Flush()
}

func writeProcesses(w io.Writer, s Status, now time.Time) {
	d := s.Director
	fmt.Fprintf(w, "%s\tgovrrpd %s, pid %d, %s loaded %s ago\n", d.RouterID, d.Version, d.PID, d.Config, age(now, d.LoadedAt))
	switch {
	case s.Router.Error != "":
		fmt.Fprintf(w, "router\tERROR: %s\n", s.Router.Error)
	case s.Router.Version != d.Version:
		fmt.Fprintf(w, "router\tgovrrpd %s, pid %d\n", s.Router.Version, s.Router.PID)
	default:
		fmt.Fprintf(w, "router\tpid %d\n", s.Router.PID)
	}
	if p := s.Engine.Panic; p != nil {
		fmt.Fprintf(w, "ipvs\tPANIC: %d of %d real servers went down at once %s ago, they keep their weights\n", p.Failed, p.Servers, age(now, p.Since))
	}
	if s.Engine.Error != "" {
		fmt.Fprintf(w, "ipvs\tERROR: %s\n", s.Engine.Error)
	}
	fmt.Fprintln(w)
}

func writeVRRP(w io.Writer, s Status, now time.Time) {
	writeRouters(w, s.VRRP, now)
	if s.Router.Error != "" {
		fmt.Fprintf(w, "  not known: %s\n\n", s.Router.Error)
		return
	}
	writeNone(w, len(s.VRRP), "vrrp_instance")
	writeSyncGroups(w, s.Groups, now)
	writeHeld(w, s.Kernel.Objects)
	writeVMACs(w, s.Kernel.VMACs)
	writeSigned(w, s.VRRP, now)
}

// writeRouters has a line for each virtual router, which fits on a screen, and below it one for each thing that is special about it.
func writeRouters(w io.Writer, routers []vrrp.Status, now time.Time) {
	var table strings.Builder
	t := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "VRRP\tINTERFACE\tVRID\tROLE\tPRIORITY\tMASTER\tSINCE\tADDRESSES")
	for _, r := range routers {
		master := "-"
		if r.Master.IsValid() {
			master = r.Master.String()
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%d\t%s\t%s\t%s\n", r.Name, r.Interface, r.VRID, r.Role, r.Priority, master,
			age(now, r.Since), addresses(r))
	}
	_ = t.Flush() // a Builder takes everything
	writeNoted(w, table.String(), func(i int) []string { return notes(routers[i], now) })
}

// writeNoted prints a table that begins with a line of titles, and below each other line the notes about it.
func writeNoted(w io.Writer, table string, notes func(i int) []string) {
	rows := strings.SplitAfter(table, "\n")
	fmt.Fprint(w, rows[0])
	for i, row := range rows[1 : len(rows)-1] { // what follows the last line is empty
		fmt.Fprint(w, row)
		for _, note := range notes(i) {
			fmt.Fprintf(w, "  %s\n", strings.Join(strings.Fields(note), " "))
		}
	}
}

// writeSyncGroups shows the routers that change role together; nothing where there are none, as on most hosts.
func writeSyncGroups(w io.Writer, groups []vrrp.GroupStatus, now time.Time) {
	if len(groups) == 0 {
		return
	}
	var table strings.Builder
	t := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "SYNC GROUP\tROLE\tSINCE\tMEMBERS")
	for _, g := range groups {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", g.Name, g.Role, age(now, g.Since), strings.Join(g.Members, " "))
	}
	_ = t.Flush() // a Builder takes everything
	writeNoted(w, table.String(), func(i int) []string { return groupNotes(groups[i]) })
	fmt.Fprintln(w)
}

// groupNotes are what keeps a sync group from being master.
func groupNotes(g vrrp.GroupStatus) []string {
	var out []string
	for _, reason := range g.Reasons {
		if g.Role == vrrp.Fault {
			reason = "FAULT: " + reason
		}
		out = append(out, reason)
	}
	if len(g.Ready) > 0 {
		out = append(out, "HELD BACK: nobody else is master of "+strings.Join(g.Ready, " "))
	}
	return out
}

// shownAddresses is how many addresses fit on a line of one screen beside the rest.
const shownAddresses = 3

// addresses is the last cell of a router: what it is for.
func addresses(r vrrp.Status) string {
	var words []string
	for _, a := range r.VirtualAddresses[:min(len(r.VirtualAddresses), shownAddresses)] {
		words = append(words, a.String())
	}
	if more := len(r.VirtualAddresses) - shownAddresses; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, " ")
}

// notes are what an operator has to know of a router besides: why it may not take part, first.
func notes(r vrrp.Status, now time.Time) []string {
	var out []string
	for _, reason := range r.Reasons {
		out = append(out, "FAULT: "+reason)
	}
	out = append(out, rivals(r.Rivals, now)...)
	for _, p := range r.Paths {
		if !p.LostSince.IsZero() {
			out = append(out, fmt.Sprintf("PATH LOST: %s of peer %s on %s", p.Address, p.Peer, p.Interface))
		}
	}
	for _, w := range r.Warnings {
		out = append(out, fmt.Sprintf("%s: %s %s", headingOf(w.Kind), w.From, w.Text))
	}
	if !r.Aside.IsZero() {
		out = append(out, "STANDS ASIDE since a failover, until `govrrpd takeover "+r.Name+"`")
	}
	if slices.ContainsFunc(r.PriorityTerms, func(t vrrp.Term) bool { return t.Amount != 0 }) {
		out = append(out, "PRIORITY: "+vrrp.Arithmetic(r.BasePriority, r.PriorityTerms, r.Priority))
	}
	return out
}

// headingOf is the word that a warning begins with.
func headingOf(k vrrp.WarningKind) string {
	switch k {
	case vrrp.WarnOwners:
		return "TWO OWNERS"
	case vrrp.WarnFlapping:
		return "FLAPPING"
	}
	return "WARNING"
}

func writeIPVS(w io.Writer, services []ipvs.ServiceStatus, now time.Time) {
	fmt.Fprintln(w, "IPVS\tADDRESS\tSCHEDULER\tFORWARD\tWEIGHT\tACTIVE\tINACTIVE\tSTATE")
	for _, s := range services {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\t\t\t%s\n", s.Name, serviceKey(s), s.Scheduler, s.Forward, serviceState(s))
		for _, r := range s.RealServers {
			fmt.Fprintf(w, "\t  %s\t\t\t%d\t%d\t%d\t%s\n", r.Address, r.Weight, r.ActiveConns, r.InactiveConns, serverState(r, now))
		}
	}
	writeNone(w, len(services), "virtual_server")
}

// serviceKey is what tells a service from others: "tcp 192.0.2.10:80" or "fwmark 80 ipv6".
func serviceKey(s ipvs.ServiceStatus) string {
	if s.Mark != 0 {
		return fmt.Sprintf("fwmark %d %s", s.Mark, s.Family)
	}
	return fmt.Sprintf("%s %s", s.Protocol, s.Address)
}

func writeChecks(w io.Writer, checks []checkers.Status, now time.Time) {
	fmt.Fprintln(w, "CHECK\tSTATE\tSINCE\tLAST\tREASON")
	for _, c := range checks {
		last, reason := "-", ""
		if c.Last != nil {
			last = c.Last.Duration.Round(10 * time.Microsecond).String()
			reason = cmp.Or(c.Last.Reason, "passed")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.Name, c.State, age(now, c.Since), last, reason)
	}
	writeNone(w, len(checks), "check")
}

// writeNone says that a part is empty because nothing is configured, and ends the part.
func writeNone(w io.Writer, n int, block string) {
	if n == 0 {
		fmt.Fprintf(w, "  no %s is configured\n", block)
	}
	fmt.Fprintln(w)
}

// age returns how long ago t was, in the precision that matters: 1.4s, 12m5s, 3h20m, 2d4h.
func age(now, t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := now.Sub(t)
	const day = 24 * time.Hour
	switch {
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	case d < day:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%02dh", d/day, d%day/time.Hour)
}

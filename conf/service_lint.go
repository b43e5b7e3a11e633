package conf

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/ipvs"
)

// A crossing is a server that is to get packets of the other address family, through a tunnel.
type crossing struct {
	at      hcl.Range
	service string // of which it is a server, as messages begin
	what    string // "real server [2001:db8::11]:80"
}

// cross notes a server of s that crosses over to the other address family.
func (d *decoder) cross(s *service, what string, at hcl.Range, dest ipvs.Dest) {
	if s.mixed || dest.Addr.Addr().Is6() != (s.AF() == ipvs.V6) {
		d.crossings = append(d.crossings, crossing{at, s.name, fmt.Sprintf("%s %s", what, dest.Addr)})
	}
}

// noCrossing reports servers of the other address family than their service beside a sync daemon: what the kernel's daemons tell each other
// of a connection has one family. While one runs, the kernel refuses such servers, and while it has such a server, whatever its weight, daemons
// of either state. The groups of two daemons may well be of two families, and that of a daemon of another one than its services.
func (d *decoder) noCrossing(daemons []rawSyncDaemon) {
	if len(daemons) == 0 {
		return
	}
	for _, c := range d.crossings {
		d.problem(c.at, fmt.Sprintf("%s is of another address family than the clients of %s, and the kernel takes no such server beside the sync_daemon at %s",
			c.what, c.service, place(daemons[0].Place)), "write a server of the family of the clients, or remove the sync_daemon")
	}
}

// noLoopback warns of a server by NAT at this host's loopback: the kernel drops what other hosts send there, and a check of it finds all well.
func (d *decoder) noLoopback(s *service, what string, at hcl.Range, dest ipvs.Dest) {
	if dest.Forward != ipvs.NAT || !dest.Addr.Addr().IsLoopback() || s.Addr.Addr().IsLoopback() {
		return
	}
	d.warn(at, fmt.Sprintf("%s %s of %s has forward = \"nat\": the kernel drops what comes for it from other hosts, though checks find it well", what, dest.Addr, s.name),
		`write another address of this host, or forward = "dr" with a program that listens at the address and port of the service`)
}

// refuses warns of a service whose clients are refused though other servers are well. A hash without fallback sends the clients of a server to nobody
// while that has weight 0 or is full. With sh it is told only where the file itself makes that happen: its users expect that each client has one server.
func (d *decoder) refuses(s *service) {
	if s.Scheduler != "mh" && s.Scheduler != "sh" || s.Flags&flagFallback != 0 || d.misread(s.raw.SchedulerFlags) {
		return
	}
	if s.Scheduler == "sh" && !s.holdsServersBack() {
		return
	}
	d.warn(s.raw.Scheduler.Expr.Range(), fmt.Sprintf("scheduler %q without %s-fallback in %s: the clients of a server that has weight 0, as in a drain, or is full are refused, and not sent to another", s.Scheduler, s.Scheduler, s.name),
		fmt.Sprintf("add %q to scheduler_flags", s.Scheduler+"-fallback"))
}

// holdsServersBack reports whether s lets servers stay in the kernel's table that get no new connections.
func (s *service) holdsServersBack() bool {
	for _, rs := range s.Servers {
		action := rs.Failed
		if action == ipvs.Standard {
			action = s.Failed
		}
		if action == ipvs.Quiesce || rs.Upper > 0 || rs.Weight == 0 {
			return true
		}
	}
	return false
}

// misread reports whether something was found wrong within a.
func (d *decoder) misread(a *hcl.Attribute) bool {
	if a == nil {
		return false
	}
	for _, diag := range d.diags {
		if diag.Subject != nil && diag.Subject.Overlaps(a.Range) {
			return true
		}
	}
	return false
}

package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/govrrpd/govrrpd/conf"
	"github.com/govrrpd/govrrpd/ipvs"
)

// A passage is what lets answers of servers behind NAT through this host.
type passage struct {
	local          addrSet // of this host: servers there need no forwarding
	closed4        bool    // no interface forwards IPv4
	closed6        bool    // no interface forwards IPv6
	netSysctlsRoot string  // the folder that the two are read from
}

// readPassage asks the kernel. What cannot be read counts as open: a warning must be right.
func readPassage() passage {
	p := passage{netSysctlsRoot: "/proc/sys/net"}
	p.readFrom()
	if p.closed4 || p.closed6 {
		p.local = ownAddresses()
	}
	return p
}

// readFrom finds out what of p is closed.
func (p *passage) readFrom() {
	p.closed4 = p.allZero("ipv4/conf/*/forwarding")
	p.closed6 = p.allZero("ipv6/conf/all/forwarding", "ipv6/conf/*/force_forwarding")
}

// allZero reports whether there are such settings and each is 0. Over IPv4 the one of the interface decides that a packet came in by, and
// those of lo and of interfaces that are yet to come say nothing; over IPv6 the one of all does, or, since Linux 6.17, force_forwarding.
func (p passage) allZero(patterns ...string) bool {
	found := false
	for _, pattern := range patterns {
		files, _ := filepath.Glob(filepath.Join(p.netSysctlsRoot, pattern))
		for _, file := range files {
			device := filepath.Base(filepath.Dir(file))
			if device == "lo" || device == "default" || device == "all" && strings.HasPrefix(pattern, "ipv4") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil || strings.TrimSpace(string(text)) != "0" {
				return false
			}
			found = true
		}
	}
	return found
}

// warnings say which services of c get no answers through p, one line for each address family.
func (p passage) warnings(c *conf.Config) []string {
	var out []string
	for _, family := range []struct {
		closed, v6 bool
		name, what string
	}{{p.closed4, false, "IPv4", "net.ipv4.ip_forward"}, {p.closed6, true, "IPv6", "net.ipv6.conf.all.forwarding"}} {
		if !family.closed {
			continue
		}
		if names := p.waiting(c, family.v6); len(names) > 0 {
			others := ""
			if len(names) > 1 {
				others = fmt.Sprintf(" and %s", count(len(names)-1, "other"))
			}
			out = append(out, fmt.Sprintf("virtual_server %q%s: servers by forward = \"nat\" answer through this host, which forwards no %s packet: set %s = 1",
				names[0], others, family.name, family.what))
		}
	}
	return out
}

// waiting returns the names of services that reach a server of that family elsewhere by NAT.
func (p passage) waiting(c *conf.Config, v6 bool) []string {
	var out []string
	for i := range c.Services {
		s := &c.Services[i]
		through := func(forward ipvs.Forward, at netip.AddrPort) bool {
			a := at.Addr()
			return forward == ipvs.NAT && a.Is6() == v6 && !a.IsLoopback() && !p.local.has(a)
		}
		if slices.ContainsFunc(s.Servers, func(r ipvs.RealServer) bool { return through(r.Forward, r.Addr) }) || s.Sorry != nil && through(s.Sorry.Forward, s.Sorry.Addr) {
			out = append(out, s.Name)
		}
	}
	return out
}

// warningsOfHost says what about this host, now, keeps services of c from working.
func warningsOfHost(c *conf.Config) []string {
	out := readPassage().warnings(c)
	if _, loop := guardOf(c, ownAddresses()); loop != "" {
		out = append(out, loop)
	}
	return out
}

// warnOfForwarding logs and returns a line for each thing about this host that keeps services of c from working.
func (d *daemon) warnOfForwarding(c *conf.Config) string {
	var text strings.Builder
	for _, line := range warningsOfHost(c) {
		d.log.Warn("virtual servers do not work as this host is set up", "detail", line)
		fmt.Fprintf(&text, "warning: %s\n", line)
	}
	return text.String()
}

// writeWarnings says what about this host keeps services from working; nothing where all is well.
func writeWarnings(w io.Writer, warnings []string) {
	for _, line := range warnings {
		fmt.Fprintf(w, "  WARNING: %s\n", line)
	}
	if len(warnings) > 0 {
		fmt.Fprintln(w)
	}
}

package conf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/mark"
)

const (
	ftpPort       = 21
	ftpPersistent = `persistence { timeout = "300s" }`
)

// A helped is what needs the kernel's helper for FTP.
type helped struct {
	ports    []uint16 // each once
	services []string // as messages name them
}

// helper reads whether the kernel has to look into the connections of s.
func (d *decoder) helper(s *service) {
	name := ""
	choice(d, s.raw.Helper, []string{"ftp"}, []string{"ftp"}, &name)
	if !s.keyed {
		return
	}
	if !d.given(s.raw.Helper) {
		d.ftpWithoutHelper(s)
		return
	}
	if name == "" || !d.helperSuits(s, s.raw.Helper) {
		return
	}
	before := len(d.ftp.ports)
	for _, k := range s.placed {
		port := k.Addr.Port()
		if k.Mark != 0 || port == 0 { // more than one: the kernel looks at the port that the client asked for
			port = ftpPort
		}
		if !slices.Contains(d.ftp.ports, port) {
			d.ftp.ports = append(d.ftp.ports, port)
		}
	}
	d.ftp.services = append(d.ftp.services, s.name)
	if n := len(d.ftp.ports); n > before && n > ipvs.MaxHelperPorts {
		d.problem(s.raw.Helper.Expr.Range(), fmt.Sprintf("helper = \"ftp\" is at %d ports with those of %s, and the kernel's helper has room for %d", n, s.name, ipvs.MaxHelperPorts),
			"have the services at fewer ports: the real servers may have others")
	}
}

// helperSuits reports a service of which the helper sees nothing, or not enough.
func (d *decoder) helperSuits(s *service, a *hcl.Attribute) bool {
	at, first := a.NameRange, s.placed[0]
	switch {
	case first.Mark == 0 && first.Proto != ipvs.TCP:
		d.problem(at, fmt.Sprintf("helper = \"ftp\" looks into connections of tcp, and %s is one of %s", s.name, first.Proto), `remove it, or write protocol = "tcp"`)
	case slices.ContainsFunc(s.forwards(), func(f ipvs.Forward) bool { return f != ipvs.NAT }):
		d.problem(at, fmt.Sprintf("helper = \"ftp\" in %s: the kernel uses it by nat only, and some of its servers have another forward", s.name),
			`remove it, and add `+ftpPersistent+`, or write forward = "nat" for all of its servers`)
	case d.given(s.raw.SNAT):
		d.problem(at, fmt.Sprintf("helper = \"ftp\" and snat in %s: the kernel replaces no sources of FTP's data connections", s.name),
			"remove snat, and give the servers a route to the clients through the director")
	case first.Mark != 0 && len(s.rules) > 0 && !slices.ContainsFunc(s.rules, marksFTP):
		d.problem(at, fmt.Sprintf("helper = \"ftp\" looks at port 21 of packets with a mark, and %s has no tcp to that", s.name), `write ports = ["21"]: the data connections need no mark`)
	default:
		return true
	}
	return false
}

// ftpWithoutHelper warns of a service at the port of FTP that has nothing by which the kernel knows its data connections.
func (d *decoder) ftpWithoutHelper(s *service) {
	at := slices.IndexFunc(s.placed, func(k placedKey) bool { return k.Mark == 0 && k.Proto == ipvs.TCP && k.Addr.Port() == ftpPort })
	byMark := slices.ContainsFunc(s.rules, func(r mark.Rule) bool {
		return marksFTP(r) && slices.Contains(r.Ports, mark.PortRange{First: ftpPort, Last: ftpPort})
	})
	if s.raw.Persistence != nil || at < 0 && !byMark {
		return
	}
	what, hint := "helper", `write helper = "ftp"`
	if !slices.Contains(s.forwards(), ipvs.NAT) {
		what, hint = "persistence", "add "+ftpPersistent+": the data connections of a client then go to the server of its control connection"
	}
	d.warn(s.placed[max(at, 0)].at, fmt.Sprintf("%s has port 21, FTP, and no %s: the kernel does not know its data connections", s.name, what), hint)
}

// marksFTP reports whether r is about port 21 of TCP among others.
func marksFTP(r mark.Rule) bool {
	return slices.Contains(r.Protocols, uint8(ipvs.TCP)) &&
		slices.ContainsFunc(r.Ports, func(p mark.PortRange) bool { return p.First <= ftpPort && ftpPort <= p.Last })
}

// forwards returns how s reaches its real servers, or would reach them.
func (s *service) forwards() []ipvs.Forward {
	out := make([]ipvs.Forward, 0, len(s.Servers))
	for _, rs := range s.Servers {
		out = append(out, rs.Forward)
	}
	if len(out) == 0 {
		out = append(out, s.Forward)
	}
	return out
}

// helpers returns what is wanted of the kernel's helpers, after all virtual servers are built.
func (d *decoder) helpers() []ipvs.Helper {
	if len(d.ftp.services) == 0 {
		return nil
	}
	const named = 3
	who := strings.Join(d.ftp.services[:min(named, len(d.ftp.services))], ", ")
	if more := len(d.ftp.services) - named; more > 0 {
		who += fmt.Sprintf(" and %d more", more)
	}
	return []ipvs.Helper{{Name: "ftp", Ports: ipvs.HelperPorts(d.ftp.ports), For: who}}
}

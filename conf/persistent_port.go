package conf

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/mark"
)

// persistentPort warns of a port that the kernel does not look at: clients of a service of several ports that persist meet a server at the port
// that they asked for (Linux: ip_vs_sched_persist). Checks may still go by it. Of a mark that others give, the ports are not known.
func (d *decoder) persistentPort(s *service, what string, at hcl.Range, dest ipvs.Dest) {
	port := dest.Addr.Port()
	if s.raw.Persistence == nil || port == 0 || s.placed[0].Mark == 0 && s.placed[0].Addr.Port() != 0 {
		return
	}
	only := mark.PortRange{First: port, Last: port}
	if s.placed[0].Mark != 0 && !slices.ContainsFunc(s.rules, func(r mark.Rule) bool {
		return slices.ContainsFunc(r.Ports, func(p mark.PortRange) bool { return p != only })
	}) {
		return
	}
	d.warn(at, fmt.Sprintf("%s %s has a port, and with persistence the clients of %s get the port that they ask for", what, dest.Addr, s.name),
		fmt.Sprintf("write %q; its checks find the port by address = %q", dest.Addr.Addr(), fmt.Sprintf(":%d", port)))
}

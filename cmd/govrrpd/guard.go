package main

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/govrrpd/govrrpd/conf"
	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/vrrp"
)

// A localNode is this host as a server of one of its own services, beside others that may be directors of it, too.
type localNode struct {
	service string
	server  netip.AddrPort
}

// String returns `real server 10.0.0.2:80 of virtual_server "web" is this host`.
func (n localNode) String() string {
	return fmt.Sprintf("real server %s of virtual_server %q is this host", n.server, n.service)
}

// An addrSet is a set of addresses: a host may have thousands, and a configuration a hundred thousand servers to look up.
type addrSet map[netip.Addr]struct{}

func (a addrSet) has(one netip.Addr) bool {
	_, has := a[one]
	return has
}

// ownAddresses returns the addresses of this host. Those that are only virtual may be among them.
func ownAddresses() addrSet {
	out := addrSet{}
	addrs, _ := net.InterfaceAddrs() // what cannot be read is no address of ours
	for _, a := range addrs {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			out[prefix.Addr().Unmap()] = struct{}{}
		}
	}
	return out
}

// A destination is a real server or sorry server by what counts for a loop.
type destination struct {
	addr    netip.AddrPort
	forward ipvs.Forward
}

func destinations(s *ipvs.VirtualServer) []destination {
	var out []destination
	for _, r := range s.Servers {
		out = append(out, destination{r.Addr, r.Forward})
	}
	if s.Sorry != nil {
		out = append(out, destination{s.Sorry.Addr, s.Sorry.Forward})
	}
	return out
}

// loopsIn returns the first service of c that would go round between two directors, one of them this host with the addresses own. NAT changes
// the address that packets are sent to, so that no director takes them for its own service.
func loopsIn(c *conf.Config, own addrSet) (localNode, bool) {
	if len(c.Routers) == 0 { // nobody is a backup
		return localNode{}, false
	}
	for i := range c.Services {
		s := &c.Services[i]
		var here, elsewhere []destination
		for _, d := range destinations(s) {
			switch a := d.addr.Addr(); {
			case a.IsLoopback() || own.has(a):
				here = append(here, d)
			case d.forward != ipvs.NAT:
				elsewhere = append(elsewhere, d)
			}
		}
		if len(here) > 0 && len(elsewhere) > 0 {
			return localNode{s.Name, here[0].addr}, true
		}
	}
	return localNode{}, false
}

// guardOf returns what keeps this host from balancing as a backup, and nil where nothing must or can; then warning says why it cannot.
func guardOf(c *conf.Config, own addrSet) (g *ipvs.Guard, warning string) {
	node, loops := loopsIn(c, own)
	if !loops && !c.LoopGuard.On {
		return nil, ""
	}
	why := "loop_guard = true"
	if loops {
		why = node.String()
	}
	follow, obstacle := guardFollows(c)
	switch {
	case c.LoopGuard.Set && !c.LoopGuard.On:
		obstacle = "loop_guard = false"
	case cmp.Or(c.IPVS.Sysctls["backup_only"], "1") != "1":
		obstacle = "backup_only = " + c.IPVS.Sysctls["backup_only"] + " in sysctls"
	case obstacle == "":
		return &ipvs.Guard{Follow: follow, Why: why}, ""
	}
	return nil, fmt.Sprintf("%s, and as a backup it balances again what the master sends it, which may go round between the two: nothing keeps it from that because of %s", why, obstacle)
}

// guardFollows returns the virtual router of which the role says whether this host balances, or why there is none: what the kernel passes over
// as a backup it passes over for all services.
func guardFollows(c *conf.Config) (router, obstacle string) {
	served, marked := serviceAddresses(c)
	for _, r := range c.Routers {
		switch {
		case !marked && !slices.ContainsFunc(r.Addresses, func(a vrrp.Address) bool { return served.has(a.Prefix.Addr()) }):
		case router == "":
			router = r.Name
		case !together(c, router, r.Name):
			return "", fmt.Sprintf("vrrp_instance %q and %q, which hold addresses of services and may have two roles: make them one vrrp_sync_group", router, r.Name)
		}
	}
	if router == "" {
		return "", "its address, which no vrrp_instance holds"
	}
	for _, s := range c.IPVS.Sync {
		switch {
		case s.Role == ipvs.SyncAlwaysMaster:
		case s.Role != ipvs.SyncFollows:
			return "", fmt.Sprintf("sync_daemon with state = %q, for which backup_only would end all balancing: write follow = %q", s.Role, router)
		case !together(c, s.Follow, router):
			return "", fmt.Sprintf("sync_daemon with follow = %q: write %q, which holds addresses of services", s.Follow, router)
		}
	}
	return router, ""
}

// serviceAddresses returns the addresses of services. With a service by a mark, marked, every address may be meant.
func serviceAddresses(c *conf.Config) (served addrSet, marked bool) {
	served = addrSet{}
	for i := range c.Services {
		for _, key := range c.Services[i].Keys {
			served[key.Addr.Addr()] = struct{}{}
			marked = marked || key.Mark != 0
		}
	}
	return served, marked
}

// together reports whether two virtual routers always have one role.
func together(c *conf.Config, a, b string) bool {
	return a == b || slices.ContainsFunc(c.Groups, func(g vrrp.SyncGroup) bool {
		return slices.Contains(g.Members, a) && slices.Contains(g.Members, b)
	})
}

// hostConfig is what is wanted of IPVS beside services on this host.
func hostConfig(c *conf.Config, own addrSet) ipvs.HostConfig {
	host := c.IPVS
	host.Guard, _ = guardOf(c, own)
	return host
}

// guardLine is the guard of a host in a line of the status.
func guardLine(g *ipvs.GuardStatus) string {
	var does string
	switch {
	case g.Error != "":
		return "ERROR: " + g.Error
	case g.Wanted == "":
		does = "waits for the role of " + g.Follow
	case g.Wanted == ipvs.GuardPassesOver && g.PassesOver:
		does = fmt.Sprintf("on: %s is not master here, IPVS passes over every packet", g.Follow)
	case g.Wanted == ipvs.GuardPassesOver:
		does = fmt.Sprintf("NOT ON, though %s is not master here", g.Follow)
	case g.PassesOver:
		does = fmt.Sprintf("STILL ON, though %s is master here", g.Follow)
	default:
		does = fmt.Sprintf("off: %s is master here, IPVS balances", g.Follow)
	}
	return strings.Join([]string{does, g.Why}, "; ")
}

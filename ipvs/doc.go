// Package ipvs keeps the kernel's load-balancing table as the configuration and the health of the real servers want it.
//
//	[]VirtualServer, Health ── Desired (pure) ──► want ─┐
//	                                                    ├─ Diff (pure) ──► []Op ──► Kernel.Apply
//	Kernel.Table ── every Refresh ──────────────► have ─┘
//
// An Engine does this in one goroutine, for the services that changed. It owns the services of its configuration and leaves all
// others alone. What somebody changes in its own behind its back is put back after the next read.
//
// The Kernel of the daemon is a Netlink: changes go in batches over generic netlink, services are read over generic netlink and
// their destinations from /proc/net/ip_vs.
package ipvs

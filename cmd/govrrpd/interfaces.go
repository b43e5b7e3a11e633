package main

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/govrrpd/govrrpd/conf"
)

// warnOfMissingInterfaces logs and returns a line for each interface that the configuration names and this host does not have: such
// an instance waits in fault, which may be right (a tunnel that comes later) and may be a slip of the pen.
func (d *daemon) warnOfMissingInterfaces(c *conf.Config) string {
	links, err := net.Interfaces()
	if err != nil {
		return "" // the router process finds out by itself
	}
	have := make([]string, len(links))
	for i, l := range links {
		have[i] = l.Name
	}
	var text strings.Builder
	for _, line := range missingInterfaces(c, have) {
		d.log.Warn("interface is missing", "detail", line)
		fmt.Fprintf(&text, "warning: %s\n", line)
	}
	return text.String()
}

// missingInterfaces says what c waits for that is not among have, in the order of the configuration.
func missingInterfaces(c *conf.Config, have []string) []string {
	var out []string
	for _, r := range c.Routers {
		names := []string{r.Interface}
		for _, a := range r.Addresses {
			names = append(names, cmp.Or(a.Interface, r.Interface))
		}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if !slices.Contains(have, name) {
				out = append(out, fmt.Sprintf("vrrp_instance %q: this host has no interface %s now, it has %s; the instance stays in fault until it is there",
					r.Name, name, strings.Join(have, ", ")))
			}
		}
	}
	for _, s := range c.BFD {
		if s.Interface != "" && !slices.Contains(have, s.Interface) {
			out = append(out, fmt.Sprintf("bfd_instance %q: this host has no interface %s now, it has %s; the session stays down until it is there",
				s.Name, s.Interface, strings.Join(have, ", ")))
		}
	}
	return out
}

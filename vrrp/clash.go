package vrrp

import (
	"net/netip"
	"slices"
)

// Clashes reports whether routers of c and o cannot both be on this host, because adverts for the one would be taken for the other's: they have
// one VRID on one interface, hear one multicast group there, and do not speak by unicast to different routers.
func (c *Config) Clashes(o *Config) bool {
	return c.VRID == o.VRID && c.Family() == o.Family() && c.MulticastGroup() == o.MulticastGroup() && common(c.Interfaces(), o.Interfaces()) && !c.apart(o)
}

// apart reports whether both speak by unicast, and to no router in common.
func (c *Config) apart(o *Config) bool {
	return c.Unicast() && o.Unicast() && !common(c.Destinations(), o.Destinations())
}

// Interfaces returns where adverts for c are heard, that of the router first, and each once.
func (c *Config) Interfaces() []string {
	out := []string{c.Interface}
	for _, p := range c.Paths {
		if p.Interface != "" && !slices.Contains(out, p.Interface) {
			out = append(out, p.Interface)
		}
	}
	return out
}

func common[T string | netip.Addr](a, b []T) bool {
	return slices.ContainsFunc(a, func(one T) bool { return slices.Contains(b, one) })
}

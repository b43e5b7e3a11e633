package kernel

import (
	"cmp"
	"fmt"
	"net/netip"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A want is an address that a virtual router wants present. It names the interface, whose index may change while the router holds.
type want struct {
	ifname string
	prefix netip.Prefix
	label  string
	opts   vrrp.AddressOptions
}

// String returns "192.0.2.10/24 on eth0".
func (w want) String() string { return fmt.Sprintf("%s on %s", w.prefix, w.ifname) }

// wants returns what c wants present while it is master.
func wants(c *vrrp.Config) []want {
	out := make([]want, len(c.Addresses))
	for i, a := range c.Addresses {
		out[i] = want{c.AddressInterface(a), a.Prefix, a.Label, a.AddressOptions}
		out[i].opts.Metric = cmp.Or(a.Metric, metricOf(c, a))
	}
	return out
}

// A plan is a difference to apply. Before frees what stands in the way of add: the same address with other properties, or over IPv6
// with another prefix length.
type plan struct{ before, add, remove []want }

// planHold returns what to do when a router that had old, wanted or left over, wants now. What others want stays as it is.
func planHold(old, now []want, others map[addrName]want) plan {
	p := plan{add: now}
	kept, resized := make(map[addrName]want, len(now)), map[addrName]bool{}
	for _, w := range now {
		kept[w.name()] = w
		resized[w.only()] = w.prefix.Addr().Is6()
	}
	for _, w := range old {
		if _, ok := others[w.name()]; ok {
			continue
		}
		k, again := kept[w.name()]
		switch {
		case !again && resized[w.only()]:
			p.before = append(p.before, w)
		case !again:
			p.remove = append(p.remove, w)
		case !k.looksLike(w):
			p.before = append(p.before, w)
		}
	}
	return p
}

// An addrName is what one address is known by, whatever the index of its interface.
type addrName struct {
	ifname string
	prefix netip.Prefix
}

func (w want) name() addrName { return addrName{w.ifname, w.prefix} }

// only returns what an IPv6 address is known by: an interface has it once, whatever its prefix length.
func (w want) only() addrName { return addrName{w.ifname, netip.PrefixFrom(w.prefix.Addr(), 0)} }

package kernel

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A hearer is who is told of the adverts for a VRID at a port. There is one, but for routers that speak to different peers.
type hearer struct {
	listener Listener
	peers    []netip.Addr // that it hears of; nil for everybody
}

// newHearer returns what l hears for the router of c.
func newHearer(c *vrrp.Config, l Listener) hearer {
	if !c.Unicast() {
		return hearer{listener: l}
	}
	return hearer{l, c.Destinations()}
}

// apart reports whether no advert is for both.
func (h hearer) apart(o hearer) bool {
	return h.peers != nil && o.peers != nil && !slices.ContainsFunc(h.peers, func(a netip.Addr) bool { return slices.Contains(o.peers, a) })
}

// hearers are those of a port, by VRID. They are replaced, never changed.
type hearers map[uint8][]hearer

// pick returns who hears an advert. What comes from nobody's peer is for the first, to count it; nil when there is nobody.
func (h hearers) pick(vrid uint8, from netip.Addr) Listener {
	all := h[vrid]
	for i := range all {
		if slices.Contains(all[i].peers, from) {
			return all[i].listener
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[0].listener
}

// listen makes l hear the adverts for the router of c, and not those that it heard for the VRID before.
func (p *port) listen(c *vrrp.Config, l Listener) {
	next := p.without(c.VRID, l)
	next[c.VRID] = append(slices.Clone(next[c.VRID]), newHearer(c, l))
	p.hearers.Store(&next)
}

// unlisten makes l hear nothing more for a VRID.
func (p *port) unlisten(vrid uint8, l Listener) {
	next := p.without(vrid, l)
	p.hearers.Store(&next)
}

// without returns the hearers but l for a VRID.
func (p *port) without(vrid uint8, l Listener) hearers {
	next := maps.Clone(*p.hearers.Load())
	next[vrid] = slices.DeleteFunc(slices.Clone(next[vrid]), func(h hearer) bool { return h.listener == l })
	if len(next[vrid]) == 0 {
		delete(next, vrid)
	}
	return next
}

// free returns an error when another than l hears adverts that are for the router of c.
func (p *port) free(c *vrrp.Config, l Listener) error {
	next := newHearer(c, l)
	for _, h := range (*p.hearers.Load())[c.VRID] {
		if h.listener != l && !h.apart(next) {
			return fmt.Errorf("VRID %d is taken by another %s virtual router on %s", c.VRID, p.family, p.name)
		}
	}
	return nil
}

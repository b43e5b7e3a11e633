package kernel

import (
	"net/netip"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A leg is how adverts of one router go to a peer over another interface than its own.
type leg struct {
	port   *port
	source netip.Addr // the primary address there; the zero Addr when there is none; guarded by Host.mu
}

// legs finds or makes the ports of the paths of r over other interfaces, by where they lead to. Nothing is heard there yet.
func (h *Host) legs(r *router) (map[netip.Addr]*leg, error) {
	var out map[netip.Addr]*leg
	for _, path := range r.config.Paths {
		if path.Interface == "" || path.Interface == r.config.Interface {
			continue
		}
		p, err := h.port(portName{ifname: path.Interface, family: r.config.Family()})
		if err != nil {
			return nil, err
		}
		if err := p.free(r.config, r.listener); err != nil {
			return nil, err
		}
		if out == nil {
			out = map[netip.Addr]*leg{}
		}
		out[path.Address] = &leg{port: p}
	}
	return out, nil
}

// listenLegs makes the legs of r hear.
func (r *router) listenLegs() {
	for _, g := range r.legs {
		g.port.listen(r.config, r.listener)
	}
}

// unlistenLegs ends that.
func (r *router) unlistenLegs() {
	for _, g := range r.legs {
		g.port.unlisten(r.config.VRID, r.listener)
	}
}

// tellLegs finds out where the adverts of r over other interfaces come from.
func (h *Host) tellLegs(r *router) {
	for to, g := range r.legs {
		source := h.facts.sourceOn(g.port.name, g.port.family, to.IsLinkLocalUnicast())
		h.mu.Lock()
		g.source = source
		h.mu.Unlock()
	}
}

// sourceOn returns the address that adverts over another interface come from.
func (f *facts) sourceOn(ifname string, family vrrp.Family, linkLocal bool) netip.Addr {
	f.mu.RLock()
	defer f.mu.RUnlock()
	l, ok := f.table.byName(ifname)
	if !ok {
		return netip.Addr{}
	}
	if family == vrrp.IPv6 {
		a, _ := f.table.source6(l.index, f.virtual, linkLocal)
		return a
	}
	return f.table.primary(l.index, f.virtual)
}

package kernel

import (
	"maps"
	"net"
	"net/netip"
	"slices"
)

// Status is a snapshot of a Host.
type Status struct {
	Interfaces []Interface `json:"interfaces"`      // that virtual routers send from or have addresses on, by name
	VMACs      []VMAC      `json:"vmacs,omitempty"` // interfaces with virtual hardware addresses, by router
	Refused    uint64      `json:"refused"`         // packets to virtual addresses that were dropped because of accept = false
	Restored   uint64      `json:"restored"`        // held addresses, routes and rules that were missing and were put back
	Resyncs    uint64      `json:"resyncs"`         // full readings because the kernel dropped notices

	Objects []HeldObject `json:"objects,omitempty"` // what is static, then routes and rules by router
}

// An Interface is what one interface is and what passed through it. Counters begin when its first router is attached and survive the
// interface.
type Interface struct {
	Name    string     `json:"name"`
	Index   int        `json:"index"` // 0 while the interface does not exist
	Up      bool       `json:"up"`    // administratively
	Carrier bool       `json:"carrier"`
	MAC     string     `json:"mac"`
	MTU     int        `json:"mtu"`              // bytes
	Primary netip.Addr `json:"primary,omitzero"` // source of IPv4 adverts unless another is configured
	// LinkLocal is the source of IPv6 adverts unless another is configured; it may be tentative.
	LinkLocal netip.Addr `json:"link_local,omitzero"`
	Fault     string     `json:"fault,omitempty"` // why adverts cannot pass; empty when they can

	Received   uint64            `json:"received"`    // packets of protocol 112 that were addressed to us
	Dropped    map[string]uint64 `json:"dropped"`     // of those, what no router could be blamed for, by vrrp.Reason
	Overflows  uint64            `json:"overflows"`   // packets that found the receive queue full
	ReadErrors uint64            `json:"read_errors"` // errors that the socket reported
	Sent       uint64            `json:"sent"`
	SendErrors uint64            `json:"send_errors"` // adverts that did not leave

	Announced      uint64 `json:"announced"`       // gratuitous ARP packets and neighbour advertisements that left
	AnnounceErrors uint64 `json:"announce_errors"` // those that did not

	RouterAdvertisements      uint64 `json:"router_advertisements"`       // that left
	RouterAdvertisementErrors uint64 `json:"router_advertisement_errors"` // those that did not
	RouterSolicitations       uint64 `json:"router_solicitations"`        // valid ones heard while there was something to advertise
}

// Status returns a snapshot. It waits for no more than a socket that is being opened.
func (h *Host) Status() Status {
	h.admin.Lock()
	ports := maps.Clone(h.ports)
	h.admin.Unlock()
	h.mu.RLock()
	announcers, advertisers, resyncs := maps.Clone(h.announcers), maps.Clone(h.advertisers), h.resyncs
	h.mu.RUnlock()
	names := map[string]bool{}
	for name := range ports {
		names[name.ifname] = true
	}
	for name := range announcers {
		names[name] = true
	}
	for name := range advertisers {
		names[name] = true
	}
	s := Status{VMACs: h.macvlans.status(), Refused: h.fence.count(), Restored: h.ledger.restored.Load(), Resyncs: resyncs, Objects: h.objects()}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		i := h.facts.describe(name)
		for of, p := range ports {
			if of.ifname == name {
				i.fill(p, nil)
			}
		}
		i.fill(nil, announcers[name])
		i.addRouterAdvertisements(advertisers[name])
		s.Interfaces = append(s.Interfaces, i)
	}
	return s
}

// fill adds the counters of p and a, which may be nil. An interface has a port for each family.
func (i *Interface) fill(p *port, a *announcer) {
	if p != nil {
		i.Received += p.received.Load()
		i.ReadErrors += p.readErrors.Load()
		i.Sent += p.sent.Load()
		i.SendErrors += p.sendErrors.Load()
		i.Overflows += p.overflows()
		i.addDrops(p.drops.Snapshot())
	}
	if a != nil {
		i.Announced, i.AnnounceErrors = a.sent.Load(), a.failed.Load()
	}
}

// addRouterAdvertisements adds the counters of a, which may be nil.
func (i *Interface) addRouterAdvertisements(a *advertiser) {
	if a != nil {
		i.RouterAdvertisements, i.RouterAdvertisementErrors = a.sent.Load(), a.failed.Load()
		i.RouterSolicitations = a.solicited.Load()
	}
}

// addDrops adds the drops of one more port.
func (i *Interface) addDrops(more map[string]uint64) {
	if i.Dropped == nil {
		i.Dropped = make(map[string]uint64, len(more))
	}
	for reason, n := range more {
		i.Dropped[reason] += n
	}
}

// describe returns what is known of an interface.
func (f *facts) describe(name string) Interface {
	f.mu.RLock()
	defer f.mu.RUnlock()
	i := Interface{Name: name, Fault: f.table.linkFault(name)}
	if l, ok := f.table.byName(name); ok {
		i.Index, i.Up, i.Carrier, i.MTU = l.index, l.up(), l.carrier(), l.mtu
		i.MAC = net.HardwareAddr(l.mac[:]).String()
		i.Primary = f.table.primary(l.index, f.virtual)
		i.LinkLocal, _ = f.table.source6(l.index, f.virtual, true)
	}
	return i
}

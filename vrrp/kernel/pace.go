package kernel

import (
	"net/netip"
	"sync"
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A pace keeps announcements apart where that is asked for: on one interface, or on all that are plugged into one switch.
type pace struct {
	group vrrp.AnnounceGroup // zero for the pace of one interface, which goes by the plans of its routers

	mu sync.Mutex
	// guarded by mu:
	next4, next6 time.Time // no packet leaves before this
}

// gap returns the least time between a packet for addr and the next one.
func (p *pace) gap(plan vrrp.Announce, addr netip.Addr) time.Duration {
	if addr.Is4() {
		return max(plan.Gap, p.group.Gap)
	}
	return max(plan.GapNA, p.group.GapNA)
}

// due returns when the next packet of b may go out.
func (p *pace) due(b *burst) time.Time {
	if b.next >= len(b.addrs) || p.gap(b.plan, b.addrs[b.next]) == 0 {
		return b.due
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return later(b.due, *p.of(b.addrs[b.next]))
}

// of returns when the next packet for an address like addr may go out. The caller holds mu.
func (p *pace) of(addr netip.Addr) *time.Time {
	if addr.Is4() {
		return &p.next4
	}
	return &p.next6
}

// share returns how many of n packets b may send now, and false for none: where packets are kept apart, one at a time.
func (p *pace) share(b *burst, n int, now time.Time) (int, bool) {
	if b.plan.Gap == 0 && b.plan.GapNA == 0 && p.group.Gap == 0 && p.group.GapNA == 0 || b.next >= len(b.addrs) {
		return n, true
	}
	addr := b.addrs[b.next]
	gap := p.gap(b.plan, addr)
	if gap == 0 { // the next one may be of the other family
		return 1, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	next := p.of(addr)
	if next.After(now) {
		return 0, false
	}
	*next = now.Add(gap)
	return 1, true
}

// planFor is c.Announce for one of the interfaces that has addresses of c.
func planFor(c *vrrp.Config, name string) vrrp.Announce {
	plan := c.Announce
	if plan.ExtraRefresh > 0 && name != c.AddressInterface(vrrp.Address{}) {
		plan.Refresh, plan.RefreshRepeat = plan.ExtraRefresh, 1
	}
	return plan
}

// setPaces makes the interfaces of each group announce at one pace. The caller holds admin.
func (h *Host) setPaces(groups []vrrp.AnnounceGroup) {
	h.paces = map[string]*pace{}
	for _, g := range groups {
		p := &pace{group: g}
		for _, name := range g.Interfaces {
			h.paces[name] = p
		}
	}
	for _, a := range h.announcing() {
		a.setPace(h.paceOf(a.name))
	}
}

// paceOf returns the pace of the group that an interface, or the one that it sits on, is in; nil for none. The caller holds admin.
func (h *Host) paceOf(name string) *pace {
	if l, _ := h.facts.byName(name); l.macvlan != 0 {
		name = h.facts.nameOf(l.lower)
	}
	return h.paces[name]
}

// setPace makes a announce at the pace p, or at its own for nil.
func (a *announcer) setPace(p *pace) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p == nil && !a.schedule.pace.shared() {
		return
	}
	if p == nil {
		p = &pace{}
	}
	a.schedule.pace = p
}

func (p *pace) shared() bool { return len(p.group.Interfaces) > 0 }

package kernel

import (
	"errors"
	"fmt"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A guise is what a router with a virtual hardware address has besides its macvlans. It is nil for a router that has none.
type guise struct {
	voice *voice // nil when adverts carry the hardware address of the router's interface
	tap   *tap   // nil while the macvlan does not exist; guarded by Host.admin
}

// newGuise returns the guise of a router, or nil.
func newGuise(c *vrrp.Config) (*guise, error) {
	if c.VMAC == nil {
		return nil, nil
	}
	g := &guise{}
	if !c.VMAC.SendFromBase {
		v, err := newVoice(c.VMAC.Address)
		if err != nil {
			return nil, fmt.Errorf("open a socket for vmac %s: %w", c.VMAC.Name, err)
		}
		g.voice = v
	}
	return g, nil
}

// nextGuise returns the guise of r after a reload: the present one if that will do.
func (r *router) nextGuise(c *vrrp.Config) (*guise, error) {
	if nameOf(r.config) == nameOf(c) && vrrp.SameVMAC(r.config.VMAC, c.VMAC) {
		return r.guise, nil
	}
	return newGuise(c)
}

func (g *guise) close() {
	if g == nil {
		return
	}
	if g.voice != nil {
		g.voice.close()
	}
	if g.tap != nil {
		g.tap.close()
	}
}

// speaker returns what sends the router's adverts; nil for the port itself.
func (g *guise) speaker() *voice {
	if g == nil {
		return nil
	}
	return g.voice
}

// disguise makes the macvlans of r there, and listens on that of its interface. What fails is tried again soon. The caller holds admin.
func (h *Host) disguise(r *router) error {
	if r.guise == nil {
		return nil
	}
	err := h.wear(r)
	if err != nil {
		h.unbound = true
	}
	return err
}

func (h *Host) wear(r *router) error {
	if err := h.macvlans.ensure(r.config); err != nil {
		return err
	}
	l, _ := h.facts.byName(r.config.VMAC.Name)
	g := r.guise
	if g.tap != nil && g.tap.index == l.index {
		return nil
	}
	if g.tap != nil {
		g.tap.close()
		g.tap = nil
	}
	if l.index == 0 {
		return nil
	}
	t, err := openTap(l.index, r.port.group)
	if err != nil {
		return fmt.Errorf("vmac %s: %w", l.name, err)
	}
	g.tap = t
	h.startTap(t, r.port)
	return nil
}

func (h *Host) startTap(t *tap, p *port) {
	if ctx := h.started; ctx != nil {
		h.workers.Go(func() { t.read(ctx, p) })
	}
}

// startTaps and pauseTaps go along with the readers of the ports. The caller holds admin.
func (h *Host) startTaps() {
	for _, r := range h.attached() {
		if r.guise != nil && r.guise.tap != nil {
			r.guise.tap.resume()
			h.startTap(r.guise.tap, r.port)
		}
	}
}

func (h *Host) pauseTaps() {
	for _, r := range h.attached() {
		if r.guise != nil && r.guise.tap != nil {
			r.guise.tap.pause()
		}
	}
}

// appear makes the macvlans of c up, and tells those who announce on them. A macvlan comes up at once, its base has its carrier already.
func (h *Host) appear(c *vrrp.Config) error {
	if c.VMAC == nil {
		return nil
	}
	if err := h.macvlans.raise(c); err != nil {
		return err
	}
	for _, m := range macvlansOf(c) {
		if a := h.announces(m.name); a != nil {
			a.relink(h.facts.byName(m.name))
		}
	}
	return nil
}

// hold makes the addresses of c present on interfaces that are up, or absent.
func (h *Host) hold(c *vrrp.Config, on bool) error {
	if on {
		if err := h.appear(c); err != nil {
			return err
		}
		return h.ledger.hold(c, true)
	}
	h.macvlans.yield(c.Name)
	err := h.ledger.hold(c, false)
	return errors.Join(err, h.macvlans.lower(c.Name))
}

// Close removes what the host made for its routers besides addresses: interfaces with virtual hardware addresses, and the settings that
// they need. It detaches all routers; their Groups have ended. The host may be used again.
func (h *Host) Close() {
	for _, r := range h.attached() {
		h.Detach(r.config.Name)
	}
	h.macvlans.close()
}

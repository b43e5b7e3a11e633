package kernel

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

// Attach makes the host serve the virtual router of c: adverts for it go to l, and l learns at once, and from then on while Run runs, what
// becomes of its interface. The interface need not exist. It is an error when the name or the VRID is taken, or when the socket
// cannot be opened, for want of CAP_NET_RAW for example.
func (h *Host) Attach(c *vrrp.Config, l Listener) error {
	h.admin.Lock()
	defer h.admin.Unlock()
	if err := h.attach(c, l); err != nil {
		h.dropUnusedPorts()
		return fmt.Errorf("attach %s: %w", c.Name, err)
	}
	h.changed()
	h.forgetStatic(c.Name)
	return nil
}

// attach is Attach without what follows. The caller holds admin. A failure may leave ports that nobody uses.
func (h *Host) attach(c *vrrp.Config, l Listener) error {
	if h.router(c.Name) != nil {
		return errors.New("a virtual router of that name is attached")
	}
	if err := h.load(); err != nil {
		return err
	}
	g, err := newGuise(c)
	if err != nil {
		return err
	}
	r := &router{config: c, listener: l, guise: g}
	if err := h.place(r); err != nil {
		g.close()
		return err
	}
	if r.legs, err = h.legs(r); err != nil {
		h.displace(r)
		g.close()
		return err
	}
	r.listenLegs()
	h.mu.Lock()
	h.routers[c.Name] = r
	h.mu.Unlock()
	return nil
}

// Configure gives an attached router what a reload made of it. When it fails, because a new interface or VRID is taken or has no socket,
// the router stays as it was.
func (h *Host) Configure(c *vrrp.Config) error {
	h.admin.Lock()
	defer h.admin.Unlock()
	r := h.router(c.Name)
	if r == nil {
		return fmt.Errorf("configure %s: no such virtual router is attached", c.Name)
	}
	if err := h.reshape(r, c); err != nil {
		h.dropUnusedPorts()
		return fmt.Errorf("configure %s: %w", c.Name, errors.Join(err, h.ledger.forgo(c.Name)))
	}
	return nil
}

// reshape puts in r's place a router that is as c has it. The caller holds admin. A failure may leave ports that nobody uses.
func (h *Host) reshape(r *router, c *vrrp.Config) error {
	g, err := r.nextGuise(c)
	if err != nil {
		return err
	}
	next := &router{config: c, listener: r.listener, source: r.source, told: r.told, toldTracked: r.toldTracked, guise: g}
	if next.legs, err = h.legs(next); err != nil {
		if g != r.guise {
			g.close()
		}
		return err
	}
	if err := h.move(r, next); err != nil {
		if g != r.guise {
			g.close()
		}
		return err
	}
	r.unlistenLegs()
	next.listenLegs()
	h.mu.Lock()
	h.routers[c.Name] = next
	h.mu.Unlock()
	h.changed()
	if g != r.guise {
		r.guise.close()
	}
	return nil
}

// Detach forgets a router. Its Group has ended and released the addresses; what it holds all the same is removed.
func (h *Host) Detach(name string) {
	h.admin.Lock()
	defer h.admin.Unlock()
	r := h.router(name)
	if r == nil {
		return
	}
	h.mu.Lock()
	delete(h.routers, name)
	h.mu.Unlock()
	h.displace(r)
	h.silence(name)
	if err := h.ledger.release(name); err != nil {
		h.log.Error("addresses of a removed router are still there", "router", name, "error", err)
	}
	h.silence(name)
	r.guise.close()
	if err := h.macvlans.release(name); err != nil {
		h.log.Error("interface with the virtual hardware address of a removed router is still there", "router", name, "error", err)
	}
	h.changed()
}

// load reads links and addresses unless the watcher keeps them.
func (h *Host) load() error {
	if h.started != nil {
		return nil
	}
	return h.resync()
}

// changed brings everything in line with a new set of routers. The caller holds admin.
func (h *Host) changed() {
	h.facts.setVirtual(h.virtual())
	h.dropUnusedPorts()
	h.reconcile()
}

// resync reads all links and addresses.
func (h *Host) resync() error {
	s, err := openRoute()
	if err != nil {
		return err
	}
	defer s.close()
	t, err := s.dump()
	if err != nil {
		return err
	}
	h.facts.replace(t)
	return nil
}

// place finds or makes the port of r and listens there.
func (h *Host) place(r *router) error {
	c := r.config
	name := nameOf(c)
	p, err := h.port(name)
	if err != nil {
		return err
	}
	if err := p.free(c, r.listener); err != nil {
		return err
	}
	if r.ah, err = h.portAH(c); err != nil {
		return err
	}
	r.port = p
	r.listen()
	return nil
}

// move makes next listen where it shall, and r nowhere else.
func (h *Host) move(r, next *router) error {
	if nameOf(r.config) != nameOf(next.config) || r.config.VRID != next.config.VRID {
		if err := h.place(next); err != nil {
			return err
		}
		h.displace(r)
		return nil
	}
	ah, err := h.portAH(next.config)
	if err != nil {
		return err
	}
	if r.ah != nil && ah == nil {
		r.ah.unlisten(r.config.VRID, r.listener)
	}
	next.port, next.ah = r.port, ah
	next.listen()
	return nil
}

// listen makes the router hear what comes to its ports.
func (r *router) listen() {
	r.port.listen(r.config, r.listener)
	if r.ah != nil {
		r.ah.listen(r.config, r.listener)
	}
}

// port finds or makes a port.
func (h *Host) port(name portName) (*port, error) {
	if p := h.ports[name]; p != nil {
		return p, nil
	}
	p := newPort(name)
	if err := h.bind(p); err != nil {
		return nil, err
	}
	h.ports[name] = p
	return p, nil
}

// portAH returns the port for adverts with an authentication header: every router of version 2 listens there, to say so when a peer is
// configured for them and it is not. It is nil for others.
func (h *Host) portAH(c *vrrp.Config) (*port, error) {
	if c.Version != vrrp.V2 {
		return nil, nil
	}
	name := nameOf(c)
	name.ah = true
	return h.port(name)
}

func (h *Host) displace(r *router) {
	r.unlistenLegs()
	r.port.unlisten(r.config.VRID, r.listener)
	if r.ah != nil {
		r.ah.unlisten(r.config.VRID, r.listener)
	}
}

func (h *Host) dropUnusedPorts() {
	maps.DeleteFunc(h.ports, func(_ portName, p *port) bool {
		if len(*p.hearers.Load()) > 0 {
			return false
		}
		p.close()
		return true
	})
}

// bind makes the socket of p that of the interface which has the name now.
func (h *Host) bind(p *port) error {
	l, exists := h.facts.byName(p.name)
	p.deaf.Store(exists && !l.carrier())
	if p.family == vrrp.IPv6 && l.lacksIPv6() {
		l.index = 0
	}
	if p.bound() == l.index {
		return nil
	}
	socket, err := p.reopen(l.index)
	if socket != nil {
		h.startReader(p, socket)
	}
	return err
}

func (h *Host) startReader(p *port, socket syscall.RawConn) {
	if ctx := h.started; ctx != nil {
		h.workers.Go(func() { p.read(ctx, socket) })
	}
}

// reconcile brings sockets and listeners in line with the facts. The caller holds admin.
func (h *Host) reconcile() {
	h.promotions.set(h.promoting())
	unbound := map[*port]error{}
	for _, p := range h.ports {
		if err := h.bind(p); err != nil {
			unbound[p] = err
		}
	}
	h.unbound = len(unbound) > 0
	now := time.Now()
	h.settleAt = time.Time{}
	h.survey(now)
	fence := h.enclose()
	for _, r := range h.attached() {
		h.tell(r, errors.Join(fenced(r, fence), unbound[r.port], h.disguise(r)), now)
		h.tellTracked(r)
		h.tellLegs(r)
	}
	if h.unbound {
		h.repair.ring() // it is tried again soon
	}
	if !h.settleAt.IsZero() {
		h.settling.ring()
	}
	for _, p := range h.ports {
		p.beat.Store(int64(h.beat(p)))
		if err := p.admit(h.sources(p)); err != nil {
			h.log.Error("socket filter was not changed, unicast adverts are not heard", "interface", p.name, "error", err)
		}
	}
	for _, a := range h.announcing() {
		a.relink(h.facts.byName(a.name))
	}
	for _, a := range h.advertising() {
		a.relink(h.facts.byName(a.name))
	}
}

// tell gives r's listener what changed.
func (h *Host) tell(r *router, socket error, now time.Time) {
	v := h.facts.judge(r.config)
	v.link = h.linkFault(r.config.Interface, now)
	if _, exists := h.facts.byName(r.config.Interface); exists && r.config.IgnoreLink {
		v.link = ""
	}
	if v.link == "" && socket != nil {
		v.link = "link: " + socket.Error()
	}
	source := v.primary
	if r.config.Source.IsValid() {
		source = r.config.Source
	}
	h.mu.Lock()
	r.source = source
	h.mu.Unlock()
	told := r.told
	r.told = &v
	if told == nil || told.primary != v.primary {
		r.listener.SetSource(v.primary)
	}
	if told == nil || told.source != v.source {
		r.listener.Track("source", vrrp.Verdict{Fault: v.source})
	}
	if told == nil || told.link != v.link {
		r.listener.Track("link", vrrp.Verdict{Fault: v.link})
	}
}

// virtual returns the addresses that belong to whoever is master. Those of an owner are its own.
func (h *Host) virtual() map[netip.Addr]bool {
	out := map[netip.Addr]bool{}
	for _, r := range h.attached() {
		if r.config.Priority == vrrp.PriorityOwner {
			continue
		}
		for _, a := range r.config.Addresses {
			out[a.Prefix.Addr()] = true
		}
	}
	return out
}

// sources returns where unicast adverts for the routers of p may be addressed to.
func (h *Host) sources(p *port) []netip.Addr {
	var out []netip.Addr
	for _, r := range h.attached() {
		if (r.port == p || r.ah == p) && vrrp.FamilyOf(r.source) == p.family {
			out = append(out, r.source)
		}
		for _, g := range r.legs {
			if g.port == p && g.source.IsValid() {
				out = append(out, g.source)
			}
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

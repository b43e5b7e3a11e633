// Package kernel is what Linux must do for VRRP: it sends and hears adverts, makes virtual addresses present and absent, announces
// them by gratuitous ARP and neighbour advertisements, and tells the routers what becomes of their interfaces.
//
//	           Attach, Configure, Detach
//	                      │
//	wire ──► port ──► Listener.Receive            Group.Host ─► Send ──────► port ──► wire
//	rtnetlink ─► watch ─► facts ─► Listener.Track           ─► Hold ──────► ledger ─► rtnetlink
//	                        └──► restore ─► ledger          ─► Announce ──► announcer ─► wire
//
// Goroutines, all started and waited for by Host.Run: the watcher (Run itself), one that puts back what somebody deleted, one reader for each
// interface's socket, and one announcer for each interface. Sending an advert waits for none of them and takes no lock that is held
// while the kernel works on links or addresses.
package kernel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A Listener hears what concerns one virtual router; *vrrp.Member is one. Its methods may be called from any goroutine; they must not block, and not
// call the Host.
type Listener interface {
	// Receive hands over an advert for the router's VRID that arrived on its interface. It reports whether there was room.
	Receive(a vrrp.Advert) bool
	// Track gives the newest verdict of source: "link" (the interface exists, is up and has a carrier) or "source" (it has an
	// address to send from).
	Track(source string, v vrrp.Verdict)
	// SetSource gives the address of the interface that adverts come from, of the router's family; the zero Addr when it has none.
	SetSource(a netip.Addr)
	// Lost says that somebody deleted what the router holds: an address, a route or a rule.
	Lost(l vrrp.Loss)
}

// A router is one attached virtual router.
type router struct {
	config   *vrrp.Config
	listener Listener
	port     *port
	ah       *port      // version 2: for adverts with an authentication header; nil otherwise
	source   netip.Addr // of adverts; the zero Addr when there is none
	told     *verdict   // what the listener knows; nil at first
	// toldTracked is what it knows of the sources that it tracks.
	toldTracked map[string]vrrp.Verdict
	guise       *guise              // nil without a virtual hardware address
	legs        map[netip.Addr]*leg // by where they lead to; nil for none
}

// A Host is this machine, or rather one network namespace of it. It implements vrrp.Host. All methods may be called from any goroutine, before,
// during and after Run; but what concerns one router must come one after the other.
type Host struct {
	log    *slog.Logger
	facts  *facts
	ledger *ledger
	repair bell    // addresses are to be compared
	routes *routes // that routers track

	settling bell // settleAt is new

	macvlans *macvlans
	fence    *fence

	promotions *promotions

	eventBuffer int           // bytes the kernel may queue for the watcher
	rereadEvery time.Duration // between two full readings that nothing asked for

	admin sync.Mutex // held while sockets open and close; taken before the others, never on the advert path
	// guarded by admin:
	ports   map[portName]*port
	started context.Context // of Run; nil while it does not run
	unbound bool            // a port has no socket though its interface exists
	stale   bool            // notices were lost and nothing was read since
	workers sync.WaitGroup

	delays *delays
	// settleAt is when the first of the delayed changes is due; zero: there is none.
	settleAt time.Time
	tracked  map[string]Tracked // by source
	paces    map[string]*pace   // by name of an interface that announces together with others

	mu sync.RWMutex // held for no system call
	// guarded by mu:
	routers     map[string]*router
	announcers  map[string]*announcer
	advertisers map[string]*advertiser // by interface
	resyncs     uint64

	staticMu sync.Mutex // taken before the ledger's
	// guarded by staticMu:
	staticTold map[string]string // faults of the source "static", by router
}

var _ vrrp.Host = (*Host)(nil)

// eventBuffer holds some ten thousand notices, in bytes. More only cost a full reading.
const eventBuffer = 8 << 20

// NewHost returns the host of the calling thread's network namespace. It touches nothing before the first Attach or Run.
func NewHost(log *slog.Logger) *Host {
	f := &facts{}
	p := newPromotions(f, log)
	return &Host{
		log:         log,
		facts:       f,
		ledger:      newLedger(f, p),
		promotions:  p,
		macvlans:    newMacvlans(f, log),
		fence:       &fence{log: log},
		repair:      newBell(),
		routes:      newRoutes(log),
		settling:    newBell(),
		delays:      newDelays(nil, nil),
		eventBuffer: eventBuffer,
		rereadEvery: rereadEvery,
		ports:       map[portName]*port{},
		routers:     map[string]*router{},
		announcers:  map[string]*announcer{},
		staticTold:  map[string]string{},
	}
}

// Send sends p for the router of c to the multicast group or to one peer, at once: a full transmit queue is an error. Where it comes from is
// c.Source, or else the primary address of the interface; there is nothing to send from when it has none.
func (h *Host) Send(c *vrrp.Config, to netip.Addr, p vrrp.Packet) error {
	h.mu.RLock()
	r := h.routers[c.Name]
	var out *port
	var source netip.Addr
	var voice *voice
	if r != nil {
		out, source, voice = r.port, r.source, r.guise.speaker()
	}
	if r != nil && p.AH != nil {
		out = r.ah
	}
	if r != nil && r.legs[to] != nil {
		out, source, voice = r.legs[to].port, r.legs[to].source, nil
	}
	h.mu.RUnlock()
	if out == nil {
		return fmt.Errorf("send: %s is not attached", c.Name)
	}
	return out.send(voice, source, to, p)
}

// Hold makes the addresses of c present or absent, and removes those of an earlier Config of the same router. Present or absent already
// is fine. It takes as long as the kernel takes, some milliseconds for a thousand IPv4 addresses and some tenths of a second for as many of
// IPv6. The error names every address that is not as it should be; what was held stays wanted until Hold with on false.
//
// Absent never means an address that somebody else put there, as the real one of an owner. Such a one is told from those that a dead
// process of ours left by the mark of origin (IFA_PROTO, Linux 5.18 and later).
func (h *Host) Hold(c *vrrp.Config, on bool) error {
	if err := h.ready(); err != nil {
		return fmt.Errorf("hold: %w", err)
	}
	if on {
		err := h.hold(c, true)
		if err == nil {
			h.advertise(c)
		}
		return err
	}
	h.silence(c.Name)
	err := h.hold(c, false)
	h.silence(c.Name) // a repair may have announced while we waited
	return err
}

// ready makes sure that links and addresses were read.
func (h *Host) ready() error {
	if h.facts.loaded() {
		return nil
	}
	h.admin.Lock()
	defer h.admin.Unlock()
	return h.load()
}

// Silence drops the announcements for the router of c that are still queued: whoever takes the addresses over announces them now.
func (h *Host) Silence(c *vrrp.Config) { h.silence(c.Name) }

// silence drops the announcements of a router.
func (h *Host) silence(name string) {
	for _, a := range h.announcing() {
		a.stop(name)
	}
	for _, a := range h.advertising() {
		a.stop(name, false) // the successor goes on with them
	}
}

// Announce queues gratuitous ARP, for IPv6 unsolicited neighbour advertisements, for the addresses of c as c.Announce says. It begins a burst
// that is under way anew and does nothing for a router that holds nothing. Packets leave while Run runs.
func (h *Host) Announce(c *vrrp.Config) error {
	if !h.ledger.holds(c.Name) {
		return nil
	}
	byInterface := map[string][]netip.Addr{}
	for _, a := range c.Addresses {
		name := c.AddressInterface(a)
		byInterface[name] = append(byInterface[name], a.Prefix.Addr())
	}
	for _, a := range h.announcing() {
		if _, still := byInterface[a.name]; !still {
			a.stop(c.Name)
		}
	}
	announcers := map[string]*announcer{}
	for name := range byInterface {
		announcers[name] = h.announcer(name)
	}
	h.ledger.whileHeld(c.Name, func() { // or a Hold with on false that came meanwhile would not silence this
		for name, addrs := range byInterface {
			announcers[name].start(c.Name, addrs, planFor(c, name))
		}
	})
	return nil
}

// announcer finds or makes the announcer of an interface.
func (h *Host) announcer(name string) *announcer {
	if a := h.announces(name); a != nil {
		return a
	}
	h.admin.Lock()
	defer h.admin.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if a := h.announcers[name]; a != nil {
		return a
	}
	a := newAnnouncer(name)
	a.relink(h.facts.byName(name))
	a.setPace(h.paceOf(name))
	h.announcers[name] = a
	h.startAnnouncer(a)
	return a
}

// announces returns the announcer of an interface, or nil.
func (h *Host) announces(name string) *announcer {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.announcers[name]
}

func (h *Host) startAnnouncer(a *announcer) {
	if ctx := h.started; ctx != nil {
		h.workers.Go(func() { a.run(ctx, h.log) })
	}
}

// Sweep removes addresses with our mark that no attached router names: a predecessor that died left them behind, and the configuration has
// changed since. The same goes for interfaces with a virtual hardware address. What attached routers name is for them to adopt or release.
// It returns the addresses. Call it when all are attached.
func (h *Host) Sweep() ([]netip.Prefix, error) {
	if err := h.ready(); err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	keep := map[addrName]bool{}
	keepObjects := map[objectID]bool{}
	for _, r := range h.attached() {
		for _, w := range wants(r.config) {
			keep[w.name()] = true
		}
		maps.Copy(keepObjects, idsOf(objectsOf(r.config)))
	}
	objects, objectErr := h.ledger.sweepObjects(keepObjects)
	for _, name := range objects {
		h.log.Info("route or rule that an earlier process left behind was removed", "object", name)
	}
	removed, err := h.ledger.sweep(keep)
	out := make([]netip.Prefix, len(removed))
	for i, w := range removed {
		out[i] = w.prefix
		h.log.Info("address that an earlier process left behind was removed", "address", w.prefix, "interface", w.ifname)
	}
	interfaces, vmacErr := h.macvlans.sweep()
	for _, name := range interfaces {
		h.log.Info("interface that an earlier process left behind was removed", "interface", name)
	}
	err = errors.Join(err, objectErr, vmacErr, h.fence.sweep())
	if err != nil {
		return out, fmt.Errorf("sweep: %w", err)
	}
	return out, nil
}

// router returns the attached router of that name, or nil.
func (h *Host) router(name string) *router {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.routers[name]
}

// attached returns all routers in the order of their names.
func (h *Host) attached() []*router {
	h.mu.RLock()
	defer h.mu.RUnlock()
	out := make([]*router, 0, len(h.routers))
	for _, name := range slices.Sorted(maps.Keys(h.routers)) {
		out = append(out, h.routers[name])
	}
	return out
}

// announcing returns all announcers.
func (h *Host) announcing() []*announcer {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.Collect(maps.Values(h.announcers))
}

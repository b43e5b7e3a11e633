package kernel

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// vmacMetric is that of the route to the subnet of a virtual address on a macvlan. Where the base has the subnet, too, its own route goes
// first, whichever was there before the other.
const vmacMetric = 32768

// A macvlan is an interface with a virtual hardware address. It is up only while its router is master: as long as it is down the kernel
// sends nothing from it, not even IGMP or neighbour discovery, and takes nothing that is addressed to it (RFC 9568 section 6.4.2).
type macvlan struct {
	router string
	name   string
	base   string // interface that it sits on
	mac    [6]byte
	ipv6   bool // it holds IPv6 addresses
}

// macvlansOf returns what the virtual router needs, that of its own interface first.
func macvlansOf(c *vrrp.Config) []macvlan {
	if c.VMAC == nil {
		return nil
	}
	out := []macvlan{{router: c.Name, name: c.VMAC.Name, base: c.Interface, mac: c.VMAC.Address}}
	for _, a := range c.Addresses {
		name := c.AddressInterface(a)
		i := slices.IndexFunc(out, func(m macvlan) bool { return m.name == name })
		if i < 0 && name != a.Interface {
			i = len(out)
			out = append(out, macvlan{router: c.Name, name: name, base: a.Interface, mac: c.VMAC.Address})
		}
		if i >= 0 && a.Prefix.Addr().Is6() {
			out[i].ipv6 = true
		}
	}
	return out
}

// metricOf returns the metric of the route to the subnet of a.
func metricOf(c *vrrp.Config, a vrrp.Address) uint32 {
	if c.VMAC == nil || c.AddressInterface(a) == a.Interface {
		return 0
	}
	return vmacMetric
}

// fits reports whether l is what m shall be on base. A macvlan on a macvlan sits on what that one sits on.
func (m macvlan) fits(l, base link) bool {
	on := l.lower == base.index || base.macvlan != 0 && l.lower == base.lower
	return on && l.macvlan == macvlanModePrivate && l.mac == m.mac
}

// ours reports whether l is a macvlan that we, or a process of ours that died, have made.
func ours(l link) bool {
	_, marked := parseAlias(l.alias)
	return marked && l.macvlan != 0
}

// macvlans keeps the macvlans of all virtual routers as they shall be. Its lock is held while the kernel works; nothing on the advert
// path takes it.
type macvlans struct {
	facts *facts
	log   *slog.Logger

	mu sync.Mutex
	// guarded by mu:
	wanted  map[string][]macvlan // by router
	raised  map[string]bool      // routers whose macvlans shall be up
	settled map[string]settled   // by name of the macvlan
	trouble map[string]string    // by name of the macvlan: why it is not as it shall be
	route   *routeSocket         // opened when first needed
}

// settled says which macvlan has our settings.
type settled struct {
	index int
	ipv6  bool // those for IPv6
	sure  bool // nobody had the time to change them since
}

func newMacvlans(f *facts, log *slog.Logger) *macvlans {
	return &macvlans{facts: f, log: log, wanted: map[string][]macvlan{}, raised: map[string]bool{}, settled: map[string]settled{}, trouble: map[string]string{}}
}

// ensure makes the macvlans of c there and as they shall be, but for those whose base does not exist. What is right already costs nothing.
func (s *macvlans) ensure(c *vrrp.Config) error {
	ms := macvlansOf(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, old := range s.wanted[c.Name] {
		if !slices.ContainsFunc(ms, func(m macvlan) bool { return m.name == old.name }) {
			errs = append(errs, s.remove(old.name))
		}
	}
	if len(ms) == 0 {
		delete(s.wanted, c.Name)
		return errors.Join(errs...)
	}
	s.wanted[c.Name] = ms
	for _, m := range ms {
		err := s.present(m)
		delete(s.trouble, m.name)
		if err != nil {
			s.trouble[m.name] = err.Error()
			errs = append(errs, fmt.Errorf("vmac %s: %w", m.name, err))
		}
	}
	return errors.Join(errs...)
}

// present makes one macvlan there. The caller holds mu.
func (s *macvlans) present(m macvlan) error {
	base, ok := s.facts.byName(m.base)
	if !ok {
		return nil // the router is told so
	}
	l, ok := s.facts.byName(m.name)
	if !ok || !m.fits(l, base) {
		made, err := s.make(m, base)
		if err != nil {
			return err
		}
		l = made
	}
	if l.mtu != base.mtu {
		if err := s.follow(l, base); err != nil {
			return err
		}
	}
	now := settled{l.index, m.ipv6, true}
	if s.settled[m.name] == now {
		return nil
	}
	if err := s.settle(m, l, base); err != nil {
		return err
	}
	s.settled[m.name] = now
	return nil
}

// make makes a macvlan in place of those that stand in its way: one that does not fit, one that somebody renamed.
func (s *macvlans) make(m macvlan, base link) (link, error) {
	l, there, err := s.read(m.name) // the watcher may be behind
	switch {
	case err != nil:
		return link{}, err
	case there && m.fits(l, base) && (ours(l) || !l.up()): // a process that died had no time to mark it
		return l, nil
	case there && !ours(l):
		return link{}, errors.New("an interface of that name exists, and is not ours")
	}
	for _, l := range s.facts.macvlans() {
		if ours(l) && (l.name == m.name || m.fits(l, base)) {
			if err := s.drop(l); err != nil {
				return link{}, err
			}
		}
	}
	route, err := s.socket()
	if err != nil {
		return link{}, err
	}
	if err := route.newMacvlan(m, base.index); err != nil {
		return link{}, fmt.Errorf("make it on %s: %w", m.base, err)
	}
	if _, before := s.settled[m.name]; before {
		s.log.Warn("interface with the virtual hardware address was gone or changed and is made again", "router", m.router, "interface", m.name)
	}
	l, _, err = s.read(m.name)
	return l, err
}

// read asks for an interface and notes what it is, before the watcher does.
func (s *macvlans) read(name string) (l link, there bool, err error) {
	route, err := s.socket()
	if err != nil {
		return link{}, false, err
	}
	l, err = route.linkByName(name)
	switch {
	case errors.Is(err, unix.ENODEV):
		return link{}, false, nil
	case err != nil:
		return link{}, false, err
	}
	s.facts.update(func(t *table) { t.putLink(l) })
	return l, true, nil
}

// follow gives the macvlan the MTU of its base; the kernel itself does so only when that shrinks.
func (s *macvlans) follow(l, base link) error {
	route, err := s.socket()
	if err != nil {
		return err
	}
	if err := route.setAttr(l.index, unix.IFLA_MTU, appendNative32(base.mtu)); err != nil {
		return fmt.Errorf("set the MTU of %s, %d: %w", base.name, base.mtu, err)
	}
	_, _, err = s.read(l.name)
	return err
}

// settle marks the macvlan as ours, with what the settings of its base were, and only then changes settings.
func (s *macvlans) settle(m macvlan, l, base link) error {
	was, ok := s.recorded(base)
	if !ok {
		was = remember(base)
	}
	route, err := s.socket()
	if err != nil {
		return err
	}
	if alias := was.alias(m.router); alias != l.alias {
		if err := route.setAttr(l.index, unix.IFLA_IFALIAS, []byte(alias)); err != nil {
			return fmt.Errorf("mark it as ours: %w", err)
		}
		if _, _, err := s.read(m.name); err != nil {
			return err
		}
	}
	again := s.settled[m.name] == settled{index: l.index, ipv6: m.ipv6}
	if !again && (setting{"ipv4", "all", "arp_filter", ""}).number() != 0 {
		s.log.Warn("net.ipv4.conf.all.arp_filter is set: nobody is told the virtual hardware address", "router", m.router)
	}
	changed, err := ensureAll(append(quieten(m.base), m.settings()...))
	if again && len(changed) > 0 {
		s.log.Warn("settings for a virtual hardware address were changed and are put back", "router", m.router, "first", changed[0].String())
	}
	return err
}

// recorded returns the record that an earlier macvlan on base has.
func (s *macvlans) recorded(base link) (record, bool) {
	for _, l := range s.facts.macvlans() {
		if r, ok := parseAlias(l.alias); ok && r.valid && r.base == base.index {
			return r, true
		}
	}
	return record{}, false
}

// doubt has the settings looked at again.
func (s *macvlans) doubt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, is := range s.settled {
		s.settled[name] = settled{index: is.index, ipv6: is.ipv6}
	}
}

// release removes the macvlans of a router that is no more.
func (s *macvlans) release(router string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ms := s.wanted[router]
	delete(s.wanted, router)
	delete(s.raised, router)
	var errs []error
	for _, m := range ms {
		errs = append(errs, s.remove(m.name))
	}
	return errors.Join(errs...)
}

// remove removes the macvlan of that name if it is ours. The caller holds mu.
func (s *macvlans) remove(name string) error {
	delete(s.settled, name)
	delete(s.trouble, name)
	if l, ok := s.facts.byName(name); ok && ours(l) {
		return s.drop(l)
	}
	return nil
}

// drop removes a macvlan of ours, and with the last one on a base what we changed there.
func (s *macvlans) drop(l link) error {
	route, err := s.socket()
	if err != nil {
		return err
	}
	if err := route.deleteLink(l.index); err != nil {
		return fmt.Errorf("remove %s: %w", l.name, err)
	}
	s.facts.update(func(t *table) { t.dropLink(l.index) })
	was, _ := parseAlias(l.alias)
	base, there := s.facts.byIndex(was.base)
	if _, others := s.recorded(base); !was.valid || !there || others {
		return nil
	}
	return was.restore(base.name)
}

// sweep removes macvlans of ours that no router wants, and returns their names.
func (s *macvlans) sweep() ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keep := map[string]bool{}
	for _, ms := range s.wanted {
		for _, m := range ms {
			keep[m.name] = true
		}
	}
	var gone []string
	var errs []error
	for _, l := range s.facts.macvlans() {
		if keep[l.name] || !ours(l) {
			continue
		}
		err := s.drop(l)
		if err == nil {
			gone = append(gone, l.name)
		}
		errs = append(errs, err)
	}
	return gone, errors.Join(errs...)
}

func (s *macvlans) socket() (*routeSocket, error) {
	if s.route == nil {
		r, err := openRoute()
		if err != nil {
			return nil, err
		}
		s.route = r
	}
	return s.route, nil
}

// close gives the socket back; the next use opens another one.
func (s *macvlans) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.route != nil {
		s.route.close()
		s.route = nil
	}
}

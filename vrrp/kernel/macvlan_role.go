package kernel

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// raise makes the macvlans of c there and up.
func (s *macvlans) raise(c *vrrp.Config) error {
	if err := s.ensure(c); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.wanted[c.Name]) > 0 {
		s.raised[c.Name] = true
	}
	_, err := s.set(c.Name, true)
	return err
}

// yield notes that the macvlans of a router need not be up any more.
func (s *macvlans) yield(router string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.raised, router)
}

// lower makes the macvlans of a router down.
func (s *macvlans) lower(router string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.raised, router)
	_, err := s.set(router, false)
	return err
}

// set makes the macvlans of a router up or down, and returns those that were not. The caller holds mu.
func (s *macvlans) set(router string, up bool) (changed []string, err error) {
	var errs []error
	for _, m := range s.wanted[router] {
		l, ok := s.facts.byName(m.name)
		if ok && l.up() != up {
			l, ok, _ = s.read(m.name) // the watcher may be behind
		}
		if !ok || l.up() == up {
			continue
		}
		changed = append(changed, m.name)
		if err := s.setOne(l, up); err != nil {
			errs = append(errs, fmt.Errorf("vmac %s: %w", m.name, err))
		}
	}
	return changed, errors.Join(errs...)
}

func (s *macvlans) setOne(l link, up bool) error {
	route, err := s.socket()
	if err != nil {
		return err
	}
	err = route.setLink(l.index, up)
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("another interface on this host has the hardware address %s: %w", vrrp.MAC(l.mac), err)
	case errors.Is(err, unix.ENODEV) && !up:
		return nil
	case err != nil:
		return fmt.Errorf("set it %s: %w", map[bool]string{true: "up", false: "down"}[up], err)
	}
	_, _, err = s.read(l.name)
	return err
}

// restore makes up again what shall be up, and returns the routers that this concerns.
func (s *macvlans) restore() ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var routers []string
	var errs []error
	for _, router := range slices.Sorted(maps.Keys(s.raised)) {
		changed, err := s.set(router, true)
		if len(changed) > 0 {
			routers = append(routers, router)
			s.log.Warn("interface with the virtual hardware address was down and is set up", "router", router, "interface", changed[0])
		}
		errs = append(errs, err)
	}
	return routers, errors.Join(errs...)
}

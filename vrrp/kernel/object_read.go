package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// listObjects adds what the kernel has of one kind to out.
func (s *routeSocket) listObjects(k listing, out map[objectID]foundObject) error {
	for range dumpTries {
		err := s.listObjectsOnce(k, out)
		if !errors.Is(err, errInterrupted) {
			return err
		}
	}
	return fmt.Errorf("list routes and rules: %w", errInterrupted)
}

func (s *routeSocket) listObjectsOnce(k listing, out map[objectID]foundObject) error {
	s.seq++
	request := appendHeldRouteDump(nil, k.family, k.protocol, s.seq)
	if k.rules {
		request = appendRuleDump(nil, k.family, s.seq)
	}
	s.strict(!k.rules && k.protocol != 0)
	defer s.strict(false)
	err := s.list(request, func(m message) {
		switch m.typ {
		case unix.RTM_NEWROUTE:
			if id, found, ok := parseHeldRoute(m.body); ok && (k.protocol == 0 || found.protocol == k.protocol) {
				out[objectID{route: id}] = found
			}
		case unix.RTM_NEWRULE:
			if id, found, ok := parseRule(m.body); ok {
				out[objectID{rule: id}] = found
			}
		}
	})
	if err != nil && !errors.Is(err, errInterrupted) {
		return fmt.Errorf("list routes and rules: %w", err)
	}
	return err
}

// strict makes the kernel heed what a request for a dump filters by, so that a host with a million routes shows us but ours. Kernels
// before 4.20 do not know it and list all.
func (s *routeSocket) strict(on bool) {
	_ = unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, int(oneIf(on)))
}

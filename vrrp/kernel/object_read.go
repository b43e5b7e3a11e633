package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// listObjects adds what the kernel has of one kind to out.
func (s *routeSocket) listObjects(k listing, out map[objectID]foundObject) error {
	err := whole(func() error { return s.listObjectsOnce(k, out) })
	if errors.Is(err, errInterrupted) {
		return fmt.Errorf("list routes and rules: %w", err)
	}
	return err
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

// everyListing is all routes and rules that may carry our mark.
func everyListing() []listing {
	return []listing{
		{family: unix.AF_INET, protocol: vrrp.RouteMark}, {family: unix.AF_INET6, protocol: vrrp.RouteMark},
		{rules: true, family: unix.AF_INET}, {rules: true, family: unix.AF_INET6},
	}
}

// marked hands over every route and rule with our mark: what it is known by, how to remove it, and its name. A family that the kernel
// does not have has none.
func (s *routeSocket) marked(k listing, each func(objectID, objectOp, string)) error {
	s.seq++
	request := appendHeldRouteDump(nil, k.family, k.protocol, s.seq)
	if k.rules {
		request = appendRuleDump(nil, k.family, s.seq)
	}
	s.strict(!k.rules)
	defer s.strict(false)
	err := s.list(request, func(m message) {
		switch m.typ {
		case unix.RTM_NEWROUTE:
			if id, found, ok := parseHeldRoute(m.body); ok && found.protocol == vrrp.RouteMark {
				r := vrrp.HeldRoute{Prefix: id.prefix, From: id.from, Table: id.table, TOS: id.tos, Metric: id.metric}
				each(objectID{route: id}, object{route: &r}.removal(), r.String())
			}
		case unix.RTM_NEWRULE:
			if id, found, ok := parseRule(m.body); ok && found.protocol == vrrp.RouteMark {
				each(objectID{rule: id}, objectOp{typ: unix.RTM_DELRULE, body: slices.Clone(m.body)}, ruleName(m.body))
			}
		}
	})
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT) {
		return nil
	}
	return err
}

// ruleName names a rule of which only the kernel's description is known.
func ruleName(b []byte) string {
	for typ, value := range attributes(b[ruleHeaderLen:]) {
		if typ == unix.FRA_PRIORITY && len(value) == 4 {
			return fmt.Sprintf("rule %d", binary.NativeEndian.Uint32(value))
		}
	}
	return "rule 0"
}

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
	list, err := listWhole(s.lister(k), func(m message) (o listedObject, ok bool) {
		switch m.typ {
		case unix.RTM_NEWROUTE:
			o.id.route, o.found, ok = parseHeldRoute(m.body)
			ok = ok && (k.protocol == 0 || o.found.protocol == k.protocol)
		case unix.RTM_NEWRULE:
			o.id.rule, o.found, ok = parseRule(m.body)
		}
		return o, ok
	})
	if err != nil {
		return fmt.Errorf("list routes and rules: %w", err)
	}
	for _, o := range list {
		out[o.id] = o.found
	}
	return nil
}

// A listedObject is a route or rule of the kernel.
type listedObject struct {
	id    objectID
	found foundObject
}

// lister returns the dump k. It has only routes with the protocol number of k where the kernel can tell them.
func (s *routeSocket) lister(k listing) lister {
	return func(each func(message)) error {
		s.seq++
		request := appendHeldRouteDump(nil, k.family, k.protocol, s.seq)
		if k.rules {
			request = appendRuleDump(nil, k.family, s.seq)
		}
		s.strict(!k.rules && k.protocol != 0)
		defer s.strict(false)
		return s.list(request, each)
	}
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

// A markedObject is a route or rule with our mark.
type markedObject struct {
	id     objectID
	remove objectOp
	name   string
}

// marked returns every route and rule with our mark. A family that the kernel does not have has none.
func (s *routeSocket) marked(k listing) ([]markedObject, error) {
	list, err := listWhole(s.lister(k), func(m message) (markedObject, bool) {
		switch m.typ {
		case unix.RTM_NEWROUTE:
			if id, found, ok := parseHeldRoute(m.body); ok && found.protocol == vrrp.RouteMark {
				r := vrrp.HeldRoute{Prefix: id.prefix, From: id.from, Table: id.table, TOS: id.tos, Metric: id.metric}
				return markedObject{objectID{route: id}, object{route: &r}.removal(), r.String()}, true
			}
		case unix.RTM_NEWRULE:
			if id, found, ok := parseRule(m.body); ok && found.protocol == vrrp.RouteMark {
				return markedObject{objectID{rule: id}, objectOp{typ: unix.RTM_DELRULE, body: slices.Clone(m.body)}, ruleName(m.body)}, true
			}
		}
		return markedObject{}, false
	})
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT) {
		return nil, nil
	}
	return list, err
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

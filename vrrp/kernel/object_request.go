package kernel

import (
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// An object is a route or a rule that is wanted present.
type object struct {
	route *vrrp.HeldRoute // one of the two
	rule  *vrrp.Rule
}

// objectsOf returns what c wants present besides addresses: routes, then rules, which may lead to their tables.
func objectsOf(c *vrrp.Config) []object {
	out := make([]object, 0, len(c.Routes)+len(c.Rules))
	for i := range c.Routes {
		out = append(out, object{route: &c.Routes[i]})
	}
	for i := range c.Rules {
		out = append(out, object{rule: &c.Rules[i]})
	}
	return out
}

// String returns the route or the rule as `ip` has it.
func (o object) String() string {
	if o.route != nil {
		return o.route.String()
	}
	return o.rule.String()
}

func (o object) untracked() bool {
	if o.route != nil {
		return o.route.Untracked
	}
	return o.rule.Untracked
}

// passing reports whether the kernel removes the object by itself in time.
func (o object) passing() bool { return o.route != nil && o.route.Expires != 0 }

// protocol is the number that says whose the object is.
func (o object) protocol() uint8 {
	if o.route != nil {
		return routeProtocol(o.route)
	}
	return originOf(o.rule)
}

func (o object) family() byte {
	if o.route != nil {
		return familyOf(o.route.Prefix.Addr())
	}
	return ruleFamily(o.rule)
}

// An objectID is what an object is known by in this process. One of its fields is set.
type objectID struct {
	route routeID
	rule  ruleID
}

func (o object) id() objectID {
	if o.route != nil {
		return objectID{route: routeIDOf(o.route)}
	}
	id, _, _ := parseRule(encodeRule(o.rule))
	return objectID{rule: id}
}

// An objectOp adds or removes one object.
type objectOp struct {
	typ   uint16 // unix.RTM_*
	flags uint16
	body  []byte
}

// addition returns the request that adds o, in place of one of ours where it is there.
func (o object) addition(index ifIndexer, replace bool) (objectOp, error) {
	op := objectOp{typ: unix.RTM_NEWRULE, flags: unix.NLM_F_CREATE | unix.NLM_F_EXCL}
	if o.rule != nil {
		op.body = encodeRule(o.rule)
		return op, nil
	}
	op.typ = unix.RTM_NEWROUTE
	if replace {
		op.flags = unix.NLM_F_CREATE | unix.NLM_F_REPLACE
	}
	var err error
	op.body, err = encodeRoute(o.route, index)
	return op, err
}

func (o object) removal() objectOp {
	if o.rule != nil {
		return objectOp{typ: unix.RTM_DELRULE, body: encodeRule(o.rule)}
	}
	return objectOp{typ: unix.RTM_DELROUTE, body: encodeRouteRemoval(o.route)}
}

func (op objectOp) append(b []byte, seq uint32, flags uint16) []byte {
	start := len(b)
	b = appendHeader(b, op.typ, op.flags|flags|unix.NLM_F_REQUEST, seq)
	return finish(append(b, op.body...), start)
}

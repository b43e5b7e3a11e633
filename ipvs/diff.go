package ipvs

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// Diff returns the changes that turn have into want, in an order in which each prefix of them leaves a table that serves: within
// a service, what lets connections in (additions, weight raises) comes before what keeps them out, so a service that has a
// server with a weight above 0 before and after has one all the way. Services that are not wanted go last. Equal tables always
// give equal changes.
func Diff(have, want Table) []Op {
	var ops []Op
	for _, k := range slices.SortedFunc(maps.Keys(want), compareKeys) {
		h, exists := have[k]
		ops = appendEntry(ops, h, exists, want[k])
	}
	for _, k := range slices.SortedFunc(maps.Keys(have), compareKeys) {
		if _, wanted := want[k]; !wanted {
			ops = append(ops, Op{Verb: DeleteService, Service: Service{Key: k}})
		}
	}
	return ops
}

// appendEntry appends the changes of one service.
func appendEntry(ops []Op, have Entry, exists bool, want Entry) []Op {
	switch {
	case !exists:
		ops = append(ops, Op{Verb: AddService, Service: want.Service})
	case have.Service != want.Service:
		ops = append(ops, Op{Verb: EditService, Service: want.Service})
	}
	return appendDests(ops, Service{Key: want.Service.Key}, have.Dests, want.Dests)
}

func appendDests(ops []Op, s Service, have, want []Dest) []Op {
	if sameDests(have, want) {
		return ops
	}
	have, want = canonical(have), canonical(want)
	var raise, lower, remove []Op
	for _, w := range want {
		h, exists := find(have, w.Addr)
		switch {
		case !exists:
			ops = append(ops, Op{Verb: AddDest, Service: s, Dest: w})
		case w == h:
		case w.Weight > h.Weight:
			raise = append(raise, Op{Verb: EditDest, Service: s, Dest: w})
		default:
			lower = append(lower, Op{Verb: EditDest, Service: s, Dest: w})
		}
	}
	for _, h := range have {
		if _, wanted := find(want, h.Addr); !wanted {
			remove = append(remove, Op{Verb: DeleteDest, Service: s, Dest: Dest{Addr: h.Addr}})
		}
	}
	return append(append(append(ops, raise...), lower...), remove...)
}

// sameDests reports whether two lists have the same destinations, in whatever order. It spares the sorting of what is in the same
// order too, which is nearly everything at nearly every read.
func sameDests(a, b []Dest) bool {
	return len(a) == len(b) && (slices.Equal(a, b) || slices.Equal(canonical(a), canonical(b)))
}

func sameEntry(a, b Entry) bool { return a.Service == b.Service && sameDests(a.Dests, b.Dests) }

func compareDests(a, b Dest) int { return a.Addr.Compare(b.Addr) }

// canonical returns dests in the order of their addresses, which is that of a wanted Entry. It does not change dests.
func canonical(dests []Dest) []Dest {
	if slices.IsSortedFunc(dests, compareDests) {
		return dests
	}
	return slices.SortedFunc(slices.Values(dests), compareDests)
}

// find returns the destination at a from dests in canonical order.
func find(dests []Dest, a netip.AddrPort) (Dest, bool) {
	i, ok := slices.BinarySearchFunc(dests, a, func(d Dest, a netip.AddrPort) int { return d.Addr.Compare(a) })
	if !ok {
		return Dest{}, false
	}
	return dests[i], true
}

// grows reports whether op lets more connections into the services of t, or concerns none of the servers; the others shrink.
func (t Table) grows(op Op) bool {
	switch op.Verb {
	case AddService, EditService, AddDest:
		return true
	case EditDest:
		d, _, _ := t[op.Service.Key].dest(op.Dest.Addr)
		return op.Dest.Weight > d.Weight
	}
	return false
}

// String returns the change as logs and golden files show it: "add server 10.0.0.11:8080 nat weight 10 to tcp 192.0.2.10:80".
func (o Op) String() string {
	k, d := o.Service.Key, o.Dest
	switch o.Verb {
	case AddService:
		return "add service " + o.Service.String()
	case EditService:
		return "change service " + o.Service.String()
	case DeleteService:
		return "remove service " + k.String()
	case AddDest:
		return fmt.Sprintf("add server %s to %s", d, k)
	case EditDest:
		return fmt.Sprintf("change server %s of %s", d, k)
	case DeleteDest:
		return fmt.Sprintf("remove server %s from %s", d.Addr, k)
	}
	return fmt.Sprintf("verb %d", uint8(o.Verb))
}

// String returns the service with its options: "tcp 192.0.2.10:80 wlc persistent 5m0s/32".
func (s Service) String() string {
	out := s.Key.String() + " " + s.Scheduler
	if s.Persistence > 0 {
		out += fmt.Sprintf(" persistent %s%s", s.Persistence, s.maskText())
	}
	if s.Engine != "" {
		out += " engine " + s.Engine
	}
	if s.Flags != 0 {
		out += fmt.Sprintf(" flags %#x", s.Flags)
	}
	return out
}

// maskText sets a mask that is no prefix apart from the duration.
func (s Service) maskText() string {
	text := s.Netmask.Text(s.AF())
	if text[0] != '/' {
		return " mask " + text
	}
	return text
}

// String returns the server with its options: "10.0.0.11:8080 nat weight 10".
func (d Dest) String() string {
	out := fmt.Sprintf("%s %s", d.Addr, d.Forward)
	if d.Tunnel != (Tunnel{}) {
		out += " " + d.Tunnel.String()
	}
	out += fmt.Sprintf(" weight %d", d.Weight)
	if d.Upper != 0 || d.Lower != 0 {
		out += fmt.Sprintf(" upper %d lower %d", d.Upper, d.Lower)
	}
	return out
}

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

func appendDests(ops []Op, s Service, have, want map[netip.AddrPort]Dest) []Op {
	if sameDests(have, want) {
		return ops
	}
	var raise, lower, remove []Op
	for _, a := range sorted(want) {
		w, h := want[a].bare(), have[a].bare()
		_, exists := have[a]
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
	for _, a := range sorted(have) {
		if _, wanted := want[a]; !wanted {
			remove = append(remove, Op{Verb: DeleteDest, Service: s, Dest: Dest{Addr: a}})
		}
	}
	return append(append(append(ops, raise...), lower...), remove...)
}

// sameDests spares the sorting of what is equal, which is nearly everything at nearly every read.
func sameDests(a, b map[netip.AddrPort]Dest) bool {
	return maps.EqualFunc(a, b, func(x, y Dest) bool { return x.bare() == y.bare() })
}

func sameEntry(a, b Entry) bool { return a.Service == b.Service && sameDests(a.Dests, b.Dests) }

// bare returns d without what the kernel counts.
func (d Dest) bare() Dest { return Dest{Addr: d.Addr, Forward: d.Forward, Weight: d.Weight} }

func sorted(dests map[netip.AddrPort]Dest) []netip.AddrPort {
	return slices.SortedFunc(maps.Keys(dests), netip.AddrPort.Compare)
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
		out += fmt.Sprintf(" persistent %s/%d", s.Persistence, s.PrefixLen)
	}
	if s.Flags != 0 {
		out += fmt.Sprintf(" flags %#x", s.Flags)
	}
	return out
}

// String returns the server with its options: "10.0.0.11:8080 nat weight 10".
func (d Dest) String() string { return fmt.Sprintf("%s %s weight %d", d.Addr, d.Forward, d.Weight) }

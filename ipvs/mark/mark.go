// Package mark gives packets the firewall marks by which IPVS finds a service: a table of nftables that is ours alone.
//
//	mark.go         what is wanted: who gets which mark
//	layout.go       what is wanted -> sets and rules, pure
//	overlap.go      which packets fit several Rules, pure
//	source.go       by which address servers see the clients
//	nft_linux.go    sets and rules <-> the kernel's table
//	table_linux.go  the table is kept as it is wanted
//
// However many Rules there are, a packet is looked up a few times: the sets of the kernel tell which Rule it fits.
//
// A marked packet for which there is no service with the mark is looked up by its address, as if it had none. So marks may come before
// their service, and go after it.
package mark

import (
	"cmp"
	"net/netip"
	"slices"
)

// A Range is the addresses from First to Last, both of one family.
type Range struct{ First, Last netip.Addr }

// A PortRange is the ports from First to Last.
type PortRange struct{ First, Last uint16 }

// A Rule gives Mark to the packets from one of Sources to one of Addresses and Ports, with one of Protocols, that come in at one of
// Interfaces. Sources and Interfaces may be empty, for all; without Interfaces also packets of this host itself are marked. Of several Rules
// that a packet fits the last one counts.
type Rule struct {
	Service    string // whose packets they are, for the status
	Mark       uint32 // 1 and more; it replaces the mark that the packet has, since IPVS compares all of it
	Sources    []Range
	Addresses  []Range // at least one, all of one family with Sources
	Ports      []PortRange
	Protocols  []uint8 // IANA numbers
	Interfaces []string
	Source     Source // by which address the servers see the clients
}

// Size returns how many elements the set of r has.
func (r Rule) Size() int {
	return max(1, len(r.Sources)) * len(r.Addresses) * len(r.Ports) * len(r.Protocols)
}

// elements returns the combinations of r, none of which overlap.
func (r Rule) elements() []element {
	sources := merge(r.Sources)
	if len(sources) == 0 {
		sources = []Range{everywhere(r.Addresses[0].First.Is6())}
	}
	protocols := slices.Compact(slices.Sorted(slices.Values(r.Protocols)))
	out := make([]element, 0, r.Size())
	for _, s := range sources {
		for _, d := range merge(r.Addresses) {
			for _, proto := range protocols {
				for _, p := range mergePorts(r.Ports) {
					out = append(out, element{s, d, proto, p, r.Mark})
				}
			}
		}
	}
	return out
}

// everywhere returns all addresses of a family.
func everywhere(v6 bool) Range {
	if v6 {
		var last [16]byte
		for i := range last {
			last[i] = 0xff
		}
		return Range{netip.IPv6Unspecified(), netip.AddrFrom16(last)}
	}
	return Range{netip.IPv4Unspecified(), netip.AddrFrom4([4]byte{255, 255, 255, 255})}
}

// merge returns the same addresses in order and without overlaps, which the kernel's sets do not take.
func merge(in []Range) []Range {
	sorted := slices.SortedFunc(slices.Values(in), func(a, b Range) int { return cmp.Or(a.First.Compare(b.First), a.Last.Compare(b.Last)) })
	var out []Range
	for _, r := range sorted {
		if n := len(out); n > 0 && !out[n-1].Last.Less(r.First) {
			if out[n-1].Last.Less(r.Last) {
				out[n-1].Last = r.Last
			}
			continue
		}
		out = append(out, r)
	}
	return out
}

// mergePorts does the same for ports.
func mergePorts(in []PortRange) []PortRange {
	sorted := slices.SortedFunc(slices.Values(in), func(a, b PortRange) int { return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last)) })
	var out []PortRange
	for _, r := range sorted {
		if n := len(out); n > 0 && r.First <= out[n-1].Last {
			out[n-1].Last = max(out[n-1].Last, r.Last)
			continue
		}
		out = append(out, r)
	}
	return out
}

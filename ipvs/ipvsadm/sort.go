package ipvsadm

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/govrrpd/govrrpd/ipvs"
)

// Sort puts services and their servers in the order in which ipvsadm lists them, as of the kernel's order.
//
// ipvsadm compares numbers by whether their difference has its sign bit set, which is no order among numbers that are far apart (10.0.0.1 is before
// 100.0.0.1, that before 192.0.2.1, and that before 10.0.0.1). What comes of it depends on the way of sorting: glibc's, a merge from the top down.
func Sort(list []ipvs.Listed) {
	mergeSort(list, func(a, b ipvs.Listed) int { return compareKeys(a.Service.Key, b.Service.Key) })
	for _, l := range list {
		mergeSort(l.Servers, func(a, b ipvs.ListedServer) int { return compareAddrs(a.Dest.Addr, b.Dest.Addr) })
	}
}

func compareKeys(a, b ipvs.Key) int {
	return cmp.Or(wrapped(a.Mark, b.Mark), cmp.Compare(a.AF(), b.AF()), cmp.Compare(a.Proto, b.Proto), compareAddrs(a.Addr, b.Addr))
}

// compareAddrs goes by 32 bits at a time. An IPv4 address counts as its own 32 bits, also beside an IPv6 one.
func compareAddrs(a, b netip.AddrPort) int {
	x, y := words(a.Addr()), words(b.Addr())
	for i := range x {
		if c := wrapped(x[i], y[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(a.Port(), b.Port())
}

func words(a netip.Addr) (out [4]uint32) {
	var b [16]byte
	copy(b[:], a.AsSlice())
	for i := range out {
		out[i] = binary.BigEndian.Uint32(b[4*i:])
	}
	return out
}

func wrapped(a, b uint32) int { return cmp.Compare(int32(a-b), 0) }

// mergeSort is stable, and ends whatever compare says.
func mergeSort[T any](list []T, compare func(a, b T) int) {
	if len(list) < 2 {
		return
	}
	left, right := slices.Clone(list[:len(list)/2]), slices.Clone(list[len(list)/2:])
	mergeSort(left, compare)
	mergeSort(right, compare)
	for i := range list {
		if len(right) == 0 || len(left) > 0 && compare(left[0], right[0]) <= 0 {
			list[i], left = left[0], left[1:]
		} else {
			list[i], right = right[0], right[1:]
		}
	}
}

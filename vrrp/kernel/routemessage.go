package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Sizes in bytes, from linux/rtnetlink.h.
const (
	rtMsgLen     = 12 // struct rtmsg
	rtNextHopLen = 8  // struct rtnexthop
)

// A routeFact is what the kernel says of one route.
type routeFact struct {
	prefix netip.Prefix
	table  int
	kind   uint8  // unix.RTN_*
	flags  uint32 // unix.RTM_F_*
	hops   []hop
}

// A hop is one way that a route takes.
type hop struct {
	via   netip.Addr // the zero Addr where the destination is on the link
	index int        // of the interface
	flags uint32     // unix.RTNH_F_*
}

// parseRoute reads an RTM_NEWROUTE or RTM_DELROUTE.
func parseRoute(b []byte) (routeFact, bool) {
	if len(b) < rtMsgLen {
		return routeFact{}, false
	}
	family := b[0]
	r := routeFact{table: int(b[4]), kind: b[7], flags: binary.NativeEndian.Uint32(b[8:])}
	dst := netip.IPv4Unspecified()
	if family == unix.AF_INET6 {
		dst = netip.IPv6Unspecified()
	}
	single := hop{flags: r.flags}
	for typ, value := range attributes(b[rtMsgLen:]) {
		switch {
		case typ == unix.RTA_DST:
			dst, _ = netip.AddrFromSlice(value)
		case typ == unix.RTA_TABLE && len(value) == 4:
			r.table = int(binary.NativeEndian.Uint32(value))
		case typ == unix.RTA_MULTIPATH:
			r.hops = parseHops(value)
		default:
			single.put(typ, value)
		}
	}
	if r.hops == nil {
		r.hops = []hop{single}
	}
	r.prefix = netip.PrefixFrom(dst, int(b[1]))
	known := family == unix.AF_INET || family == unix.AF_INET6
	return r, known && r.prefix.IsValid()
}

// put takes an attribute that tells where a hop leads.
func (h *hop) put(typ uint16, value []byte) {
	switch {
	case typ == unix.RTA_GATEWAY:
		h.via, _ = netip.AddrFromSlice(value)
	case typ == unix.RTA_VIA && len(value) > 2: // a gateway of another family
		h.via, _ = netip.AddrFromSlice(value[2:])
	case typ == unix.RTA_OIF && len(value) == 4:
		h.index = int(binary.NativeEndian.Uint32(value))
	}
}

// parseHops reads RTA_MULTIPATH, and stops at a hop that is cut.
func parseHops(b []byte) []hop {
	var out []hop
	for len(b) >= rtNextHopLen {
		size := int(binary.NativeEndian.Uint16(b))
		if size < rtNextHopLen || size > len(b) {
			break
		}
		h := hop{flags: uint32(b[2]), index: int(int32(binary.NativeEndian.Uint32(b[4:])))}
		for typ, value := range attributes(b[rtNextHopLen:size]) {
			h.put(typ, value)
		}
		out = append(out, h)
		b = b[min(len(b), size+padding(size)):]
	}
	return out
}

// appendRouteDump appends a request for the routes of one family in one table.
func appendRouteDump(b []byte, family uint8, table int, seq uint32) []byte {
	start := len(b)
	b = appendHeader(b, unix.RTM_GETROUTE, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, seq)
	b = append(b, family)
	b = append(b, make([]byte, rtMsgLen-1)...)
	b = appendAttr(b, unix.RTA_TABLE, binary.NativeEndian.AppendUint32(nil, uint32(table)))
	return finish(b, start)
}

// dumpRoutes calls each for every route of a family in a table, and maybe for others. A kernel before 4.20 lists all tables. The error is
// errInterrupted when routes changed meanwhile, so that some may be missing.
func (s *routeSocket) dumpRoutes(family uint8, table int, each func(routeFact)) error {
	_ = unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	s.seq++
	err := s.list(appendRouteDump(nil, family, table, s.seq), func(m message) {
		if m.typ != unix.RTM_NEWROUTE {
			return
		}
		if r, ok := parseRoute(m.body); ok {
			each(r)
		}
	})
	if errors.Is(err, unix.ENOENT) { // there is no such table
		return nil
	}
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	return nil
}

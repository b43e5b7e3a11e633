package ipvsadm

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/govrrpd/govrrpd/ipvs"
)

// Names tells what addresses and ports are called. The zero value calls them by their numbers.
type Names struct {
	Host func(netip.Addr) string         // "" for an address without a name
	Port func(ipvs.Proto, uint16) string // "" for a port without a name
}

// addrPort returns "192.0.2.10:80", "[2001:db8::10]:80", or names in their places.
func (n Names) addrPort(p ipvs.Proto, a netip.AddrPort) string {
	host := n.host(a.Addr())
	if a.Addr().Is6() {
		host = "[" + host + "]"
	}
	return host + ":" + n.port(p, a.Port())
}

func (n Names) host(a netip.Addr) string {
	if n.Host != nil {
		if name := n.Host(a); name != "" {
			return name
		}
	}
	return a.String()
}

func (n Names) port(p ipvs.Proto, port uint16) string {
	if n.Port != nil && port != 0 {
		if name := n.Port(p, port); name != "" {
			return name
		}
	}
	return strconv.Itoa(int(port))
}

// The flags of a service that have words, from linux/ip_vs.h. Those of the scheduler mean something else to each; sh and mh have words for two.
const (
	flagOnePacket = 0x4
	flagSched1    = 0x8
	flagSched2    = 0x10
	flagSched3    = 0x20
)

// SchedulerFlags returns the flags of a service for its scheduler as ipvsadm -b takes them: sh-fallback, mh-port, flag-3.
func SchedulerFlags(s ipvs.Service) []string {
	words := []string{"flag-1", "flag-2", "flag-3"}
	if s.Scheduler == "sh" || s.Scheduler == "mh" {
		words[0], words[1] = s.Scheduler+"-fallback", s.Scheduler+"-port"
	}
	var out []string
	for i, bit := range []uint32{flagSched1, flagSched2, flagSched3} {
		if s.Flags&bit != 0 {
			out = append(out, words[i])
		}
	}
	return out
}

// OnePacket reports whether each datagram to a service is a connection of its own.
func OnePacket(s ipvs.Service) bool { return s.Flags&flagOnePacket != 0 }

// forward returns the word for a way to reach a server.
func forward(f ipvs.Forward) string {
	switch f {
	case ipvs.NAT:
		return "Masq"
	case ipvs.TUN:
		return "Tunnel"
	case ipvs.DR:
		return "Route"
	case 1:
		return "Local" // IP_VS_CONN_F_LOCALNODE
	}
	return "Bypass" // IP_VS_CONN_F_BYPASS, or what a later kernel has
}

// ClientMask returns what tells the clients of a persistent service apart, "" when each is by itself.
func ClientMask(s ipvs.Service) string {
	if s.Persistence == 0 || s.Netmask == ipvs.SingleClient(s.AF()) {
		return ""
	}
	if s.AF() == ipvs.V6 {
		return strconv.Itoa(int(s.Netmask))
	}
	m := s.Netmask
	return netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)}).String()
}

// tunnelInfo returns how packets to a server are wrapped: "gue:6080:-c" without a checksum, "+c" with one, "r+c" with that of the remote end.
func tunnelInfo(d ipvs.Dest) string {
	if d.Forward != ipvs.TUN {
		return "n/a"
	}
	checksum := ":-c"
	switch {
	case d.Tunnel.Flags&ipvs.TunnelRemoteChecksum != 0:
		checksum = ":r+c"
	case d.Tunnel.Flags&ipvs.TunnelChecksum != 0:
		checksum = ":+c"
	}
	switch d.Tunnel.Kind {
	case ipvs.GUE:
		return fmt.Sprintf("gue:%d%s", d.Tunnel.Port, checksum)
	case ipvs.GRE:
		return "gre" + checksum
	}
	return d.Tunnel.Kind.String()
}

// title is what the list calls a service: "TCP  192.0.2.10:80" or "FWM  1 IPv6".
func (n Names) title(k ipvs.Key) (proto, name string) {
	if k.Mark == 0 {
		return strings.ToUpper(k.Proto.String()), n.addrPort(k.Proto, k.Addr)
	}
	name = markText(k.Mark)
	if k.AF() == ipvs.V6 {
		name += " IPv6"
	}
	return "FWM", name
}

func markText(mark uint32) string { return strconv.Itoa(int(int32(mark))) }

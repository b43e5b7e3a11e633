package ipvs

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A Conn is an entry of the kernel's table of connections. A persistence template, which says where more connections of a client go, has
// Client with port 0.
type Conn struct {
	Proto                   Proto
	Client, Service, Server netip.AddrPort
}

// ParseConns reads the text of /proc/net/ip_vs_conn, but for protocols that have no services and lines of unknown form.
func ParseConns(text string) []Conn {
	var conns []Conn
	for line := range strings.Lines(text) {
		if c, ok := parseConn(strings.Fields(line)); ok && c.Proto != 0 {
			conns = append(conns, c)
		}
	}
	return conns
}

// parseConn reads the first words of a line. Proto is 0 for a protocol that has no services.
func parseConn(w []string) (c Conn, ok bool) {
	if len(w) < 7 {
		return c, false
	}
	var errs [3]error
	for i, into := range []*netip.AddrPort{&c.Client, &c.Service, &c.Server} {
		*into, errs[i] = connAddr(w[1+2*i], w[2+2*i])
	}
	switch w[0] {
	case "TCP":
		c.Proto = TCP
	case "UDP":
		c.Proto = UDP
	case "SCTP":
		c.Proto = SCTP
	}
	return c, errs == [3]error{}
}

// connAddr reads an address, "C000020A" or one of IPv6 in full, and a port in hex.
func connAddr(addr, port string) (netip.AddrPort, error) {
	p, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if b, err := hex.DecodeString(addr); err == nil && len(b) == 4 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), uint16(p)), nil
	}
	a, err := netip.ParseAddr(strings.Trim(addr, "[]"))
	return netip.AddrPortFrom(a, uint16(p)), err
}

// A Which is where a service sends a client, with the names of the control socket's JSON.
type Which struct {
	Service string         `json:"service"` // as logs name the kernel's service: "tcp 192.0.2.10:80"
	Server  netip.AddrPort `json:"server,omitzero"`
	Why     string         `json:"why"` // what decides; without a server, why none can be named
}

// Which says where each service of a virtual server sends src, by what conns has and then by its scheduler, as of the last read of the
// kernel's table. The error names what there is when there is no such virtual server.
func (e *Engine) Which(name string, src netip.AddrPort, conns []Conn) ([]Which, error) {
	e.r.mu.Lock()
	defer e.r.mu.Unlock()
	s := e.r.services[name]
	if s == nil {
		return nil, fmt.Errorf("there is no virtual_server %q; %s", name, e.r.names())
	}
	var out []Which
	for _, k := range s.keys {
		if k.AF() == familyOf(src.Addr()) {
			w := e.r.which(s, k, src, conns)
			w.Service = k.String()
			out = append(out, w)
		}
	}
	if out == nil {
		return nil, fmt.Errorf("virtual_server %q has no clients of %s, such as %s", name, familyOf(src.Addr()), src.Addr())
	}
	return out, nil
}

// names says which virtual servers there are, or some of them.
func (r *reconciler) names() string {
	const shown = 10
	if len(r.order) == 0 {
		return "none is configured"
	}
	var names []string
	for _, s := range r.order[:min(shown, len(r.order))] {
		names = append(names, s.vs.Name)
	}
	if len(r.order) > shown {
		names = append(names, fmt.Sprintf("and %d more", len(r.order)-shown))
	}
	return "there are " + strings.Join(names, ", ")
}

func (r *reconciler) which(s *service, k Key, src netip.AddrPort, conns []Conn) Which {
	entry, there := r.table[k]
	if !there {
		return Which{Why: "the kernel does not have the service"}
	}
	if c, ok := k.connOf(src, conns); ok {
		return Which{Server: c.Server, Why: "a connection of this client and port is there"}
	}
	if c, ok := entry.Service.templateOf(src, conns); ok {
		return Which{Server: c.Server, Why: "the client has been there, and the service is persistent"}
	}
	last := map[netip.AddrPort]int{}
	for _, server := range s.vs.Servers {
		last[server.Addr] = server.Weight
	}
	chooser, ok := NewChooser(entry, last)
	if !ok {
		return Which{Why: fmt.Sprintf("not fixed: scheduler %s decides when the connection comes", entry.Service.Scheduler)}
	}
	if entry.Service.Scheduler == "dh" && k.Mark != 0 {
		return Which{Why: "not fixed: scheduler dh goes by the address that the client asks for, and a mark has many"}
	}
	d, ok := chooser.Choose(src, k.Addr.Addr())
	if !ok {
		return Which{Why: fmt.Sprintf("refused: what scheduler %s has for this client takes no connections, and there is no fallback", entry.Service.Scheduler)}
	}
	return Which{Server: d.Addr, Why: "the hash of scheduler " + entry.Service.Scheduler}
}

// connOf returns the connection of src to a service by address.
func (k Key) connOf(src netip.AddrPort, conns []Conn) (Conn, bool) {
	i := slices.IndexFunc(conns, func(c Conn) bool { return c.Proto == k.Proto && c.Service == k.Addr && c.Client == src })
	if i < 0 || k.Mark != 0 {
		return Conn{}, false
	}
	return conns[i], true
}

// templateOf returns the template that the client src falls under in a persistent service by address.
func (s Service) templateOf(src netip.AddrPort, conns []Conn) (Conn, bool) {
	if s.Persistence <= 0 || s.Mark != 0 {
		return Conn{}, false
	}
	client := s.Netmask.of(src.Addr())
	i := slices.IndexFunc(conns, func(c Conn) bool {
		return c.Proto == s.Proto && c.Service == s.Addr && c.Client == netip.AddrPortFrom(client, 0)
	})
	if i < 0 {
		return Conn{}, false
	}
	return conns[i], true
}

// of returns the part of a that m tells apart from others.
func (m Netmask) of(a netip.Addr) netip.Addr {
	if a.Is4() {
		b := a.As4()
		for i := range b {
			b[i] &= byte(m >> (24 - 8*i))
		}
		return netip.AddrFrom4(b)
	}
	p, err := a.Prefix(int(m))
	if err != nil {
		return a
	}
	return p.Addr()
}

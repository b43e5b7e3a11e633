package netns

import (
	"bufio"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// A Connection is an entry of a director's table of connections. A persistence template, which says where more connections of a client go, has
// Client with port 0.
type Connection struct {
	Client, Service, Server netip.AddrPort
	State                   string        // ESTABLISHED, SYN_RECV, UDP, …
	Expires                 time.Duration // until then, in whole seconds
}

// Connections returns the node's IPVS connections over IPv4, templates among them. It reads /proc/net/ip_vs_conn. Any goroutine may call it.
func (n *Node) Connections() ([]Connection, error) {
	text, err := n.ReadNet("ip_vs_conn")
	if err != nil {
		return nil, err
	}
	return parseConnections(text)
}

func parseConnections(text string) ([]Connection, error) {
	var out []Connection
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) < 9 || len(w[1]) != 8 { // the heading, and IPv6
			continue
		}
		c := Connection{State: w[7]}
		for i, into := range []*netip.AddrPort{&c.Client, &c.Service, &c.Server} {
			addr, err := hexAddrPort(w[1+2*i] + ":" + w[2+2*i])
			if err != nil {
				return nil, err
			}
			*into = addr
		}
		seconds, err := strconv.Atoi(w[8])
		if err != nil {
			return nil, err
		}
		c.Expires = time.Duration(seconds) * time.Second
		out = append(out, c)
	}
	return out, nil
}

// ConnectionsOf returns those of Connections that are of one service, templates aside.
func (n *Node) ConnectionsOf(service netip.AddrPort) []Connection {
	n.w.t.Helper()
	all, err := n.Connections()
	n.w.must(err, "%s: connections", n.Name)
	var out []Connection
	for _, c := range all {
		if c.Service == service && c.Client.Port() != 0 {
			out = append(out, c)
		}
	}
	return out
}

// Held returns how many connections of a service over IPv4 each of its real servers has by the count of the kernel, active and inactive.
func (n *Node) Held(service netip.AddrPort) map[netip.AddrPort]int {
	n.w.t.Helper()
	text, err := n.ReadNet("ip_vs")
	n.w.must(err, "%s: IPVS table", n.Name)
	held, ours := map[netip.AddrPort]int{}, false
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		w := strings.Fields(lines.Text())
		if len(w) < 3 {
			continue
		}
		addr, err := hexAddrPort(w[1])
		if w[0] != "->" {
			ours = err == nil && addr == service
			continue
		}
		if !ours || len(w) != 6 {
			continue
		}
		active, errA := strconv.Atoi(w[4])
		inactive, errI := strconv.Atoi(w[5])
		n.w.must(errA, "%s: %q", n.Name, lines.Text())
		n.w.must(errI, "%s: %q", n.Name, lines.Text())
		held[addr] = active + inactive
	}
	return held
}

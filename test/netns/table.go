package netns

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Weights is what the kernel's IPVS table says of one service: the weight of each real server in it.
type Weights map[netip.AddrPort]int

// IPVS returns the node's IPVS table over IPv4, by the address of each TCP or UDP service. It reads /proc/net/ip_vs and so does not
// share a line of code with what it is used to test. Any goroutine may call it.
func (n *Node) IPVS() (map[netip.AddrPort]Weights, error) {
	text, err := n.ReadNet("ip_vs")
	if err != nil {
		return nil, err
	}
	return parseIPVS(text)
}

// Weights returns the real servers of one service in the node's kernel; nil when it has no such service.
func (n *Node) Weights(service netip.AddrPort) Weights {
	n.w.t.Helper()
	table, err := n.IPVS()
	n.w.must(err, "%s: IPVS table", n.Name)
	return table[service]
}

func parseIPVS(text string) (map[netip.AddrPort]Weights, error) {
	table := map[netip.AddrPort]Weights{}
	var current Weights
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) >= 3 && (words[0] == "TCP" || words[0] == "UDP"):
			addr, err := hexAddrPort(words[1])
			if err != nil {
				return nil, err
			}
			current = Weights{}
			table[addr] = current
		case len(words) == 6 && words[0] == "->" && current != nil:
			addr, err := hexAddrPort(words[1])
			if err != nil {
				return nil, err
			}
			if current[addr], err = strconv.Atoi(words[3]); err != nil {
				return nil, err
			}
		case len(words) > 0 && words[0] != "->":
			current = nil // a service by firewall mark, or over IPv6
		}
	}
	return table, nil
}

// hexAddrPort reads "C000020A:0050".
func hexAddrPort(s string) (netip.AddrPort, error) {
	addr, port, _ := strings.Cut(s, ":")
	a, errA := hex.DecodeString(addr)
	p, errP := hex.DecodeString(port)
	if errA != nil || errP != nil || len(a) != 4 || len(p) != 2 {
		return netip.AddrPort{}, fmt.Errorf("IPVS table: %q is not an IPv4 address and port in hex", s)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a)), binary.BigEndian.Uint16(p)), nil
}

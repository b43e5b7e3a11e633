package netns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// volleyBatch is how many datagrams go to the kernel at a time: a system call each would be most of what a volley costs in a slow guest.
const volleyBatch = 64

// Impersonate makes every address of a prefix over IPv4 one of the node's own, for Volley. Who is to answer one needs a route to it.
func (n *Node) Impersonate(prefix string) {
	n.w.t.Helper()
	n.MustRun("ip", "route", "add", "local", prefix, "dev", "lo")
}

// Clients returns the first count addresses of a prefix over IPv4, beginning with that after the first.
func Clients(prefix string, count int) []netip.Addr {
	var out []netip.Addr
	for a := netip.MustParsePrefix(prefix).Addr().Next(); len(out) < count; a = a.Next() {
		out = append(out, a)
	}
	return out
}

// Volley sends a datagram from the given port of each client, an address of the node, to a service over IPv4. To a director each is an inactive
// connection.
func (n *Node) Volley(service netip.AddrPort, clients []netip.Addr, port uint16) {
	n.w.t.Helper()
	conn, err := n.ListenPacket("udp4", fmt.Sprintf("0.0.0.0:%d", port))
	n.w.must(err, "%s: port %d", n.Name, port)
	defer conn.Close()
	datagram := func(netip.Addr) []byte { return []byte("x") }
	n.w.must(volley(conn, net.UDPAddrFromAddrPort(service), clients, datagram), "%s: datagrams to %s", n.Name, service)
}

// VolleySYN sends the first packet of a TCP connection from the given port of each client and does not wait for an answer: a SYN flood.
func (n *Node) VolleySYN(service netip.AddrPort, clients []netip.Addr, port uint16) {
	n.w.t.Helper()
	n.volleyTCP(service, clients, port, tcpSYN)
}

// VolleyTCP sends the first and the third packet of a TCP connection from the given port of each client. To a director that does not see the
// answers, as with direct routing, each is an active connection.
func (n *Node) VolleyTCP(service netip.AddrPort, clients []netip.Addr, port uint16) {
	n.w.t.Helper()
	n.volleyTCP(service, clients, port, tcpSYN, tcpACK)
}

// VolleyFIN sends a packet that ends a TCP connection from the given port of each client.
func (n *Node) VolleyFIN(service netip.AddrPort, clients []netip.Addr, port uint16) {
	n.w.t.Helper()
	n.volleyTCP(service, clients, port, tcpFIN|tcpACK)
}

// The flags of TCP that open and close a connection.
const (
	tcpFIN = 0x01
	tcpSYN = 0x02
	tcpACK = 0x10
)

func (n *Node) volleyTCP(service netip.AddrPort, clients []netip.Addr, port uint16, flags ...byte) {
	n.w.t.Helper()
	conn, err := n.ListenPacket("ip4:tcp", "0.0.0.0")
	n.w.must(err, "%s: raw socket", n.Name)
	defer conn.Close()
	for some := range slices.Chunk(clients, volleyBatch) { // the scheduler is to see soon that they are active
		for _, flag := range flags {
			segment := func(client netip.Addr) []byte { return tcpSegment(netip.AddrPortFrom(client, port), service, flag) }
			n.w.must(volley(conn, &net.IPAddr{IP: service.Addr().AsSlice()}, some, segment), "%s: segments to %s", n.Name, service)
		}
	}
}

// tcpSegment is a TCP header without options and data.
func tcpSegment(from, to netip.AddrPort, flags byte) []byte {
	b := make([]byte, 20)
	binary.BigEndian.PutUint16(b, from.Port())
	binary.BigEndian.PutUint16(b[2:], to.Port())
	binary.BigEndian.PutUint32(b[4:], 1)
	b[12], b[13] = 5<<4, flags
	binary.BigEndian.PutUint16(b[14:], 1024)
	src, dst := from.Addr().As4(), to.Addr().As4()
	var sum uint32
	for _, words := range [][]byte{src[:], dst[:], {0, unix.IPPROTO_TCP, 0, 20}, b} {
		for w := range slices.Chunk(words, 2) {
			sum += uint32(binary.BigEndian.Uint16(w))
		}
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(b[16:], ^uint16(sum>>16+sum))
	return b
}

// volley sends a packet of each client to an address.
func volley(conn net.PacketConn, to net.Addr, clients []netip.Addr, packet func(netip.Addr) []byte) error {
	out := ipv4.NewPacketConn(conn)
	for some := range slices.Chunk(clients, volleyBatch) {
		var batch []ipv4.Message
		for _, client := range some {
			control := ipv4.ControlMessage{Src: client.AsSlice()}
			batch = append(batch, ipv4.Message{Buffers: [][]byte{packet(client)}, OOB: control.Marshal(), Addr: to})
		}
		for len(batch) > 0 {
			sent, err := out.WriteBatch(batch, 0)
			if err != nil && !errors.Is(err, unix.ENOBUFS) { // the queue of the network is full: this one is sent again
				return err
			}
			batch = batch[max(sent, 0):]
		}
	}
	return nil
}

// Sink has the real servers take datagrams at a port and drop them without a word.
func (s *Site) Sink(port uint16) {
	s.t.Helper()
	for _, server := range s.Servers {
		conn, err := server.node.ListenPacket("udp4", fmt.Sprintf("0.0.0.0:%d", port)) // nobody reads: once its buffer is full, the kernel drops
		s.must(err, "%s: sink", server.Name)
		server.node.closers = append(server.node.closers, func() { _ = conn.Close() })
	}
}

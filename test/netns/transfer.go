package netns

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"strings"
	"time"
)

// TransferServer takes in what clients send and sends what they ask for, on all given addresses, until the end of the World. It answers each
// with the name of the node and the address that the client has in its eyes.
func (n *Node) TransferServer(addrs ...string) {
	n.w.t.Helper()
	for _, addr := range addrs {
		l, err := n.Listen("tcp", addr)
		n.w.must(err, "%s: transfer server", n.Name)
		n.closers = append(n.closers, func() { _ = l.Close() })
		go serveTransfers(l, n.Name)
	}
}

func serveTransfers(l net.Listener, name string) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go serveTransfer(conn, name)
		}
	}
}

// transferHeader is what a client begins with: how many bytes it sends after that, and how many it wants.
const transferHeader = 16

func serveTransfer(conn net.Conn, name string) {
	defer conn.Close()
	var head [transferHeader]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return
	}
	up, down := binary.BigEndian.Uint64(head[:]), binary.BigEndian.Uint64(head[8:])
	if _, err := io.CopyN(io.Discard, conn, int64(up)); err != nil {
		return
	}
	if _, err := fmt.Fprintf(conn, "%s %s\n", name, conn.RemoteAddr()); err != nil {
		return
	}
	_, _ = io.CopyN(conn, zeros{}, int64(down)) // the client notices what is missing
}

// zeros is as long as somebody reads it.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// A Transfer is one connection from a client to a TransferServer.
type Transfer struct {
	Server string         // who answered
	Client netip.AddrPort // the client's own address
	Seen   netip.AddrPort // what the server took for it
}

// Transfer opens a connection to a TransferServer, sends up bytes and takes in down.
func (n *Node) Transfer(to netip.AddrPort, up, down int64, limit time.Duration) (t Transfer, err error) {
	ctx, cancel := context.WithTimeout(n.w.t.Context(), limit)
	defer cancel()
	conn, err := n.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return t, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(limit))
	t.Client = conn.LocalAddr().(*net.TCPAddr).AddrPort()
	var head [transferHeader]byte
	binary.BigEndian.PutUint64(head[:], uint64(up))
	binary.BigEndian.PutUint64(head[8:], uint64(down))
	if _, err := conn.Write(head[:]); err != nil {
		return t, err
	}
	if sent, err := io.CopyN(conn, zeros{}, up); err != nil {
		return t, fmt.Errorf("after %d bytes sent: %w", sent, err)
	}
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err != nil {
		return t, fmt.Errorf("no answer to %d bytes: %w", up, err)
	}
	name, seen, _ := strings.Cut(strings.TrimSpace(line), " ")
	t.Server = name
	if t.Seen, err = netip.ParseAddrPort(seen); err != nil {
		return t, err
	}
	t.Seen = netip.AddrPortFrom(t.Seen.Addr().Unmap(), t.Seen.Port())
	got, err := io.Copy(io.Discard, r)
	if err == nil && got != down {
		err = fmt.Errorf("%d bytes came, want %d", got, down)
	}
	return t, err
}

// Sent returns how many bytes and packets the node has sent by an interface since it was made.
func (n *Node) Sent(link string) (bytes, packets uint64) {
	n.w.t.Helper()
	s := n.link(link).Attrs().Statistics
	return s.TxBytes, s.TxPackets
}

// SinglePackets has the node hand over packets one by one to an interface, as they go over a wire, in place of large ones to be cut up later.
func (n *Node) SinglePackets(link string) { n.packetsAtOnce(link, 1) }

// LargePackets ends SinglePackets.
func (n *Node) LargePackets(link string) { n.packetsAtOnce(link, math.MaxUint16) }

func (n *Node) packetsAtOnce(link string, count int) {
	n.w.t.Helper()
	n.w.must(n.nl.LinkSetGSOMaxSegs(n.link(link), count), "%s: packets of %s", n.Name, link)
}

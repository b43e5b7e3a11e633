package netns

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// FlowInterval is how often each end of a flow sends a frame. What a packet loses shows as a gap of at least the kernel's first
// retransmission timeout, 200 ms, on top of it.
const FlowInterval = 200 * time.Millisecond

// frameSize is that of what both ends of a flow send: the number of the frame, from 1 on, and the last number that came from the other end.
const frameSize = 16

// A Flow is a long-lived TCP connection on which both ends send numbered frames all the time.
type Flow struct {
	Service netip.AddrPort
	Server  string // who answered

	conn net.Conn
	mu   sync.Mutex
	seen FlowState // guarded by mu
}

// FlowState is what the client of a flow has seen.
type FlowState struct {
	Sent, Received, Acknowledged uint64        // frames; Acknowledged are those of the client that the server has seen, in order
	LongestGap                   time.Duration // without a new frame of the server, or without one that acknowledges more
	Err                          error         // why it ended: reset, closed, a frame out of order

	heard, acked time.Time
}

// FlowServer answers flows on all given addresses with the name of the node, until the end of the World.
func (n *Node) FlowServer(addrs ...string) {
	n.w.t.Helper()
	for _, addr := range addrs {
		l, err := n.Listen("tcp", addr)
		n.w.must(err, "%s: flow server", n.Name)
		n.closers = append(n.closers, func() { _ = l.Close() })
		go serveFlows(l, n.Name)
	}
}

func serveFlows(l net.Listener, name string) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go serveFlow(conn, name)
		}
	}
}

// serveFlow tells the name and then sends frames until something is wrong with those that come, which ends the connection.
func serveFlow(conn net.Conn, name string) {
	defer conn.Close()
	if _, err := fmt.Fprintln(conn, name); err != nil {
		return
	}
	var last counter
	go func() {
		defer conn.Close()
		for r := bufio.NewReader(conn); ; {
			number, _, err := readFrame(r)
			if err != nil || !last.next(number) {
				return
			}
		}
	}()
	ticker := time.NewTicker(FlowInterval)
	defer ticker.Stop()
	for number := uint64(1); writeFrame(conn, number, last.value()) == nil; number++ {
		<-ticker.C
	}
}

// A counter is the number of the last frame in order.
type counter struct {
	mu sync.Mutex
	n  uint64 // guarded by mu
}

func (c *counter) next(number uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if number != c.n+1 {
		return false
	}
	c.n = number
	return true
}

func (c *counter) value() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func writeFrame(w io.Writer, number, ack uint64) error {
	var b [frameSize]byte
	binary.BigEndian.PutUint64(b[:], number)
	binary.BigEndian.PutUint64(b[8:], ack)
	_, err := w.Write(b[:])
	return err
}

func readFrame(r io.Reader) (number, ack uint64, err error) {
	var b [frameSize]byte
	_, err = io.ReadFull(r, b[:])
	return binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:]), err
}

// StartFlow opens a flow from the node to a service; it ends with the World, or when something is wrong with it.
func (n *Node) StartFlow(service netip.AddrPort, limit time.Duration) (*Flow, error) {
	ctx, cancel := context.WithTimeout(n.w.t.Context(), limit)
	defer cancel()
	conn, err := n.DialContext(ctx, "tcp", service.String())
	if err != nil {
		return nil, err
	}
	r := bufio.NewReader(conn)
	_ = conn.SetReadDeadline(time.Now().Add(limit))
	name, err := r.ReadString('\n')
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	_ = conn.SetReadDeadline(time.Time{})
	now := time.Now()
	f := &Flow{Service: service, Server: name[:len(name)-1], conn: conn, seen: FlowState{heard: now, acked: now}}
	n.closers = append(n.closers, f.Close)
	go f.send()
	go f.receive(r)
	return f, nil
}

// Client returns the address that the flow comes from.
func (f *Flow) Client() netip.AddrPort { return f.conn.LocalAddr().(*net.TCPAddr).AddrPort() }

// Close ends the flow.
func (f *Flow) Close() { _ = f.conn.Close() }

// State returns what the client has seen of the flow so far. A gap that still lasts counts. Any goroutine may call it.
func (f *Flow) State() FlowState {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, s := time.Now(), f.seen
	s.LongestGap = max(s.LongestGap, now.Sub(s.heard), now.Sub(s.acked))
	return s
}

func (f *Flow) send() {
	ticker := time.NewTicker(FlowInterval)
	defer ticker.Stop()
	for number := uint64(1); ; number++ {
		if err := writeFrame(f.conn, number, 0); err != nil {
			f.end(err)
			return
		}
		f.mu.Lock()
		f.seen.Sent = number
		f.mu.Unlock()
		<-ticker.C
	}
}

func (f *Flow) receive(r io.Reader) {
	for {
		number, ack, err := readFrame(r)
		if err == nil {
			err = f.take(number, ack, time.Now())
		}
		if err != nil {
			f.end(err)
			return
		}
	}
}

// take notes a frame of the server.
func (f *Flow) take(number, ack uint64, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &f.seen
	if number != s.Received+1 || ack < s.Acknowledged {
		return fmt.Errorf("frame %d that acknowledges %d after frame %d that acknowledged %d", number, ack, s.Received, s.Acknowledged)
	}
	s.LongestGap = max(s.LongestGap, now.Sub(s.heard))
	s.heard, s.Received = now, number
	if ack > s.Acknowledged {
		s.LongestGap = max(s.LongestGap, now.Sub(s.acked))
		s.acked, s.Acknowledged = now, ack
	}
	return nil
}

func (f *Flow) end(err error) {
	f.mu.Lock()
	if f.seen.Err == nil {
		f.seen.Err = err
	}
	f.mu.Unlock()
	f.Close()
}

// Forget starts the measuring of gaps anew.
func (f *Flow) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen.LongestGap = 0
}

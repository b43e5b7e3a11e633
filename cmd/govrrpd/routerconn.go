package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// errRouterGone says that the router closed the connection.
var errRouterGone = errors.New("the router process closed the connection")

// A routerConn is one connection to a router. A reader goroutine notices at once when the router goes away.
type routerConn struct {
	conn     *net.UnixConn
	pid      int              // of the router
	patience time.Duration    // with one request
	replies  chan routerReply // capacity 1: the reply to the one request under way
	closed   chan struct{}

	mu   sync.Mutex // one request at a time
	hung bool       // guarded by mu: it did not answer one, and the connection was closed by us
}

func dialRouter(socket string) (*routerConn, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return nil, err
	}
	pid, err := peerPID(conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	c := &routerConn{conn: conn, pid: pid, patience: routerRequestDeadline, replies: make(chan routerReply, 1), closed: make(chan struct{})}
	go c.read()
	return c, nil
}

// peerPID returns the id of the process that listens at the other end of conn.
func peerPID(conn *net.UnixConn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var peer *unix.Ucred
	var peerErr error
	err = raw.Control(func(fd uintptr) { peer, peerErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, peerErr); err != nil {
		return 0, fmt.Errorf("process id of the router: %w", err)
	}
	return int(peer.Pid), nil
}

func (c *routerConn) read() {
	defer close(c.closed)
	defer c.conn.Close()
	decoder := json.NewDecoder(c.conn)
	for {
		var reply routerReply
		if decoder.Decode(&reply) != nil {
			return
		}
		c.replies <- reply
	}
}

// ask sends one request and waits for its reply. A router that does not answer in time is treated as gone.
func (c *routerConn) ask(request routerRequest) (routerReply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hung {
		return routerReply{}, c.silent()
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.patience)) // fails on a closed connection, and so does the write
	if err := json.NewEncoder(c.conn).Encode(request); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return routerReply{}, c.giveUp()
		}
		_ = c.conn.Close() // half a request may be on its way
		return routerReply{}, fmt.Errorf("%w: %w", errRouterGone, err)
	}
	select {
	case reply := <-c.replies:
		if reply.Error != "" {
			return reply, errors.New(reply.Error)
		}
		return reply, nil
	case <-c.closed:
		return routerReply{}, errRouterGone
	case <-time.After(c.patience):
		return routerReply{}, c.giveUp()
	}
}

// giveUp ends a connection whose other end lives but does not answer.
func (c *routerConn) giveUp() error {
	c.hung = true
	_ = c.conn.Close()
	return c.silent()
}

func (c *routerConn) silent() error {
	return fmt.Errorf("the router process %d has not answered for %s", c.pid, c.patience)
}

// stop asks the router to resign and end, and waits until it closes the connection. One that does not answer gets a signal that has
// the same meaning, for when it can.
func (c *routerConn) stop() error {
	_, err := c.ask(routerRequest{Stop: true})
	if err != nil && !errors.Is(err, errRouterGone) { // gone is what was wanted
		return errors.Join(fmt.Errorf("%w: it may still hold addresses; it was sent SIGTERM, kill -9 %d is the last resort", err, c.pid),
			syscall.Kill(c.pid, syscall.SIGTERM))
	}
	select {
	case <-c.closed:
	case <-time.After(c.patience):
		return fmt.Errorf("the router process %d has not ended after %s", c.pid, c.patience)
	}
	return nil
}

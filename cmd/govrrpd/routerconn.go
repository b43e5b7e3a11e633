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

	"github.com/govrrpd/govrrpd/vrrp"
)

// errRouterGone says that the router closed the connection.
var errRouterGone = errors.New("the router process closed the connection")

// A routerConn is one connection to a router. A reader goroutine notices at once when the router goes away.
type routerConn struct {
	conn     *net.UnixConn
	pid      int           // of the router
	patience time.Duration // with one request
	closed   chan struct{}

	turn sync.Mutex // one request at a time, until the router has shown that it knows numbers; taken before mu

	writing sync.Mutex // one request is written at a time

	mu sync.Mutex
	// guarded by mu:
	hung     bool // it did not answer a request, and the connection was closed by us
	numbered bool // requests have numbers
	last     uint64
	waiting  map[uint64]chan<- routerReply // capacity 1; by number
	onRoles  func(map[string]vrrp.Role)    // nil while nobody asked

	onSessions func(map[string]vrrp.Verdict) // the same
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
	c := &routerConn{conn: conn, pid: pid, patience: routerRequestDeadline, closed: make(chan struct{}), waiting: make(map[uint64]chan<- routerReply)}
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
		c.hand(reply)
	}
}

// hand gives a reply to whoever waits for it.
func (c *routerConn) hand(reply routerReply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.numbered = c.numbered || reply.Numbered
	if reply.Roles != nil {
		c.onRoles(reply.Roles)
		return
	}
	if reply.Sessions != nil {
		c.onSessions(reply.Sessions)
		return
	}
	if waiter, ok := c.waiting[reply.ID]; ok {
		delete(c.waiting, reply.ID)
		waiter <- reply
	}
}

// follow has the router tell of all roles, and verdicts of BFD sessions, now, and of each change from now on. Who is told must not wait for the
// router.
func (c *routerConn) follow(roles func(map[string]vrrp.Role), sessions func(map[string]vrrp.Verdict)) error {
	c.mu.Lock()
	c.onRoles, c.onSessions = roles, sessions
	c.mu.Unlock()
	_, err := c.ask(routerRequest{Roles: true})
	return err
}

// ask sends one request and waits for its reply. A router that does not answer in time is treated as gone.
func (c *routerConn) ask(request routerRequest) (routerReply, error) {
	if !c.takesMany() {
		c.turn.Lock()
		defer c.turn.Unlock()
	}
	answer, err := c.send(request)
	if err != nil {
		return routerReply{}, err
	}
	select {
	case reply := <-answer:
		if reply.Error != "" {
			return reply, errors.New(reply.Error)
		}
		return reply, nil
	case <-c.closed:
		return routerReply{}, c.ended()
	case <-time.After(c.patience):
		return routerReply{}, c.giveUp()
	}
}

func (c *routerConn) takesMany() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.numbered
}

// send writes a request and returns where its reply will be.
func (c *routerConn) send(request routerRequest) (<-chan routerReply, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	answer, err := c.number(&request)
	if err != nil {
		return nil, err
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.patience)) // fails on a closed connection, and so does the write
	err = json.NewEncoder(c.conn).Encode(request)
	switch {
	case err == nil:
		return answer, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, c.giveUp()
	}
	_ = c.conn.Close() // half a request may be on its way
	return nil, fmt.Errorf("%w: %w", errRouterGone, err)
}

// number gives a request its number and returns where its reply will be.
func (c *routerConn) number(request *routerRequest) (<-chan routerReply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hung {
		return nil, c.silent()
	}
	if c.numbered {
		c.last++
		request.ID = c.last
	}
	answer := make(chan routerReply, 1)
	c.waiting[request.ID] = answer
	return answer, nil
}

// ended says why the connection was closed.
func (c *routerConn) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hung {
		return c.silent()
	}
	return errRouterGone
}

// giveUp ends a connection whose other end lives but does not answer.
func (c *routerConn) giveUp() error {
	c.mu.Lock()
	defer c.mu.Unlock()
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

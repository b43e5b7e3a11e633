package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// A routerLink is the director's end of the conversation with the router: it starts the router where none is running, adopts one
// that an earlier director left, tells it what is wanted, and starts it again should it die.
type routerLink struct {
	socket string
	args   []string // of the router process, after its socket
	log    *slog.Logger

	mu       sync.Mutex
	wanted   routerConfig
	conn     *routerConn // nil while there is no router
	stopping bool        // Stop was called: a router that ends is not started again
}

// Waiting times around the router process. A start takes some 20 ms; an orderly stop waits for the kernel to remove addresses.
const (
	routerStartDeadline   = 10 * time.Second
	routerRequestDeadline = 20 * time.Second
	routerRetryPause      = 200 * time.Millisecond
)

func newRouterLink(socket string, args []string, log *slog.Logger) *routerLink {
	return &routerLink{socket: socket, args: args, log: log}
}

// Apply tells the router what is wanted, and every later incarnation of it. The error says what the router could not do.
func (l *routerLink) Apply(wanted routerConfig) error {
	l.mu.Lock()
	l.wanted = wanted
	conn := l.conn
	l.mu.Unlock()
	if conn == nil {
		return errors.New("the router process is not running; it gets the new configuration when it is back")
	}
	_, err := conn.ask(routerRequest{Configure: &wanted})
	return err
}

// Connect makes sure that a router runs and has what is wanted. It is called once, before Run. Adopted tells that the router is
// an earlier director's: it may be master, and an error is no reason to end it.
func (l *routerLink) Connect(ctx context.Context, wanted routerConfig) (adopted bool, err error) {
	l.mu.Lock()
	l.wanted = wanted
	l.mu.Unlock()
	conn, adopted, err := l.reach(ctx)
	if err != nil {
		return false, err
	}
	return adopted, l.use(conn)
}

// Run keeps a router running until ctx ends. It leaves the router as it is: Stop ends it.
func (l *routerLink) Run(ctx context.Context) error {
	for {
		conn := l.current()
		if conn != nil {
			select {
			case <-ctx.Done():
				return nil
			case <-conn.closed:
			}
			if l.drop(conn); l.isStopping() {
				return nil
			}
			l.log.Error("the router process went away, starting it again")
		}
		next, _, err := l.reach(ctx)
		if err == nil {
			if err := l.use(next); err != nil {
				l.log.Error("the router process could not do all that is wanted", "error", err)
			}
			continue
		}
		l.log.Error("no router process", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(routerRetryPause):
		}
	}
}

// Stop asks the router to resign and end, and waits for that.
func (l *routerLink) Stop() error {
	l.mu.Lock()
	l.stopping = true
	conn := l.conn
	l.mu.Unlock()
	if conn == nil {
		return nil
	}
	_, err := conn.ask(routerRequest{Stop: true})
	if errors.Is(err, errRouterGone) { // that is what was wanted
		err = nil
	}
	select {
	case <-conn.closed:
	case <-time.After(routerRequestDeadline):
		return fmt.Errorf("the router process has not ended after %s", routerRequestDeadline)
	}
	return err
}

// Status asks the router for a snapshot.
func (l *routerLink) Status() (routerStatus, error) {
	conn := l.current()
	if conn == nil {
		return routerStatus{}, errors.New("the router process is not running")
	}
	reply, err := conn.ask(routerRequest{Status: true})
	if err != nil {
		return routerStatus{}, err
	}
	if reply.Status == nil {
		return routerStatus{}, errors.New("the router process gave no status")
	}
	return *reply.Status, nil
}

func (l *routerLink) current() *routerConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn
}

func (l *routerLink) isStopping() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stopping
}

func (l *routerLink) drop(conn *routerConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == conn {
		l.conn = nil
	}
}

// use makes conn the current one and tells the router what is wanted.
func (l *routerLink) use(conn *routerConn) error {
	l.mu.Lock()
	l.conn = conn
	wanted := l.wanted
	l.mu.Unlock()
	_, err := conn.ask(routerRequest{Configure: &wanted})
	return err
}

// reach connects to the running router, or starts one.
func (l *routerLink) reach(ctx context.Context) (conn *routerConn, adopted bool, err error) {
	if conn, err := dialRouter(l.socket); err == nil {
		l.log.Info("took over the running router process")
		return conn, true, nil
	}
	exited, err := l.start()
	if err != nil {
		return nil, false, err
	}
	deadline := time.NewTimer(routerStartDeadline)
	defer deadline.Stop()
	retry := time.NewTicker(2 * time.Millisecond)
	defer retry.Stop()
	for {
		if conn, err := dialRouter(l.socket); err == nil {
			return conn, false, nil
		}
		select {
		case <-ctx.Done():
			return nil, false, ctx.Err()
		case err := <-exited:
			return nil, false, fmt.Errorf("the router process ended at its start: %w", err)
		case <-deadline.C:
			return nil, false, fmt.Errorf("the router process does not answer on %s", l.socket)
		case <-retry.C:
		}
	}
}

// start runs the router in a session of its own, so that no signal to the director's terminal reaches it.
func (l *routerLink) start() (<-chan error, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, append([]string{"router", "--router-socket", l.socket}, l.args...)...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the router process: %w", err)
	}
	l.log.Info("router process started", "pid", cmd.Process.Pid)
	exited := make(chan error, 1)
	go func() { exited <- fmt.Errorf("%v", cmd.Wait()) }() // lives as long as the child, which outlives us
	return exited, nil
}

// errRouterGone says that the router closed the connection.
var errRouterGone = errors.New("the router process closed the connection")

// A routerConn is one connection to a router. A reader goroutine notices at once when the router goes away.
type routerConn struct {
	conn    net.Conn
	replies chan routerReply // capacity 1: the reply to the one request under way
	closed  chan struct{}

	mu sync.Mutex // one request at a time
}

func dialRouter(socket string) (*routerConn, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	c := &routerConn{conn: conn, replies: make(chan routerReply, 1), closed: make(chan struct{})}
	go c.read()
	return c, nil
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
	if err := json.NewEncoder(c.conn).Encode(request); err != nil {
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
	case <-time.After(routerRequestDeadline):
		_ = c.conn.Close()
		return routerReply{}, fmt.Errorf("the router process has not answered for %s", routerRequestDeadline)
	}
}

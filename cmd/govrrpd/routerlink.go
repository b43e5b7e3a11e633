package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A routerLink is the director's end of the conversation with the router: it starts the router where none is running, adopts one
// that an earlier director left, tells it what is wanted, and starts it again should it die.
type routerLink struct {
	socket string
	args   []string // of the router process, after its socket
	log    *slog.Logger
	poke   chan struct{} // one slot: there is something in news

	// OnRole, if set before Connect, is told whether a virtual router is master: of all at first, and of each change.
	OnRole func(router string, master bool)
	// OnSession is told the same way whether a BFD session is up, and if not, why. It is set where OnRole is.
	OnSession func(session string, err error)

	telling sync.Mutex // one configuration, or set of facts, is on its way at a time, so that the newest arrives last; taken before mu

	mu       sync.Mutex
	wanted   routerConfig
	facts    trackedFacts    // all that are known
	news     map[string]bool // sources of those that the router was not told yet
	conn     *routerConn     // nil while there is no router
	stopping bool            // Stop was called: a router that ends is not started again, and a new one ended at once
}

// Waiting times around the router process. A start takes some 20 ms; an orderly stop waits for the kernel to remove addresses.
const (
	routerStartDeadline   = 10 * time.Second
	routerRequestDeadline = 20 * time.Second
	routerRetryPause      = 200 * time.Millisecond
)

func newRouterLink(socket string, args []string, log *slog.Logger) *routerLink {
	return &routerLink{
		socket: socket, args: args, log: log, poke: make(chan struct{}, 1), facts: make(trackedFacts), news: make(map[string]bool),
	}
}

// Apply tells the router what is wanted, and every later incarnation of it. The error says what the router could not do.
func (l *routerLink) Apply(wanted routerConfig) error {
	l.mu.Lock()
	l.facts.forget(l.wanted.sources(), wanted.sources())
	l.wanted = wanted
	conn := l.conn
	l.mu.Unlock()
	if conn == nil {
		return errors.New("the router process is not running; it gets the new configuration when it is back")
	}
	return l.tell(conn)
}

// tell gives the router behind conn the newest configuration, and all facts with it.
func (l *routerLink) tell(conn *routerConn) error {
	l.telling.Lock()
	defer l.telling.Unlock()
	l.mu.Lock()
	wanted, facts := l.wanted, maps.Clone(l.facts)
	clear(l.news)
	l.mu.Unlock()
	_, err := conn.ask(routerRequest{Facts: facts, Configure: &wanted})
	return err
}

// Track tells the router, and every later incarnation of it, what source has found; the zero Verdict takes back what was said. It does
// not wait for the router, and may be called before Connect.
func (l *routerLink) Track(source string, v vrrp.Verdict) {
	l.mu.Lock()
	old, known := l.facts[source]
	if changed := !known || old != v; changed {
		l.facts[source], l.news[source] = v, true
	}
	l.mu.Unlock()
	select {
	case l.poke <- struct{}{}:
	default:
	}
}

// deliver tells the router of facts as they come, until ctx ends. What a router that went away did not hear, the next is told by use.
func (l *routerLink) deliver(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.poke:
		}
		if err := l.tellNews(); err != nil {
			l.log.Warn("the router process did not take in what is tracked", "error", err)
		}
	}
}

// tellNews gives the router the facts that it does not have. Without a router they wait for one.
func (l *routerLink) tellNews() error {
	l.telling.Lock()
	defer l.telling.Unlock()
	l.mu.Lock()
	conn, facts := l.conn, make(trackedFacts, len(l.news))
	for source := range l.news {
		facts[source] = l.facts[source]
	}
	if conn != nil {
		clear(l.news)
	}
	l.mu.Unlock()
	if conn == nil || len(facts) == 0 {
		return nil
	}
	_, err := conn.ask(routerRequest{Facts: facts})
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

// Run keeps a router running, and up to date with the facts, until ctx ends. It leaves the router as it is: Stop ends it.
func (l *routerLink) Run(ctx context.Context) error {
	var delivery sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer delivery.Wait()
	defer cancel()
	delivery.Go(func() { l.deliver(ctx) })
	return l.keep(ctx)
}

// keep starts the router again whenever it goes away.
func (l *routerLink) keep(ctx context.Context) error {
	var tried time.Time // to bring a router back; one that ends at once is not started in a tight loop
	for {
		if conn := l.current(); conn != nil {
			select {
			case <-ctx.Done():
				return nil
			case <-conn.closed:
			}
			if l.drop(conn); l.isStopping() {
				return nil
			}
			l.log.Error("the router process went away, starting it again", "pid", conn.pid)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Until(tried.Add(routerRetryPause))):
		}
		tried = time.Now()
		l.restore(ctx)
	}
}

// restore makes one attempt to have a router again.
func (l *routerLink) restore(ctx context.Context) {
	conn, _, err := l.reach(ctx)
	if err == nil {
		if err := l.use(conn); err != nil {
			l.log.Error("the router process could not do all that is wanted", "error", err)
		}
		return
	}
	if ctx.Err() == nil {
		l.log.Error("no router process", "error", err)
	}
}

// Stop asks the router to resign and end, and waits for that. A router that Run is about to start is ended by Run.
func (l *routerLink) Stop() error {
	l.mu.Lock()
	l.stopping = true
	conn := l.conn
	l.mu.Unlock()
	if conn == nil {
		return nil
	}
	return conn.stop()
}

// errNoRouter is the answer while Run starts the router again.
var errNoRouter = errors.New("the router process is not running, it is being started again")

// Status asks the router for a snapshot.
func (l *routerLink) Status() (routerStatus, error) {
	conn := l.current()
	if conn == nil {
		return routerStatus{}, errNoRouter
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

// use makes conn the current one and tells the router what is wanted. That is to end when Stop was called meanwhile.
func (l *routerLink) use(conn *routerConn) error {
	l.mu.Lock()
	l.conn = conn
	stopping := l.stopping
	l.mu.Unlock()
	if stopping {
		return conn.stop()
	}
	err := l.tell(conn)
	l.hearNews(conn)
	return err
}

// hearNews has the router behind conn tell of its roles and BFD sessions. One that is older than this director cannot.
func (l *routerLink) hearNews(conn *routerConn) {
	if l.OnRole == nil {
		return
	}
	err := conn.follow(func(roles map[string]vrrp.Role) {
		for name, role := range roles {
			l.OnRole(name, role == vrrp.Master)
		}
	}, func(sessions map[string]vrrp.Verdict) {
		for name, v := range sessions {
			l.OnSession(name, sessionError(v))
		}
	})
	if err != nil {
		l.log.Warn("the router process does not tell of its roles and BFD sessions, sync daemons and checks cannot follow them", "error", err)
	}
}

// reach connects to the running router, or starts one.
func (l *routerLink) reach(ctx context.Context) (conn *routerConn, adopted bool, err error) {
	if conn, err := dialRouter(l.socket); err == nil {
		l.log.Info("took over the running router process", "pid", conn.pid)
		return conn, true, nil
	}
	child, exited, err := l.start()
	if err != nil {
		return nil, false, err
	}
	conn, err = l.await(ctx, exited)
	if err == nil && conn.pid == child.Pid {
		return conn, false, nil
	}
	_ = child.Kill() // it was told nothing yet, so it holds nothing
	if err != nil {
		return nil, false, err
	}
	l.log.Info("took over a router process that was starting already", "pid", conn.pid)
	return conn, true, nil
}

// await connects to the router that was started, as soon as it listens.
func (l *routerLink) await(ctx context.Context, exited <-chan string) (*routerConn, error) {
	deadline := time.NewTimer(routerStartDeadline)
	defer deadline.Stop()
	retry := time.NewTicker(2 * time.Millisecond)
	defer retry.Stop()
	for {
		if conn, err := dialRouter(l.socket); err == nil {
			return conn, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case state := <-exited:
			return nil, fmt.Errorf("the router process ended at its start, see its message above: %s", state)
		case <-deadline.C:
			return nil, fmt.Errorf("the router process does not answer on %s", l.socket)
		case <-retry.C:
		}
	}
}

// start runs the router in a session of its own, so that no signal to the director's terminal reaches it. How it ended is sent on
// the channel.
func (l *routerLink) start() (*os.Process, <-chan string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(self, append([]string{"router", "--router-socket", l.socket}, l.args...)...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start the router process: %w", err)
	}
	l.log.Info("router process started", "pid", cmd.Process.Pid)
	exited := make(chan string, 1)
	go func() { // lives as long as the child, which outlives us
		_ = cmd.Wait() // the state says it all
		exited <- cmd.ProcessState.String()
	}()
	return cmd.Process, exited, nil
}

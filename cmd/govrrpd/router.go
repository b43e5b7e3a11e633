package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/checkers/bfd"
	"github.com/govrrpd/govrrpd/vrrp"
	"github.com/govrrpd/govrrpd/vrrp/kernel"
)

// The router is the process that speaks VRRP and holds the addresses. It does nothing else, so that nothing else can make an
// advert late, and it outlives the director that started it:
//
//	director ── request, one JSON value ──►  router   configure: what is wanted, whole; facts: what changed
//	         ◄── reply, one JSON value ────           status: what is; handover: failover, takeover; stop: resign and end
//
// The values are those of package vrrp. A request with a number may be answered after later ones, and its reply has the number: a reload that
// removes a master, or a hand-over, takes seconds. Requests without one are answered in their order. One director is served at a time; a new one takes the place of the old.

// A routerRequest asks one thing of the router.
type routerRequest struct {
	// Facts go to every virtual router that tracks them, now or later; they come into force before Configure does. What is not
	// named stays as it was told before, perhaps by an earlier director.
	Facts     map[string]vrrp.Verdict `json:"facts,omitempty"` // by source
	Configure *routerConfig           `json:"configure,omitempty"`
	Status    bool                    `json:"status,omitempty"`
	Stop      bool                    `json:"stop,omitempty"`

	ID       uint64           `json:"id,omitempty"` // of the request; 0 for none
	Handover *handoverRequest `json:"handover,omitempty"`
	Announce *announceRequest `json:"announce,omitempty"`
	Roles    bool             `json:"roles,omitempty"` // from now on, tell of each change of role, and of BFD sessions
}

// A routerReply answers one request.
type routerReply struct {
	ID       uint64        `json:"id,omitempty"`       // of the request
	Numbered bool          `json:"numbered,omitempty"` // the router knows numbers, which one of an older version does not
	Error    string        `json:"error,omitempty"`
	Status   *routerStatus `json:"status,omitempty"`

	Handover *vrrp.HandoverReport `json:"handover,omitempty"`

	// Roles are those that changed. They come by themselves, in replies to nothing, after a request for them.
	Roles map[string]vrrp.Role `json:"roles,omitempty"`
	// Sessions are the verdicts of BFD that changed, by name; they come in the same way.
	Sessions map[string]vrrp.Verdict `json:"sessions,omitempty"`
}

// A routerConfig is everything that the router is told.
type routerConfig struct {
	RTPriority  int              `json:"rt_priority"` // 0, or 1-99 for SCHED_RR
	LockMemory  bool             `json:"lock_memory"`
	StateFolder string           `json:"state_folder"` // where what must survive a boot is kept
	Routers     []*vrrp.Config   `json:"routers"`
	Groups      []vrrp.SyncGroup `json:"groups"`
	Static      vrrp.Static      `json:"static"`
	BFD         []*bfd.Config    `json:"bfd"`
	Startup     vrrp.Startup     `json:"startup"`

	Surroundings vrrp.Surroundings `json:"surroundings"`
}

// A routerStatus is a snapshot of the router process.
type routerStatus struct {
	PID     int                `json:"pid"`
	Version string             `json:"version"`
	Routers []vrrp.Status      `json:"routers"`
	Groups  []vrrp.GroupStatus `json:"groups"`
	Kernel  kernel.Status      `json:"kernel"`
	BFD     []bfd.Status       `json:"bfd"`

	Tracked    []trackedStatus   `json:"tracked"`
	BFDDropped map[string]uint64 `json:"bfd_dropped"`
}

func newRouterCommand() *cobra.Command {
	var socket string
	var logs logFlags
	c := &cobra.Command{
		Use:    "router",
		Short:  "The VRRP process; started by govrrpd run",
		Hidden: true,
		Args:   usageArgs(noArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), unix.SIGTERM, unix.SIGINT)
			defer stop()
			// The director reads our log; when it dies, the next line must not end us. A hangup is its business too.
			signal.Ignore(unix.SIGPIPE, unix.SIGHUP)
			log, endLog, err := logs.start(os.Stderr)
			if err != nil {
				return err
			}
			defer endLog()
			return runRouter(ctx, socket, log)
		},
	}
	c.Flags().StringVar(&socket, "router-socket", runtimeFile(defaultSocket, "router.sock"), "socket on which to listen for the director")
	logs.add(c)
	return c
}

// A router runs virtual routers as its director wants them.
type router struct {
	host   *kernel.Host
	keeper *keeper
	log    *slog.Logger
	stop   context.CancelFunc // ends the process in good order

	groups sync.WaitGroup // all that runs members

	configuring sync.Mutex // one configuration at a time; taken before mu

	mu      sync.Mutex               // not held while virtual routers resign
	ctx     context.Context          //nolint:containedctx // parent of all groups, set once by runRouter
	members map[string]*member       // by name
	leaving []*member                // that resign, and are not in members any more
	signed  bool                     // a virtual router has HMAC, or had
	running map[string]*runningGroup // by key
	heirs   map[string]bool          // names of masters that the present configure makes anew
	applied routerConfig             // scheduling that is in force
	tracked trackedFacts
	since   sinces          // of tracked
	sources map[string]bool // tracked by what was configured last
	bfd     *bfd.Engine     // told what is wanted while mu is held; reports to paths without it
	paths   bfdRoute
	birth   birth
	roles   *board[vrrp.Role] // told by the virtual routers, asked without mu
}

// routerLockPatience is how long a router waits for a predecessor that has closed its socket and is about to end. It is shorter
// than routerStartDeadline.
const routerLockPatience = 5 * time.Second

// runRouter serves directors on socket until ctx ends or one of them says stop.
func runRouter(ctx context.Context, socket string, log *slog.Logger) error {
	lock, err := awaitLock(ctx, socket+".lock", routerLockPatience)
	if err != nil {
		return fmt.Errorf("become the router of %s: %w", socket, err)
	}
	defer lock.Close()
	listener, err := listenUnix(socket)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &router{host: kernel.NewHost(log), log: log, stop: cancel, ctx: ctx, members: make(map[string]*member), roles: newBoard[vrrp.Role](), paths: bfdRoute{board: newBoard[vrrp.Verdict]()}, running: make(map[string]*runningGroup), tracked: make(trackedFacts)}
	if r.birth, err = newBirth(); err != nil {
		return err
	}
	r.bfd = newBFD(&r.paths, log)
	r.keeper = newKeeper(socket, log, r.memories)
	// The host outlives the groups: they need it to resign.
	hostCtx, stopHost := context.WithCancel(context.WithoutCancel(ctx))
	defer stopHost()
	var host, serving errgroup.Group
	host.Go(func() error { return r.bfd.Run(hostCtx) }) // says goodbye after the groups have
	host.Go(func() error {
		defer cancel() // without the host nothing can be done in order
		return r.host.Run(hostCtx)
	})
	serving.Go(func() error { return r.serve(ctx, listener) })
	host.Go(func() error { r.keeper.run(hostCtx); return nil }) // it outlives the groups, too: they sign that they leave
	<-ctx.Done()
	r.waitForGroups()
	if err := r.host.SetStatic(vrrp.Static{}); err != nil {
		log.Error("static addresses, routes or rules are still there", "error", err)
	}
	r.host.Close()
	err = errors.Join(listener.Close(), serving.Wait())
	stopHost()
	return errors.Join(err, host.Wait())
}

// acceptPause is between two attempts to accept a director.
const acceptPause = 100 * time.Millisecond

// serve answers one director at a time; a newer connection ends the older, whose director is dead or about to be.
func (r *router) serve(ctx context.Context, listener net.Listener) error {
	var current net.Conn
	var conversations sync.WaitGroup
	defer conversations.Wait()
	for {
		conn, err := listener.Accept()
		if err != nil && ctx.Err() == nil { // above all for want of file descriptors, which may pass
			r.log.Error("a director cannot be heard, will try again", "error", err)
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
			continue
		}
		if current != nil {
			_ = current.Close()
		}
		if ctx.Err() != nil {
			return nil
		}
		current = conn
		conversations.Go(func() { r.converse(conn) })
	}
}

// converse answers the requests on conn until it closes.
func (r *router) converse(conn net.Conn) {
	var answers sync.WaitGroup
	defer answers.Wait()
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	defer conn.Close()
	decoder, out := json.NewDecoder(conn), &replyWriter{to: json.NewEncoder(conn)}
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				r.log.Warn("conversation with the director ended", "error", err)
			}
			return
		}
		request := numberOf(raw)
		if asksForRoles(raw) {
			answers.Go(func() {
				r.roles.follow(ctx, func(news map[string]vrrp.Role) error { return out.write(0, routerReply{Roles: news}) })
			})
			answers.Go(func() {
				r.paths.board.follow(ctx, func(news map[string]vrrp.Verdict) error { return out.write(0, routerReply{Sessions: news}) })
			})
		}
		if request != 0 {
			answers.Go(func() { _ = out.write(request, r.reply(raw)) }) // a connection that broke ends the loop, too
			continue
		}
		if err := out.write(request, r.reply(raw)); err != nil {
			return
		}
	}
}

// A replyWriter writes one reply after the other.
type replyWriter struct {
	mu sync.Mutex
	to *json.Encoder // guarded by mu
}

func (w *replyWriter) write(request uint64, reply routerReply) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	reply.ID, reply.Numbered = request, true
	return w.to.Encode(reply)
}

func (r *router) answer(request routerRequest) routerReply {
	r.track(request.Facts)
	switch {
	case request.Configure != nil:
		if err := r.configure(*request.Configure); err != nil {
			return routerReply{Error: err.Error()}
		}
	case request.Status:
		status := r.status()
		return routerReply{Status: &status}
	case request.Handover != nil:
		return r.handOver(*request.Handover)
	case request.Announce != nil:
		return r.announce(*request.Announce)
	case request.Stop:
		r.stop()
		r.waitForGroups()
	case request.Facts != nil, request.Roles: // converse tells of them
	default:
		return routerReply{Error: "the router does not know this request: director and router differ in version"}
	}
	return routerReply{}
}

// waitForGroups returns when every group has resigned. The caller has ended r.ctx, after which configure starts no more.
func (r *router) waitForGroups() {
	r.configuring.Lock()
	r.configuring.Unlock() //nolint:staticcheck // waits for a configure that was under way
	r.groups.Wait()
}

// configure makes the running groups the wanted ones. What did not change is not touched.
func (r *router) configure(wanted routerConfig) error {
	r.configuring.Lock()
	defer r.configuring.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		return errors.New("the router is stopping")
	}
	errs := []error{withRights(r.schedule(wanted), "CAP_SYS_NICE for realtime_priority and CAP_IPC_LOCK for lock_memory")}
	r.keeper.settle(wanted.StateFolder)
	byName := make(map[string]*vrrp.Config, len(wanted.Routers))
	for _, c := range wanted.Routers {
		byName[c.Name] = c
	}
	r.host.Await(wanted.Routers)
	r.retire(byName, wanted.Groups)
	if err := r.host.SetStatic(wanted.Static); err != nil { // it is tried again, and who tracks it has a fault: no reason to refuse the rest
		r.log.Error("static addresses, routes or rules are missing", "error", withRights(err, "CAP_NET_ADMIN"))
	}
	r.forget(wanted.sources())
	r.host.Watch(wanted.Surroundings)
	for _, c := range r.thoseThatGoOnFirst(wanted.Routers) {
		if err := r.apply(c); err != nil {
			errs = append(errs, fmt.Errorf("vrrp_instance %q: %w", c.Name, withRights(err, "CAP_NET_ADMIN and CAP_NET_RAW")))
		}
	}
	if err := r.bfd.Configure(wanted.BFD); err != nil {
		errs = append(errs, err)
	}
	r.paths.Configure(r.members, wanted.BFD)
	r.complete(wanted.Groups)
	r.stayOut(wanted.Startup)
	r.regroup(wanted.Groups)
	if _, err := r.host.Sweep(); err != nil { // what a dead predecessor held and nobody wants any more
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (r *router) status() routerStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := routerStatus{PID: os.Getpid(), Version: version, Kernel: r.host.Status(), Routers: []vrrp.Status{}, Groups: []vrrp.GroupStatus{}}
	s.BFD, s.BFDDropped = r.bfd.Status(), r.bfd.Dropped()
	for _, m := range r.present() {
		s.Routers = append(s.Routers, m.Status())
	}
	s.Tracked = r.trackedStatus(s.Routers)
	for _, g := range r.running {
		if !g.lone {
			s.Groups = append(s.Groups, g.group.Status())
		}
	}
	slices.SortFunc(s.Routers, func(a, b vrrp.Status) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Groups, func(a, b vrrp.GroupStatus) int { return cmp.Compare(a.Name, b.Name) })
	return s
}

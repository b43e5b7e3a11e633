package ipvs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// A Kernel is a table that can be read and changed: that of the running kernel (Netlink), or one in memory. An Engine uses it
// from one goroutine.
type Kernel interface {
	// Table returns all services, also those that others made.
	Table() (Table, error)
	// Apply makes the changes in order and returns one error or nil for each. One that the kernel refused has a syscall.Errno.
	Apply([]Op) []error
}

// ErrUnconfirmed means that the kernel's answer to a change was not read: it may have been made, or not. Only the next read of the
// table can tell.
var ErrUnconfirmed = errors.New("no answer from the kernel")

// RefreshDefault is how often the kernel's table is read when Options do not say: what somebody changes with ipvsadm is put right within two
// seconds. At 10,000 services of ten servers a read takes a tenth of a second of CPU, with a hundred it cannot be measured.
const RefreshDefault = time.Second

// Options are what an Engine is told beside the virtual servers.
type Options struct {
	Refresh time.Duration // from one read of the kernel's table to the next; 0 for RefreshDefault
	Clean   bool          // Run first removes the services of others, or takes them over where they are configured
	Flush   bool          // Run removes our services when it ends; otherwise they stay and serve
	Owned   []Key         // the services that OnOwned told an earlier process

	// Settings, if set, is where SetHost has its effect: the kernel whose table it is. Host is what OnHost told an earlier process.
	Settings Settings
	Host     HostMemory
	// OnHost, if set, is called by Run with what is to be remembered of settings, before they are changed. It must not call the Engine.
	OnHost func(HostMemory)

	// OnOwned, if set, is called by Run with the services that are ours, in order, when that set changes: before the first change
	// to a new one, and after an old one is gone. It must not call the Engine and should not take long.
	OnOwned func([]Key)

	// Overrides are what OnOverrides told an earlier process.
	Overrides []ServerOverride
	// OnOverrides, if set, is called by Run with all that operators say of servers, in order, when that changes, and before the kernel has
	// it. Whoever gave the order is told its error. It must not call the Engine.
	OnOverrides func([]ServerOverride) error

	// OnOps, if set, is called by Run with each group of changes that was sent to the kernel, and what it answered to each. It must not
	// keep or change the slices, nor call the Engine.
	OnOps func([]Op, []error)

	// OnPool, if set, is called by Run with the name of a service and what its pool has come to, when that is Known for the first time
	// and when the quorum is lost or comes back. It is what the table is made from. It must not
	// call the Engine and should not take long.
	OnPool func(service string, s pool.State)
}

// An Engine keeps the kernel's table as Configure and SetHealth want it, for as long as Run runs. Its methods may be called from
// any goroutine, and Run once.
type Engine struct {
	kernel Kernel
	log    *slog.Logger
	r      *reconciler   // belongs to Run; Status reads it
	host   *hostKeeper   // what there is beside services
	poke   chan struct{} // there is something in the inbox

	mu    sync.Mutex
	inbox inbox
	flush bool
	leave bool // another process takes over: Run ends with everything as it is
}

// An inbox holds what the callers said since the last step. Of each thing the newest counts.
type inbox struct {
	configured bool
	wanted     []VirtualServer
	taken      []chan struct{} // to be closed when the step has ended
	verdicts   Health
	refresh    time.Duration // 0: as before
	panics     pool.Panic
	panicSet   bool // panics counts
	orders     []*request
}

// NewEngine returns an Engine that does nothing before Run, and Run nothing to the kernel before the first Configure.
func NewEngine(k Kernel, log *slog.Logger, o Options) *Engine {
	o.Refresh = cmp.Or(max(o.Refresh, 0), RefreshDefault)
	return &Engine{
		kernel: k,
		log:    log,
		r:      newReconciler(k, log, o),
		host:   newHostKeeper(log, o),
		poke:   make(chan struct{}, 1),
		inbox:  inbox{verdicts: Health{}},
		flush:  o.Flush,
	}
}

// Configure makes vs all that there is to balance. Services that are not in it any more are removed from the kernel; those that
// are equal keep their connections. The caller hands vs over and has seen to it that names and Keys are unique. It is told by closing
// done when Run has sent what that changes to the kernel, whatever became of it.
func (e *Engine) Configure(vs []VirtualServer) (done <-chan struct{}) {
	taken := make(chan struct{})
	e.mu.Lock()
	e.inbox.configured, e.inbox.wanted = true, vs
	e.inbox.taken = append(e.inbox.taken, taken)
	e.mu.Unlock()
	e.wake()
	return taken
}

// SetHealth gives the verdict on one server that was configured. It stays until the next one, or until a Configure without that server.
//
// A server without a verdict counts as up, except in a service that the kernel already has with servers when the Engine takes it
// on: there it counts as what the kernel has it for, so that a new process takes the table over as it is. A server without checks
// must therefore be given Up once.
func (e *Engine) SetHealth(id ServerID, v Verdict) {
	e.mu.Lock()
	e.inbox.verdicts[id] = v
	e.mu.Unlock()
	e.wake()
}

// SetRefresh says how often the kernel's table is read from now on; 0 or less is RefreshDefault.
func (e *Engine) SetRefresh(every time.Duration) {
	e.mu.Lock()
	e.inbox.refresh = cmp.Or(max(every, 0), RefreshDefault)
	e.mu.Unlock()
	e.wake()
}

// SetPanic says when so many real servers of all virtual servers went down at once that those that are Watched keep their weights.
func (e *Engine) SetPanic(limit pool.Panic) {
	e.mu.Lock()
	e.inbox.panics, e.inbox.panicSet = limit, true
	e.mu.Unlock()
	e.wake()
}

// SetFlush says whether Run removes our services when it ends.
func (e *Engine) SetFlush(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.flush = on
}

func (e *Engine) wake() {
	select {
	case e.poke <- struct{}{}:
	default:
	}
}

// Run keeps the kernel's table until ctx ends. Then it leaves the table as it is, but for services with Omega, or removes our services; the
// error says which could not be removed. Whatever goes wrong before is retried, logged and shown by Status.
func (e *Engine) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return e.stop()
		case <-e.poke:
		case <-timer.C:
		}
		at, ever := e.host.step(time.Now(), e.r.refresh) // first: a new master has to say what it has, however long a table takes to be read
		in := e.takeInbox()
		next := e.r.step(time.Now(), in)
		for _, taken := range in.taken {
			close(taken)
		}
		if ever && at.Before(next) {
			next = at
		}
		timer.Reset(time.Until(next))
	}
}

func (e *Engine) takeInbox() inbox {
	e.mu.Lock()
	defer e.mu.Unlock()
	in := e.inbox
	e.inbox = inbox{verdicts: Health{}}
	return in
}

// Status returns the newest snapshot. It does not wait for the kernel.
func (e *Engine) Status() Status {
	e.r.mu.Lock()
	s := e.r.status()
	e.r.mu.Unlock()
	e.host.addTo(&s)
	return s
}

// stop takes out the servers of services with Omega, and removes our services if it was told to.
func (e *Engine) stop() error {
	e.mu.Lock()
	flush, leave := e.flush, e.leave
	e.mu.Unlock()
	err := e.host.finish(time.Now())
	if !leave {
		e.r.bowOut(time.Now())
	}
	if flush && !leave {
		err = errors.Join(e.r.flush(), err)
	}
	return err
}

// flush removes the services that are ours and in the kernel.
func (r *reconciler) flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	table, err := r.kernel.Table()
	if err != nil {
		return fmt.Errorf("remove our services: %w", err)
	}
	have := Table{}
	for k := range r.owned {
		if e, ok := table[k]; ok {
			have[k] = e
		}
	}
	ops := Diff(have, nil)
	var errs []error
	for i, err := range r.apply(ops) {
		if err != nil && !errors.Is(err, syscall.ESRCH) {
			errs = append(errs, explain(ops[i], err))
			continue
		}
		delete(r.owned, ops[i].Service.Key)
	}
	r.log.Info("removed our services", "count", len(ops)-len(errs))
	r.tellOwned()
	return errors.Join(errs...)
}

func (r *reconciler) tellOwned() {
	if r.onOwned != nil {
		keys := slices.AppendSeq([]Key{}, maps.Keys(r.owned))
		slices.SortFunc(keys, compareKeys)
		r.outside(func() { r.onOwned(keys) })
	}
}

package vrrp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// An order is what an operator wants of a group now.
type order struct {
	takeover bool               // failover otherwise
	done     chan<- orderResult // capacity 1
}

// A HandoverReport is what became of a failover or a takeover.
type HandoverReport struct {
	Took    Duration       `json:"took"`    // from the order to the moment that the new master had announced the addresses
	Routers []HandedRouter `json:"routers"` // all members of the group, in configured order
}

// A HandedRouter is one virtual router after a failover or a takeover.
type HandedRouter struct {
	Name   string     `json:"name"`
	Role   Role       `json:"role"`   // here
	Master netip.Addr `json:"master"` // ourselves as master; empty when unknown
}

type orderResult struct {
	report HandoverReport
	err    error
}

// orders is what was ordered of a group, and how far it is. The zero value is ready.
type orders struct {
	mu sync.Mutex
	// guarded by mu:
	waiting []order

	// owned by the group's goroutine:
	current  *order
	begun    time.Time // of current
	quitting bool      // the end of Run was asked for: nothing starts any more
}

// Why an order is not even tried.
var (
	errOrderBusy = errors.New("another failover or takeover is under way")
	errStopping  = errors.New("the router is stopping")
)

// Failover hands the role of master over to other routers and returns when those are master and have announced the addresses. From
// then on the members obey every master, until Takeover, a Configure that changes their priority or preemption, or until no master is
// heard. The error says why it is not so; masters that find no successor go on as masters.
func (g *Group) Failover(ctx context.Context) (HandoverReport, error) { return g.order(ctx, false) }

// Takeover ends what Failover began, and takes the role from masters of lower priority, whatever Config.NoPreempt says. It returns
// when the addresses were announced and the first advert is out. The error says why it is not so: above all that a present master is the
// better one.
func (g *Group) Takeover(ctx context.Context) (HandoverReport, error) { return g.order(ctx, true) }

func (g *Group) order(ctx context.Context, takeover bool) (HandoverReport, error) {
	done := make(chan orderResult, 1)
	g.orders.mu.Lock()
	g.orders.waiting = append(g.orders.waiting, order{takeover: takeover, done: done})
	g.orders.mu.Unlock()
	g.wake()
	select {
	case result := <-done:
		return result.report, result.err
	case <-g.leave:
		return HandoverReport{}, errors.New("the sync group was changed meanwhile")
	case <-ctx.Done():
		return HandoverReport{}, fmt.Errorf("no answer from the virtual router: %w", ctx.Err())
	}
}

// resignMax bounds the end: routers that come and go while we wait for a successor must not keep us. It is over the longest wait for one.
const resignMax = handoverWaitMax + 2*time.Second

// resign ends the part that the members take in the election, as HandOver with Quit has it.
func (g *Group) resign(timer *time.Timer) {
	g.orders.quitting = true
	for _, m := range g.members {
		m.heedRepeats()
	}
	if g.hasty {
		return
	}
	g.tell(HandOver{Quit: true, Wait: g.successorWait()})
	end := g.members[0].router.now().Add(resignMax)
	for g.handingOver() && g.members[0].router.now().Before(end) {
		g.rearm(timer, end)
		select {
		case <-timer.C:
		case <-g.poke:
		}
		g.work()
	}
	g.endOrder()
}

// tell lets ev happen to all members at once.
func (g *Group) tell(ev Event) {
	for _, m := range g.members {
		m.router.step(ev, time.Time{})
	}
}

// handingOver reports whether a member is under way.
func (g *Group) handingOver() bool {
	for _, m := range g.members {
		if m.router.state.Handover != Staying {
			return true
		}
	}
	return false
}

// successorWait is the longest of all members: the other side's sync group is master when the last of its members is ready.
func (g *Group) successorWait() time.Duration {
	var longest time.Duration
	for _, m := range g.members {
		longest = max(longest, SuccessorWait(m.router.config))
	}
	return longest
}

// beginOrders takes the orders that wait. One is carried out at a time.
func (g *Group) beginOrders() {
	g.orders.mu.Lock()
	waiting := g.orders.waiting
	g.orders.waiting = nil
	g.orders.mu.Unlock()
	for _, next := range waiting {
		if err := g.beginOrder(next); err != nil {
			next.done <- orderResult{g.report(), err}
		}
	}
}

// beginOrder begins to carry out o, or says why not.
func (g *Group) beginOrder(o order) error {
	begun := g.members[0].router.now()
	switch {
	case g.orders.quitting:
		return errStopping
	case g.orders.current != nil || g.handingOver():
		return errOrderBusy
	}
	begin := g.beginFailover
	if o.takeover {
		begin = g.beginTakeover
	}
	if err := begin(); err != nil {
		return err
	}
	g.orders.current, g.orders.begun = &o, begun
	return nil
}

func (g *Group) beginFailover() error {
	for _, m := range g.members {
		if m.router.state.Role == Master {
			g.tell(HandOver{Wait: g.successorWait()})
			return nil
		}
	}
	r := g.members[0].router
	return fmt.Errorf("%s is %s here, so that there is nothing to hand over; %s", r.config.Name, r.state.Role, r.whoIsMaster())
}

// beginTakeover says what stands against it. That the members no longer stand aside is true in every case.
func (g *Group) beginTakeover() error {
	var errs []error
	for _, m := range g.members {
		errs = append(errs, m.router.mayTakeOver())
	}
	if err := errors.Join(errs...); err != nil {
		g.tell(Resume{})
		return err
	}
	g.tell(TakeOver{})
	return nil
}

// mayTakeOver says why the router cannot take the role from the present master.
func (r *router) mayTakeOver() error {
	st := r.state
	switch {
	case st.Role == Master || MayTakeOver(st):
		return nil
	case st.Role != Backup:
		return fmt.Errorf("%s is %s here and cannot be master", r.config.Name, st.Role)
	case st.MasterPriority == 0 || st.Resigned:
		return fmt.Errorf("%s knows of no master: an election is under way, in which it takes part", r.config.Name)
	case st.MasterPriority == st.Priority:
		return fmt.Errorf("master of %s is %s with our priority %d and a higher address than our %s, so that it would take the role back: run failover there",
			r.config.Name, st.Master, st.Priority, st.Source)
	}
	return fmt.Errorf("master of %s is %s with priority %d, ours is %d, so that it would take the role back: run failover there",
		r.config.Name, st.Master, st.MasterPriority, st.Priority)
}

func (r *router) whoIsMaster() string {
	if r.state.Role == Backup && r.state.Master.IsValid() {
		return "master is " + r.state.Master.String()
	}
	return "who is master is not known"
}

// endOrder tells what became of the order under way, as soon as that is known.
func (g *Group) endOrder() {
	o := &g.orders
	if o.current == nil || g.handingOver() {
		return
	}
	report := g.report()
	report.Took = Duration{g.members[0].router.now().Sub(o.begun)}
	o.current.done <- orderResult{report, g.amiss(o.current.takeover)}
	o.current = nil
}

// amiss says why a hand-over did not end as it should.
func (g *Group) amiss(takeover bool) error {
	var wrong []string
	for _, m := range g.members {
		r := m.router
		name, role := r.config.Name, r.state.Role
		switch {
		case takeover && role != Master:
			wrong = append(wrong, fmt.Sprintf("%s is %s: %s", name, role, r.whyNot()))
		case !takeover && role == Master:
			wrong = append(wrong, fmt.Sprintf("nobody took over within %s; %s stays master here", short(g.successorWait()), name))
		case !takeover && role == Fault:
			wrong = append(wrong, fmt.Sprintf("%s is in fault: %s", name, r.whyNot()))
		}
	}
	if wrong == nil {
		return nil
	}
	return errors.New(strings.Join(wrong, "; "))
}

func (r *router) whyNot() string {
	if len(r.faults) > 0 {
		return r.faults[0]
	}
	return r.whoIsMaster()
}

func (g *Group) report() HandoverReport {
	report := HandoverReport{Routers: make([]HandedRouter, len(g.members))}
	for i, m := range g.members {
		st := m.router.state
		report.Routers[i] = HandedRouter{Name: m.router.config.Name, Role: st.Role, Master: st.Master}
	}
	return report
}

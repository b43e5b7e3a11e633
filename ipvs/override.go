package ipvs

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// A Command is what an operator wants to become of a server.
type Command uint8

// Enable takes back a drain or disable. DrainServer and DisableServer are pool.Drain and pool.Disable. Weigh gives a weight, or takes that back.
const (
	Enable Command = iota
	DrainServer
	DisableServer
	Weigh
)

// String returns the word of the command line.
func (c Command) String() string {
	switch c {
	case Enable:
		return "enable"
	case DrainServer:
		return "drain"
	case DisableServer:
		return "disable"
	case Weigh:
		return "weight"
	}
	return fmt.Sprintf("command %d", uint8(c))
}

// An Order is what an operator says of one server at run time.
type Order struct {
	Server   ServerID
	Command  Command
	Deadline time.Duration // from now, within which a drain ends; 0 for none
	Weight   *int          // of Weigh: 0 to MaxWeight, or nil for that of the checks or the configuration
	Force    bool          // also if nobody would be left to serve
	Who, Why string
}

// A ServerReport is what becomes of one server, with the names of the control socket's JSON.
type ServerReport struct {
	Service       string         `json:"service"`
	Server        netip.AddrPort `json:"server"`
	Up            bool           `json:"up"`                 // as in ServerStatus
	Reason        string         `json:"reason,omitempty"`   // as in ServerStatus
	Override      *pool.Override `json:"override,omitempty"` // what operators say of it
	ActiveConns   int            `json:"active_connections"` // in all services of the virtual server, at the last read of the kernel's table
	InactiveConns int            `json:"inactive_connections"`
	Persistence   time.Duration  `json:"persistence,omitempty"` // of its service
	Applied       bool           `json:"applied"`               // the kernel has it as all this has it
	Error         string         `json:"error,omitempty"`       // the first change that the kernel refuses to its service
	Warnings      []string       `json:"warnings,omitempty"`    // what an operator should know of what they ordered
}

// A RefusedError is why an Order is not carried out without Force.
type RefusedError struct {
	Order  Order
	Reason string
}

// Error says what was refused, and why.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s %s %s: %s", e.Order.Command, e.Order.Server.Service, e.Order.Server.Addr, e.Reason)
}

// A request is an Order under way.
type request struct {
	Order
	done     chan result // of capacity 1
	warnings []string
	err      error
}

type result struct {
	report ServerReport
	err    error
}

// Override has Run carry out o, and returns when the kernel has it. It outlives Configure, also one without the server: then what was said
// waits for the server until Run ends. The error is a RefusedError, one that names what there is when there is no such server, or that of ctx.
func (e *Engine) Override(ctx context.Context, o Order) (ServerReport, error) {
	q := &request{Order: o, done: make(chan result, 1)}
	e.mu.Lock()
	e.inbox.orders = append(e.inbox.orders, q)
	e.mu.Unlock()
	e.wake()
	select {
	case <-ctx.Done():
		if e.withdraw(q) {
			return ServerReport{}, fmt.Errorf("%s %s %s is not carried out: %w", o.Command, o.Server.Service, o.Server.Addr, ctx.Err())
		}
		return ServerReport{}, fmt.Errorf("%s %s %s may be carried out yet: %w", o.Command, o.Server.Service, o.Server.Addr, ctx.Err())
	case r := <-q.done:
		return r.report, r.err
	}
}

// withdraw takes q back, and reports whether that came in time.
func (e *Engine) withdraw(q *request) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := len(e.inbox.orders)
	e.inbox.orders = slices.DeleteFunc(e.inbox.orders, func(p *request) bool { return p == q })
	return len(e.inbox.orders) < n
}

// next returns what is said of a server after o, where before was said.
func (o Order) next(before pool.Override, now time.Time) pool.Override {
	by, after := pool.Saying{Who: o.Who, When: now, Why: o.Why}, before
	switch o.Command {
	case Enable:
		return pool.Override{Weight: before.Weight, WeightBy: before.WeightBy}
	case DisableServer:
		return pool.Override{Kind: pool.Disable, By: by, Weight: before.Weight, WeightBy: before.WeightBy}
	case DrainServer:
		if before.Kind == pool.Drain && !before.Drained.IsZero() {
			return before // it is done
		}
		after.Kind, after.By, after.Deadline = pool.Drain, by, time.Time{}
		if o.Deadline > 0 {
			after.Deadline = now.Add(o.Deadline)
		}
	case Weigh:
		after.Weight, after.WeightBy = o.Weight, by
		if o.Weight == nil {
			after.WeightBy = pool.Saying{}
		}
	}
	return after
}

// obey carries out what operators ordered, as far as it is not the kernel's part.
func (r *reconciler) obey(now time.Time, requests []*request) {
	if len(requests) == 0 {
		return
	}
	var saved error
	for _, q := range requests {
		r.decide(now) // what serves now counts, and what was ordered a moment ago
		if q.err = r.carryOut(now, q); q.err == nil {
			saved = r.saveOverrides()
		}
		if saved != nil {
			q.warnings = append(q.warnings, fmt.Sprintf("it is forgotten when the director ends: %v", saved))
		}
	}
}

// carryOut changes what is said of one server, unless that would hurt and is not forced.
func (r *reconciler) carryOut(now time.Time, q *request) error {
	before := r.overrides.of(q.Server)
	s := r.services[q.Server.Service]
	i := -1
	if s != nil {
		i = s.vs.server(q.Server.Addr)
	}
	after := q.next(before, now)
	switch {
	case i < 0 && before.Nothing():
		_, err := r.find(q.Server.Service, q.Server.Addr.String())
		return err
	case i < 0 && !q.takesBack():
		return fmt.Errorf("%s of virtual_server %q is configured no more: what was said of it can only be taken back", q.Server.Addr, q.Server.Service)
	case i >= 0:
		if reason := r.hurts(s, i, &after, q); reason != "" && !q.Force {
			return &RefusedError{q.Order, reason}
		}
		if q.Command == Enable {
			s.pool.Trust(q.Server.Addr)
		}
		r.markService(s)
	case q.Command == Enable:
		after = pool.Override{} // nobody remembers what it was
	}
	r.log.Info("ordered by an operator", q.attrs()...)
	r.overrides.set(q.Server, after)
	if next := now.Add(r.pace()); after.Drains() && next.Before(r.nextRead) {
		r.nextRead = next
	}
	return nil
}

// attrs are those of the line in the log about o.
func (o Order) attrs() []any {
	attrs := []any{"order", o.Command, "service", o.Server.Service, "server", o.Server.Addr}
	switch {
	case o.Deadline > 0:
		attrs = append(attrs, "deadline", o.Deadline)
	case o.Weight != nil:
		attrs = append(attrs, "weight", *o.Weight)
	}
	return append(attrs, "forced", o.Force, "who", o.Who, "why", o.Why)
}

// takesBack reports whether o ends what was said.
func (o Order) takesBack() bool { return o.Command == Enable || o.Command == Weigh && o.Weight == nil }

// hurts says what clients would lose if after were said of the server at i, "" if nothing; and warns of what they would see.
func (r *reconciler) hurts(s *service, i int, after *pool.Override, q *request) string {
	shares, state := s.pool.Shares(), s.pool.State()
	if shares[i].Weight == 0 || state.Sorry {
		return ""
	}
	others := 0
	for j, share := range shares {
		if j != i && share.Weight > 0 {
			others++
		}
	}
	have := s.pool.HaveWith(r.overrides.over(&s.vs, s.members(nil))[i], after)
	switch lost := state.Held && have < state.Lose; {
	case after.Out() && others == 0 && s.vs.Sorry == nil:
		return fmt.Sprintf("no other server of %s takes connections, and it has no sorry server: nobody would serve its clients", s.vs.Name)
	case lost && (others > 0 || !after.Out()):
		reason := fmt.Sprintf("%s would lose its quorum: it would have %d of %d (%s), and needs %d", s.vs.Name, have, state.Total, s.vs.Quorum.Of, state.Lose)
		if s.vs.Sorry != nil {
			reason += "; all new connections would go to the sorry server"
		}
		return reason
	case after.Out() && others == 0:
		q.warnings = append(q.warnings, "the sorry server takes all new connections: no other server does")
	}
	return ""
}

// answer tells who gave an order what came of it.
func (r *reconciler) answer(requests []*request) {
	for _, q := range requests {
		out := result{err: q.err}
		if q.err == nil {
			out.report = r.report(q.Server)
			out.report.Warnings = append(q.warnings, r.surprises(q, out.report)...)
		}
		q.done <- out
	}
}

// surprises are what an operator may not expect of a server as it is now.
func (r *reconciler) surprises(q *request, is ServerReport) []string {
	switch o := is.Override; {
	case q.Command == Enable && o != nil && o.Weight != nil:
		return []string{fmt.Sprintf("its weight stays %d, by %s, until `govrrpd weight %s %s default`", *o.Weight, o.WeightBy.Who, is.Service, is.Server)}
	case q.Command == Enable && !is.Up:
		return []string{"it stays out: " + is.Reason}
	case q.Command == Weigh && o != nil && o.Kind != pool.None:
		return []string{fmt.Sprintf("it stays out until `govrrpd enable %s %s`: %s", is.Service, is.Server, is.Reason)}
	}
	return nil
}

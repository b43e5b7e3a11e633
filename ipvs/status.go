package ipvs

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// A Status is a snapshot of what an Engine keeps, with the names of the control socket's JSON.
type Status struct {
	Services      []ServiceStatus `json:"services"`        // as configured, one for each Key
	Applied       int             `json:"changes_applied"` // to the kernel, since Run
	DriftRepaired int             `json:"drift_repaired"`  // changes of others to our services that were put back, since Run
	Drifts        []Drift         `json:"drifts"`          // the last 100 of them and of those that are still there, the newest last
	LastRead      time.Time       `json:"last_read"`       // of the kernel's table; zero before the first
	Error         string          `json:"error,omitempty"` // why the table cannot be read now
	Host          HostStatus      `json:"host"`            // what there is beside services
	Panic         *PanicStatus    `json:"panic,omitempty"` // of all virtual servers

	Strays []ServerOverride `json:"overrides_of_unknown_servers"` // what operators say of servers that are configured no more
}

// A ServiceStatus is one configured service, of those with one name the virtual server at one of its Keys. Weights and connections are those of the last read.
type ServiceStatus struct {
	Name        string         `json:"name"`
	Address     netip.AddrPort `json:"address,omitzero"`   // of one by address
	Protocol    string         `json:"protocol,omitempty"` // of one by address
	Mark        uint32         `json:"fwmark,omitempty"`   // of one by firewall mark
	Family      string         `json:"family"`             // of its clients: ipv4 or ipv6
	Scheduler   string         `json:"scheduler"`
	Forward     string         `json:"forward"`
	Error       string         `json:"error,omitempty"` // the first change that the kernel refuses
	SorryActive bool           `json:"sorry_active"`    // the sorry server takes the connections
	Omega       bool           `json:"omega,omitempty"` // the end of the director takes its servers out
	Quorum      QuorumStatus   `json:"quorum"`
	Panic       bool           `json:"panic"`        // so many servers went down at once that they keep their weights
	RealServers []ServerStatus `json:"real_servers"` // as configured
}

// A QuorumStatus is whether enough servers are well. The numbers are weights, or servers if Counts says so.
type QuorumStatus struct {
	Held   bool      `json:"held"`
	Known  bool      `json:"known"`  // no verdict that is awaited can change Held
	Counts string    `json:"counts"` // weight or servers
	Have   int       `json:"have"`   // what is well
	Total  int       `json:"total"`  // if all were
	Lose   int       `json:"lost_below"`
	Gain   int       `json:"back_at"` // once it was lost
	Since  time.Time `json:"since"`   // when it was held or lost, zero before anything was decided
}

// A ServerStatus is one configured real server.
type ServerStatus struct {
	Address netip.AddrPort `json:"address"`
	Weight  int            `json:"weight"` // in the kernel; 0 when it is not there
	Up      bool           `json:"up"`     // by its checks, or by what is assumed before their first verdict
	// Reason is why it has not its weight: checks failed, no verdict yet, below quorum, disabled, draining, drained, re-entry delay, flapping, slow
	// start; or why it has one: checks failed, kept.
	Reason        string         `json:"reason,omitempty"`
	Until         time.Time      `json:"until,omitzero"`     // when the reason will have passed by itself; zero if nobody knows
	OnFailure     string         `json:"on_failure"`         // what becomes of it when its checks fail: remove or quiesce
	Override      *pool.Override `json:"override,omitempty"` // what operators say of it
	ActiveConns   int            `json:"active_connections"`
	InactiveConns int            `json:"inactive_connections"`
}

// status returns a snapshot. It is made when somebody asks, since with each change of a large table it would cost more than the change.
func (r *reconciler) status() Status {
	out := Status{Services: make([]ServiceStatus, 0, len(r.byKey)), Applied: r.applied, DriftRepaired: r.driftRepaired, Drifts: slices.Clone(r.drifts), LastRead: r.lastRead,
		Strays: r.overrides.list(r.stray), Panic: r.alarm.status()}
	if r.readErr != nil {
		out.Error = r.readErr.Error()
	}
	for _, s := range r.order {
		for _, k := range s.keys {
			out.Services = append(out.Services, r.serviceStatus(s, k))
		}
	}
	return out
}

func (r *reconciler) serviceStatus(s *service, k Key) ServiceStatus {
	out := ServiceStatus{
		Name:        s.vs.Name,
		Address:     k.Addr,
		Mark:        k.Mark,
		Family:      k.AF().String(),
		Scheduler:   s.vs.Scheduler,
		Forward:     s.vs.Forward.String(),
		Error:       r.firstFailure(k),
		Omega:       s.vs.Omega,
		RealServers: make([]ServerStatus, 0, len(s.vs.Servers)),
	}
	if k.Mark == 0 {
		out.Protocol = k.Proto.String()
	}
	entry, state := r.table[k], s.pool.State()
	out.Panic = state.Panic
	out.Quorum = QuorumStatus{Held: state.Held, Known: state.Known, Counts: s.vs.Quorum.Of.String(), Have: state.Have, Total: state.Total,
		Lose: state.Lose, Gain: state.Gain, Since: state.Since}
	for i, share := range s.pool.Shares() {
		server := s.vs.Servers[i]
		up, reason := r.condition(s, i)
		d, load, _ := entry.dest(server.Addr)
		out.RealServers = append(out.RealServers, ServerStatus{
			Address:       server.Addr,
			Weight:        d.Weight,
			Up:            up,
			Reason:        reason,
			Until:         share.Until,
			OnFailure:     s.vs.failed(server).String(),
			Override:      r.overrides[s.vs.Name][server.Addr],
			ActiveConns:   load.Active,
			InactiveConns: load.Inactive,
		})
	}
	if state.Sorry {
		d, _, _ := entry.dest(s.vs.Sorry.Addr)
		out.SorryActive = d.Weight > 0
	}
	return out
}

// firstFailure returns what is wrong with a service, the service itself before its servers.
func (r *reconciler) firstFailure(k Key) string {
	if r.theirs[k] != "" {
		return r.theirs[k]
	}
	failures := r.failures[k]
	if len(failures) == 0 {
		return ""
	}
	ops := slices.SortedFunc(maps.Keys(failures), func(a, b Op) int {
		if a.Verb != b.Verb {
			return int(a.Verb) - int(b.Verb)
		}
		return a.Dest.Addr.Compare(b.Dest.Addr)
	})
	return failures[ops[0]].err.Error()
}

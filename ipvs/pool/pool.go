package pool

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Condition is what is known of a server.
type Condition uint8

// Unknown means that no check has come to a verdict yet.
const (
	Unknown Condition = iota
	Up
	Down
)

// Action is what becomes of a server whose checks fail.
type Action uint8

// Remove drops the server's connections; Quiesce gives it weight 0, so that what is established may end by itself. Standard is what is said of
// others, too, and without that Remove.
const (
	Standard Action = iota
	Remove
	Quiesce
)

// String returns remove or quiesce.
func (a Action) String() string {
	if a == Quiesce {
		return "quiesce"
	}
	return "remove"
}

// A Config is what the configuration says of a pool.
type Config struct {
	Quorum    Quorum
	Alpha     bool   // a server of Unknown condition counts as Down, not as Up
	OnFailure Action // of the servers that do not say otherwise
	Sorry     bool   // there is a sorry server
	Stay      bool   // a server leaves the table only where connections have to end: its place in it matters to others, as with mh

	SlowStart Ramp          // of servers that come to others that serve
	Reentry   time.Duration // a server that failed serves again only so long after its checks say that it is well
	Flap      Flap
	Panic     Panic
	KeepLast  bool // when no server is well, those that served last go on
	Watched   bool // Alarm and Failed are used
}

// A Server is the state of one.
type Server struct {
	Addr       netip.AddrPort // which one it is: what was before is known by it
	Condition  Condition
	Heard      bool   // Condition is the verdict of its checks, not what is assumed until there is one
	Left       bool   // an earlier process left it in the table: until it is Heard it stays there, at least with weight 0
	Configured int    // its weight by the configuration, 0 or more
	Weight     int    // its weight now, by the configuration or a check, if it is well
	OnFailure  Action // Standard: that of the Config

	Override *Override // what operators say of it; nil if nothing
}

// Reason is why a server does not have the weight that it should have.
type Reason uint8

// The reasons: none, its checks failed, they have no verdict yet and alpha waits for one, too few others are well, or an operator said so. Then
// there are those that pass with time: it came back a moment ago, or too often, or it begins to serve; and of one that failed and is kept, why it has a weight.
const (
	Well Reason = iota
	Failed
	Untested
	BelowQuorum
	Disabled
	Draining
	Drained
	Reentering
	Flapping
	SlowStarting
	Kept
)

// String returns the reason in words, "" for Well.
func (r Reason) String() string {
	return [...]string{"", "checks failed", "no verdict yet", "below quorum", "disabled", "draining", "drained",
		"re-entry delay", "flapping", "slow start", "checks failed, kept"}[r]
}

// A Share is what one server gets.
type Share struct {
	Present bool // in the table
	Weight  int  // 0 takes no new connections
	Reason  Reason
	Until   time.Time // when the Reason has passed; zero if that is not known
}

// A State is what a pool has come to.
type State struct {
	Bounds
	Held  bool // enough servers are well
	Known bool // what is not heard yet cannot change Held
	Sorry bool // the sorry server takes the new connections
	Panic bool // so many went down at once that they are rather kept
	Have  int  // of the quorum's measure
	Need  int  // Held is whether Have is as much: one of Bounds
	Total int  // the same, if all were well and had their configured weight
	Since time.Time
}

// A Pool decides for the servers of one virtual server. The same steps always lead to the same state. It is not safe for use by several
// goroutines at once.
type Pool struct {
	config  Config
	settled bool // Held has a history that hysteresis counts from
	stepped bool
	state   State
	shares  []Share

	past      map[netip.AddrPort]*history // of each server, where the past matters
	next      time.Time                   // when time alone changes something; zero for never
	panicFrom time.Time                   // servers that went down since then are kept; zero without a panic
	alarmFrom time.Time                   // the same, for a panic of all pools
}

// New returns a Pool that has heard of no server.
func New(c Config) *Pool { return &Pool{config: c} }

// Configure replaces the configuration. The quorum stays held or lost, unless there is another quorum: that is judged anew, as at the
// start, so that asking for less helps at once. The next Step counts.
func (p *Pool) Configure(c Config) {
	if c.Quorum != p.config.Quorum {
		p.settled = false
	}
	p.config = c
}

// Restore says what an earlier process had come to, so that a new one goes on from there.
func (p *Pool) Restore(held bool) {
	p.settled, p.state.Held = true, held
}

// Rearrange replaces the shares until the next Step: there are other servers, or the same in another order, and who looks meanwhile is to
// find one for each of them.
func (p *Pool) Rearrange(shares []Share) { p.shares = shares }

// Step takes the servers as they are at now, all of them in their order, and decides.
func (p *Pool) Step(now time.Time, servers []Server) State {
	held := p.state.Held
	p.remember(now, servers)
	low, high := p.count(servers)
	b := p.config.Quorum.Bounds(p.state.Total)
	need := p.need(b)
	p.state.Bounds, p.state.Need, p.state.Held = b, need, p.state.Have >= need
	later := p.need(b)
	p.state.Known = (low >= later) == p.state.Held && (high >= later) == p.state.Held
	p.settled = p.settled || p.state.Known
	p.state.Sorry = p.config.Sorry && !p.state.Held && !p.keeps()
	if !p.stepped || held != p.state.Held {
		p.state.Since = now
	}
	p.stepped = true
	p.share(now, servers)
	p.note(servers)
	return p.state
}

// Next returns when time alone will change something that the last Step came to, so that there has to be another; zero for never.
func (p *Pool) Next() time.Time { return p.next }

// State returns what the last Step came to.
func (p *Pool) State() State { return p.state }

// Shares returns what the last Step gave to each server, in their order. The caller does not change it.
func (p *Pool) Shares() []Share { return p.shares }

// count adds up what is well, and returns that without and with all servers that were not heard.
func (p *Pool) count(servers []Server) (low, high int) {
	p.state.Have, p.state.Total = 0, 0
	for _, s := range servers {
		p.state.Total += p.config.Quorum.of(s.Configured)
		if s.Override.takesOut() {
			continue
		}
		w := p.config.Quorum.of(s.weight())
		if h := p.past[s.Addr]; h != nil && h.delayed {
			continue // as if it were not well yet
		}
		if p.well(s) {
			p.state.Have += w
		}
		if !s.Heard || s.Condition == Unknown {
			high += w
		} else if s.Condition == Up {
			low, high = low+w, high+w
		}
	}
	return low, high
}

func (p *Pool) well(s Server) bool {
	return s.Condition == Up || s.Condition == Unknown && !p.config.Alpha
}

// need returns how much has to be well now.
func (p *Pool) need(b Bounds) int {
	switch {
	case !p.settled:
		return b.Start
	case p.state.Held:
		return b.Lose
	}
	return b.Gain
}

func (p *Pool) share(now time.Time, servers []Server) {
	p.shares, p.next = slices.Grow(p.shares[:0], len(servers)), time.Time{}
	for _, s := range servers {
		share := p.shareOf(s, now)
		p.shares = append(p.shares, share)
		switch {
		case share.Until.IsZero():
		case share.Reason == SlowStarting:
			p.wake(now.Truncate(time.Second).Add(time.Second)) // the same instant for all servers of all pools
		default:
			p.wake(share.Until)
		}
	}
}

// wake has the next Step be at the latest at at.
func (p *Pool) wake(at time.Time) {
	if p.next.IsZero() || at.Before(p.next) {
		p.next = at
	}
}

// shareOf returns what s gets. A server that is well but has to leave the connections to the sorry server stays with weight 0 whatever
// OnFailure says: it has done nothing for which the connections that it serves would have to break.
func (p *Pool) shareOf(s Server, now time.Time) Share {
	if share, said := p.overridden(s); said {
		return share
	}
	if w, kept := p.keptWeight(s); kept {
		return Share{Present: true, Weight: w, Reason: Kept}
	}
	h := p.past[s.Addr]
	switch {
	case !p.well(s) && s.Condition == Unknown:
		return Share{Present: p.quiesces(s), Reason: Untested}
	case !p.well(s):
		return Share{Present: p.quiesces(s) || s.Left && !s.Heard, Reason: Failed}
	case h != nil && h.delayed:
		reason, until := h.delay()
		return Share{Present: p.quiesces(s), Reason: reason, Until: until}
	case p.state.Sorry:
		return Share{Present: true, Reason: BelowQuorum}
	}
	if w, end, slow := p.ramped(s, now); slow {
		return Share{Present: true, Weight: w, Reason: SlowStarting, Until: end}
	}
	return Share{Present: true, Weight: max(s.weight(), 0)}
}

// quiesces reports whether s stays with weight 0 when it is not well.
func (p *Pool) quiesces(s Server) bool { return cmp.Or(s.OnFailure, p.config.OnFailure) == Quiesce }

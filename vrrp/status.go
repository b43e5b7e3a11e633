package vrrp

import (
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// A Status is what one virtual router says about itself at one moment. The names in JSON are a contract with users.
type Status struct {
	Name             string         `json:"name"`
	SyncGroup        string         `json:"sync_group"` // empty for a lone router
	Interface        string         `json:"interface"`
	VRID             uint8          `json:"vrid"`
	Version          Version        `json:"version"`
	Role             Role           `json:"role"`
	Priority         uint8          `json:"priority"`       // the effective one
	BasePriority     uint8          `json:"base_priority"`  // the configured one
	PriorityTerms    []Term         `json:"priority_terms"` // of all trackers; added to the base they make the effective one, within 1 to 254
	Master           netip.Addr     `json:"master"`         // who advertised last, ourselves as master; empty when unknown
	Since            time.Time      `json:"since"`          // of the role
	VirtualAddresses []netip.Prefix `json:"virtual_addresses"`
	Held             bool           `json:"held"`    // the host confirmed that the addresses are present
	Reasons          []string       `json:"reasons"` // faults; empty when the router takes part
	Source           netip.Addr     `json:"source"`  // where adverts come from; empty when there is no address
	AdvertInterval   Duration       `json:"advert_interval"`
	MasterInterval   Duration       `json:"master_interval"` // what the router goes by as backup

	HMAC *HMACStatus `json:"hmac,omitempty"` // nil without

	// Aside is since when the router obeys any master, because a failover was asked for; zero when it does not.
	Aside time.Time `json:"standing_aside_since,omitzero"`

	AdvertsSent     uint64            `json:"adverts_sent"`     // one for each time, to however many peers
	AdvertsReceived uint64            `json:"adverts_received"` // admitted
	AdvertsUnsent   uint64            `json:"adverts_unsent"`   // due while there was no source address
	SendErrors      uint64            `json:"send_errors"`      // one for each destination
	RepliesDelayed  uint64            `json:"replies_delayed"`  // replies to lesser routers that were put off or merged to limit their rate
	Dropped         map[string]uint64 `json:"dropped"`          // by the label of the Reason; all of them
	Transitions     uint64            `json:"transitions"`
	AdvertLateness  Duration          `json:"advert_lateness_max"` // longest time from when an advert was due to when it was sent

	AdvertLatenessHistogram Histogram    `json:"advert_lateness"`
	Paths                   []PathStatus `json:"paths,omitempty"` // to unicast peers that have several
	Warnings                []Warning    `json:"warnings"`        // what is amiss with peers at present, as when they are configured differently
	WarnedAdverts           uint64       `json:"warned_adverts"`  // adverts that a warning was about, in all

	Rivals      []Rival `json:"rivals"`       // other masters at present, while we are one
	DualMasters uint64  `json:"dual_masters"` // rivals that there were, in all
	RivalSigns  uint64  `json:"rival_signs"`  // adverts of others that came while we were master, and answers for our addresses, in all
}

// A Duration is a time.Duration that is a string with units in JSON, for example "250ms".
type Duration struct{ time.Duration }

// MarshalText returns the duration as Duration.String has it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration reads, and returns its error.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("duration: %w", err)
	}
	d.Duration = v
	return nil
}

// counts are the counters of a router. Its goroutine adds, any goroutine reads.
type counts struct {
	sent, received, unsent, sendErrors, repliesDelayed, transitions atomic.Uint64
	lateness                                                        latenessRecord
	drops                                                           Drops
}

// A maximum keeps the longest duration that was noted. One goroutine notes, any reads.
type maximum struct{ nanoseconds atomic.Int64 }

func (m *maximum) note(d time.Duration) {
	if int64(d) > m.nanoseconds.Load() {
		m.nanoseconds.Store(int64(d))
	}
}

// published is what others see of a router besides the counters. It is made anew when something in it changes.
type published struct {
	status atomic.Pointer[Status]
	hmac   atomic.Pointer[HMAC]
	seen   visible // what status was made of; owned by the router's goroutine
}

// visible is all that a Status, without its counters, depends on.
type visible struct {
	config  *Config
	state   State
	since   time.Time
	held    bool
	faults  []string
	weighed *Weighing
	group   string
	aside   time.Time
}

func (v visible) same(w visible) bool {
	return v.config == w.config && v.state == w.state && v.since.Equal(w.since) && v.held == w.held && v.weighed == w.weighed && v.group == w.group && v.aside.Equal(w.aside) && slices.Equal(v.faults, w.faults)
}

// publish makes the present state visible. It costs nothing when nothing changed.
func (r *router) publish() {
	now := visible{config: r.config, state: r.state, since: r.since, held: r.held, faults: r.faults, weighed: r.weighed, aside: r.aside}
	if r.group != nil {
		now.group = r.group.name
	}
	if r.published.status.Load() != nil && now.same(r.published.seen) {
		return
	}
	r.published.seen = now
	r.published.hmac.Store(r.config.HMAC)
	r.guardAddresses()
	r.published.status.Store(now.status())
}

// status is v in the form that others read.
func (v visible) status() *Status {
	c := v.config
	s := &Status{
		Name:             c.Name,
		SyncGroup:        v.group,
		Interface:        c.Interface,
		VRID:             c.VRID,
		Version:          c.Version,
		Role:             v.state.Role,
		Priority:         v.state.Priority,
		BasePriority:     v.weighed.Base,
		PriorityTerms:    append([]Term{}, v.weighed.Terms...),
		Master:           v.state.Master,
		Since:            v.since,
		Aside:            v.aside,
		VirtualAddresses: make([]netip.Prefix, len(c.Addresses)),
		Held:             v.held,
		Reasons:          append([]string{}, v.faults...),
		Source:           v.state.Source,
		AdvertInterval:   Duration{c.AdvertInterval},
		MasterInterval:   Duration{v.state.MasterInterval},
	}
	for i, a := range c.Addresses {
		s.VirtualAddresses[i] = a.Prefix
	}
	return s
}

// snapshot returns what was published last, with the counters of this moment. The slices are shared and must not be changed.
func (r *router) snapshot() Status {
	s := *r.published.status.Load()
	c := &r.counts
	s.HMAC = r.seal.status(r.published.hmac.Load())
	s.AdvertsSent = c.sent.Load()
	s.Paths = r.paths.status()
	s.AdvertsReceived = c.received.Load()
	s.AdvertsUnsent = c.unsent.Load()
	s.SendErrors = c.sendErrors.Load()
	s.RepliesDelayed = c.repliesDelayed.Load()
	s.Dropped = c.drops.Snapshot()
	s.Transitions = c.transitions.Load()
	s.AdvertLateness = Duration{time.Duration(c.lateness.longest.nanoseconds.Load())}
	s.AdvertLatenessHistogram = c.lateness.histogram()
	s.Warnings, s.WarnedAdverts = r.warnings.current(time.Now(), max(s.AdvertInterval.Duration, s.MasterInterval.Duration))
	s.Rivals, s.DualMasters = r.rivals.current()
	s.RivalSigns = r.rivals.seen()
	return s
}

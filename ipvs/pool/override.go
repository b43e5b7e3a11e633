package pool

import (
	"fmt"
	"time"
)

// A Kind is what an operator says is to become of a server.
type Kind uint8

// None: what its checks say. Drain: it takes no new connections, and leaves the table when the old ones have ended. Disable: it leaves the
// table, and its connections end.
const (
	None Kind = iota
	Drain
	Disable
)

// A Saying is who said something, when, and why.
type Saying struct {
	Who  string    `json:"who,omitempty"`
	When time.Time `json:"when,omitzero"`
	Why  string    `json:"why,omitempty"` // empty if they gave no reason
}

// An Override is what operators say of a server at run time. What they say of its weight is apart from what they say of its being there:
// each has somebody who said it, and is taken back alone. The zero value is nothing. JSON has it as status shows it and a file keeps it.
type Override struct {
	Kind     Kind      `json:"kind"`
	Deadline time.Time `json:"deadline,omitzero"` // a Drain has ended by then; zero: whenever its connections have
	By       Saying    `json:"by,omitzero"`       // unset with None

	Drained time.Time `json:"drained,omitzero"`    // when a Drain ended; zero before that
	Cut     bool      `json:"cut_short,omitempty"` // it ended by its deadline, with connections left

	Weight   *int   `json:"weight,omitempty"` // what the server has when it serves, 0 or more; nil: what its checks or the configuration say
	WeightBy Saying `json:"weight_by,omitzero"`

	quiet time.Time // since when a Drain has seen no connections; zero while there are some
}

// Nothing reports whether nobody says anything.
func (o *Override) Nothing() bool { return o == nil || o.Kind == None && o.Weight == nil }

// Out reports whether an operator has taken the server out, so that it gets no new connections; nobody has by a nil Override.
func (o *Override) Out() bool { return o.takesOut() || o != nil && o.Weight != nil && *o.Weight <= 0 }

func (o *Override) takesOut() bool { return o != nil && o.Kind != None }

// MarshalText returns none, drain or disable.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *Kind) UnmarshalText(b []byte) error {
	for _, known := range []Kind{None, Drain, Disable} {
		if known.String() == string(b) {
			*k = known
			return nil
		}
	}
	return fmt.Errorf("%q is none of none, drain, disable", b)
}

// String returns none, drain or disable.
func (k Kind) String() string {
	switch k {
	case None:
		return "none"
	case Drain:
		return "drain"
	case Disable:
		return "disable"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// weight returns the weight of s if it serves: what an operator says comes before what a check says.
func (s Server) weight() int {
	if s.Override != nil && s.Override.Weight != nil {
		return *s.Override.Weight
	}
	return s.Weight
}

// Well reports whether s counts as well by its checks, or by what is assumed of it until their first verdict.
func (p *Pool) Well(s Server) bool { return p.well(s) }

// HaveWith returns what the pool would have of its quorum if o were said of s, which is one of those of the last Step.
func (p *Pool) HaveWith(s Server, o *Override) int {
	have := p.state.Have - p.counts(s)
	s.Override = o
	return have + p.counts(s)
}

// counts returns what s gives to the quorum.
func (p *Pool) counts(s Server) int {
	if s.Override.takesOut() || !p.well(s) {
		return 0
	}
	return p.config.Quorum.of(s.weight())
}

// Follows reports whether s is what comes of o: the last Step may have been before it was said.
func (s Share) Follows(o *Override) bool {
	switch {
	case !o.takesOut():
		return s.Reason != Disabled && s.Reason != Draining && s.Reason != Drained
	case o.Kind == Disable:
		return s.Reason == Disabled
	case o.Drains():
		return s.Reason == Draining
	}
	return s.Reason == Drained
}

// overridden returns what s gets by what an operator says, and false if nobody said anything of its being there. One that drains stays also
// when its checks fail: it may be the draining that ends its service, and the connections that it has may well go on.
func (p *Pool) overridden(s Server) (Share, bool) {
	o := s.Override
	switch {
	case !o.takesOut():
		return Share{}, false
	case o.Kind == Disable:
		return Share{Reason: Disabled}, true
	case o.Drained.IsZero():
		return Share{Present: true, Reason: Draining}, true
	}
	return Share{Present: p.config.Stay && !o.Cut, Reason: Drained}, true
}

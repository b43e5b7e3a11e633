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
// each has somebody who said it, and is taken back alone. The zero value is nothing. Two equal Overrides are the same.
type Override struct {
	Kind     Kind      `json:"kind,omitempty"`
	Deadline time.Time `json:"deadline,omitzero"` // a Drain has ended by then; zero: whenever its connections have
	By       Saying    `json:"by,omitzero"`       // unset with None

	Quiet   time.Time `json:"quiet,omitzero"`      // since when a Drain has seen no connections; zero while there are some
	Drained time.Time `json:"drained,omitzero"`    // when a Drain ended; zero before that
	Cut     bool      `json:"cut_short,omitempty"` // it ended by its deadline, with connections left

	Weighs   bool   `json:"weighs,omitempty"` // Weight is what the server has when it serves
	Weight   int    `json:"weight,omitempty"` // 0 or more
	WeightBy Saying `json:"weight_by,omitzero"`
}

// Out reports whether an operator has taken the server out, so that it gets no new connections; nobody has by a nil Override.
func (o *Override) Out() bool { return o.takesOut() || o != nil && o.Weighs && o.Weight <= 0 }

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
	if s.Override != nil && s.Override.Weighs {
		return s.Override.Weight
	}
	return s.Weight
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

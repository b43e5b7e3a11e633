package vrrp

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// A Tracker lets something that is not VRRP decide over a router's part in the election, by a fault or by its priority.
type Tracker struct {
	// Source names the fact, as it is handed to Group.Track: "interface/eth1", "script/nginx", "file/load", "process/haproxy",
	// "route/0.0.0.0/0", "bfd/peer1", "virtual_server/shop".
	Source string
	// Weight is what the fact is worth, -254 to 254: a positive one is added to the priority while the thing is up, a negative one
	// while it is down; with 0, a router does not take part while it is down. A number is multiplied by it.
	Weight int
	// Reverse turns the meaning around: with weight 0 the thing must be down; another weight changes its sign, but not when it counts.
	Reverse bool
}

// maxWeight bounds a Weight, in both directions: from one end of the priorities to the other.
const maxWeight = 254

// What one tracker can do to a priority: a number that subtracts more is a fault, and one that adds more adds no more than this.
const maxTerm = 253

// A TrackState is what is known of a tracked thing.
type TrackState uint8

// A thing is Unknown until its source has spoken. Number is for a file, which has a value instead of being up or down.
const (
	Unknown TrackState = iota
	Up
	Down
	Number
)

// String returns the state as status shows it.
func (s TrackState) String() string {
	switch s {
	case Unknown:
		return "unknown"
	case Up:
		return "up"
	case Down:
		return "down"
	case Number:
		return "number"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// MarshalText makes TrackState a word in JSON.
func (s TrackState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is the inverse of MarshalText; any other word is an error.
func (s *TrackState) UnmarshalText(b []byte) error {
	for _, known := range []TrackState{Unknown, Up, Down, Number} {
		if known.String() == string(b) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("%q is not the state of a tracked thing", b)
}

// A Verdict is the newest that one source of facts has to say; the zero Verdict says that it knows nothing, and finds no fault. It is
// comparable.
type Verdict struct {
	// Fault says why a router may not take part whatever it tracks, as `status` shows it, for example "link: eth0 is down".
	Fault string `json:"fault,omitempty"`
	// State is what a Tracker of the source goes by.
	State TrackState `json:"state"`
	// Value is that of a Number. Beyond 32 bits it counts as the largest or smallest of those.
	Value int `json:"value,omitempty"`
	// Reason says in words what was found, for example "exit status 1" or "eth1 has no carrier"; it may be empty.
	Reason string `json:"reason,omitempty"`
}

// A Term is what one tracker contributes to a router's effective priority. The names in JSON are a contract with users.
type Term struct {
	Source  string     `json:"source"`
	Weight  int        `json:"weight"`
	Reverse bool       `json:"reverse"`
	State   TrackState `json:"state"`
	Value   int        `json:"value"`  // of a number
	Amount  int        `json:"amount"` // added to the priority; 0 too while the tracker makes a fault
	Reason  string     `json:"reason"`
}

// A Weighing is the arithmetic that makes an effective priority of a configured one.
type Weighing struct {
	Base     uint8    // Config.Priority
	Priority uint8    // the effective one; Base for PriorityOwner, otherwise 1 to 254
	Terms    []Term   // one for each tracker, in configured order
	Faults   []string // why the router may not take part, by its trackers
	Waits    []string // sources that must speak before the router may begin
}

// Weigh computes the effective priority of a router of c when verdicts, by source, are the facts. It is a pure function. The rules
// are keepalived's. That includes a thing of which nothing is known yet: it adds and subtracts nothing, and with weight 0 a router
// waits for it before it begins; to one that takes part already, as after a reload that added the tracker, it does nothing.
func Weigh(c *Config, verdicts map[string]Verdict) Weighing {
	w := Weighing{Base: c.Priority, Priority: c.Priority}
	sum := int(c.Priority)
	for _, t := range c.Track {
		v := verdicts[t.Source]
		term := Term{Source: t.Source, Weight: t.Weight, Reverse: t.Reverse, State: v.State, Value: v.Value, Reason: v.Reason}
		switch {
		case t.waits(v):
			w.Waits = append(w.Waits, t.Source)
		case t.fault(v) != "":
			w.Faults = append(w.Faults, t.Source+": "+t.fault(v))
		case c.Priority != PriorityOwner:
			term.Amount = t.amount(v)
		}
		sum += term.Amount
		w.Terms = append(w.Terms, term)
	}
	if c.Priority != PriorityOwner {
		w.Priority = uint8(min(max(sum, priorityLowest), PriorityOwner-1))
	}
	return w
}

func (t Tracker) waits(v Verdict) bool { return v.State == Unknown && t.Weight == 0 }

// fault returns why the router may not take part, or "".
func (t Tracker) fault(v Verdict) string {
	switch {
	case v.State == Number && t.Weight == 0:
		if (v.Value == 0) == t.Reverse {
			return cmp.Or(v.Reason, fmt.Sprintf("its value is %d", v.Value))
		}
	case v.State == Number:
		if product := t.product(v); product < -maxTerm {
			return fmt.Sprintf("its value %d makes %d, below -%d", v.Value, product, maxTerm)
		}
	case t.Weight != 0:
	case v.State == Down && !t.Reverse:
		return cmp.Or(v.Reason, "it is down")
	case v.State == Up && t.Reverse:
		return "it is up, and must not be (reverse)"
	}
	return ""
}

// amount returns what is added to the priority when there is no fault.
func (t Tracker) amount(v Verdict) int {
	switch {
	case v.State == Number:
		return int(min(t.product(v), maxTerm))
	case v.State == Up && t.Weight > 0, v.State == Down && t.Weight < 0:
		return t.sign() * t.Weight
	}
	return 0
}

// product is a number times its weight.
func (t Tracker) product(v Verdict) int64 {
	const most = 1<<31 - 1
	return min(max(int64(v.Value), -most), most) * int64(t.sign()*t.Weight)
}

func (t Tracker) sign() int {
	if t.Reverse {
		return -1
	}
	return 1
}

// Changed reports whether a tracker counts at present.
func (w Weighing) Changed() bool {
	for _, t := range w.Terms {
		if t.Amount != 0 {
			return true
		}
	}
	return false
}

// String returns the arithmetic in one line, for example "base 100, script/nginx -30 (exit status 1) = 70".
func (w Weighing) String() string { return Arithmetic(w.Base, w.Terms, w.Priority) }

// Arithmetic returns in one line how terms make priority of base. Terms that count nothing at present are left out.
func Arithmetic(base uint8, terms []Term, priority uint8) string {
	var b strings.Builder
	fmt.Fprintf(&b, "base %d", base)
	sum, alone := int(base), true
	for _, t := range terms {
		if t.Amount == 0 {
			continue
		}
		sum, alone = sum+t.Amount, false
		fmt.Fprintf(&b, ", %s %+d", t.Source, t.Amount)
		if t.Reason != "" {
			fmt.Fprintf(&b, " (%s)", t.Reason)
		}
	}
	if alone && base == priority {
		return b.String()
	}
	fmt.Fprintf(&b, " = %d", priority)
	if sum != int(priority) {
		fmt.Fprintf(&b, " (of 1 to 254 the nearest to %d)", sum)
	}
	return b.String()
}

// validateTrack checks the trackers.
func (c *Config) validateTrack() error {
	var errs []error
	seen := make(map[string]bool, len(c.Track))
	for _, t := range c.Track {
		switch {
		case t.Source == "":
			errs = append(errs, errors.New("a tracker has no source"))
		case seen[t.Source]:
			errs = append(errs, fmt.Errorf("%s is tracked twice", t.Source))
		}
		if t.Weight < -maxWeight || t.Weight > maxWeight {
			errs = append(errs, fmt.Errorf("weight of %s is %d, want -%d to %d", t.Source, t.Weight, maxWeight, maxWeight))
		}
		seen[t.Source] = true
	}
	return errors.Join(errs...)
}

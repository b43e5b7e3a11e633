package checkers

import (
	"errors"
	"fmt"
	"math"
)

// PolicyKind says how a weight follows a load.
type PolicyKind uint8

// The kinds.
const (
	// Linear: a smoothed load of Full gives the Base, twice that nothing, none twice the Base, between Floor and Ceiling.
	Linear PolicyKind = iota
	// Piranha is what nanny does: each measurement adds to or takes from the weight.
	Piranha
	// Percent: the number is the weight in per cent of the Base.
	Percent
	// Absolute: the number is the weight.
	Absolute
)

// A Policy makes a weight of a server's load. Only Percent and Absolute give 0, for a 0.
type Policy struct {
	Kind PolicyKind
	Base int // the configured weight, 0 to 65535

	// The others are of Linear.
	Full      float64 // the load that gives the Base; more than 0
	Smoothing float64 // how much of the smoothed load is that of before, 0 to 0.99
	Floor     int     // the least weight, 1 to Ceiling
	Ceiling   int     // the most, up to 65535
	Step      int     // the most that a weight changes at once; at least 1
}

// Validate returns everything that is wrong with p, joined.
func (p Policy) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if p.Base < 0 || p.Base > maxWeight {
		bad("the weight of the server is %d, want 0 to %d", p.Base, maxWeight)
	}
	if p.Kind != Linear {
		return errors.Join(errs...)
	}
	if !(p.Full > 0) || math.IsInf(p.Full, 0) {
		bad("the full load is %v, want more than 0", p.Full)
	}
	if !(p.Smoothing >= 0 && p.Smoothing <= 0.99) {
		bad("the smoothing is %v, want 0 to 0.99", p.Smoothing)
	}
	if p.Floor < 1 || p.Ceiling < p.Floor || p.Ceiling > maxWeight {
		bad("the weight is to be between %d and %d, want two numbers of 1 to %d, the lower one first", p.Floor, p.Ceiling, maxWeight)
	}
	if p.Step < 1 {
		bad("the largest step is %d, want at least 1", p.Step)
	}
	return errors.Join(errs...)
}

// followed is what a Policy remembers of one server between two measurements.
type followed struct {
	begun  bool
	load   float64 // smoothed
	weight int
}

// next returns what there is to remember after another measurement, with the weight. A server with the configured weight 0 keeps it: it is
// not to have connections.
func (p Policy) next(f followed, load float64) followed {
	if !f.begun {
		f = followed{begun: true, load: load, weight: p.Base}
	}
	if p.Base == 0 {
		return f
	}
	switch p.Kind {
	case Linear:
		f.load = p.Smoothing*f.load + (1-p.Smoothing)*load
		f.weight = p.toward(f.weight, p.linear(f.load))
	case Piranha:
		f.weight = p.piranha(f.weight, load)
	case Percent:
		f.weight = bounded(load * float64(p.Base) / 100)
		if f.weight == 0 && load > 0 {
			f.weight = 1
		}
	case Absolute:
		f.weight = bounded(load)
	}
	return f
}

// linear is the weight for a smoothed load.
func (p Policy) linear(load float64) int {
	return min(max(bounded(float64(p.Base)*(2-load/p.Full)), p.Floor), p.Ceiling)
}

// deadband is the part of the base by which a weight must be off before it is touched: 1/20.
const deadband = 20

// toward moves a weight by a step at most, and not at all for a trifle, unless it is one to the bounds.
func (p Policy) toward(weight, goal int) int {
	off := goal - weight
	if max(off, -off) <= p.Base/deadband && goal != p.Floor && goal != p.Ceiling {
		return weight
	}
	return weight + min(max(off, -p.Step), p.Step)
}

// piranha is nanny's formula: half the base times the cube root of what the load is off 1, between the base and ten times it, and only
// in leaps of a quarter of the base.
func (p Policy) piranha(weight int, load float64) int {
	goal := int(float64(weight) + float64(p.Base/2)*math.Cbrt(1-load))
	goal = min(max(goal, p.Base), min(10*p.Base, maxWeight))
	if off := goal - weight; max(off, -off) < p.Base/4 {
		return weight
	}
	return goal
}

// bounded rounds to a weight that IPVS takes.
func bounded(weight float64) int {
	return int(math.Round(min(max(weight, 0), maxWeight)))
}

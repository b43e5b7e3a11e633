package pool

import "fmt"

// A Measure is what a quorum counts.
type Measure uint8

// Weight adds up the weights of the servers that take connections; Servers counts them.
const (
	Weight Measure = iota
	Servers
)

// String returns weight or servers.
func (m Measure) String() string {
	switch m {
	case Weight:
		return "weight"
	case Servers:
		return "servers"
	}
	return fmt.Sprintf("measure %d", uint8(m))
}

// A Quorum is how much has to be well for a pool to serve. The zero value asks for one server of any weight above 0.
type Quorum struct {
	Of         Measure
	Percent    bool // Min and Hysteresis are per cent of what is configured, not numbers of it
	Min        int  // 1 or more, with Percent up to 100; 0 is 1
	Hysteresis int  // the quorum is lost below Min-Hysteresis and comes back at Min+Hysteresis; less than Min
}

// A Bounds is a Quorum in what it counts.
type Bounds struct {
	Lose  int // a quorum that is held is lost with less
	Start int // a quorum without a history is held with as much
	Gain  int // a quorum that was lost comes back with as much
}

// Bounds returns what q asks of a pool that has total of its measure when all is well. None is below 1: nobody is no quorum.
func (q Quorum) Bounds(total int) Bounds {
	least := max(q.Min, 1)
	return Bounds{
		Lose:  q.amount(least-q.Hysteresis, total),
		Start: q.amount(least, total),
		Gain:  q.amount(least+q.Hysteresis, total),
	}
}

// amount returns n in what q counts, rounded up.
func (q Quorum) amount(n, total int) int {
	if q.Percent {
		n = (n*total + 99) / 100
	}
	return max(n, 1)
}

// of returns what a server of weight w counts for.
func (q Quorum) of(w int) int {
	if q.Of == Servers {
		return min(max(w, 0), 1)
	}
	return max(w, 0)
}

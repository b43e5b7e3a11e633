package conf

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// quorumMost is the largest number that quorum and hysteresis take: some hundred servers of the largest weight.
const quorumMost = 1 << 24

// quorumOptions reads how many of the servers of s have to be well, and what happens until they are, and below.
func (d *decoder) quorumOptions(s *service) {
	raw, q := s.raw, &s.Quorum
	d.flag(raw.Alpha, &s.Alpha)
	d.flag(raw.Omega, &s.Omega)
	d.flag(raw.SorryInhibit, &s.SorryInhibit)
	if s.SorryInhibit && raw.Sorry == nil {
		d.problem(raw.SorryInhibit.Expr.Range(), fmt.Sprintf("sorry_inhibit in %s, which has no sorry_server", s.name), `add sorry_server "10.0.0.99:80" { }, or remove sorry_inhibit`)
	}
	choice(d, raw.QuorumOf, []string{"weight", "servers"}, []pool.Measure{pool.Weight, pool.Servers}, &q.Of)
	if raw.QuorumOf != nil && raw.Quorum == nil {
		d.problem(raw.QuorumOf.Expr.Range(), fmt.Sprintf("quorum_of in %s, which has no quorum", s.name), "add quorum = 2, or remove quorum_of")
	}
	q.Min = 1
	asked := d.amount(raw.Quorum, 1, &q.Min, &q.Percent)
	percent := q.Percent
	if d.amount(raw.Hysteresis, 0, &q.Hysteresis, &percent) && asked {
		d.hysteresis(s, percent)
	}
	if raw.Quorum == nil {
		q.Min = 0
	}
}

// hysteresis reports one that does not go with its quorum.
func (d *decoder) hysteresis(s *service, percent bool) {
	a, q := s.raw.Hysteresis, s.Quorum
	switch {
	case a == nil:
	case percent != q.Percent:
		d.problem(a.Expr.Range(), fmt.Sprintf("of hysteresis and quorum in %s only one is in per cent", s.name), "write both as numbers, or both like \"60%\"")
		s.Quorum.Hysteresis = 0
	case q.Hysteresis >= q.Min:
		d.problem(a.Expr.Range(), fmt.Sprintf("hysteresis is %d and the quorum %d: it could never be lost", q.Hysteresis, q.Min),
			"write a hysteresis below the quorum: the quorum is lost below their difference, and comes back at their sum")
		s.Quorum.Hysteresis = 0
	}
}

// amount reads a whole number, or one per cent between quotes.
func (d *decoder) amount(a *hcl.Attribute, low int, into *int, percent *bool) bool {
	if a == nil {
		return true
	}
	v, set, ok := d.value(a)
	if !set || !ok {
		return ok
	}
	most, n := quorumMost, -1
	switch {
	case v.Type() == cty.String:
		most = 100
		if digits, found := strings.CutSuffix(v.AsString(), "%"); found {
			if i, err := strconv.Atoi(digits); err == nil {
				n = i
			}
		}
	case v.Type() == cty.Number:
		if i, accuracy := v.AsBigFloat().Int64(); accuracy == big.Exact && i <= quorumMost {
			n = int(i)
		}
	}
	if n < low || n > most {
		d.problem(a.Expr.Range(), fmt.Sprintf("%s is %s, want a number from %d, or per cent from %d to 100 between quotes", a.Name, shown(v), low, low),
			fmt.Sprintf(`write %s = 2, or %s = "60%%", for example`, a.Name, a.Name))
		return false
	}
	*into, *percent = n, v.Type() == cty.String
	return true
}

// attainable reports a quorum that all servers together do not reach. Where checks measure weights, nobody knows what these reach; and a
// pool that is drained as a whole is no mistake.
func (d *decoder) attainable(s *service, checks []Check) {
	if s.raw.Quorum == nil || measured(checks) || len(s.Servers) != len(s.raw.Servers) {
		return
	}
	total := 0
	for _, rs := range s.Servers {
		w := rs.Weight
		if s.Quorum.Of == pool.Servers {
			w = min(w, 1)
		}
		total += w
	}
	if gain := s.Quorum.Bounds(total).Gain; total > 0 && gain > total {
		d.problem(s.raw.Quorum.Expr.Range(), fmt.Sprintf("the real servers of %s add up to %d (%s) when all are well, and its quorum comes back at %d only", s.name, total, s.Quorum.Of, gain),
			"write a lower quorum or hysteresis, or give it more real servers")
	}
}

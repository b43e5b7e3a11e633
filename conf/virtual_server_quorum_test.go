package conf

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/pool"
)

func TestQuorum(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       pool.Quorum
	}{
		{"none is one of any weight", "", pool.Quorum{}},
		{"weight", "quorum = 10\nhysteresis = 9", pool.Quorum{Min: 10, Hysteresis: 9}},
		{"servers", "quorum = 2\nquorum_of = \"servers\"", pool.Quorum{Of: pool.Servers, Min: 2}},
		{"per cent", "quorum = \"60%\"\nhysteresis = \"20%\"", pool.Quorum{Percent: true, Min: 60, Hysteresis: 20}},
		{"all", "quorum = \"100%\"\nquorum_of = \"servers\"", pool.Quorum{Of: pool.Servers, Percent: true, Min: 100}},
		{"a hysteresis of none in per cent", "quorum = \"60%\"\nhysteresis = \"0%\"", pool.Quorum{Percent: true, Min: 60}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := mustLoad(t, nil, file(t, `virtual_server "shop" {
  address = "192.0.2.10:80"
  `+tt.text+`
  real_server "10.0.0.11:80" { weight = 10 }
  real_server "10.0.0.12:80" { weight = 10 }
}`))
			if d := cmp.Diff(tt.want, c.Services[0].Quorum); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestQuorumOfMeasuredWeightsMayBeHigh: what the checks measure may reach what the configured weights do not.
func TestQuorumOfMeasuredWeightsMayBeHigh(t *testing.T) {
	mustLoad(t, nil, file(t, `virtual_server "shop" {
  address = "192.0.2.10:80"
  quorum  = 100
  check "script" {
    command  = ["/bin/true"]
    weighted = true
  }
  real_server "10.0.0.11:80" {}
}`))
}

func TestPoolSwitches(t *testing.T) {
	c := mustLoad(t, nil, file(t, `virtual_server "shop" {
  address       = "192.0.2.10:80"
  alpha         = true
  omega         = true
  sorry_inhibit = true
  sorry_server "10.0.0.99:80" {}
  real_server "10.0.0.11:80" {}
}`))
	if s := c.Services[0]; !s.Alpha || !s.Omega || !s.SorryInhibit {
		t.Errorf("alpha %t, omega %t, sorry_inhibit %t, want all", s.Alpha, s.Omega, s.SorryInhibit)
	}
}

func TestOnFailureOfSingleServers(t *testing.T) {
	c := mustLoad(t, nil, file(t, `virtual_server "shop" {
  address    = "192.0.2.10:80"
  on_failure = "quiesce"
  real_server "10.0.0.11:80" {}
  real_server "10.0.0.12:80" { on_failure = "remove" }
  real_server "10.0.0.13:80" { on_failure = "quiesce" }
}`))
	s := c.Services[0]
	got := []ipvs.FailureAction{s.Failed, s.Servers[0].Failed, s.Servers[1].Failed, s.Servers[2].Failed}
	if d := cmp.Diff([]ipvs.FailureAction{ipvs.Quiesce, ipvs.Standard, ipvs.Remove, ipvs.Quiesce}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

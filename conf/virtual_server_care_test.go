package conf

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

func TestServersThatComeAndGo(t *testing.T) {
	c := mustLoad(t, nil, file(t, `
global {
  panic_threshold = "60%"
  panic_window    = "20s"
}
virtual_server "shop" {
  address         = "192.0.2.10:80"
  reentry_delay   = "30s"
  panic_threshold = "50%"
  keep_last       = true
  slow_start {
    duration = "1m"
    ramp     = "double"
  }
  flap_damping {}
  real_server "10.0.0.11:80" { weight = 100 }
  real_server "10.0.0.12:80" { weight = 100 }
}
`))
	v := c.Services[0]
	if v.Reentry != 30*time.Second || !v.KeepLast || !v.Watched {
		t.Errorf("%+v", v)
	}
	type care struct {
		Ramp       pool.Ramp
		Flap       pool.Flap
		One, Total pool.Panic
	}
	want := care{pool.Ramp{Duration: time.Minute, Double: true}, pool.Flap{Count: 3, Window: 5 * time.Minute, Hold: 10 * time.Minute},
		pool.Panic{Percent: 50, Window: 10 * time.Second}, pool.Panic{Percent: 60, Window: 20 * time.Second}}
	if d := cmp.Diff(want, care{v.SlowStart, v.Flap, v.Panic, c.Global.Panic}); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestDefaultSorryServer(t *testing.T) {
	c := mustLoad(t, nil, file(t, `
global {
  sorry_server "10.0.0.98:80" { forward = "dr" }
  sorry_server "[2001:db8::99]:8080" {}
  sorry_server "10.0.0.99:8080" {}
}
virtual_server "same-port" {
  address = "192.0.2.10:80"
  real_server "10.0.0.11:80" {}
}
virtual_server "another-port" {
  address = "192.0.2.10:81"
  real_server "10.0.0.11:80" {}
}
virtual_server "IPv6" {
  address = "[2001:db8::10]:80"
  real_server "[2001:db8::11]:80" {}
}
virtual_server "its-own" {
  address = "192.0.2.10:82"
  sorry_server "10.0.0.97:80" {}
  real_server "10.0.0.11:80" {}
}
virtual_server "none" {
  address         = "192.0.2.10:83"
  no_sorry_server = true
  real_server "10.0.0.11:80" {}
}
virtual_server "keeps" {
  address   = "192.0.2.10:84"
  keep_last = true
  real_server "10.0.0.11:80" {}
}
virtual_server "serves-there" {
  address = "192.0.2.10:85"
  real_server "10.0.0.99:8080" {}
}
`))
	got := map[string]string{}
	for _, v := range c.Services {
		got[v.Name] = ""
		if v.Sorry != nil {
			got[v.Name] = v.Sorry.String()
		}
	}
	want := map[string]string{
		"same-port": "10.0.0.98:80 dr weight 1", "another-port": "10.0.0.99:8080 nat weight 1", "IPv6": "[2001:db8::99]:8080 nat weight 1",
		"its-own": "10.0.0.97:80 nat weight 1", "none": "", "keeps": "", "serves-there": "",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

package conf

import (
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// rawSlowStart is a slow_start block.
type rawSlowStart struct {
	Place    hcl.Range      `hcl:",def_range"`
	Duration *hcl.Attribute `hcl:"duration,optional"`
	Ramp     *hcl.Attribute `hcl:"ramp,optional"`
}

// rawFlap is a flap_damping block.
type rawFlap struct {
	Count  *hcl.Attribute `hcl:"count,optional"`
	Window *hcl.Attribute `hcl:"window,optional"`
	Hold   *hcl.Attribute `hcl:"hold,optional"`
}

const (
	panicWindowDefault = 10 * time.Second

	flapCountDefault  = 3
	flapWindowDefault = 5 * time.Minute
	flapHoldDefault   = 10 * time.Minute
)

// care reads how a service treats servers that come and go: at once, with delays, or not at all.
func (d *decoder) care(s *service, checks []Check) {
	raw := s.raw
	d.slowStart(s, checks)
	d.duration(raw.Reentry, span{low: time.Second, high: time.Hour, zero: "none"}, &s.Reentry)
	if f := raw.Flap; f != nil {
		s.Flap = pool.Flap{Count: flapCountDefault, Window: flapWindowDefault, Hold: flapHoldDefault}
		d.number(f.Count, 2, 100, "", &s.Flap.Count)
		d.duration(f.Window, span{low: time.Second, high: 24 * time.Hour}, &s.Flap.Window)
		d.duration(f.Hold, span{low: time.Second, high: 24 * time.Hour}, &s.Flap.Hold)
	}
	d.panicOptions(raw.Panic, raw.PanicWindow, &s.Panic)
	d.flag(raw.KeepLast, &s.KeepLast)
	s.Watched = d.global.Panic.Percent > 0
	switch {
	case s.KeepLast && raw.Sorry != nil:
		d.problem(raw.KeepLast.Expr.Range(), fmt.Sprintf("keep_last in %s, whose sorry_server would hardly ever be used", s.name), "remove one of them")
	case s.Panic.Percent > 0 && len(raw.Servers) == 1:
		d.problem(raw.Panic.Expr.Range(), fmt.Sprintf("panic_threshold in %s, which has one real server: a panic is of two at least", s.name), "write keep_last = true, or remove it")
	}
}

// slowStart reads slow_start, and reports one that would do nothing, or harm.
func (d *decoder) slowStart(s *service, checks []Check) {
	raw := s.raw.SlowStart
	if raw == nil {
		return
	}
	if d.required(raw.Duration, raw.Place, "the slow_start of "+s.name, "duration", `"1m"`) {
		d.duration(raw.Duration, span{low: time.Second, high: time.Hour}, &s.SlowStart.Duration)
	}
	choice(d, raw.Ramp, []string{"linear", "double"}, []bool{false, true}, &s.SlowStart.Double)
	switch s.Scheduler {
	case "rr", "lc", "dh":
		d.problem(raw.Place, fmt.Sprintf("slow_start in %s, whose scheduler %s does not look at weights", s.name, quote(s.Scheduler)), `write scheduler = "wlc", or remove slow_start`)
	case "mh", "sh":
		d.problem(raw.Place, fmt.Sprintf("slow_start in %s, whose scheduler %s sends clients elsewhere with each change of a weight", s.name, quote(s.Scheduler)),
			"remove slow_start, or write reentry_delay")
	default:
		heavy := slices.ContainsFunc(s.Servers, func(rs ipvs.RealServer) bool { return rs.Weight > 1 })
		if len(s.Servers) > 0 && !heavy && !measured(checks) {
			d.problem(raw.Place, fmt.Sprintf("slow_start in %s, whose real servers have no weight above 1 to grow to", s.name), "write weight = 100 in each real_server, for example")
		}
	}
}

// measured reports whether a check says how much weight its server has.
func measured(checks []Check) bool {
	return slices.ContainsFunc(checks, func(c Check) bool {
		switch kind := c.Checker.(type) {
		case checkers.Script:
			return kind.Weighted
		case checkers.Agent, checkers.File, checkers.Load:
			return true
		}
		return false
	})
}

// panicOptions reads panic_threshold and panic_window.
func (d *decoder) panicOptions(threshold, window *hcl.Attribute, into *pool.Panic) {
	if threshold == nil {
		if window != nil {
			d.problem(window.Expr.Range(), "panic_window without panic_threshold", `add panic_threshold = "50%", or remove it`)
		}
		return
	}
	into.Window = panicWindowDefault
	percent := 0
	if text := ""; d.text(threshold, "50%", &text) {
		if n, err := fmt.Sscanf(text, "%d%%", &percent); n != 1 || err != nil || percent < 1 || percent > 99 || text != fmt.Sprintf("%d%%", percent) {
			d.problem(threshold.Expr.Range(), fmt.Sprintf("panic_threshold is %s, want \"1%%\" to \"99%%\"", quote(text)), `write panic_threshold = "50%", for example`)
			percent = 0
		}
	}
	into.Percent = percent
	d.duration(window, span{low: time.Second, high: time.Hour}, &into.Window)
}

// defaultSorry gives s the first sorry server of global that the kernel can use for it.
func (d *decoder) defaultSorry(s *service) {
	no := false
	d.flag(s.raw.NoSorry, &no)
	if no && s.raw.Sorry != nil {
		d.problem(s.raw.NoSorry.Expr.Range(), fmt.Sprintf("no_sorry_server in %s, which has a sorry_server", s.name), "remove one of them")
	}
	if no || s.raw.Sorry != nil || s.KeepLast || !s.keyed {
		return
	}
	for _, raw := range d.sorry {
		dest := ipvs.Dest{Forward: s.Forward, Weight: 1}
		said := d.diags
		fits := d.destination(s, "sorry server", raw, &dest) && !slices.ContainsFunc(s.Servers, func(rs ipvs.RealServer) bool { return rs.Addr == dest.Addr })
		d.diags = said
		if fits {
			s.Sorry = &dest
			return
		}
	}
}

// sorryDefaults reads the sorry servers of global, but for what depends on the service.
func (d *decoder) sorryDefaults(raw []rawSorry) {
	for _, r := range raw {
		name := fmt.Sprintf("sorry server %q", r.Address)
		var dest ipvs.Dest
		fine := len(d.diags)
		d.forward(r.Forward, &dest.Forward)
		d.thresholds(r.Upper, r.Lower, name, &dest)
		d.parseHostPort("sorry server", r.Address, r.AddressRange, serverExample, &dest.Addr)
		d.tunnelOptions(r.Tunnel, name, &dest.Tunnel)
		if len(d.diags) == fine {
			d.sorry = append(d.sorry, r)
		}
	}
}

package conf

import (
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/vrrp"
)

// rawAnnounce is the garp block, of an instance or of global.
type rawAnnounce struct {
	Place         hcl.Range      `hcl:",def_range"`
	Repeat        *hcl.Attribute `hcl:"repeat,optional"`
	Delay         *hcl.Attribute `hcl:"delay,optional"`
	Refresh       *hcl.Attribute `hcl:"refresh,optional"`
	RefreshRepeat *hcl.Attribute `hcl:"refresh_repeat,optional"`
	LowerRepeat   *hcl.Attribute `hcl:"lower_priority_repeat,optional"`
	LowerDelay    *hcl.Attribute `hcl:"lower_priority_delay,optional"`
	Extra         *hcl.Attribute `hcl:"extra_interfaces,optional"`
	Interval      *hcl.Attribute `hcl:"interval,optional"`
	IntervalNA    *hcl.Attribute `hcl:"na_interval,optional"`
	Minimal       *hcl.Attribute `hcl:"minimal,optional"`
}

// rawPace is a garp_group block.
type rawPace struct {
	Name       string         `hcl:"name,label"`
	NameRange  hcl.Range      `hcl:"name,label_range"`
	Place      hcl.Range      `hcl:",def_range"`
	Interfaces *hcl.Attribute `hcl:"interfaces,optional"`
	Interval   *hcl.Attribute `hcl:"interval,optional"`
	IntervalNA *hcl.Attribute `hcl:"na_interval,optional"`
}

// gapSpan is how far apart packets can be asked to be.
func gapSpan() span {
	return span{low: 2 * time.Millisecond, high: vrrp.MaxAnnounceGap, zero: "as fast as is good"}
}

// routerAnnounce reads how the addresses are announced: global's garp block, and then the instance's own.
func (d *decoder) routerAnnounce(r *router) {
	if d.announce != nil {
		r.Announce = *d.announce
	}
	if raw := r.raw.Announce; raw != nil {
		d.announcement(raw, &r.Announce)
	}
	d.duration(r.raw.Verify, span{low: time.Second, high: 24 * time.Hour, zero: "never"}, &r.VerifyAddresses)
}

// announcement changes plan as raw says.
func (d *decoder) announcement(raw *rawAnnounce, plan *vrrp.Announce) {
	minimal := false
	d.flag(raw.Minimal, &minimal)
	if minimal {
		d.minimalAnnouncement(raw)
		plan.Repeat, plan.Delay, plan.Provoked = 1, 0, nil
	}
	delay := span{low: vrrp.MinAnnounceDelay, high: vrrp.MaxAnnounceDelay, zero: "one burst only"}
	refresh := span{low: vrrp.MinAnnounceRefresh, high: vrrp.MaxAnnounceRefresh, zero: "never"}
	d.number(raw.Repeat, 1, vrrp.MaxAnnounceRepeat, "", &plan.Repeat)
	d.duration(raw.Delay, delay, &plan.Delay)
	d.duration(raw.Refresh, refresh, &plan.Refresh)
	d.number(raw.RefreshRepeat, 1, vrrp.MaxAnnounceRepeat, "", &plan.RefreshRepeat)
	d.duration(raw.Extra, refresh, &plan.ExtraRefresh)
	d.duration(raw.Interval, gapSpan(), &plan.Gap)
	d.duration(raw.IntervalNA, gapSpan(), &plan.GapNA)
	d.provokedAnnouncement(raw, plan)
	if d.given(raw.RefreshRepeat) && plan.Refresh == 0 {
		d.problem(raw.RefreshRepeat.Expr.Range(), "refresh_repeat without refresh: nothing is sent again", `write refresh = "60s" beside it, or remove it`)
	}
}

// minimalAnnouncement reports what contradicts minimal = true.
func (d *decoder) minimalAnnouncement(raw *rawAnnounce) {
	for _, a := range []*hcl.Attribute{raw.Repeat, raw.Delay, raw.LowerRepeat, raw.LowerDelay} {
		if d.given(a) {
			d.problem(a.Expr.Range(), a.Name+" contradicts minimal = true, which means one packet for each address", "remove one of the two")
		}
	}
}

// provokedAnnouncement reads what a master sends when it hears a lesser one; what is not said is as for a new master.
func (d *decoder) provokedAnnouncement(raw *rawAnnounce, plan *vrrp.Announce) {
	if !d.given(raw.LowerRepeat) && !d.given(raw.LowerDelay) {
		return
	}
	burst := vrrp.Burst{Repeat: plan.Repeat, Delay: plan.Delay}
	if plan.Provoked != nil { // by global
		burst = *plan.Provoked
	}
	d.number(raw.LowerRepeat, 0, vrrp.MaxAnnounceRepeat, "", &burst.Repeat)
	d.duration(raw.LowerDelay, span{low: vrrp.MinAnnounceDelay, high: vrrp.MaxAnnounceDelay, zero: "one burst only"}, &burst.Delay)
	plan.Provoked = &burst
}

// announceGroups reads which interfaces announce at one pace.
func (d *decoder) announceGroups(raw []rawPace) {
	names, members := map[string]hcl.Range{}, map[string]hcl.Range{}
	for i := range raw {
		r := &raw[i]
		d.name("garp_group", r.Name, r.NameRange, names)
		group := vrrp.AnnounceGroup{}
		d.duration(r.Interval, gapSpan(), &group.Gap)
		d.duration(r.IntervalNA, gapSpan(), &group.GapNA)
		block := fmt.Sprintf("garp_group %q", r.Name)
		if !d.given(r.Interval) && !d.given(r.IntervalNA) {
			d.missing(r.Place, block, "interval", `"10ms", the least time between two packets`)
		}
		if !d.required(r.Interfaces, r.Place, block, "interfaces", `["eth0", "eth1"], those on one switch`) {
			continue
		}
		list, _ := d.list(r.Interfaces, "eth0")
		for _, e := range list {
			if first, again := members[e.text]; again {
				d.problem(e.at, fmt.Sprintf("interface %s is in two garp_groups or twice in one", quote(e.text)), fmt.Sprintf("the first is at %s: remove one", place(first)))
			} else if d.deviceName("interface", e.text, e.at) {
				members[e.text] = e.at
				group.Interfaces = append(group.Interfaces, e.text)
			}
		}
		d.surroundings.AnnounceGroups = append(d.surroundings.AnnounceGroups, group)
	}
}

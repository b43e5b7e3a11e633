package conf

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/vrrp"
)

// statics reads what the host has whatever the roles of the instances.
func (d *decoder) statics(raw *rawConfig) vrrp.Static {
	var out vrrp.Static
	names := map[string]bool{}
	for _, r := range raw.Routers {
		names[r.Name] = true
	}
	for i := range raw.StaticAddresses {
		block := &raw.StaticAddresses[i]
		var a vrrp.Address
		if d.staticAddress(block, &a) {
			out.Addresses = append(out.Addresses, vrrp.StaticAddress{Address: a, Track: d.trackedBy(block.Track, names)})
		}
	}
	var routes []vrrp.HeldRoute
	for i := range raw.StaticRoutes {
		block := &raw.StaticRoutes[i]
		var r vrrp.HeldRoute
		if d.route(block, &r) {
			routes = append(routes, r)
			out.Routes = append(out.Routes, vrrp.StaticRoute{HeldRoute: r, Track: d.trackedBy(block.Track, names)})
		}
	}
	d.duplicateRoutes("the configuration", raw.StaticRoutes, routes)
	for i := range raw.StaticRules {
		block := &raw.StaticRules[i]
		var r vrrp.Rule
		if d.rule(block, &r) {
			out.Rules = append(out.Rules, vrrp.StaticRule{Rule: r, Track: d.trackedBy(block.Track, names)})
		}
	}
	return out
}

// staticAddress reads an address that belongs to the host. It needs its interface, and no advert names it.
func (d *decoder) staticAddress(raw *rawAddress, a *vrrp.Address) bool {
	what := fmt.Sprintf("static_address %q", raw.Address)
	if !d.required(raw.Interface, raw.AddressRange, what, "interface", `"eth0", which the address is put on`) {
		return false
	}
	if d.given(raw.Advertised) {
		d.problem(raw.Advertised.Expr.Range(), "no advert names a static_address", "remove advertised")
	}
	track := raw.Track
	bare := *raw
	bare.Track = nil // a list, other than in virtual_address
	good := d.addressBlock(&bare, "", a)
	raw.Track = track
	return good
}

// trackedBy reads the names of the instances that are in fault while something static is missing.
func (d *decoder) trackedBy(a *hcl.Attribute, instances map[string]bool) []string {
	list, _ := d.list(a, "web")
	var out []string
	for _, e := range list {
		switch {
		case !instances[e.text] && !d.undecoded:
			d.problem(e.at, fmt.Sprintf("track names %s, and there is no vrrp_instance of that name", quote(e.text)), suggest(e.text, keysOf(instances)))
		case slices.Contains(out, e.text):
			d.problem(e.at, fmt.Sprintf("track names %s twice", quote(e.text)), "remove one")
		default:
			out = append(out, e.text)
		}
	}
	return out
}

// routerHeld reads the routes and rules of an instance, and what it does about their loss.
func (d *decoder) routerHeld(r *router) {
	choice(d, r.raw.OnLoss, []string{"restore", "step-down"}, []vrrp.LossPolicy{vrrp.RestoreLost, vrrp.StepDownOnLoss}, &r.OnLoss)
	r.IgnoreLink = !d.trackFlag(r.raw.OwnLink)
	d.flag(r.raw.Promote, &r.PromoteSecondaries)
	for i := range r.raw.Routes {
		raw := &r.raw.Routes[i]
		var route vrrp.HeldRoute
		if d.route(raw, &route) {
			route.Untracked = !d.trackFlag(raw.Track)
			r.Routes = append(r.Routes, route)
		}
	}
	for i := range r.raw.Rules {
		raw := &r.raw.Rules[i]
		var rule vrrp.Rule
		if d.rule(raw, &rule) {
			rule.Untracked = !d.trackFlag(raw.Track)
			r.Rules = append(r.Rules, rule)
		}
	}
	d.duplicateRoutes(r.name, r.raw.Routes, r.Routes)
}

// trackFlag reads track = false.
func (d *decoder) trackFlag(a *hcl.Attribute) bool {
	on := true
	d.flag(a, &on)
	return on
}

// duplicateRoutes reports two routes that the kernel would not tell apart.
func (d *decoder) duplicateRoutes(owner string, raw []rawRoute, routes []vrrp.HeldRoute) {
	if len(raw) != len(routes) {
		return // what is wrong there is reported
	}
	for i, r := range routes {
		j := slices.IndexFunc(routes[:i], func(o vrrp.HeldRoute) bool {
			return o.Prefix == r.Prefix && o.InTable() == r.InTable() && o.Metric == r.Metric && o.TOS == r.TOS && o.From == r.From
		})
		if j >= 0 {
			d.problem(raw[i].PrefixRange, fmt.Sprintf("%s has two routes to %s of the same metric in the same table", owner, r.Prefix),
				fmt.Sprintf("the first is at %s: give one another metric, or write its ways as nexthop { } of one route", place(raw[j].PrefixRange)))
		}
	}
}

// assignPriorities gives rules without a priority theirs, in file order over all instances, so that every director has the same.
func (d *decoder) assignPriorities(routers []*vrrp.Config, static *vrrp.Static) {
	taken := map[uint32]bool{}
	each := func(f func([]vrrp.Rule) bool) {
		for _, r := range routers {
			if !f(r.Rules) {
				return
			}
		}
		for i := range static.Rules {
			one := []vrrp.Rule{static.Rules[i].Rule}
			if !f(one) {
				return
			}
			static.Rules[i].Rule = one[0]
		}
	}
	each(func(rules []vrrp.Rule) bool {
		for _, r := range rules {
			taken[r.Priority] = true
		}
		return true
	})
	each(func(rules []vrrp.Rule) bool {
		if vrrp.AssignPriorities(rules, taken) {
			return true
		}
		d.problem(hcl.Range{Filename: d.src.names[0]}, fmt.Sprintf("more than %d rules have no priority", vrrp.RulePriorityLast-vrrp.RulePriorityFirst+1),
			"give them priorities of your own")
		return false
	})
}

package conf

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/vrrp"
)

// rawSyncGroup is a vrrp_sync_group block.
type rawSyncGroup struct {
	Name          string         `hcl:"name,label"`
	NameRange     hcl.Range      `hcl:"name,label_range"`
	Place         hcl.Range      `hcl:",def_range"`
	Instances     *hcl.Attribute `hcl:"instances,optional"`
	MemberWeights *hcl.Attribute `hcl:"member_weights,optional"`
	Track         *rawTrack      `hcl:"track,block"`
}

// A syncGroup is a vrrp_sync_group under construction.
type syncGroup struct {
	vrrp.SyncGroup
	raw     *rawSyncGroup
	name    string // `vrrp_sync_group "edge"`, as messages begin
	members []*vrrp.Config
}

// syncGroups builds the sync groups, in file order.
func (d *decoder) syncGroups(raw []rawSyncGroup, routers []*vrrp.Config) []vrrp.SyncGroup {
	var out []vrrp.SyncGroup
	names := map[string]hcl.Range{}
	taken := map[string]*syncGroup{} // by the name of the instance
	for i := range raw {
		d.name("vrrp_sync_group", raw[i].Name, raw[i].NameRange, names)
		g := &syncGroup{raw: &raw[i], name: fmt.Sprintf("vrrp_sync_group %q", raw[i].Name), SyncGroup: vrrp.SyncGroup{Name: raw[i].Name}}
		d.syncMembers(g, routers, taken)
		d.syncOwners(g)
		d.syncWeights(g)
		d.syncTrack(g)
		out = append(out, g.SyncGroup)
	}
	return out
}

// syncMembers reads which instances are in the group.
func (d *decoder) syncMembers(g *syncGroup, routers []*vrrp.Config, taken map[string]*syncGroup) {
	if !d.required(g.raw.Instances, g.raw.Place, g.name, "instances", `["web", "gateway"], the instances that are master together`) {
		return
	}
	list, ok := d.list(g.raw.Instances, "web")
	if !ok {
		return
	}
	if len(list) < 2 && d.known(g.raw.Instances) {
		d.problem(g.raw.Instances.Expr.Range(), fmt.Sprintf("%s is for two or more instances that are master together, not for %d", g.name, len(list)),
			fmt.Sprintf(`write instances = ["web", "gateway"], for example, or remove %s`, g.name))
	}
	for _, e := range list {
		d.syncMember(g, e, routers, taken)
	}
}

func (d *decoder) syncMember(g *syncGroup, e element, routers []*vrrp.Config, taken map[string]*syncGroup) {
	i := slices.IndexFunc(routers, func(c *vrrp.Config) bool { return c.Name == e.text })
	other := taken[e.text]
	switch {
	case i < 0 && d.undecoded: // it may be in what was not understood
	case i < 0:
		d.problem(e.at, fmt.Sprintf("there is no vrrp_instance %s", quote(e.text)), instancesHint(routers))
	case other == g:
		d.problem(e.at, fmt.Sprintf("%s is named twice", quote(e.text)), "remove one")
	case other != nil:
		d.problem(e.at, fmt.Sprintf("vrrp_instance %s is in %s already", quote(e.text), other.name), "an instance is in one sync group at most: merge the groups, or remove it from one")
	default:
		taken[e.text] = g
		g.Members, g.members = append(g.Members, e.text), append(g.members, routers[i])
	}
}

// shownInstances is how many names a hint lists.
const shownInstances = 5

func instancesHint(routers []*vrrp.Config) string {
	if len(routers) == 0 {
		return "write one, or remove the sync group"
	}
	hint := "known instances:"
	for i, c := range routers[:min(len(routers), shownInstances)] {
		if i > 0 {
			hint += ","
		}
		hint += " " + quote(c.Name)
	}
	if len(routers) > shownInstances {
		hint += ", …"
	}
	return hint
}

// syncOwners reports owners beside others: an owner is master at once, and the others are not.
func (d *decoder) syncOwners(g *syncGroup) {
	var owner, other *vrrp.Config
	for _, c := range g.members {
		if c.Priority == vrrp.PriorityOwner {
			owner = c
		} else {
			other = c
		}
	}
	if owner != nil && other != nil {
		d.problem(g.raw.Instances.Expr.Range(), fmt.Sprintf("%q has priority 255 (the owner, always master), and %q has not: they cannot change role together", owner.Name, other.Name),
			fmt.Sprintf("give %q a priority of 1 to 254, or take it out of the group", owner.Name))
	}
}

// syncWeights reports weights of single members. Each member is elected by itself, and the group is master only where all win: with
// priorities that move apart, no machine might.
func (d *decoder) syncWeights(g *syncGroup) {
	allowed := false
	d.flag(g.raw.MemberWeights, &allowed)
	if allowed || !d.known(g.raw.MemberWeights) {
		return
	}
	for _, c := range g.members {
		for _, t := range c.Track {
			if t.Weight != 0 {
				d.problem(d.trackedAt[trackedIn{fmt.Sprintf("vrrp_instance %q", c.Name), t.Source}], fmt.Sprintf("vrrp_instance %q tracks %s with weight %d, which changes its priority alone, and %s is master only as a whole", c.Name, t.Source, t.Weight, g.name),
					"track it in the group, for all members alike, or with weight 0; or write member_weights = true in the group, which allows it")
			}
		}
	}
}

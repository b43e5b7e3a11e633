package conf

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/vrrp"
)

// rawSyncDaemon is a sync_daemon block.
type rawSyncDaemon struct {
	Place     hcl.Range      `hcl:",def_range"`
	State     *hcl.Attribute `hcl:"state,optional"`
	Follow    *hcl.Attribute `hcl:"follow,optional"`
	Interface *hcl.Attribute `hcl:"interface,optional"`
	ID        *hcl.Attribute `hcl:"sync_id,optional"`
	MaxLen    *hcl.Attribute `hcl:"maxlen,optional"`
	Group     *hcl.Attribute `hcl:"group,optional"`
	Port      *hcl.Attribute `hcl:"port,optional"`
	TTL       *hcl.Attribute `hcl:"ttl,optional"`
}

// syncDaemons reads the sync daemons. The kernel has one of each state.
func (d *decoder) syncDaemons(raw []rawSyncDaemon, routers []*vrrp.Config) []ipvs.Sync {
	var out []ipvs.Sync
	taken := map[ipvs.DaemonState]hcl.Range{}
	for i := range raw {
		s := d.syncDaemon(&raw[i], routers)
		for _, state := range s.States() {
			if first, again := taken[state]; again {
				d.problem(raw[i].Place, fmt.Sprintf("the kernel has one sync daemon that is %s, and the sync_daemon at %s may need it", state, place(first)),
					`remove one, or give one state = "master" and the other state = "backup"`)
				break
			}
			taken[state] = raw[i].Place
		}
		out = append(out, s)
	}
	return out
}

func (d *decoder) syncDaemon(raw *rawSyncDaemon, routers []*vrrp.Config) ipvs.Sync {
	s := ipvs.Sync{}
	roles := []ipvs.SyncRole{ipvs.SyncFollows, ipvs.SyncAlwaysMaster, ipvs.SyncAlwaysBackup, ipvs.SyncBoth}
	choice(d, raw.State, []string{"follow", "master", "backup", "both"}, roles, &s.Role)
	d.follow(raw, routers, &s)
	if d.required(raw.Interface, raw.Place, "sync_daemon", "interface", `"eth1", the one between the directors`) {
		d.device(raw.Interface, &s.Interface)
	}
	id, maxLen, port, ttl := d.followedID(&s, routers), 0, 0, 0
	d.number(raw.ID, 0, 255, "", &id)
	d.number(raw.MaxLen, 1, ipvs.MaxSyncLen, "", &maxLen)
	d.number(raw.Port, 1, 65535, "", &port)
	d.number(raw.TTL, 1, 255, "", &ttl)
	s.ID, s.MaxLen, s.Port, s.TTL = uint8(id), uint16(maxLen), uint16(port), uint8(ttl)
	d.syncGroup(raw.Group, &s.Group)
	return s
}

// follow reads whom a daemon follows.
func (d *decoder) follow(raw *rawSyncDaemon, routers []*vrrp.Config, s *ipvs.Sync) {
	if s.Role != ipvs.SyncFollows {
		if d.given(raw.Follow) {
			d.problem(raw.Follow.NameRange, fmt.Sprintf("follow contradicts state = %q", s.Role), "remove one of the two")
		}
		return
	}
	if !d.given(raw.Follow) {
		d.missing(raw.Place, "sync_daemon", "follow", `"web", the vrrp_instance of which it shares the role; or write state = "both"`)
		return
	}
	if !d.text(raw.Follow, "web", &s.Follow) || d.undecoded {
		return
	}
	names := make([]string, 0, len(routers))
	for _, r := range routers {
		names = append(names, r.Name)
	}
	if !slices.Contains(names, s.Follow) {
		d.problem(raw.Follow.Expr.Range(), fmt.Sprintf("there is no vrrp_instance %s to follow", quote(s.Follow)),
			suggestOr(s.Follow, names, "write the name of a vrrp_instance; of a sync group, that of one of its instances"))
	}
}

// suggestOr is a hint to the name that may be meant, or otherwise.
func suggestOr(given string, names []string, otherwise string) string {
	if hint := suggest(given, slices.Values(names)); hint != "" {
		return hint
	}
	return otherwise
}

// followedID is the sync id of a daemon that names none: the number of the virtual router that it follows, as in keepalived.
func (d *decoder) followedID(s *ipvs.Sync, routers []*vrrp.Config) int {
	for _, r := range routers {
		if s.Role == ipvs.SyncFollows && r.Name == s.Follow {
			return int(r.VRID)
		}
	}
	return 0
}

// syncGroup reads a multicast group.
func (d *decoder) syncGroup(a *hcl.Attribute, into *netip.Addr) {
	example := fmt.Sprintf("write group = %q, for example", ipvs.SyncGroup())
	v, set, ok := d.value(a)
	if !set || !ok {
		return
	}
	if v.Type() != cty.String {
		d.problem(a.Expr.Range(), fmt.Sprintf("group is %s, want a multicast address", shown(v)), example)
		return
	}
	g, err := netip.ParseAddr(v.AsString())
	if err != nil || !g.IsMulticast() || g.Zone() != "" || g.Is4In6() {
		d.problem(a.Expr.Range(), fmt.Sprintf("group is %s, want a multicast address", quote(v.AsString())), example)
		return
	}
	*into = g
}

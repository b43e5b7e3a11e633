package conf

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/checkers/bfd"
)

// rawBFD is a bfd_instance block.
type rawBFD struct {
	Name       string         `hcl:"name,label"`
	NameRange  hcl.Range      `hcl:"name,label_range"`
	Place      hcl.Range      `hcl:",def_range"`
	Neighbor   *hcl.Attribute `hcl:"neighbor,optional"`
	Source     *hcl.Attribute `hcl:"source,optional"`
	Interface  *hcl.Attribute `hcl:"interface,optional"`
	MinRx      *hcl.Attribute `hcl:"min_rx,optional"`
	MinTx      *hcl.Attribute `hcl:"min_tx,optional"`
	IdleTx     *hcl.Attribute `hcl:"idle_tx,optional"`
	Multiplier *hcl.Attribute `hcl:"multiplier,optional"`
	Passive    *hcl.Attribute `hcl:"passive,optional"`
	AdminDown  *hcl.Attribute `hcl:"admin_down,optional"`
	Multihop   *hcl.Attribute `hcl:"multihop,optional"`
	MaxHops    *hcl.Attribute `hcl:"max_hops,optional"`
	TTL        *hcl.Attribute `hcl:"ttl,optional"`
	Weight     *hcl.Attribute `hcl:"weight,optional"`
	Reverse    *hcl.Attribute `hcl:"reverse,optional"`
}

// A bfdSession is a bfd_instance under construction.
type bfdSession struct {
	*bfd.Config
	raw  *rawBFD
	name string // `bfd_instance "peer1"`, as messages begin
}

// bfdSessions builds the BFD sessions, in file order.
func (d *decoder) bfdSessions(raw []rawBFD) []*bfd.Config {
	var out []*bfd.Config
	var sound []bfdSession
	names := map[string]hcl.Range{}
	for i := range raw {
		d.name("bfd_instance", raw[i].Name, raw[i].NameRange, names)
		c := bfd.Default(raw[i].Name, netip.Addr{})
		s := bfdSession{Config: &c, raw: &raw[i], name: fmt.Sprintf("bfd_instance %q", raw[i].Name)}
		before := len(d.diags)
		d.bfdEnds(s)
		d.bfdTiming(s)
		d.bfdHops(s)
		out = append(out, s.Config)
		if len(d.diags) > before || d.undecoded {
			continue
		}
		d.bfdCollision(s, sound)
		sound = append(sound, s)
	}
	return out
}

// bfdSource makes the session something that can be tracked.
func (d *decoder) bfdSource(raw *rawBFD) {
	s := d.sources.define(kindBFD, raw.Name, &trackable{at: raw.NameRange, block: fmt.Sprintf("bfd_instance %q", raw.Name)})
	d.weight(raw.Weight, weightMost, &s.weight)
	d.flag(raw.Reverse, &s.reverse)
}

// bfdEnds reads between whom the session is.
func (d *decoder) bfdEnds(s bfdSession) {
	raw := s.raw
	if !d.required(raw.Neighbor, raw.Place, s.name, "neighbor", `"10.0.0.2", the address that is watched`) {
		return
	}
	if !d.bfdAddress(raw.Neighbor, "10.0.0.2", &s.Neighbor) || !d.bfdAddress(raw.Source, "10.0.0.1", &s.Source) {
		return
	}
	d.device(raw.Interface, &s.Interface)
	switch n := s.Neighbor; {
	case !n.IsValid():
	case n.IsMulticast() || n.IsUnspecified():
		d.problem(raw.Neighbor.Expr.Range(), fmt.Sprintf("neighbor %s is not the address of a host", n), `write neighbor = "10.0.0.2", for example`)
	case s.Source.IsValid() && s.Source.Is4() != n.Is4():
		d.problem(raw.Source.Expr.Range(), fmt.Sprintf("source %s and neighbor %s are of two address families", s.Source, n), "write both as IPv4 or both as IPv6")
	case s.Source == n:
		d.problem(raw.Source.Expr.Range(), fmt.Sprintf("source %s is the neighbor, too", n), "write the address that this host has, or leave source out")
	case n.Is6() && n.IsLinkLocalUnicast() && s.Interface == "" && d.known(raw.Interface):
		d.problem(raw.Neighbor.Expr.Range(), fmt.Sprintf("neighbor %s is link-local, and nothing says on which link", n), `add interface = "eth0"`)
	}
}

// bfdAddress reads an address of either family.
func (d *decoder) bfdAddress(a *hcl.Attribute, example string, into *netip.Addr) bool {
	text := ""
	if !d.text(a, example, &text) {
		return false
	}
	if text == "" {
		return true
	}
	addr, err := netip.ParseAddr(text)
	switch {
	case err == nil && addr.Zone() == "" && !addr.Is4In6():
		*into = addr
		return true
	case err == nil && addr.Zone() != "":
		bare, _, _ := strings.Cut(text, "%")
		d.problem(a.Expr.Range(), fmt.Sprintf("%s %s has a zone", a.Name, quote(text)), fmt.Sprintf("write %s = %q and interface = %q", a.Name, bare, addr.Zone()))
	default:
		d.problem(a.Expr.Range(), fmt.Sprintf("%s %s is not an IP address", a.Name, quote(text)), fmt.Sprintf("write %s = %q, for example; names are not looked up", a.Name, example))
	}
	return false
}

func (d *decoder) bfdTiming(s bfdSession) {
	raw := s.raw
	active := span{low: bfd.MinInterval, high: bfd.MaxInterval, bare: "ms"} // as keepalived has these
	idle := span{low: bfd.MinIdle, high: bfd.MaxIdle, bare: "ms"}
	for _, t := range []struct {
		from   *hcl.Attribute
		within span
		into   *time.Duration
	}{{raw.MinRx, active, &s.MinRx}, {raw.MinTx, active, &s.MinTx}, {raw.IdleTx, idle, &s.IdleTx}} {
		if d.duration(t.from, t.within, t.into) && *t.into%time.Microsecond != 0 {
			d.problem(t.from.Expr.Range(), fmt.Sprintf("%s is %s, want whole microseconds", t.from.Name, *t.into),
				fmt.Sprintf("write %s = %q, for example", t.from.Name, t.into.Truncate(time.Microsecond)))
		}
	}
	multiplier := bfd.MultiplierDefault
	d.number(raw.Multiplier, 1, 255, "", &multiplier)
	s.Multiplier = uint8(multiplier)
	d.flag(raw.Passive, &s.Passive)
	d.flag(raw.AdminDown, &s.AdminDown)
}

// bfdHops reads whether the neighbour is on our link or behind routers.
func (d *decoder) bfdHops(s bfdSession) {
	raw := s.raw
	d.flag(raw.Multihop, &s.Multihop)
	if !s.Multihop {
		for _, a := range []*hcl.Attribute{raw.MaxHops, raw.TTL} {
			if d.given(a) && d.known(raw.Multihop) {
				d.problem(a.Expr.Range(), a.Name+" is for sessions across routers: packets of a single hop leave and arrive with TTL 255 (RFC 5881 section 5)",
					"remove it, or add multihop = true")
			}
		}
		return
	}
	if d.given(raw.Interface) {
		d.problem(raw.Interface.Expr.Range(), "interface contradicts multihop = true: packets across routers follow the routes", "remove interface, or multihop")
	}
	hops, ttl := bfd.HopsDefault, bfd.MaxTTL
	d.number(raw.MaxHops, 1, bfd.MaxTTL-1, "", &hops)
	d.number(raw.TTL, 1, bfd.MaxTTL, "", &ttl)
	s.MinTTL, s.TTL = uint8(bfd.MaxTTL-hops), uint8(ttl)
}

// bfdCollision reports a session that cannot be told from another by the neighbour's first packet.
func (d *decoder) bfdCollision(s bfdSession, others []bfdSession) {
	for _, o := range others {
		if s.Collides(o.Config) {
			d.problem(s.raw.Neighbor.Expr.Range(), fmt.Sprintf("neighbor %s has a session already, %s at %s", s.Neighbor, o.name, place(o.raw.Neighbor.Expr.Range())),
				"remove one: any number of instances may track it; or give both another source or interface")
			return
		}
	}
	if err := s.Validate(); err != nil { // the net under the checks above
		d.problem(s.raw.Place, s.name+": "+strings.ReplaceAll(err.Error(), "\n", "; "), "")
	}
}

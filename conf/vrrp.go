package conf

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/vrrp"
)

// rawRouter is a vrrp_instance block.
type rawRouter struct {
	Name       string             `hcl:"name,label"`
	NameRange  hcl.Range          `hcl:"name,label_range"`
	Place      hcl.Range          `hcl:",def_range"`
	Interface  *hcl.Attribute     `hcl:"interface,optional"`
	VRID       *hcl.Attribute     `hcl:"virtual_router_id,optional"`
	Priority   *hcl.Attribute     `hcl:"priority,optional"`
	Version    *hcl.Attribute     `hcl:"version,optional"`
	Interval   *hcl.Attribute     `hcl:"advert_interval,optional"`
	Preempt    *hcl.Attribute     `hcl:"preempt,optional"`
	LastAdvert *hcl.Attribute     `hcl:"higher_priority_advert,optional"`
	Checksum   *hcl.Attribute     `hcl:"checksum,optional"`
	Accept     *hcl.Attribute     `hcl:"accept,optional"`
	Source     *hcl.Attribute     `hcl:"source,optional"`
	Addresses  *hcl.Attribute     `hcl:"virtual_addresses,optional"`
	LinkFirst  *hcl.Attribute     `hcl:"link_local_first,optional"`
	Address    []rawAddress       `hcl:"virtual_address,block"`
	OnLoss     *hcl.Attribute     `hcl:"on_address_lost,optional"`
	OwnLink    *hcl.Attribute     `hcl:"track_primary,optional"`
	Promote    *hcl.Attribute     `hcl:"promote_secondaries,optional"`
	Verify     *hcl.Attribute     `hcl:"verify_addresses,optional"`
	Routes     []rawRoute         `hcl:"route,block"`
	Rules      []rawRule          `hcl:"rule,block"`
	Unicast    *rawUnicast        `hcl:"unicast,block"`
	Auth       *rawAuthentication `hcl:"authentication,block"`
	HMAC       *rawHMAC           `hcl:"hmac,block"`
	Announce   *rawAnnounce       `hcl:"garp,block"`
	VMAC       *rawVMAC           `hcl:"vmac,block"`
	Track      *rawTrack          `hcl:"track,block"`
	RA         *rawAdvertisement  `hcl:"router_advertisement,block"`

	PreemptDelay *hcl.Attribute `hcl:"preempt_delay,optional"`
	DownAdverts  *hcl.Attribute `hcl:"down_timer_adverts,optional"`
	LowerAdvert  *hcl.Attribute `hcl:"lower_priority_advert,optional"`
	OwnerIgnores *hcl.Attribute `hcl:"owner_ignore_adverts,optional"`
	Mismatch     *hcl.Attribute `hcl:"interval_mismatch,optional"`
	TrackSource  *hcl.Attribute `hcl:"track_source,optional"`
	Strict       *hcl.Attribute `hcl:"strict,optional"`
	Group        *hcl.Attribute `hcl:"multicast_group,optional"`
	AllowNone    *hcl.Attribute `hcl:"allow_no_addresses,optional"`
}

// rawUnicast is the unicast block.
type rawUnicast struct {
	Place  hcl.Range      `hcl:",def_range"`
	Source *hcl.Attribute `hcl:"source,optional"`
	Peers  *hcl.Attribute `hcl:"peers,optional"`
	TTL    *hcl.Attribute `hcl:"ttl,optional"`
	Peer   []rawPeer      `hcl:"peer,block"`
}

// rawAuthentication is the authentication block.
type rawAuthentication struct {
	Place    hcl.Range      `hcl:",def_range"`
	Type     *hcl.Attribute `hcl:"type,optional"`
	Password *hcl.Attribute `hcl:"password,optional"`
}

// A router is a vrrp_instance under construction.
type router struct {
	*vrrp.Config
	raw  *rawRouter
	name string      // `vrrp_instance "web"`, as messages begin
	vips []hcl.Range // where Addresses[i] is written

	versioned bool // Version is what the file says
	strict    bool // strict = true
	unread    bool // an address is missing among Addresses, because it is none
	sound     bool // nothing in the block is wrong
}

// routers builds the virtual routers, in file order.
func (d *decoder) routers(raw []rawRouter) []*vrrp.Config {
	var out []*vrrp.Config
	var all []*router
	names := map[string]hcl.Range{}
	for i := range raw {
		d.name("vrrp_instance", raw[i].Name, raw[i].NameRange, names)
		r := d.router(&raw[i])
		all, out = append(all, r), append(out, r.Config)
	}
	d.checkVRIDs(all)
	d.checkHolders(all)
	d.checkVMACs(all)
	d.checkDelays(all)
	return out
}

func (d *decoder) router(raw *rawRouter) *router {
	r := &router{raw: raw, name: fmt.Sprintf("vrrp_instance %q", raw.Name), Config: &vrrp.Config{
		Name: raw.Name, Version: vrrp.V3, Priority: vrrp.PriorityDefault, AdvertInterval: time.Second, Announce: vrrp.AnnounceDefault,
	}}
	before := len(d.diags)
	d.routerIdentity(r)
	d.routerTiming(r)
	d.routerAddresses(r)
	d.routerHeld(r)
	d.routerPath(r)
	d.routerFamily(r)
	d.routerRA(r)
	d.routerAuth(r)
	d.routerHMAC(r)
	d.routerAnnounce(r)
	d.routerOptions(r)
	d.strictAnnounce(r)
	d.routerVMAC(r)
	d.routerAccept(r)
	d.routerTrack(r)
	r.sound = len(d.diags) == before
	d.validate(r)
	return r
}

// validate is the net under the checks above: what they let through, the protocol's own rules must not.
func (d *decoder) validate(r *router) {
	if !r.sound || d.undecoded || r.Interface == "" || r.VRID == 0 || r.unknown(d) {
		return
	}
	if err := r.Validate(); err != nil {
		for line := range strings.Lines(err.Error()) {
			d.problem(r.raw.Place, r.name+": "+strings.TrimSpace(line), "")
		}
	}
}

// unknown reports whether a value of the block comes from a mistake elsewhere.
func (r *router) unknown(d *decoder) bool {
	for _, a := range []*hcl.Attribute{r.raw.Interval, r.raw.Version, r.raw.Priority, r.raw.Checksum, r.raw.Addresses, r.raw.Preempt} {
		if _, _, ok := d.value(a); !ok {
			return true
		}
	}
	return false
}

func (d *decoder) routerIdentity(r *router) {
	raw := r.raw
	if d.required(raw.Interface, raw.Place, r.name, "interface", `"eth0", the interface that adverts are sent and heard on`) {
		d.device(raw.Interface, &r.Interface)
	}
	vrid := 0
	if d.required(raw.VRID, raw.Place, r.name, "virtual_router_id", "51, the same number (1 to 255) on all routers of the address") {
		d.number(raw.VRID, 1, 255, "", &vrid)
	}
	priority := vrrp.PriorityDefault
	d.number(raw.Priority, 1, vrrp.PriorityOwner, "write 1 to 254; 255 is only for the router that has the address as its own", &priority)
	r.VRID, r.Priority = uint8(vrid), uint8(priority)

	version := 3
	r.versioned = d.number(raw.Version, 2, 3, "", &version)
	r.Version = vrrp.Version(version)
	preempt, last := true, true
	d.flag(raw.Preempt, &preempt)
	d.flag(raw.LastAdvert, &last)
	r.NoPreempt, r.QuietYield = !preempt, !last
	if r.NoPreempt && r.Priority == vrrp.PriorityOwner {
		d.problem(raw.Preempt.Expr.Range(), "preempt = false contradicts priority 255: the owner of an address always takes it",
			"remove preempt = false, or write priority = 254")
	}
}

// maxDevice is how long the name of an interface may be, in bytes: IFNAMSIZ of linux/if.h without the zero.
const maxDevice = 15

// device reads the name of an interface.
func (d *decoder) device(a *hcl.Attribute, into *string) {
	name := ""
	if !d.text(a, "eth0", &name) || name == "" {
		return
	}
	if d.deviceName(a.Name, name, a.Expr.Range()) {
		*into = name
	}
}

// deviceName reports a text that cannot be the name of an interface.
func (d *decoder) deviceName(keyword, name string, at hcl.Range) bool {
	bad := strings.ContainsFunc(name, func(r rune) bool { return r == '/' || r == ':' || unicode.IsSpace(r) })
	if name != "" && len(name) <= maxDevice && !bad && name != "." && name != ".." {
		return true
	}
	d.problem(at, fmt.Sprintf("%s %s is not the name of an interface (1 to %d bytes, without / : and blanks)", keyword, quote(name), maxDevice),
		"`ip link` lists the names that this host has")
	return false
}

func (d *decoder) routerTiming(r *router) {
	within := span{low: vrrp.MinAdvertInterval, high: vrrp.MaxAdvertInterval, step: vrrp.MinAdvertInterval}
	if r.Version == vrrp.V2 {
		within = span{low: time.Second, high: vrrp.MaxAdvertIntervalV2, step: time.Second}
	}
	var t time.Duration
	ok := d.duration(r.raw.Interval, span{low: 1, high: 1<<63 - 1}, &t)
	switch {
	case !ok || t == 0 || !r.versioned:
	case within.holds(t):
		r.AdvertInterval = t
	case r.Version == vrrp.V2:
		d.problem(r.raw.Interval.Expr.Range(), fmt.Sprintf("advert_interval is %s, version 2 knows whole seconds from 1s to 255s only", short(t)),
			fmt.Sprintf("write advert_interval = %q, or version = 3, on all routers of the address", nearest(t, within)))
	default:
		d.problem(r.raw.Interval.Expr.Range(), fmt.Sprintf("advert_interval is %s, want %s", short(t), within),
			fmt.Sprintf("write advert_interval = %q, for example", nearest(t, within)))
	}
}

// routerPath reads how adverts travel: multicast or unicast, from which address, and with which checksum.
func (d *decoder) routerPath(r *router) {
	raw := r.raw
	forms := []vrrp.Form{vrrp.FormAuto, vrrp.FormPseudoHeader, vrrp.FormMessage}
	choice(d, raw.Checksum, []string{"auto", "pseudo-header", "message"}, forms, &r.Checksum)
	if r.Version == vrrp.V2 && r.Checksum == vrrp.FormPseudoHeader {
		d.problem(raw.Checksum.Expr.Range(), "version 2 has one form of checksum, over the message only", "remove checksum, or write version = 3")
	}
	d.hostOfEither(raw.Source, "10.0.0.1", &r.Source)
	source := raw.Source
	if u := raw.Unicast; u != nil {
		if d.given(u.Source) {
			if d.given(raw.Source) {
				d.problem(raw.Source.Expr.Range(), "source is set twice, here and in unicast", "remove this one")
			}
			source = u.Source
			d.hostOfEither(u.Source, "10.0.0.1", &r.Source)
		}
		d.peers(r, u)
	}
	if i := slices.IndexFunc(r.Addresses, func(a vrrp.Address) bool { return a.Prefix.Addr() == r.Source }); i >= 0 && r.Priority != vrrp.PriorityOwner {
		d.problem(source.Expr.Range(), fmt.Sprintf("source %s is one of the virtual addresses, which a backup does not have", r.Source),
			"write an address that this host always has, or leave source out for the interface's primary one")
	}
}

func (d *decoder) peers(r *router, u *rawUnicast) {
	d.peerBlocks(r, u)
	if len(u.Peer) > 0 && u.Peers == nil {
		return
	}
	if !d.required(u.Peers, u.Place, "unicast in "+r.name, "peers", `["10.0.0.2"], the addresses of all other routers`) {
		return
	}
	list, ok := d.list(u.Peers, "10.0.0.2")
	if ok && len(list) == 0 && d.known(u.Peers) {
		d.problem(u.Peers.Expr.Range(), "peers is empty: nobody would hear this router", `write peers = ["10.0.0.2"], or remove unicast { } for multicast`)
	}
	for _, e := range list {
		var peer netip.Addr
		if !ok || !d.parseEither("peer", e.text, e.at, "10.0.0.2", &peer) {
			continue
		}
		d.addPeer(r, peer, e.at)
	}
}

// addPeer adds a peer that is written at a place, unless it cannot be one.
func (d *decoder) addPeer(r *router, peer netip.Addr, at hcl.Range) {
	switch {
	case len(r.Addresses) > 0 && vrrp.FamilyOf(peer) != r.Family():
		d.problem(at, fmt.Sprintf("peer %s is %s, the virtual addresses are %s", peer, vrrp.FamilyOf(peer), r.Family()),
			fmt.Sprintf("write the %s address of that router", r.Family()))
		return
	case slices.Contains(r.Peers, peer):
		d.problem(at, fmt.Sprintf("peer %s is named twice", peer), "remove one")
	case peer == r.Source:
		d.problem(at, fmt.Sprintf("peer %s is this router's own source", peer), "name the other routers only")
	case slices.ContainsFunc(r.Addresses, func(a vrrp.Address) bool { return a.Prefix.Addr() == peer }):
		d.problem(at, fmt.Sprintf("peer %s is one of the virtual addresses, which moves", peer), "name the address that the other router always has")
	}
	r.Peers = append(r.Peers, peer)
}

// known reports whether the value of an attribute does not come from a mistake elsewhere.
func (d *decoder) known(a *hcl.Attribute) bool {
	_, _, ok := d.value(a)
	return ok
}

func (d *decoder) routerAuth(r *router) {
	auth := r.raw.Auth
	if auth == nil {
		return
	}
	if r.Version == vrrp.V3 && r.versioned {
		d.problem(auth.Place, "version 3 has no password authentication (RFC 9568 section 9)", "remove authentication { }, or write version = 2 on all routers of the address")
		return
	}
	if d.required(auth.Type, auth.Place, "authentication in "+r.name, "type", `"pass"`) {
		choice(d, auth.Type, []string{"pass", "ah"}, []bool{false, true}, &r.AH)
	}
	if !d.required(auth.Password, auth.Place, "authentication in "+r.name, "password", "…, 1 to 8 characters, the same on all routers of the address") {
		return
	}
	v, set, ok := d.secret(auth.Password)
	if !set || !ok {
		return
	}
	if len(v) == 0 || len(v) > vrrp.MaxPassword || strings.ContainsRune(v, 0) {
		d.problem(auth.Password.Expr.Range(), fmt.Sprintf("the password has %d bytes, want 1 to %d", len(v), vrrp.MaxPassword),
			"shorten it; keepalived uses the first 8 and drops the rest")
		return
	}
	r.Password = v
}

// secret reads text that no message may quote.
func (d *decoder) secret(a *hcl.Attribute) (text string, set, ok bool) {
	v, set, ok := d.value(a)
	if !set || !ok {
		return "", set, ok
	}
	switch v.Type() {
	case cty.String:
		return v.AsString(), true, true
	case cty.Number:
		d.problem(a.Expr.Range(), a.Name+" is a number, which may not come out as it is written", "write it between quotes")
	default:
		d.problem(a.Expr.Range(), a.Name+" is not text", "write it between quotes")
	}
	return "", true, false
}

// checkVRIDs reports virtual routers that would hear each other's adverts as their own.
func (d *decoder) checkVRIDs(all []*router) {
	type spot struct {
		device string
		vrid   uint8
	}
	seen := map[spot][]*router{}
	for _, r := range all {
		if r.Interface == "" || r.VRID == 0 || (r.raw.Unicast != nil && !r.Unicast()) {
			continue // what is wrong there is reported, and what follows from it is not
		}
		reported := false
		for _, device := range r.Interfaces() {
			at := spot{device, r.VRID}
			if !reported {
				reported = d.checkVRID(r, device, seen[at])
			}
			seen[at] = append(seen[at], r)
		}
	}
}

// checkVRID reports that r has the VRID of one of others on a device, if it has.
func (d *decoder) checkVRID(r *router, device string, others []*router) (reported bool) {
	i := slices.IndexFunc(others, func(o *router) bool { return r.Clashes(o.Config) })
	if i < 0 {
		return false
	}
	other := others[i]
	d.problem(r.raw.VRID.Expr.Range(), fmt.Sprintf("virtual_router_id %d on %s is taken by %s at %s", r.VRID, device, other.name, place(other.raw.VRID.Expr.Range())),
		"give this one another number, on all its routers; two of one number need unicast to different peers")
	return true
}

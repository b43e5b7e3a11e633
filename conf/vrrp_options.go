package conf

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/vrrp"
)

// rawPeer is a peer block in unicast.
type rawPeer struct {
	Address      string         `hcl:"address,label"`
	AddressRange hcl.Range      `hcl:"address,label_range"`
	MinTTL       *hcl.Attribute `hcl:"min_ttl,optional"`
	MaxTTL       *hcl.Attribute `hcl:"max_ttl,optional"`
	Checksum     *hcl.Attribute `hcl:"checksum,optional"`
	Paths        []rawPath      `hcl:"path,block"`
}

// routerOptions reads what keepalived adds to the protocol.
func (d *decoder) routerOptions(r *router) {
	raw := r.raw
	d.duration(raw.PreemptDelay, span{low: time.Millisecond, high: vrrp.MaxPreemptDelay, zero: "no delay"}, &r.PreemptDelay)
	d.number(raw.DownAdverts, 1, vrrp.MaxDownAdverts, "3 is what RFC 9568 has; the other routers need the same", &r.DownAdverts)
	answer := true
	d.flag(raw.LowerAdvert, &answer)
	r.QuietLower = !answer
	d.flag(raw.OwnerIgnores, &r.OwnerIgnores)
	d.flag(raw.TrackSource, &r.TrackSource)
	choice(d, raw.Mismatch, []string{"ignore", "alive"}, []vrrp.Mismatch{vrrp.MismatchIgnore, vrrp.MismatchAlive}, &r.Interval)
	d.multicastGroup(r)
	d.optionContradictions(r)
	d.strict(r)
}

// optionContradictions reports options that mean nothing beside the rest.
func (d *decoder) optionContradictions(r *router) {
	raw := r.raw
	switch {
	case r.PreemptDelay > 0 && r.NoPreempt:
		d.problem(raw.PreemptDelay.Expr.Range(), "preempt_delay contradicts preempt = false: without preemption there is nothing to delay",
			"remove one of the two")
	case r.PreemptDelay > 0 && r.Priority == vrrp.PriorityOwner:
		d.problem(raw.PreemptDelay.Expr.Range(), "preempt_delay contradicts priority 255: the owner of an address always takes it at once",
			"remove preempt_delay, or write priority = 254")
	}
	if r.OwnerIgnores && r.Priority != vrrp.PriorityOwner {
		d.problem(raw.OwnerIgnores.Expr.Range(), fmt.Sprintf("owner_ignore_adverts is for the owner of the address, and the priority is %d", r.Priority),
			"remove it; it is for priority = 255")
	}
	if r.Interval != vrrp.MismatchIgnore && r.Version == vrrp.V3 && r.versioned {
		d.problem(raw.Mismatch.Expr.Range(), "interval_mismatch is for version 2: version 3 learns the interval of the master", "remove it")
	}
	if r.AllowNoAddresses && r.Version == vrrp.V2 && r.versioned {
		d.problem(raw.AllowNone.Expr.Range(), "allow_no_addresses is for version 3: an advert of version 2 names at least one address", "remove it, or write version = 3 on all routers")
	}
	if r.TrackSource && !r.Source.IsValid() {
		d.problem(raw.TrackSource.Expr.Range(), "track_source without source: there is no address to look for", `write source = "10.0.0.1", or remove track_source`)
	}
}

// strict makes the router keep to RFC 9568, and refuses what the RFC does not know.
func (d *decoder) strict(r *router) {
	raw := r.raw
	if d.flag(raw.Strict, &r.strict); !r.strict {
		return
	}
	refuse := func(at hcl.Range, what, hint string) {
		d.problem(at, "strict = true contradicts "+what, hint+", or strict")
	}
	if raw.Unicast != nil {
		refuse(raw.Unicast.Place, "unicast { }, which RFC 9568 does not know", "remove it")
	}
	if raw.Auth != nil {
		refuse(raw.Auth.Place, "authentication { }, which RFC 3768 removed", "remove it")
	}
	if h := r.HMAC; h != nil && h.Mode != vrrp.HMACEnforce {
		refuse(raw.HMAC.Mode.Expr.Range(), fmt.Sprintf("hmac with mode %q", h.Mode), `write mode = "enforce"`)
	}
	for _, option := range []struct {
		a   *hcl.Attribute
		bad bool
	}{
		{raw.PreemptDelay, r.PreemptDelay > 0},
		{raw.DownAdverts, r.DownAdverts != 0 && r.DownAdverts != vrrp.DownAdvertsDefault},
		{raw.LastAdvert, d.given(raw.LastAdvert) && !r.QuietYield},
		{raw.LowerAdvert, r.QuietLower},
		{raw.AllowNone, r.AllowNoAddresses},
		{raw.Group, r.Group.IsValid() && r.Group != r.Family().Group()},
		{raw.Mismatch, r.Interval != vrrp.MismatchIgnore},
		{raw.Checksum, r.Checksum == vrrp.FormPseudoHeader},
		{raw.LinkFirst, d.given(raw.LinkFirst) && r.GlobalFirst},
	} {
		if option.bad && option.a != nil {
			refuse(option.a.Expr.Range(), option.a.Name+" as it is here", "remove it")
		}
	}
	r.QuietYield, r.OwnerIgnores = true, r.Priority == vrrp.PriorityOwner
	if r.Version == vrrp.V3 && r.Family() == vrrp.IPv4 {
		r.Checksum = vrrp.FormMessage
	}
}

// strictAnnounce is what the RFC has: one gratuitous ARP for each address.
func (d *decoder) strictAnnounce(r *router) {
	if r.strict && r.raw.Announce == nil && d.announce == nil {
		r.Announce = vrrp.Announce{Repeat: 1}
	}
}

// peerBlocks reads the peers that have a block of their own.
func (d *decoder) peerBlocks(r *router, u *rawUnicast) {
	ttl := 0
	if d.number(u.TTL, 1, vrrp.TTL, "255 is the default; a lower one keeps adverts from travelling far", &ttl) {
		r.TTL = uint8(ttl)
	}
	for i := range u.Peer {
		raw := &u.Peer[i]
		var peer netip.Addr
		if !d.parseEither("peer", raw.Address, raw.AddressRange, "10.0.0.2", &peer) {
			continue
		}
		d.addPeer(r, peer, raw.AddressRange)
		d.peerTTL(r, raw, peer)
		d.peerForm(r, raw, peer)
		d.peerPaths(r, raw, peer)
	}
}

func (d *decoder) peerTTL(r *router, raw *rawPeer, peer netip.Addr) {
	low, high := 0, vrrp.TTL
	const hint = "a TTL: 255 is a neighbour's, 254 that of one router away"
	if !d.number(raw.MinTTL, 0, vrrp.TTL, hint, &low) || !d.number(raw.MaxTTL, 1, vrrp.TTL, hint, &high) {
		return
	}
	if high < low {
		d.problem(raw.MaxTTL.Expr.Range(), fmt.Sprintf("max_ttl %d is less than min_ttl %d: no advert would be admitted", high, low), "swap the two")
		return
	}
	if d.given(raw.MinTTL) || d.given(raw.MaxTTL) {
		if r.PeerTTL == nil {
			r.PeerTTL = map[netip.Addr]vrrp.TTLRange{}
		}
		r.PeerTTL[peer] = vrrp.TTLRange{Min: uint8(low), Max: uint8(high)}
	}
}

package conf

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/vrrp"
)

// rawAdvertisement is a router_advertisement block.
type rawAdvertisement struct {
	Place       hcl.Range      `hcl:",def_range"`
	Interval    *hcl.Attribute `hcl:"interval,optional"`
	MinInterval *hcl.Attribute `hcl:"min_interval,optional"`
	Lifetime    *hcl.Attribute `hcl:"lifetime,optional"`
	Preference  *hcl.Attribute `hcl:"preference,optional"`
	HopLimit    *hcl.Attribute `hcl:"hop_limit,optional"`
	Managed     *hcl.Attribute `hcl:"managed,optional"`
	Other       *hcl.Attribute `hcl:"other,optional"`
	Reachable   *hcl.Attribute `hcl:"reachable_time,optional"`
	Retransmit  *hcl.Attribute `hcl:"retransmit_timer,optional"`
	MTU         *hcl.Attribute `hcl:"mtu,optional"`
	DNS         *hcl.Attribute `hcl:"dns_servers,optional"`
	Search      *hcl.Attribute `hcl:"dns_search,optional"`
	DNSLifetime *hcl.Attribute `hcl:"dns_lifetime,optional"`
	Prefixes    []rawPrefix    `hcl:"prefix,block"`
}

// rawPrefix is a prefix block.
type rawPrefix struct {
	Prefix      string         `hcl:"prefix,label"`
	PrefixRange hcl.Range      `hcl:"prefix,label_range"`
	OnLink      *hcl.Attribute `hcl:"on_link,optional"`
	Autonomous  *hcl.Attribute `hcl:"autonomous,optional"`
	Valid       *hcl.Attribute `hcl:"valid_lifetime,optional"`
	Preferred   *hcl.Attribute `hcl:"preferred_lifetime,optional"`
}

// longest is the longest lifetime that is not for ever: 32 bits of seconds, of which the last value has that meaning.
const longest = (1<<32 - 2) * time.Second

// routerRA reads the router_advertisement block.
func (d *decoder) routerRA(r *router) {
	raw := r.raw.RA
	if raw == nil {
		return
	}
	if len(r.Addresses) > 0 && r.Family() != vrrp.IPv6 {
		d.problem(raw.Place, "router_advertisement is about IPv6, and the virtual addresses are IPv4", "move it to the IPv6 instance of the network")
		return
	}
	interval := 600 * time.Second
	d.duration(raw.Interval, span{low: vrrp.MinRAInterval, high: vrrp.MaxRAInterval, step: time.Second}, &interval)
	ra := vrrp.DefaultRA(interval)
	r.RA = &ra
	d.duration(raw.MinInterval, span{low: 3 * time.Second, high: interval * 3 / 4}, &ra.MinInterval)
	d.duration(raw.Lifetime, span{low: interval, high: vrrp.MaxRALifetime, step: time.Second, zero: "no default router"}, &ra.Lifetime)
	d.routerRAHints(raw, &ra)
	d.routerRADNS(raw, &ra)
	for i := range raw.Prefixes {
		d.routerRAPrefix(&raw.Prefixes[i], &ra)
	}
}

// routerRAHints reads how hosts are to send.
func (d *decoder) routerRAHints(raw *rawAdvertisement, ra *vrrp.RouterAdvertisement) {
	choice(d, raw.Preference, []string{"low", "medium", "high"},
		[]vrrp.Preference{vrrp.PreferenceLow, vrrp.PreferenceMedium, vrrp.PreferenceHigh}, &ra.Preference)
	hops, mtu := int(ra.HopLimit), 0
	d.number(raw.HopLimit, 0, 255, "0 leaves it to the hosts", &hops)
	d.number(raw.MTU, vrrp.MinIPv6MTU, 65535, "", &mtu)
	ra.HopLimit, ra.MTU = uint8(hops), uint32(mtu)
	d.flag(raw.Managed, &ra.Managed)
	d.flag(raw.Other, &ra.Other)
	d.duration(raw.Reachable, span{low: time.Millisecond, high: time.Hour, zero: "the hosts decide"}, &ra.Reachable)
	d.duration(raw.Retransmit, span{low: time.Millisecond, high: time.Hour, zero: "the hosts decide"}, &ra.Retransmit)
}

// routerRADNS reads the servers and domains that hosts resolve names with.
func (d *decoder) routerRADNS(raw *rawAdvertisement, ra *vrrp.RouterAdvertisement) {
	d.duration(raw.DNSLifetime, span{low: time.Second, high: longest, step: time.Second, zero: "no longer"}, &ra.DNSLifetime)
	list, ok := d.list(raw.DNS, "2001:db8::53")
	for _, e := range list {
		var a netip.Addr
		if !ok || !d.parseEither("DNS server", e.text, e.at, "2001:db8::53", &a) {
			continue
		}
		if vrrp.FamilyOf(a) != vrrp.IPv6 {
			d.problem(e.at, fmt.Sprintf("DNS server %s is IPv4", a), "write its IPv6 address; that of IPv4 comes by DHCP")
			continue
		}
		ra.DNS = append(ra.DNS, a)
	}
	list, ok = d.list(raw.Search, "example.net")
	for _, e := range list {
		if ok && (e.text == "" || len(e.text) > 253 || strings.ContainsAny(e.text, " /:") || strings.Contains(e.text, "..")) {
			d.problem(e.at, fmt.Sprintf("dns_search %s is not a domain", quote(e.text)), `write "example.net", for example`)
			continue
		}
		ra.Search = append(ra.Search, strings.TrimSuffix(e.text, "."))
	}
}

func (d *decoder) routerRAPrefix(raw *rawPrefix, ra *vrrp.RouterAdvertisement) {
	onLink, autonomous := true, true
	d.flag(raw.OnLink, &onLink)
	d.flag(raw.Autonomous, &autonomous)
	p := vrrp.AdvertisedPrefix{OffLink: !onLink, Managed: !autonomous, Valid: vrrp.DefaultPrefixValid, Preferred: vrrp.DefaultPrefixPreferred}
	d.duration(raw.Valid, span{low: time.Second, high: longest, step: time.Second, zero: "no longer"}, &p.Valid)
	p.Preferred = min(p.Preferred, p.Valid)
	d.duration(raw.Preferred, span{low: time.Second, high: p.Valid, step: time.Second, zero: "deprecated"}, &p.Preferred)
	prefix, err := netip.ParsePrefix(raw.Prefix)
	a := prefix.Addr()
	switch {
	case err != nil:
		d.problem(raw.PrefixRange, fmt.Sprintf("prefix %s is not address/length", quote(raw.Prefix)), `write prefix "2001:db8::/64" { }, for example`)
	case vrrp.FamilyOf(a) != vrrp.IPv6 || a.IsMulticast() || a.IsLinkLocalUnicast():
		d.problem(raw.PrefixRange, fmt.Sprintf("prefix %s is not one of IPv6 that hosts can have addresses of", prefix), `write prefix "2001:db8::/64" { }, for example`)
	case prefix != prefix.Masked():
		d.problem(raw.PrefixRange, fmt.Sprintf("prefix %s has bits beyond its length", prefix), fmt.Sprintf("write prefix %q", prefix.Masked()))
	case autonomous && prefix.Bits() != 64:
		d.problem(raw.PrefixRange, fmt.Sprintf("prefix %s: hosts make addresses of a /64 only", prefix), "write a /64, or autonomous = false")
	default:
		p.Prefix = prefix
		ra.Prefixes = append(ra.Prefixes, p)
	}
}

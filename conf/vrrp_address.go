package conf

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/vrrp"
)

// rawAddress is a virtual_address block, the long form of an element of virtual_addresses.
type rawAddress struct {
	Address      string         `hcl:"address,label"`
	AddressRange hcl.Range      `hcl:"address,label_range"`
	Interface    *hcl.Attribute `hcl:"interface,optional"`
	Label        *hcl.Attribute `hcl:"label,optional"`
	Advertised   *hcl.Attribute `hcl:"advertised,optional"`
	Scope        *hcl.Attribute `hcl:"scope,optional"`
	Broadcast    *hcl.Attribute `hcl:"broadcast,optional"`
	Peer         *hcl.Attribute `hcl:"peer,optional"`
	DAD          *hcl.Attribute `hcl:"dad,optional"`
	Home         *hcl.Attribute `hcl:"home,optional"`
	Temporary    *hcl.Attribute `hcl:"manage_temporary,optional"`
	NoRoute      *hcl.Attribute `hcl:"noprefixroute,optional"`
	AutoJoin     *hcl.Attribute `hcl:"autojoin,optional"`
	Preferred    *hcl.Attribute `hcl:"preferred_lifetime,optional"`
	Metric       *hcl.Attribute `hcl:"metric,optional"`
	Track        *hcl.Attribute `hcl:"track,optional"`
}

const vipExample = "192.0.2.10/24"

// routerAddresses reads the virtual addresses, short forms first.
func (d *decoder) routerAddresses(r *router) {
	raw := r.raw
	before := len(d.diags)
	d.flag(raw.AllowNone, &r.AllowNoAddresses)
	list, ok := d.list(raw.Addresses, vipExample)
	for _, e := range list {
		var a vrrp.Address
		if !ok || !d.virtualAddress(e.text, e.at, &a.Prefix) {
			r.unread = true
			continue
		}
		d.addAddress(r, a, e.at)
	}
	for _, long := range raw.Address {
		a := vrrp.Address{}
		device := r.Interface
		if raw.VMAC != nil {
			device = "" // the address is on one that is made for it
		}
		if !d.addressBlock(&long, device, &a) {
			r.unread = true
			continue
		}
		d.addAddress(r, a, long.AddressRange)
	}
	if len(d.diags) == before && d.known(raw.Addresses) && !d.undecoded {
		d.checkAdvertised(r)
	}
}

// longForm reads what only the long form says.
func (d *decoder) longForm(raw *rawAddress, a *vrrp.Address) bool {
	before := len(d.diags)
	d.device(raw.Interface, &a.Interface)
	d.text(raw.Label, "eth1:web", &a.Label)
	if len(a.Label) > maxDevice || strings.ContainsFunc(a.Label, unicode.IsSpace) {
		d.problem(raw.Label.Expr.Range(), fmt.Sprintf("label %s is not 1 to %d bytes without blanks", quote(a.Label), maxDevice), `write label = "eth1:web", for example`)
	}
	advertised := true
	d.flag(raw.Advertised, &advertised)
	a.Excluded = !advertised
	return len(d.diags) == before
}

// addAddress appends an address that the router does not have yet.
func (d *decoder) addAddress(r *router, a vrrp.Address, at hcl.Range) {
	for i, other := range r.Addresses {
		if other.Prefix.Addr() == a.Prefix.Addr() && other.Interface == a.Interface {
			d.problem(at, fmt.Sprintf("virtual address %s is named twice", a.Prefix.Addr()), fmt.Sprintf("the first is at %s: remove one", place(r.vips[i])))
			return
		}
	}
	r.Addresses, r.vips = append(r.Addresses, a), append(r.vips, at)
}

// checkAdvertised checks how many addresses an advert would name.
func (d *decoder) checkAdvertised(r *router) {
	n := len(r.Advertised())
	limit := vrrp.MaxAddresses
	if n > 0 && r.Family() == vrrp.IPv6 {
		limit = vrrp.MaxAddresses6
	}
	switch {
	case n > limit:
		d.leaveOut(r, n, limit)
	case r.AllowNoAddresses:
	case len(r.Addresses) == 0:
		d.missing(r.raw.Place, r.name, "virtual_addresses", fmt.Sprintf("[%q]", vipExample))
	case n == 0:
		d.problem(r.raw.Place, r.name+" advertises none of its addresses, an advert names at least one", "remove advertised = false from one of them, or write allow_no_addresses = true, on all routers")
	}
}

// leaveOut keeps what an advert has no room for out of it, as keepalived does. These addresses move along all the same.
func (d *decoder) leaveOut(r *router, n, limit int) {
	d.warn(r.raw.Place, fmt.Sprintf("%s has %d addresses to advertise, an advert holds %d: the last %d are not advertised", r.name, n, limit, n-limit),
		`they move along all the same; write them as virtual_address "…" { advertised = false } to say so`)
	for i := len(r.Addresses) - 1; n > limit; i-- {
		if !r.Addresses[i].Excluded {
			r.Addresses[i].Excluded = true
			n--
		}
	}
}

// virtualAddress parses "192.0.2.10/24"; without a length it is /32, and /128 for IPv6.
func (d *decoder) virtualAddress(text string, at hcl.Range, into *netip.Prefix) bool {
	host, length, found := strings.Cut(text, "/")
	var addr netip.Addr
	if !d.parseEither("virtual address", host, at, vipExample, &addr) {
		return false
	}
	if !found {
		*into = netip.PrefixFrom(addr, addr.BitLen())
		return true
	}
	if addr.Is6() {
		return d.prefix6(addr, length, at, into)
	}
	p, err := netip.ParsePrefix(addr.String() + "/" + length)
	if err != nil || p.Bits() == 0 {
		d.problem(at, fmt.Sprintf("the prefix length of virtual address %s is %s, want 1 to 32", addr, quote(length)),
			fmt.Sprintf("write %q, with the length that the network has", addr.String()+"/24"))
		return false
	}
	if p.Bits() < 31 && (addr == p.Masked().Addr() || addr == lastOf(p)) {
		d.problem(at, fmt.Sprintf("virtual address %s is the %s address of its network", text, map[bool]string{true: "network", false: "broadcast"}[addr == p.Masked().Addr()]),
			"write the address of a host, neither the first nor the last one of the network, or /32 if the network is larger")
		return false
	}
	*into = p
	return true
}

// lastOf is the last address of a prefix, the broadcast address of an IPv4 one.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

// checkHolders reports addresses that two instances would add to and remove from one interface.
func (d *decoder) checkHolders(all []*router) {
	type held struct {
		device string
		addr   netip.Addr
	}
	type holder struct {
		*router
		at hcl.Range
	}
	seen := map[held]holder{}
	for _, r := range all {
		for i, a := range r.Addresses {
			key := held{a.Interface, a.Prefix.Addr()}
			if key.device == "" {
				key.device = r.Interface
			}
			first, again := seen[key]
			if again && first.router != r {
				d.problem(r.vips[i], fmt.Sprintf("virtual address %s on %s is held by %s at %s already", key.addr, key.device, first.name, place(first.at)),
					"an address belongs to one instance: remove one")
				continue
			}
			seen[key] = holder{r, r.vips[i]}
		}
	}
}

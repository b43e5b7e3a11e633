package conf

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/vrrp"
)

// rawVMAC is the vmac block.
type rawVMAC struct {
	Place      hcl.Range      `hcl:",def_range"`
	Name       *hcl.Attribute `hcl:"name,optional"`
	Address    *hcl.Attribute `hcl:"address,optional"`
	FromBase   *hcl.Attribute `hcl:"send_from_base,optional"`
	Everywhere *hcl.Attribute `hcl:"all_interfaces,optional"`
}

// routerVMAC reads the vmac block.
func (d *decoder) routerVMAC(r *router) {
	raw := r.raw.VMAC
	if raw == nil {
		return
	}
	v := &vrrp.VMAC{Name: fmt.Sprintf("vrrp.%d", r.VRID), Address: vrrp.VirtualMAC(r.VRID, r.Family())}
	if r.Family() == vrrp.IPv6 {
		v.Name = fmt.Sprintf("vrrp6.%d", r.VRID)
	}
	d.device(raw.Name, &v.Name)
	d.hardwareAddress(raw.Address, &v.Address)
	d.flag(raw.FromBase, &v.SendFromBase)
	d.flag(raw.Everywhere, &v.Everywhere)
	r.VMAC = v
	if r.Unicast() && !v.SendFromBase {
		d.problem(raw.Place, "unicast adverts cannot come from the virtual hardware address: the other routers have it, too", "write send_from_base = true in vmac { }")
	}
	d.vmacNames(r, v)
}

// routerAccept reads whether packets to the virtual addresses are for this host.
func (d *decoder) routerAccept(r *router) {
	accept := true
	d.flag(r.raw.Accept, &accept)
	r.NoAccept = !accept
	if r.NoAccept && r.Priority == vrrp.PriorityOwner {
		d.problem(r.raw.Accept.Expr.Range(), "accept = false contradicts priority 255: the owner of an address accepts what is sent to it",
			"remove accept = false, or write priority = 254")
	}
}

// vmacNames checks the names that virtual addresses on other interfaces make.
func (d *decoder) vmacNames(r *router, v *vrrp.VMAC) {
	for i, a := range r.Addresses {
		if on := r.AddressInterface(a); v.Everywhere && len(on) > maxDevice {
			d.problem(r.vips[i], fmt.Sprintf("%s would have its virtual hardware address on an interface named %q, longer than %d bytes", a.Prefix, on, maxDevice),
				fmt.Sprintf("write a shorter name in vmac { }, such as %q", fmt.Sprintf("v%d", r.VRID)))
		}
	}
}

// hardwareAddress reads an Ethernet address that one interface can have.
func (d *decoder) hardwareAddress(a *hcl.Attribute, into *vrrp.MAC) {
	text := ""
	if !d.text(a, "00:00:5e:00:01:33", &text) || !d.given(a) {
		return
	}
	var m vrrp.MAC
	switch err := m.UnmarshalText([]byte(text)); {
	case err != nil:
		d.problem(a.Expr.Range(), fmt.Sprintf("address %s is not a hardware address", quote(text)), `write six bytes such as "00:00:5e:00:01:33"`)
	case m[0]&1 != 0 || m == vrrp.MAC{}:
		d.problem(a.Expr.Range(), fmt.Sprintf("address %s is not the address of one interface", m), "the first byte is even, and not all are zero; leave it out for that of RFC 9568")
	default:
		*into = m
	}
}

// checkVMACs reports virtual hardware addresses that two instances would make under one name.
func (d *decoder) checkVMACs(all []*router) {
	seen := map[string]*router{}
	for _, r := range all {
		if r.VMAC == nil {
			continue
		}
		at := r.raw.VMAC.Place
		if r.raw.VMAC.Name != nil {
			at = r.raw.VMAC.Name.Expr.Range()
		}
		if first := seen[r.VMAC.Name]; first != nil {
			d.problem(at, fmt.Sprintf("vmac name %q is taken by %s at %s", r.VMAC.Name, first.name, place(first.raw.VMAC.Place)),
				fmt.Sprintf("write another, such as name = %q", fmt.Sprintf("vrrp.%d.1", r.VRID)))
			continue
		}
		seen[r.VMAC.Name] = r
		if i := slices.IndexFunc(all, func(other *router) bool { return other.Interface == r.VMAC.Name }); i >= 0 {
			d.problem(at, fmt.Sprintf("vmac name %q is the interface of %s, and the virtual hardware address needs one of its own", r.VMAC.Name, all[i].name),
				"write a name that no interface has, or leave name out")
		}
	}
}

package vrrp

import (
	"cmp"
	"errors"
	"fmt"
	"net"
)

// maxInterfaceName is what the kernel keeps of the name of an interface, in bytes (IFNAMSIZ without the final zero).
const maxInterfaceName = 15

// A MAC is a hardware address of Ethernet.
type MAC [6]byte

// String returns the address as in "00:00:5e:00:01:33".
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// MarshalText returns the address as String does.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads six bytes in any form that net.ParseMAC knows, and returns its error, or one for another length.
func (m *MAC) UnmarshalText(b []byte) error {
	a, err := net.ParseMAC(string(b))
	if err != nil {
		return err
	}
	if len(a) != len(m) {
		return fmt.Errorf("hardware address %s has %d bytes, want %d", b, len(a), len(m))
	}
	copy(m[:], a)
	return nil
}

// VirtualMAC returns the hardware address of a virtual router, RFC 9568 section 7.3.
func VirtualMAC(vrid uint8, f Family) MAC {
	if f == IPv6 {
		return MAC{0x00, 0x00, 0x5e, 0x00, 0x02, vrid}
	}
	return MAC{0x00, 0x00, 0x5e, 0x00, 0x01, vrid}
}

// A VMAC gives a virtual router a hardware address that moves with it, RFC 9568 section 7.3: hosts keep their ARP entries over a change
// of the master. The kernel gets an interface for it, a macvlan on the router's interface, which holds the virtual addresses.
type VMAC struct {
	Name         string // of the interface, 1 to 15 bytes
	Address      MAC    // unicast; VirtualMAC unless the operator knows better
	SendFromBase bool   // adverts carry the hardware address of the router's interface, as unicast needs it
	Everywhere   bool   // virtual addresses on other interfaces have the virtual hardware address there, too
}

// SameVMAC reports whether a and b, which may be nil, say the same.
func SameVMAC(a, b *VMAC) bool { return a == b || a != nil && b != nil && *a == *b }

// validateVMAC checks what a virtual hardware address demands.
func (c *Config) validateVMAC() error {
	v := c.VMAC
	if v == nil {
		return nil
	}
	var errs []error
	if n := len(v.Name); n == 0 || n > maxInterfaceName || v.Name == c.Interface {
		errs = append(errs, fmt.Errorf("vmac name %q: want 1 to %d bytes, and another name than that of the interface", v.Name, maxInterfaceName))
	}
	if v.Address == (MAC{}) || v.Address[0]&1 != 0 {
		errs = append(errs, fmt.Errorf("vmac address %s is not the address of one interface: want an even first byte, and not all zero", v.Address))
	}
	for _, a := range c.Addresses {
		if on := c.AddressInterface(a); v.Everywhere && len(on) > maxInterfaceName {
			errs = append(errs, fmt.Errorf("vmac name %q is too long: %q for %s would have more than %d bytes", v.Name, on, a.Prefix, maxInterfaceName))
		}
	}
	if c.Unicast() && !v.SendFromBase {
		errs = append(errs, errors.New("unicast adverts with a virtual hardware address would come back to every router that has it: send them from the base"))
	}
	return errors.Join(errs...)
}

// AddressInterface returns the name of the interface that a lives on: with a VMAC, the one that has the virtual hardware address.
func (c *Config) AddressInterface(a Address) string {
	own := a.Interface == "" || a.Interface == c.Interface
	switch {
	case c.VMAC == nil:
		return cmp.Or(a.Interface, c.Interface)
	case own:
		return c.VMAC.Name
	case c.VMAC.Everywhere:
		return c.VMAC.On(a.Interface)
	}
	return a.Interface
}

// On returns the name of the interface that has the virtual hardware address for virtual addresses on another interface than the
// router's own.
func (v *VMAC) On(ifname string) string { return v.Name + "." + ifname }

package vrrp

import "slices"

// Remade says that a reload gave the router another VRID or version, or unicast for multicast: what was heard before was said to the router
// that it is no more, and who listens to the one that it is now has not heard it yet.
type Remade struct{}

func (Remade) event() {}

// stepRemade leaves a master in office: clients send to it, and a better one on the new VRID says so within an interval. A backup listens
// as one that has just started. Who is handing over goes on with that.
func stepRemade(c *Config, st State) (State, []Action) {
	switch {
	case st.Role == Backup:
		return begin(c, letGo(st, Init))
	case st.advertises():
		return st, []Action{Send{st.Priority}, AnnounceAddresses{}, Arm{c.AdvertInterval}}
	}
	return st, nil
}

// sameOnWire reports whether routers of a and b hear each other's adverts and take them for those of one virtual router.
func sameOnWire(a, b *Config) bool {
	return a.VRID == b.VRID && a.Version == b.Version && a.Unicast() == b.Unicast() && a.MulticastGroup() == b.MulticastGroup()
}

// GoesOn reports whether a reload may make next of the virtual router c while it runs, in its role: Member.Configure then takes it.
func (c *Config) GoesOn(next *Config) bool { return c.Bequeaths(next) && SameVMAC(c.VMAC, next.VMAC) }

// Bequeaths reports whether next, which takes the place of c on this host, may be master at once if c was: the interface and the address
// family stay, and with another VRID at least one of the addresses does.
func (c *Config) Bequeaths(next *Config) bool {
	if c.Interface != next.Interface || c.Family() != next.Family() {
		return false
	}
	return c.VRID == next.VRID || slices.ContainsFunc(c.Addresses, func(a Address) bool {
		return slices.ContainsFunc(next.Addresses, func(b Address) bool { return a.Prefix.Addr() == b.Prefix.Addr() })
	})
}

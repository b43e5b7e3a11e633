package kernel

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Values of IFA_PROTO, which says who added an address. The kernel keeps it since 5.18.
const (
	protoOurs       = 112 // the protocol number of VRRP
	protoKeepalived = 18  // both daemons may run on one host during a migration
)

// Values of IFLA_OPERSTATE, RFC 2863 section 6, under which an interface whose driver sees a carrier carries nothing all the same.
const (
	operNotPresent     = 1
	operDown           = 2
	operLowerLayerDown = 3
)

// A link is what the kernel says about one interface.
type link struct {
	index int
	name  string
	flags uint32 // unix.IFF_*
	oper  uint8  // IFLA_OPERSTATE
	kind  uint16 // unix.ARPHRD_*
	mac   [6]byte
	mtu   int // bytes

	lower   int    // index of the interface that this one sits on (IFLA_LINK); 0 for none
	alias   string // free text that an interface carries (IFLA_IFALIAS)
	macvlan uint32 // mode of a macvlan (MACVLAN_MODE_*); 0 for every other kind
}

// lacksIPv6 reports whether the MTU is less than that of the smallest link for IPv6, RFC 8200 section 5: the kernel has ended IPv6 there.
func (l link) lacksIPv6() bool { return l.mtu > 0 && l.mtu < 1280 }

func (l link) up() bool { return l.flags&unix.IFF_UP != 0 }

func (l link) carrier() bool {
	switch l.oper {
	case operNotPresent, operDown, operLowerLayerDown:
		return false
	}
	return l.flags&unix.IFF_LOWER_UP != 0
}

// speaksARP reports whether addresses on the interface are found by ARP and neighbour discovery over Ethernet.
func (l link) speaksARP() bool {
	return l.kind == unix.ARPHRD_ETHER && l.flags&(unix.IFF_NOARP|unix.IFF_LOOPBACK) == 0
}

// An addrKey is what the kernel tells the addresses of a host apart by. The prefix has its host bits.
type addrKey struct {
	index  int
	prefix netip.Prefix
}

// An addrFact is what the kernel says about one address.
type addrFact struct {
	flags uint32 // unix.IFA_F_*
	scope uint8  // unix.RT_SCOPE_*
	proto uint8  // IFA_PROTO; 0 where the kernel does not know it
	addrDetails
}

// A table mirrors the interfaces and addresses of the network namespace.
type table struct {
	links map[int]link
	names map[string]int
	addrs map[int]map[netip.Prefix]entry
	seq   uint64
}

// An entry is an address with its place in the order of arrival.
type entry struct {
	addrFact
	seq uint64
}

func newTable() *table {
	return &table{links: map[int]link{}, names: map[string]int{}, addrs: map[int]map[netip.Prefix]entry{}}
}

// apply notes a change that the kernel told.
func (t *table) apply(ev event) {
	switch {
	case ev.link != nil && ev.gone:
		t.dropLink(ev.link.index)
	case ev.link != nil:
		t.putLink(*ev.link)
	case ev.gone:
		t.dropAddr(ev.key)
	default:
		t.putAddr(ev.key, ev.addr)
	}
}

func (t *table) putLink(l link) {
	t.forgetName(l.index)
	t.links[l.index] = l
	t.names[l.name] = l.index
}

func (t *table) dropLink(index int) {
	t.forgetName(index)
	delete(t.links, index)
	delete(t.addrs, index)
}

// forgetName makes room for a rename. The name may belong to another interface by now.
func (t *table) forgetName(index int) {
	if old, ok := t.links[index]; ok && t.names[old.name] == index {
		delete(t.names, old.name)
	}
}

func (t *table) putAddr(k addrKey, a addrFact) {
	on := t.addrs[k.index]
	if on == nil {
		on = map[netip.Prefix]entry{}
		t.addrs[k.index] = on
	}
	seq := on[k.prefix].seq
	if seq == 0 {
		t.seq++
		seq = t.seq
	}
	on[k.prefix] = entry{a, seq}
}

func (t *table) dropAddr(k addrKey) { delete(t.addrs[k.index], k.prefix) }

// has reports whether the address is there, and what the kernel says about it.
func (t *table) has(k addrKey) (addrFact, bool) {
	e, ok := t.addrs[k.index][k.prefix]
	return e.addrFact, ok
}

// byName returns the interface of that name.
func (t *table) byName(name string) (link, bool) {
	index, ok := t.names[name]
	return t.links[index], ok
}

// local reports whether a is an address of any interface, other than the virtual ones.
func (t *table) local(a netip.Addr, virtual map[netip.Addr]bool) bool {
	for _, on := range t.addrs {
		for p, e := range on {
			if p.Addr() == a && real(a, e, virtual) {
				return true
			}
		}
	}
	return false
}

// real reports whether an address belongs to this host and not to whichever router is master.
func real(a netip.Addr, e entry, virtual map[netip.Addr]bool) bool {
	return e.proto != protoOurs && e.proto != protoKeepalived && !virtual[a]
}

// primary returns the IPv4 address that adverts come from, RFC 9568 section 1.6: the first that is neither virtual nor secondary. A
// secondary one will do where a virtual address came first in its subnet. It is the zero Addr when there is none.
func (t *table) primary(index int, virtual map[netip.Addr]bool) netip.Addr {
	type candidate struct {
		entry
		addr netip.Addr
	}
	var best candidate
	for p, e := range t.addrs[index] {
		if !p.Addr().Is4() || !real(p.Addr(), e, virtual) {
			continue
		}
		c := candidate{e, p.Addr()}
		if !best.addr.IsValid() || rank(c.entry, best.entry) < 0 {
			best = c
		}
	}
	return best.addr
}

// rank orders addresses as the kernel lists them.
func rank(a, b entry) int {
	secondary := func(e entry) uint32 { return e.flags & unix.IFA_F_SECONDARY }
	return cmp.Or(cmp.Compare(secondary(a), secondary(b)), cmp.Compare(a.scope, b.scope), cmp.Compare(a.seq, b.seq))
}

// linkFault says why adverts cannot pass the interface; it is empty when they can.
func (t *table) linkFault(name string) string {
	l, ok := t.byName(name)
	switch {
	case !ok:
		return fmt.Sprintf("link: %s does not exist", name)
	case !l.up():
		return fmt.Sprintf("link: %s is down", name)
	case !l.carrier():
		return fmt.Sprintf("link: %s has no carrier", name)
	}
	return ""
}

// marked returns every address that carries our mark, in a stable order.
func (t *table) marked() []addrKey {
	var out []addrKey
	for index, on := range t.addrs {
		for p, e := range on {
			if e.proto == protoOurs {
				out = append(out, addrKey{index, p})
			}
		}
	}
	slices.SortFunc(out, func(a, b addrKey) int {
		return cmp.Or(cmp.Compare(a.index, b.index), a.prefix.Compare(b.prefix))
	})
	return out
}

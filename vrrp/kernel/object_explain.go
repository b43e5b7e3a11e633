package kernel

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// explain adds to what the kernel says about o what an operator can do about it, where that is known.
func (l *ledger) explain(o object, err error) error {
	if o.route == nil {
		return explainRule(err)
	}
	r := o.route
	down := l.facts.firstDown(r.Hops)
	switch {
	case errors.Is(err, unix.EEXIST):
		return fmt.Errorf("%w: a route to the same destination that is not ours is there; remove it, or give ours another metric or table", err)
	case down != "":
		return fmt.Errorf("%w: interface %s is down", err, down)
	case r.Source.IsValid() && !l.facts.present(r.Source):
		return fmt.Errorf("%w: source %s is not an address of this host", err, r.Source)
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH):
		return fmt.Errorf("%w: no address or route of this host leads to the gateway; onlink = true takes it for reachable", err)
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EAFNOSUPPORT):
		return fmt.Errorf("%w: this kernel is built without what the route needs", err)
	}
	return err
}

func explainRule(err error) error {
	switch {
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EAFNOSUPPORT):
		return fmt.Errorf("%w: this kernel is built without policy routing", err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%w: this kernel does not know one of the conditions", err)
	}
	return err
}

// index returns the index of an interface, as an ifIndexer.
func (f *facts) index(name string) (int, error) {
	l, ok := f.byName(name)
	if !ok {
		return 0, fmt.Errorf("%s: %w", name, errNoInterface)
	}
	return l.index, nil
}

// firstDown returns the first interface of hops that is not up.
func (f *facts) firstDown(hops []vrrp.Hop) string {
	for _, h := range hops {
		if l, ok := f.byName(h.Interface); ok && !l.up() {
			return h.Interface
		}
	}
	return ""
}

// present reports whether an interface has the address.
func (f *facts) present(a netip.Addr) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, on := range f.table.addrs {
		for p := range on {
			if p.Addr() == a {
				return true
			}
		}
	}
	return false
}

// tentative reports whether duplicate address detection has not passed w yet.
func (f *facts) tentative(w want) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	l, _ := f.table.byName(w.ifname)
	a, there := f.table.has(addrKey{l.index, w.prefix})
	return there && (a.assumed || a.flags&unix.IFA_F_TENTATIVE != 0)
}

// explainAddress adds to what the kernel says about an address what an operator can do about it, where that is known.
func explainAddress(w want, err error) error {
	if errors.Is(err, unix.EINVAL) && w.opts.Scope.Set {
		return fmt.Errorf("%w: all addresses of a network on one interface have one scope", err)
	}
	if errors.Is(err, unix.EACCES) && w.prefix.Addr().Is6() {
		return fmt.Errorf("%w: IPv6 is off on %s, see net.ipv6.conf.%s.disable_ipv6", err, w.ifname, w.ifname)
	}
	return err
}

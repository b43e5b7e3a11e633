package kernel

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// lifetimeForever is INFINITY_LIFE_TIME of linux/if_addr.h.
const lifetimeForever = 0xffffffff

// ifaFlagsWanted are the flags that an operator chooses; the kernel sets the others, and forgets about IFA_F_NODAD.
const ifaFlagsWanted = unix.IFA_F_HOMEADDRESS | unix.IFA_F_MANAGETEMPADDR | unix.IFA_F_NOPREFIXROUTE | unix.IFA_F_MCAUTOJOIN

// addrDetails are what else the kernel says about an address.
type addrDetails struct {
	label     string     // IPv4: the interface's name unless another was given
	broadcast netip.Addr // IPv4; the zero Addr for none
	peer      netip.Addr // the zero Addr for none
	metric    uint32     // of the prefix route; 0 for the kernel's
	preferred uint32     // seconds left; lifetimeForever
	assumed   bool       // we asked for it, and the kernel's notice has not come yet: nothing but the mark is known
}

// note takes one attribute of the kernel's description.
func (d *addrDetails) note(typ uint16, value []byte) {
	switch {
	case typ == unix.IFA_LABEL:
		d.label = cString(value)
	case typ == unix.IFA_BROADCAST:
		d.broadcast, _ = netip.AddrFromSlice(value)
	case typ == unix.IFA_RT_PRIORITY && len(value) == 4:
		d.metric = binary.NativeEndian.Uint32(value)
	case typ == unix.IFA_CACHEINFO && len(value) >= 4:
		d.preferred = binary.NativeEndian.Uint32(value)
	}
}

// flags returns unix.IFA_F_* for a request.
func (op addrOp) flags() uint32 {
	o := op.opts
	var out uint32
	for _, f := range []struct {
		flag uint32
		set  bool
	}{
		{unix.IFA_F_NODAD, op.key.prefix.Addr().Is6() && !o.DetectDuplicates},
		{unix.IFA_F_HOMEADDRESS, o.Home},
		{unix.IFA_F_MANAGETEMPADDR, o.ManageTemporary},
		{unix.IFA_F_NOPREFIXROUTE, o.NoPrefixRoute},
		{unix.IFA_F_MCAUTOJOIN, o.AutoJoin},
	} {
		if f.set {
			out |= f.flag
		}
	}
	return out
}

// far is the other end of the link: the address itself where there is none.
func (op addrOp) far() netip.Addr {
	if op.opts.Peer.IsValid() {
		return op.opts.Peer
	}
	return op.key.prefix.Addr()
}

// appendAddrOptions appends what an address is added with beyond its place and mark, if anything.
func appendAddrOptions(b []byte, op addrOp) []byte {
	if f := op.flags(); f > 0xff { // the header has one byte for them
		b = appendUint32(b, unix.IFA_FLAGS, f)
	}
	if op.opts.Broadcast.IsValid() {
		b = appendAttr(b, unix.IFA_BROADCAST, op.opts.Broadcast.AsSlice())
	}
	if op.opts.Metric != 0 {
		b = appendUint32(b, unix.IFA_RT_PRIORITY, op.opts.Metric)
	}
	if p := preferred(op.key.prefix, op.opts); p != lifetimeForever {
		info := binary.NativeEndian.AppendUint32(nil, p)
		info = binary.NativeEndian.AppendUint32(info, lifetimeForever)
		b = appendAttr(b, unix.IFA_CACHEINFO, append(info, make([]byte, 8)...))
	}
	return b
}

// preferred returns the preferred lifetime in the kernel's form, in seconds.
func preferred(p netip.Prefix, o vrrp.AddressOptions) uint32 {
	d, forever := vrrp.Address{Prefix: p, AddressOptions: o}.Lifetime()
	if forever {
		return lifetimeForever
	}
	return uint32(d / time.Second)
}

// differs reports whether the kernel has w in another form than wanted. A lifetime that runs is not compared: it is never the same twice.
func (a addrFact) differs(w want) bool {
	if a.assumed {
		return false
	}
	op := addrOp{key: addrKey{prefix: w.prefix}, opts: w.opts}
	if a.peer != w.opts.Peer || a.metric != w.opts.Metric || a.flags&ifaFlagsWanted != op.flags()&ifaFlagsWanted {
		return true
	}
	if p := preferred(w.prefix, w.opts); (p == 0 || p == lifetimeForever) && p != a.preferred {
		return true
	}
	if w.prefix.Addr().Is6() {
		return false
	}
	return a.label != cmp.Or(w.label, w.ifname) || a.broadcast != w.opts.Broadcast || a.scope != w.opts.Scope.Or(unix.RT_SCOPE_UNIVERSE)
}

// looksLike reports whether the kernel has w and v in one form.
func (w want) looksLike(v want) bool {
	w.opts.Untracked = v.opts.Untracked
	return w == v
}

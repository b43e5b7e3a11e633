package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// Sizes in bytes, from linux/netlink.h, linux/rtnetlink.h and linux/if_addr.h.
const (
	nlHeaderLen  = 16 // struct nlmsghdr
	ifInfoLen    = 16 // struct ifinfomsg
	ifAddrLen    = 8  // struct ifaddrmsg
	attrLen      = 4  // struct rtattr
	nlAlign      = 4
	ifaProto     = 11 // IFA_PROTO
	extMaskStats = 8  // RTEXT_FILTER_SKIP_STATS: leaves the counters out of a dump of links
	ackMessage   = 1  // NLMSGERR_ATTR_MSG
)

var errTruncated = errors.New("netlink message is cut")

// An addrOp adds or removes one address.
type addrOp struct {
	key   addrKey
	label string // IPv4, when adding
	opts  vrrp.AddressOptions
	add   bool
}

// appendAddrOp appends the request op, RTM_NEWADDR or RTM_DELADDR, to b. Flags are those of the netlink header besides
// NLM_F_REQUEST. Unless op says otherwise no broadcast address is sent, so the kernel sets none, and IPv6 skips duplicate address detection,
// in which two routers that change roles would find each other.
func appendAddrOp(b []byte, op addrOp, seq uint32, flags uint16) []byte {
	start := len(b)
	typ := uint16(unix.RTM_DELADDR)
	if op.add {
		typ, flags = unix.RTM_NEWADDR, flags|unix.NLM_F_CREATE|unix.NLM_F_EXCL
	}
	b = appendHeader(b, typ, flags|unix.NLM_F_REQUEST, seq)
	addr := op.key.prefix.Addr()
	b = append(b, familyOf(addr), byte(op.key.prefix.Bits()), byte(op.flags()), op.opts.Scope.Or(unix.RT_SCOPE_UNIVERSE))
	b = binary.NativeEndian.AppendUint32(b, uint32(op.key.index))
	b = appendAttr(b, unix.IFA_LOCAL, addr.AsSlice())
	b = appendAttr(b, unix.IFA_ADDRESS, op.far().AsSlice())
	if op.add {
		b = appendAttr(b, ifaProto, []byte{protoOurs})
		if op.label != "" {
			b = appendAttr(b, unix.IFA_LABEL, append([]byte(op.label), 0))
		}
		b = appendAddrOptions(b, op)
	}
	return finish(b, start)
}

// appendDump appends a request for all objects of one kind: unix.RTM_GETLINK or unix.RTM_GETADDR.
func appendDump(b []byte, typ uint16, seq uint32) []byte {
	start := len(b)
	b = appendHeader(b, typ, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, seq)
	if typ == unix.RTM_GETADDR {
		return finish(append(b, make([]byte, ifAddrLen)...), start)
	}
	b = append(b, make([]byte, ifInfoLen)...)
	b = appendAttr(b, unix.IFLA_EXT_MASK, binary.NativeEndian.AppendUint32(nil, extMaskStats))
	return finish(b, start)
}

func appendHeader(b []byte, typ, flags uint16, seq uint32) []byte {
	b = append(b, 0, 0, 0, 0) // length, set by finish
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	return append(b, 0, 0, 0, 0) // port: the kernel
}

func appendAttr(b []byte, typ uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(attrLen+len(value)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, value...)
	return append(b, make([]byte, padding(len(value)))...)
}

// finish writes the length of the message that begins at start.
func finish(b []byte, start int) []byte {
	binary.NativeEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

// padding returns how many bytes are missing to the next multiple of nlAlign.
func padding(n int) int { return -n & (nlAlign - 1) }

// A message is one netlink message without its header.
type message struct {
	typ, flags uint16
	seq        uint32
	body       []byte
}

// messages yields the messages in b and stops at one that is cut.
func messages(b []byte) iter.Seq2[message, error] {
	return func(yield func(message, error) bool) {
		for len(b) > 0 {
			m, size, err := nextMessage(b)
			if !yield(m, err) || err != nil {
				return
			}
			b = b[min(len(b), size+padding(size)):]
		}
	}
}

func nextMessage(b []byte) (message, int, error) {
	if len(b) < nlHeaderLen {
		return message{}, 0, errTruncated
	}
	size := int(binary.NativeEndian.Uint32(b))
	if size < nlHeaderLen || size > len(b) {
		return message{}, 0, errTruncated
	}
	return message{
		typ:   binary.NativeEndian.Uint16(b[4:]),
		flags: binary.NativeEndian.Uint16(b[6:]),
		seq:   binary.NativeEndian.Uint32(b[8:]),
		body:  b[nlHeaderLen:size],
	}, size, nil
}

// attributes yields type and value of the attributes in b and stops at one that is cut.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= attrLen {
			size := int(binary.NativeEndian.Uint16(b))
			if size < attrLen || size > len(b) {
				return
			}
			typ := binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
			if !yield(typ, b[attrLen:size]) {
				return
			}
			b = b[min(len(b), size+padding(size)):]
		}
	}
}

// An event is one change, or one line of a dump: a link or an address that is there, or is gone.
type event struct {
	gone bool
	link *link // nil for an address
	key  addrKey
	addr addrFact
}

// parseEvent reads the message, and reports false for one that is about something else: a bridge's view of a port, a wireless event.
func parseEvent(m message) (event, bool) {
	switch m.typ {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		l, ok := parseLink(m.body)
		return event{gone: m.typ == unix.RTM_DELLINK, link: &l}, ok
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		key, a, ok := parseAddr(m.body)
		return event{gone: m.typ == unix.RTM_DELADDR, key: key, addr: a}, ok
	}
	return event{}, false
}

func parseLink(b []byte) (link, bool) {
	if len(b) < ifInfoLen || b[0] != unix.AF_UNSPEC {
		return link{}, false
	}
	l := link{
		kind:  binary.NativeEndian.Uint16(b[2:]),
		index: int(binary.NativeEndian.Uint32(b[4:])),
		flags: binary.NativeEndian.Uint32(b[8:]),
	}
	for typ, value := range attributes(b[ifInfoLen:]) {
		switch {
		case typ == unix.IFLA_IFNAME:
			l.name = cString(value)
		case typ == unix.IFLA_ADDRESS && len(value) == len(l.mac):
			l.mac = [6]byte(value)
		case typ == unix.IFLA_MTU && len(value) == 4:
			l.mtu = int(binary.NativeEndian.Uint32(value))
		case typ == unix.IFLA_OPERSTATE && len(value) == 1:
			l.oper = value[0]
		case typ == unix.IFLA_LINK && len(value) == 4:
			l.lower = int(binary.NativeEndian.Uint32(value))
		case typ == unix.IFLA_IFALIAS:
			l.alias = cString(value)
		case typ == unix.IFLA_LINKINFO:
			l.macvlan = macvlanMode(value)
		}
	}
	return l, l.name != ""
}

// parseAddr takes the local address of a point-to-point pair, IFA_LOCAL, before IFA_ADDRESS.
func parseAddr(b []byte) (addrKey, addrFact, bool) {
	if len(b) < ifAddrLen {
		return addrKey{}, addrFact{}, false
	}
	fact := addrFact{flags: uint32(b[2]), scope: b[3], addrDetails: addrDetails{preferred: lifetimeForever}}
	var local, address netip.Addr
	for typ, value := range attributes(b[ifAddrLen:]) {
		switch {
		case typ == unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(value)
		case typ == unix.IFA_ADDRESS:
			address, _ = netip.AddrFromSlice(value)
		case typ == unix.IFA_FLAGS && len(value) == 4:
			fact.flags = binary.NativeEndian.Uint32(value)
		case typ == ifaProto && len(value) == 1:
			fact.proto = value[0]
		default:
			fact.note(typ, value)
		}
	}
	if !local.IsValid() {
		local = address
	}
	if address.IsValid() && address != local {
		fact.peer = address
	}
	prefix := netip.PrefixFrom(local, int(b[1]))
	return addrKey{int(binary.NativeEndian.Uint32(b[4:])), prefix}, fact, prefix.IsValid()
}

// parseAck returns what an NLMSG_ERROR says: nil for an acknowledgement, or the error number, with the kernel's own words where it
// gives some (extended acknowledgement).
func parseAck(m message) error {
	if len(m.body) < 4+nlHeaderLen {
		return errTruncated
	}
	errno := -int32(binary.NativeEndian.Uint32(m.body))
	if errno == 0 {
		return nil
	}
	err := error(unix.Errno(errno))
	if m.flags&unix.NLM_F_ACK_TLVS == 0 {
		return err
	}
	for typ, value := range attributes(m.body[4+nlHeaderLen:]) {
		if typ == ackMessage {
			return fmt.Errorf("%w (%s)", err, cString(value))
		}
	}
	return err
}

// parseDone returns what an NLMSG_DONE says: nil, or why the dump ended before its end.
func parseDone(m message) error {
	if len(m.body) < 4 {
		return errTruncated
	}
	if errno := -int32(binary.NativeEndian.Uint32(m.body)); errno > 0 {
		return unix.Errno(errno)
	}
	return nil
}

// cString returns what is before the first zero byte.
func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

package ipvs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// The generic netlink interface of IPVS, from linux/ip_vs.h.
const (
	cmdNewService = 1
	cmdSetService = 2
	cmdDelService = 3
	cmdGetService = 4
	cmdNewDest    = 5
	cmdSetDest    = 6
	cmdDelDest    = 7
	cmdGetDest    = 8

	attrService = 1
	attrDest    = 2

	svcFamily    = 1
	svcProtocol  = 2
	svcAddr      = 3
	svcPort      = 4
	svcMark      = 5
	svcScheduler = 6
	svcFlags     = 7
	svcTimeout   = 8
	svcNetmask   = 9
	svcEngine    = 11

	destAddr    = 1
	destPort    = 2
	destForward = 3
	destWeight  = 4
	destUpper   = 5
	destLower   = 6
	destActive  = 7
	destInact   = 8
	destPersist = 9
	destFamily  = 11
	destTunKind = 13
	destTunPort = 14
	destTunFlag = 15

	flagPersistent = 0x1 // IP_VS_SVC_F_PERSISTENT
	flagHashed     = 0x2 // IP_VS_SVC_F_HASHED: the kernel's own
	forwardMask    = 0x7 // IP_VS_CONN_F_FWD_MASK
)

// Netlink framing, from linux/netlink.h and linux/genetlink.h.
const (
	nlRequest = 0x1
	nlAck     = 0x4
	nlDump    = 0x300
	nlError   = 2
	nlDone    = 3

	attrNested   = 0x8000
	attrTypeMask = 0x3fff

	messageHeader = 16
	genlHeader    = 4
	attrHeader    = 4
)

// errTruncated is what every decoder answers to bytes that end before their own lengths say.
var errTruncated = errors.New("truncated netlink message")

// An encoder appends netlink messages to b. The lengths are filled in as messages and nests are closed.
type encoder struct{ b []byte }

// message starts a generic netlink message and returns its place for end.
func (e *encoder) message(typ, flags uint16, seq uint32, cmd uint8) int {
	at := len(e.b)
	e.b = binary.NativeEndian.AppendUint32(e.b, 0)
	e.b = binary.NativeEndian.AppendUint16(e.b, typ)
	e.b = binary.NativeEndian.AppendUint16(e.b, flags)
	e.b = binary.NativeEndian.AppendUint32(e.b, seq)
	e.b = binary.NativeEndian.AppendUint32(e.b, 0) // port: the kernel fills in the socket's
	e.b = append(e.b, cmd, 1, 0, 0)                // version 1 of the family
	return at
}

func (e *encoder) end(at int) {
	binary.NativeEndian.PutUint32(e.b[at:], uint32(len(e.b)-at))
}

func (e *encoder) nest(typ uint16) int {
	at := len(e.b)
	e.b = binary.NativeEndian.AppendUint16(e.b, 0)
	e.b = binary.NativeEndian.AppendUint16(e.b, typ|attrNested)
	return at
}

func (e *encoder) endNest(at int) {
	binary.NativeEndian.PutUint16(e.b[at:], uint16(len(e.b)-at))
}

func (e *encoder) bytes(typ uint16, v []byte) {
	e.b = binary.NativeEndian.AppendUint16(e.b, uint16(attrHeader+len(v)))
	e.b = binary.NativeEndian.AppendUint16(e.b, typ)
	e.b = append(e.b, v...)
	for len(e.b)%4 != 0 {
		e.b = append(e.b, 0)
	}
}

func (e *encoder) uint16(typ, v uint16) { e.bytes(typ, binary.NativeEndian.AppendUint16(nil, v)) }

func (e *encoder) uint32(typ uint16, v uint32) {
	e.bytes(typ, binary.NativeEndian.AppendUint32(nil, v))
}

func (e *encoder) port(typ, v uint16) { e.bytes(typ, binary.BigEndian.AppendUint16(nil, v)) }

func (e *encoder) string(typ uint16, v string) { e.bytes(typ, append([]byte(v), 0)) }

// op appends the message for o to family typ.
func (e *encoder) op(o Op, typ, flags uint16, seq uint32) {
	at := e.message(typ, flags, seq, o.Verb.command())
	switch o.Verb {
	case AddService, EditService:
		e.service(o.Service)
	case DeleteService:
		e.key(o.Service.Key)
	case AddDest, EditDest:
		e.key(o.Service.Key)
		e.dest(o.Dest)
	case DeleteDest:
		e.key(o.Service.Key)
		e.destKey(o.Dest.Addr)
	}
	e.end(at)
}

func (v Verb) command() uint8 {
	return [...]uint8{cmdNewService, cmdSetService, cmdDelService, cmdNewDest, cmdSetDest, cmdDelDest}[v]
}

func (e *encoder) key(k Key) {
	at := e.nest(attrService)
	e.keyAttrs(k)
	e.endNest(at)
}

func (e *encoder) keyAttrs(k Key) {
	e.uint16(svcFamily, uint16(k.AF()))
	if k.Mark != 0 {
		e.uint32(svcMark, k.Mark)
		return
	}
	e.uint16(svcProtocol, uint16(k.Proto))
	e.bytes(svcAddr, k.Addr.Addr().AsSlice())
	e.port(svcPort, k.Addr.Port())
}

// service appends everything that a full entry needs: the kernel refuses one without each of these attributes.
func (e *encoder) service(s Service) {
	at := e.nest(attrService)
	e.keyAttrs(s.Key)
	e.string(svcScheduler, s.Scheduler)
	flags := s.Flags
	if s.Persistence > 0 {
		flags |= flagPersistent
	}
	e.bytes(svcFlags, binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, flags), ^uint32(0)))
	e.uint32(svcTimeout, uint32(s.Persistence/time.Second))
	e.netmask(s)
	if s.Engine != "" {
		e.string(svcEngine, s.Engine)
	}
	e.endNest(at)
}

// netmask appends a mask in network order, or the length of an IPv6 prefix in this machine's: the kernel has both in one attribute.
func (e *encoder) netmask(s Service) {
	if s.AF() == V6 {
		e.uint32(svcNetmask, uint32(s.Netmask))
		return
	}
	e.bytes(svcNetmask, binary.BigEndian.AppendUint32(nil, uint32(s.Netmask)))
}

func (e *encoder) dest(d Dest) {
	at := e.nest(attrDest)
	e.destAttrs(d.Addr)
	e.uint32(destForward, uint32(d.Forward))
	e.uint32(destWeight, uint32(d.Weight))
	e.uint32(destUpper, d.Upper)
	e.uint32(destLower, d.Lower)
	if d.Tunnel != (Tunnel{}) {
		e.tunnel(d.Tunnel)
	}
	e.endNest(at)
}

// tunnel is left out for IPIP, which is what the kernel takes then; older ones know nothing else.
func (e *encoder) tunnel(t Tunnel) {
	e.bytes(destTunKind, []byte{byte(t.Kind)})
	e.port(destTunPort, t.Port)
	e.uint16(destTunFlag, t.Flags)
}

func (e *encoder) destKey(a netip.AddrPort) {
	at := e.nest(attrDest)
	e.destAttrs(a)
	e.endNest(at)
}

func (e *encoder) destAttrs(a netip.AddrPort) {
	e.bytes(destAddr, a.Addr().AsSlice())
	e.port(destPort, a.Port())
	e.uint16(destFamily, uint16(familyOf(a.Addr())))
}

// A message is one netlink message as received.
type message struct {
	typ  uint16
	seq  uint32
	body []byte // after the netlink header
}

// nextMessage splits the first message off b.
func nextMessage(b []byte) (m message, rest []byte, err error) {
	if len(b) < messageHeader {
		return m, nil, errTruncated
	}
	n := int(binary.NativeEndian.Uint32(b))
	if n < messageHeader || n > len(b) {
		return m, nil, errTruncated
	}
	m.typ = binary.NativeEndian.Uint16(b[4:])
	m.seq = binary.NativeEndian.Uint32(b[8:])
	m.body = b[messageHeader:n]
	return m, b[min(align(n), len(b)):], nil
}

// errno returns the error number that an NLMSG_ERROR or NLMSG_DONE carries, 0 for success.
func (m message) errno() (int, error) {
	if len(m.body) < 4 {
		return 0, errTruncated
	}
	return -int(int32(binary.NativeEndian.Uint32(m.body))), nil
}

func align(n int) int { return (n + 3) &^ 3 }

// attrs calls f for each attribute in b.
func attrs(b []byte, f func(typ uint16, v []byte) error) error {
	for len(b) > 0 {
		if len(b) < attrHeader {
			return errTruncated
		}
		n := int(binary.NativeEndian.Uint16(b))
		if n < attrHeader || n > len(b) {
			return errTruncated
		}
		if err := f(binary.NativeEndian.Uint16(b[2:])&attrTypeMask, b[attrHeader:n]); err != nil {
			return err
		}
		b = b[min(align(n), len(b)):]
	}
	return nil
}

// nested returns the first attribute of type typ in the body of a generic netlink message, nil when there is none.
func nested(body []byte, typ uint16) (found []byte, err error) {
	if len(body) < genlHeader {
		return nil, errTruncated
	}
	err = attrs(body[genlHeader:], func(t uint16, v []byte) error {
		if t == typ && found == nil {
			found = v
		}
		return nil
	})
	return found, err
}

// fields collects the fixed-size attributes of one nest: decoding asks for them by type and width, and the first that is missing
// or short is remembered.
type fields struct {
	values [16][]byte
	err    error
}

func parseFields(b []byte) *fields {
	f := &fields{}
	f.err = attrs(b, func(t uint16, v []byte) error {
		if int(t) < len(f.values) {
			f.values[t] = v
		}
		return nil
	})
	return f
}

func (f *fields) take(typ uint16, width int) []byte {
	if v := f.values[typ]; len(v) >= width {
		return v[:width]
	}
	if f.err == nil {
		f.err = fmt.Errorf("attribute %d has %d bytes, want %d: %w", typ, len(f.values[typ]), width, errTruncated)
	}
	return make([]byte, width)
}

func (f *fields) uint16(typ uint16) uint16 { return binary.NativeEndian.Uint16(f.take(typ, 2)) }
func (f *fields) uint32(typ uint16) uint32 { return binary.NativeEndian.Uint32(f.take(typ, 4)) }
func (f *fields) port(typ uint16) uint16   { return binary.BigEndian.Uint16(f.take(typ, 2)) }

func (f *fields) addr(typ uint16, of Family) netip.Addr {
	if of == V6 {
		return netip.AddrFrom16([16]byte(f.take(typ, 16)))
	}
	return netip.AddrFrom4([4]byte(f.take(typ, 4)))
}

// decodeService reads the nested attribute of a service. ok is false for one of a family that a Table cannot hold.
func decodeService(b []byte) (s Service, ok bool, err error) {
	f := parseFields(b)
	if f.err != nil {
		return s, false, f.err
	}
	if s.Key, ok = f.key(); !ok {
		return s, false, f.err
	}
	s.Scheduler, s.Engine = text(f.values[svcScheduler]), text(f.values[svcEngine])
	flags := f.uint32(svcFlags)
	s.Flags = flags &^ (flagPersistent | flagHashed)
	s.Netmask = SingleClient(s.AF())
	if flags&flagPersistent != 0 {
		s.Persistence = time.Duration(f.uint32(svcTimeout)) * time.Second
		s.Netmask = f.netmask(s.AF())
	}
	return s, f.err == nil, f.err
}

func (f *fields) key() (k Key, ok bool) {
	af := Family(f.uint16(svcFamily))
	if af != V4 && af != V6 {
		return k, false
	}
	if f.values[svcMark] != nil {
		return Key{Mark: f.uint32(svcMark), Family: af}, true
	}
	return Key{Proto: Proto(f.uint16(svcProtocol)), Addr: netip.AddrPortFrom(f.addr(svcAddr, af), f.port(svcPort))}, true
}

func (f *fields) netmask(of Family) Netmask {
	if of == V6 {
		return Netmask(f.uint32(svcNetmask))
	}
	return Netmask(binary.BigEndian.Uint32(f.take(svcNetmask, 4)))
}

func text(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

// decodeDest reads the nested attribute of a destination. A kernel older than 3.18 sends no family: then it is that of the
// service, IPv4.
func decodeDest(b []byte) (Dest, Load, error) {
	f := parseFields(b)
	if f.err != nil {
		return Dest{}, Load{}, f.err
	}
	af := V4
	if f.values[destFamily] != nil && f.uint16(destFamily) == uint16(V6) {
		af = V6
	}
	d := Dest{
		Addr:    netip.AddrPortFrom(f.addr(destAddr, af), f.port(destPort)),
		Forward: Forward(f.uint32(destForward) & forwardMask),
		Tunnel:  f.tunnel(),
		Weight:  int(int32(f.uint32(destWeight))),
		Upper:   f.uint32(destUpper),
		Lower:   f.uint32(destLower),
	}
	l := Load{Active: int(f.uint32(destActive)), Inactive: int(f.uint32(destInact)), Persistent: int(f.uint32(destPersist))}
	return d, l, f.err
}

// tunnel returns IPIP for a kernel that knows nothing else, before 5.3.
func (f *fields) tunnel() Tunnel {
	if f.values[destTunKind] == nil {
		return Tunnel{}
	}
	return Tunnel{Kind: TunnelKind(f.take(destTunKind, 1)[0]), Port: f.port(destTunPort), Flags: f.uint16(destTunFlag)}
}

package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// From linux/if_link.h.
const (
	infoKind           = 1 // IFLA_INFO_KIND
	infoData           = 2 // IFLA_INFO_DATA
	macvlanModeAttr    = 1 // IFLA_MACVLAN_MODE
	macvlanModePrivate = 1 // MACVLAN_MODE_PRIVATE: no traffic between macvlans of one interface
)

// macvlanMode reads the mode of a macvlan out of IFLA_LINKINFO; 0 for another kind of interface.
func macvlanMode(info []byte) uint32 {
	kind, mode := "", uint32(0)
	for typ, value := range attributes(info) {
		switch typ {
		case infoKind:
			kind = cString(value)
		case infoData:
			for typ, value := range attributes(value) {
				if typ == macvlanModeAttr && len(value) == 4 {
					mode = binary.NativeEndian.Uint32(value)
				}
			}
		}
	}
	if kind != "macvlan" {
		return 0
	}
	return mode
}

// appendNest appends an attribute that consists of what fill appends.
func appendNest(b []byte, typ uint16, fill func(b []byte) []byte) []byte {
	start := len(b)
	b = fill(append(b, 0, 0, 0, 0))
	binary.NativeEndian.PutUint16(b[start:], uint16(len(b)-start))
	binary.NativeEndian.PutUint16(b[start+2:], typ|unix.NLA_F_NESTED)
	return b
}

func appendUint32(b []byte, typ uint16, value uint32) []byte {
	return appendAttr(b, typ, binary.NativeEndian.AppendUint32(nil, value))
}

// appendNewMacvlan appends the request for a macvlan in private mode, which is down.
func appendNewMacvlan(b []byte, m macvlan, lower int, seq uint32) []byte {
	start := len(b)
	b = appendHeader(b, unix.RTM_NEWLINK, unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL, seq)
	b = append(b, make([]byte, ifInfoLen)...)
	b = appendAttr(b, unix.IFLA_IFNAME, append([]byte(m.name), 0))
	b = appendAttr(b, unix.IFLA_ADDRESS, m.mac[:])
	b = appendUint32(b, unix.IFLA_LINK, uint32(lower))
	b = appendNest(b, unix.IFLA_LINKINFO, func(b []byte) []byte {
		b = appendAttr(b, infoKind, []byte("macvlan"))
		return appendNest(b, infoData, func(b []byte) []byte { return appendUint32(b, macvlanModeAttr, macvlanModePrivate) })
	})
	return finish(b, start)
}

// linkRequest returns a request about one interface. Flags of mask become as in flags; attrs may be empty.
func linkRequest(typ uint16, index int, flags, mask uint32, attrs []byte, seq uint32) []byte {
	b := appendHeader(nil, typ, unix.NLM_F_REQUEST|unix.NLM_F_ACK, seq)
	b = append(b, unix.AF_UNSPEC, 0, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, uint32(index))
	b = binary.NativeEndian.AppendUint32(b, flags)
	b = binary.NativeEndian.AppendUint32(b, mask)
	return finish(append(b, attrs...), 0)
}

// request sends one request that asks for an acknowledgement and returns what the kernel said. Answers that come before it go to each.
func (s *routeSocket) request(build func(seq uint32) []byte, each func(message)) error {
	s.seq++
	if err := s.send(build(s.seq)); err != nil {
		return err
	}
	return s.receive(func(m message) (bool, error) {
		switch {
		case m.seq != s.seq:
			return false, nil // left over from a request that timed out
		case m.typ == unix.NLMSG_ERROR:
			return true, parseAck(m)
		}
		each(m)
		return false, nil
	})
}

func nothing(message) {}

func (s *routeSocket) newMacvlan(m macvlan, lower int) error {
	return s.request(func(seq uint32) []byte { return appendNewMacvlan(nil, m, lower, seq) }, nothing)
}

// deleteLink removes an interface. One that is gone already is fine.
func (s *routeSocket) deleteLink(index int) error {
	err := s.request(func(seq uint32) []byte {
		return linkRequest(unix.RTM_DELLINK, index, 0, 0, nil, seq)
	}, nothing)
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// setLink makes an interface up or down. One that is so already is fine.
func (s *routeSocket) setLink(index int, up bool) error {
	flags := uint32(0)
	if up {
		flags = unix.IFF_UP
	}
	return s.request(func(seq uint32) []byte {
		return linkRequest(unix.RTM_NEWLINK, index, flags, unix.IFF_UP, nil, seq)
	}, nothing)
}

// setAttr changes one attribute of an interface.
func (s *routeSocket) setAttr(index int, typ uint16, value []byte) error {
	return s.request(func(seq uint32) []byte {
		return linkRequest(unix.RTM_NEWLINK, index, 0, 0, appendAttr(nil, typ, value), seq)
	}, nothing)
}

// linkByName asks the kernel for an interface.
func (s *routeSocket) linkByName(name string) (link, error) {
	var found link
	err := s.request(func(seq uint32) []byte {
		return linkRequest(unix.RTM_GETLINK, 0, 0, 0, appendAttr(nil, unix.IFLA_IFNAME, append([]byte(name), 0)), seq)
	}, func(m message) {
		if l, ok := parseLink(m.body); ok && m.typ == unix.RTM_NEWLINK {
			found = l
		}
	})
	if err != nil {
		return link{}, fmt.Errorf("read interface %s: %w", name, err)
	}
	return found, nil
}

func appendNative32(n int) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(n)) }

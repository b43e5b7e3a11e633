package kernel

import (
	"encoding/binary"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A voice sends the adverts of one router with a virtual hardware address: whole Ethernet frames through the router's interface. The
// macvlan need not be up for it, and the kernel sends no membership reports in its name, because nobody joins a group there.
type voice struct {
	mac [6]byte

	mu sync.Mutex
	// guarded by mu:
	fd  int // -1 after close
	id  uint16
	buf []byte
	to  unix.SockaddrLinklayer
}

func newVoice(mac [6]byte) (*voice, error) {
	fd, err := openPacket()
	if err != nil {
		return nil, err
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, priorityControl) // without it they wait their turn
	return &voice{mac: mac, fd: fd}, nil
}

func (v *voice) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.fd >= 0 {
		unix.Close(v.fd)
		v.fd = -1
	}
}

// send sends p at once, by the interface with that index, to a multicast group. A full transmit queue is an error and not a wait.
func (v *voice) send(index int, src, dst netip.Addr, p vrrp.Packet) error {
	f := vrrp.FamilyOf(src)
	switch {
	case f != vrrp.FamilyOf(dst):
		return errNoSource
	case index == 0:
		return errNoInterface
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	mac := multicastMAC(dst)
	b := append(append(v.buf[:0], mac[:]...), v.mac[:]...)
	b = binary.BigEndian.AppendUint16(b, etherType(f))
	b = v.appendPacket(b, src, dst, p)
	v.buf = b
	v.to = unix.SockaddrLinklayer{Protocol: networkOrder(etherType(f)), Ifindex: index, Halen: 6}
	copy(v.to.Addr[:], mac[:])
	return os.NewSyscallError("sendto", unix.Sendto(v.fd, b, unix.MSG_DONTWAIT, &v.to))
}

// appendPacket appends the whole IP packet that carries p.
func (v *voice) appendPacket(b []byte, src, dst netip.Addr, p vrrp.Packet) []byte {
	start := len(b)
	if src.Is4() {
		v.id = max(v.id+1, 1)
		b = appendAdvert(b, src, dst, v.id, p)
		fillHeaderChecksum(b[start:])
		return b
	}
	src16, dst16 := src.WithZone("").As16(), dst.As16()
	b = append(b, 0x60|tosControl>>4, tosControl<<4&0xff, 0, 0, 0, 0, vrrp.Protocol, p.HopLimit(dst))
	b = append(append(b, src16[:]...), dst16[:]...)
	b = p.Append(b, src, dst)
	binary.BigEndian.PutUint16(b[start+4:], uint16(len(b)-start-ipv6HeaderLen))
	return b
}

// multicastMAC returns the Ethernet address of a multicast group, RFC 1112 section 6.4 and RFC 2464 section 7.
func multicastMAC(group netip.Addr) [6]byte {
	if group.Is4() {
		a := group.As4()
		return [6]byte{0x01, 0x00, 0x5e, a[1] & 0x7f, a[2], a[3]}
	}
	a := group.As16()
	return [6]byte{0x33, 0x33, a[12], a[13], a[14], a[15]}
}

// etherType returns what Ethernet calls a family.
func etherType(f vrrp.Family) uint16 {
	if f == vrrp.IPv6 {
		return unix.ETH_P_IPV6
	}
	return unix.ETH_P_IP
}

// fillHeaderChecksum fills in the checksum of an IPv4 header, RFC 791 section 3.1.
func fillHeaderChecksum(b []byte) {
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], ^headerSum(b))
}

// headerSum returns the one's complement sum over an IPv4 header, RFC 1071; 0xffff when the checksum in it is right.
func headerSum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < int(b[0]&0xf)*4; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	sum = sum>>16 + sum&0xffff
	return uint16(sum>>16 + sum)
}

// networkOrder returns v as sockaddr_ll has it, whatever the machine's order.
func networkOrder(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

package kernel

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

const (
	// readSize6 is more than the longest advert, in bytes; the kernel takes the IPv6 header off.
	readSize6 = 8192
	// controlSize holds what the kernel tells beside a packet: its destination, interface and hop limit.
	controlSize = 128
	// headerOffset is SKF_NET_OFF of linux/filter.h: from there on a filter sees the IPv6 header.
	headerOffset = 0xfff00000
	offsetDest6  = 24
)

// openRaw6 returns a socket that sends and hears IPv6 adverts on one interface. The kernel is not asked to check checksums: packets that it
// drops nobody could count.
func openRaw6(ifi *net.Interface, destinations []netip.Addr) (conn, syscall.RawConn, error) {
	c, err := openGated(unix.AF_INET6, vrrp.Protocol, ifi.Name, options6)
	if err != nil {
		return nil, nil, err
	}
	conn, err := wrap6(c, ifi, destinations)
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return conn, c.gate, nil
}

// options6 are set before the first packet is heard or sent: hop limit, traffic class and no copies of our own adverts for what we send, which
// is never fragmented; destination and hop limit of what we hear.
var options6 = []socketOption{
	{unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0},
	{unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, 0},
	{unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, vrrp.TTL},
	{unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, vrrp.TTL},
	{unix.IPPROTO_IPV6, unix.IPV6_TCLASS, tosControl},
	{unix.IPPROTO_IPV6, unix.IPV6_DONTFRAG, 1},
	{unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1},
	{unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1},
}

// wrap6 finishes the set-up: filter, and group, the first of destinations.
func wrap6(c *gatedConn, ifi *net.Interface, destinations []netip.Addr) (*ipv6.PacketConn, error) {
	conn := ipv6.NewPacketConn(c)
	if err := setFilter(conn, filter6(destinations)); err != nil {
		return nil, err
	}
	if err := discard(c.gate); err != nil {
		return nil, err
	}
	return conn, conn.JoinGroup(ifi, &net.IPAddr{IP: destinations[0].AsSlice()})
}

// filter6 is filter over IPv6: it passes what is sent to one of destinations. The kernel has put fragments together.
func filter6(destinations []netip.Addr) []bpf.Instruction {
	var prog []bpf.Instruction
	for _, a := range destinations {
		prog = append(prog, passDestination(a.As16())...)
	}
	return append(prog, bpf.RetConstant{Val: 0})
}

// passDestination compares the destination word by word, the last first: it tells addresses of one network apart.
func passDestination(dst [16]byte) []bpf.Instruction {
	var prog []bpf.Instruction
	for word := 3; word >= 0; word-- {
		prog = append(prog,
			bpf.LoadAbsolute{Off: headerOffset + offsetDest6 + 4*uint32(word), Size: 4},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: binary.BigEndian.Uint32(dst[4*word:]), SkipTrue: uint8(2*word + 1)})
	}
	return append(prog, bpf.RetConstant{Val: acceptWholeSize})
}

// A path is what the kernel must be told beside an IPv6 packet; it is kept from one advert to the next.
type path struct {
	src, dst netip.Addr
	index    int
	to       unix.SockaddrInet6
	control  []byte
}

// set makes pa the path from src to dst out of an interface.
func (pa *path) set(src, dst netip.Addr, index int) {
	if pa.src == src && pa.dst == dst && pa.index == index {
		return
	}
	*pa = path{src: src, dst: dst, index: index}
	pa.to = unix.SockaddrInet6{Addr: dst.As16(), ZoneId: uint32(index)}
	pa.control = unix.PktInfo6(&unix.Inet6Pktinfo{Addr: src.As16(), Ifindex: uint32(index)})
}

// write6 sends p. The caller holds mu, and there is a socket.
func (p *port) write6(src, dst netip.Addr, packet vrrp.Packet) error {
	p.path.set(src, dst, p.index)
	p.buf = packet.Append(p.buf[:0], src, dst)
	var sendErr error
	hops := packet.HopLimit(dst)
	err := p.raw.Control(func(fd uintptr) {
		if hops != p.hops && !dst.IsMulticast() {
			if sendErr = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, int(hops)); sendErr != nil {
				return
			}
			p.hops = hops
		}
		_, sendErr = unix.SendmsgN(int(fd), p.buf, p.path.control, &p.path.to, unix.MSG_DONTWAIT)
	})
	return errors.Join(err, os.NewSyscallError("sendmsg", sendErr))
}

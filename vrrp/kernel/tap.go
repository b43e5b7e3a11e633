package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A tap hears adverts that come from our own virtual hardware address, those of another master that has it, too. While the macvlan is up,
// the kernel gives such frames to it and not to the interface below. The tap takes them before IP does, so that no multicast
// group need be joined and reported on the macvlan.
type tap struct {
	index int // of the macvlan
	gate  *gate
}

// openTap listens on the macvlan with that index to a multicast group.
func openTap(index int, group netip.Addr) (*tap, error) {
	f := vrrp.FamilyOf(group)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	setReceiveBuffer(fd, receiveBuffer)
	err = errors.Join(
		setPacketFilter(fd, tapFilter(group)),
		os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(etherType(f)), Ifindex: index})))
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	g, err := newGate(fd)
	if err != nil {
		return nil, err
	}
	return &tap{index: index, gate: g}, nil
}

// close ends read.
func (t *tap) close() { t.gate.Close() }

// pause ends read, resume lets it begin again.
func (t *tap) pause()  { _ = t.gate.SetReadDeadline(time.Unix(1, 0)) }
func (t *tap) resume() { _ = t.gate.SetReadDeadline(time.Time{}) }

// Offsets into the IPv4 and IPv6 headers.
const (
	offsetProtocol = 9
	offsetNext6    = 6
	ipv6HeaderLen  = 40
)

// tapFilter passes whole packets of protocol 112, and those with an authentication header, to group, and no fragments.
func tapFilter(group netip.Addr) []bpf.Instruction {
	f := vrrp.FamilyOf(group)
	at := uint32(offsetProtocol)
	if f == vrrp.IPv6 {
		at = offsetNext6
	}
	prog := []bpf.Instruction{
		bpf.LoadAbsolute{Off: at, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: vrrp.Protocol, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: vrrp.ProtocolAH, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
	}
	if f != vrrp.IPv6 {
		return append(prog, filter([]netip.Addr{group})...)
	}
	return append(prog, filter6([]netip.Addr{group})...)
}

func setPacketFilter(fd int, instructions []bpf.Instruction) error {
	prog, err := bpf.Assemble(instructions)
	if err != nil {
		return err
	}
	raw := make([]unix.SockFilter, len(prog))
	for i, in := range prog {
		raw[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(raw)), Filter: &raw[0]}))
}

// read hands packets to p until the tap is closed or paused.
func (t *tap) read(ctx context.Context, p *port) {
	b := make([]byte, readSize6)
	var c crowdControl
	for {
		crowded := c.pause(ctx, time.Duration(p.beat.Load()))
		n, err := readPackets(t.gate, b, !crowded, p.overhear)
		c.note(n, readBatch)
		switch {
		case err == nil:
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded):
			return
		case errors.Is(err, unix.ENETDOWN): // the macvlan was set down, which is what it is as backup
		default:
			p.readErrors.Add(1)
			rest(ctx, readErrorPause)
		}
	}
}

// readPackets hands over packets that are queued, up to readBatch, and waits for the first if it is told to. It returns how many.
func readPackets(raw syscall.RawConn, b []byte, wait bool, each func([]byte)) (n int, err error) {
	waitErr := raw.Read(func(fd uintptr) bool {
		for n < readBatch {
			var size int
			switch size, err = unix.Read(int(fd), b); err {
			case nil:
				each(b[:size])
				n++
			case unix.EINTR:
			case unix.EAGAIN:
				err = nil
				return n > 0 || !wait
			default:
				return true
			}
		}
		return true
	})
	return n, errors.Join(err, waitErr)
}

// overhear is receive for a packet that IP has not seen yet: nobody has looked at its header.
func (p *port) overhear(b []byte) {
	p.received.Add(1)
	h, payload, ok := p.unwrap(b)
	if !ok {
		p.drops.Count(vrrp.DropIPHeader)
		return
	}
	p.deliver(h, payload)
}

// unwrap splits a whole IP packet of the port's family.
func (p *port) unwrap(b []byte) (ipHeader, []byte, bool) {
	if p.family == vrrp.IPv6 {
		return parseWholeIPv6(b)
	}
	h, payload, ok := parseIPv4(b)
	return h, payload, ok && headerSum(b) == 0xffff
}

// parseWholeIPv6 splits a packet that has no extension headers, as adverts have none.
func parseWholeIPv6(b []byte) (ipHeader, []byte, bool) {
	if len(b) < ipv6HeaderLen || b[0]>>4 != 6 || b[offsetNext6] != vrrp.Protocol {
		return ipHeader{}, nil, false
	}
	end := ipv6HeaderLen + int(binary.BigEndian.Uint16(b[4:]))
	if end > len(b) {
		return ipHeader{}, nil, false
	}
	h := ipHeader{src: netip.AddrFrom16([16]byte(b[8:24])), dst: netip.AddrFrom16([16]byte(b[24:40])), ttl: int(b[7])}
	return h, b[ipv6HeaderLen:end], true
}

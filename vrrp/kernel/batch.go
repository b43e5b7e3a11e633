package kernel

import (
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A batch reads many packets by one system call. ReadBatch of golang.org/x/net does so, too, but it costs garbage for every packet, and its
// call is one that may block as far as Go knows: each wakes up the thread that watches over such calls, which costs a backup more than
// the adverts do. This one cannot block, and nobody is told of it.
type batch struct {
	family  vrrp.Family
	heads   []mmsghdr
	vectors []unix.Iovec
	from    []unix.RawSockaddrInet6 // IPv6: IPv4 packets have their header
	data    [][]byte
	control [][]byte // IPv6

	try   func(fd uintptr) bool // recvmmsg; made once, so that a read costs no garbage
	most  int                   // of the packets that try may read
	n     int                   // of those that it has read
	errno syscall.Errno         // of try
}

// An mmsghdr is struct mmsghdr of linux/socket.h.
type mmsghdr struct {
	head unix.Msghdr
	size uint32 // of the packet, in bytes
}

// newBatch returns a batch for up to size packets at a time.
func newBatch(f vrrp.Family, size int) *batch {
	b := &batch{family: f, heads: make([]mmsghdr, size), vectors: make([]unix.Iovec, size), data: make([][]byte, size)}
	b.try = b.recvmmsg
	most := readSize
	if f == vrrp.IPv6 {
		most = readSize6
		b.from, b.control = make([]unix.RawSockaddrInet6, size), make([][]byte, size)
	}
	for i := range b.heads {
		b.data[i] = make([]byte, most)
		b.vectors[i].Base = &b.data[i][0]
		b.vectors[i].SetLen(most)
		b.heads[i].head.Iov = &b.vectors[i]
		b.heads[i].head.SetIovlen(1)
		if f == vrrp.IPv6 {
			b.control[i] = make([]byte, controlSize)
			b.heads[i].head.Name = (*byte)(unsafe.Pointer(&b.from[i]))
			b.heads[i].head.Control = &b.control[i][0]
		}
	}
	return b
}

// wait reads up to most packets, and waits for the first at the gate.
func (b *batch) wait(g syscall.RawConn, most int) (int, error) {
	b.most, b.n, b.errno = most, 0, 0
	if err := g.Read(b.try); err != nil {
		return 0, err
	}
	return b.n, os.NewSyscallError("recvmmsg", errorOf(b.errno))
}

// poll is wait without waiting: no packets are no error.
func (b *batch) poll(g syscall.RawConn, most int) (int, error) {
	b.most, b.n, b.errno = most, 0, 0
	if err := g.Control(func(fd uintptr) { b.try(fd) }); err != nil {
		return 0, err
	}
	return b.n, os.NewSyscallError("recvmmsg", errorOf(b.errno))
}

// recvmmsg reads once. It reports false when there is nothing, which is no error.
func (b *batch) recvmmsg(fd uintptr) bool {
	if b.family == vrrp.IPv6 { // the kernel writes there what it has used of both
		for i := range b.heads[:b.most] {
			b.heads[i].head.Namelen = unix.SizeofSockaddrInet6
			b.heads[i].head.SetControllen(controlSize)
		}
	}
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.heads[0])), uintptr(b.most), unix.MSG_DONTWAIT, 0, 0)
	switch errno {
	case 0:
		b.n = int(n)
	case unix.EAGAIN:
		return false
	default:
		b.errno = errno
	}
	return true
}

// errorOf returns errno as an error; nil when it is none.
func errorOf(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// split returns what the IP header of packet i of the last read says, and the VRRP message. Both are valid until the next read. Of IPv6 the kernel
// delivers the message alone.
func (b *batch) split(i int) (ipHeader, []byte, bool) {
	data := b.data[i][:b.heads[i].size]
	if b.family != vrrp.IPv6 {
		return parseIPv4(data)
	}
	h, ok := parseControl(b.control[i][:b.heads[i].head.Controllen])
	h.src = netip.AddrFrom16(b.from[i].Addr)
	return h, data, ok
}

// parseControl returns what the kernel says of an IPv6 packet beside its payload and where it came from. The hop limit is 0 where it is not told.
func parseControl(control []byte) (ipHeader, bool) {
	var cm ipv6.ControlMessage
	if cm.Parse(control) != nil {
		return ipHeader{}, false
	}
	dst, ok := netip.AddrFromSlice(cm.Dst)
	return ipHeader{dst: dst, ttl: cm.HopLimit}, ok
}

// sendto sends b. Like the call of a batch it does not block, and nobody is told of it.
func sendto(fd uintptr, b []byte, to *unix.RawSockaddrInet4) error {
	_, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(to)), unix.SizeofSockaddrInet4)
	return errorOf(errno)
}

package kernel

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// openRaw returns a socket that sends and hears adverts on one interface. Until it is bound it could hear those of all interfaces,
// so what came meanwhile is thrown away. The first of destinations is the multicast group.
func openRaw(ifi *net.Interface, destinations []netip.Addr) (conn, syscall.RawConn, error) {
	return openProtocol(ifi, vrrp.Protocol, destinations[0], filter(destinations))
}

// openAH is openRaw for adverts with an authentication header.
func openAH(ifi *net.Interface, destinations []netip.Addr) (conn, syscall.RawConn, error) {
	return openProtocol(ifi, vrrp.ProtocolAH, destinations[0], filterAH(destinations))
}

func openProtocol(ifi *net.Interface, protocol int, group netip.Addr, program []bpf.Instruction) (conn, syscall.RawConn, error) {
	c, err := openGated(unix.AF_INET, protocol, ifi.Name, options4)
	if err != nil {
		return nil, nil, err
	}
	conn, err := wrap(c, ifi, group, program)
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return conn, c.gate, nil
}

// A socketOption is one whose value is a number.
type socketOption struct{ level, option, value int }

// options4 are set before the first packet is heard or sent. What we send has its IP header.
var options4 = []socketOption{
	{unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0},
	{unix.IPPROTO_IP, unix.IP_HDRINCL, 1},
}

// prepare sets what must hold before the first packet is heard.
func prepare(raw syscall.RawConn, ifname string, options []socketOption) error {
	var opts error
	err := raw.Control(func(f uintptr) {
		fd := int(f)
		opts = os.NewSyscallError("bind to device", unix.BindToDevice(fd, ifname))
		for _, o := range append(options, socketOption{unix.SOL_SOCKET, unix.SO_PRIORITY, priorityControl}) {
			opts = errors.Join(opts, os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, o.level, o.option, o.value)))
		}
		setReceiveBuffer(fd, receiveBuffer)
	})
	return errors.Join(err, opts)
}

// wrap finishes the set-up: filter, group, and no copies of our own adverts.
func wrap(c *gatedConn, ifi *net.Interface, group netip.Addr, program []bpf.Instruction) (*ipv4.PacketConn, error) {
	conn := ipv4.NewPacketConn(c)
	if err := setFilter(conn, program); err != nil {
		return nil, err
	}
	if err := discard(c.gate); err != nil {
		return nil, err
	}
	err := errors.Join(
		conn.SetMulticastInterface(ifi),
		conn.SetMulticastLoopback(false),
		conn.JoinGroup(ifi, &net.IPAddr{IP: group.AsSlice()}))
	return conn, err
}

func setFilter(c conn, program []bpf.Instruction) error {
	prog, err := bpf.Assemble(program)
	if err != nil {
		return err
	}
	return c.SetBPF(prog)
}

// discard reads what is queued.
func discard(raw syscall.RawConn) error {
	var b [1]byte
	return raw.Control(func(fd uintptr) {
		for {
			if _, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_DONTWAIT); err != nil && err != unix.EINTR {
				return
			}
		}
	})
}

// socketDrops returns how many packets found the receive queue of the socket full; 0 when the kernel does not tell.
func socketDrops(raw syscall.RawConn) uint32 {
	var info [unix.SK_MEMINFO_DROPS + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	_ = raw.Control(func(fd uintptr) { // x/sys has no function for this option
		_, _, _ = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	return info[unix.SK_MEMINFO_DROPS]
}

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/test/netns"
)

// Options of getsockopt on a raw socket, and the sizes of what they return: the old interface of IPVS (linux/ip_vs.h). One call is one
// number, where netlink and /proc cost the measured program much of the only CPU.
const (
	soGetInfo    = 64 + 1024 + 64 + 1
	soGetService = soGetInfo + 2

	infoSize         = 12  // struct ip_vs_getinfo: version, size, number of services
	serviceSize      = 104 // struct ip_vs_service_entry
	serviceCountFrom = 44  // of its num_dests
)

// A counter looks into the IPVS table of a node.
type counter struct{ fd int }

func newCounter(n *netns.Node) (counter, error) {
	var c counter
	err := n.Do(func() (err error) {
		c.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		return err
	})
	return c, err
}

func (c counter) close() error { return unix.Close(c.fd) }

// services returns how many services the table has.
func (c counter) services() (int, error) {
	b := make([]byte, infoSize)
	if err := c.get(soGetInfo, b); err != nil {
		return 0, fmt.Errorf("count services: %w", err)
	}
	return int(binary.NativeEndian.Uint32(b[8:])), nil
}

// servers returns how many real servers a TCP service has; 0 when there is no such service.
func (c counter) servers(service netip.AddrPort) (int, error) {
	b := make([]byte, serviceSize)
	binary.NativeEndian.PutUint16(b, unix.IPPROTO_TCP)
	copy(b[4:], service.Addr().AsSlice())
	binary.BigEndian.PutUint16(b[8:], service.Port())
	err := c.get(soGetService, b)
	switch {
	case errors.Is(err, unix.ESRCH):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("count servers of %s: %w", service, err)
	}
	return int(binary.NativeEndian.Uint32(b[serviceCountFrom:])), nil
}

func (c counter) get(option int, b []byte) error {
	size := uint32(len(b))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(c.fd), unix.IPPROTO_IP, uintptr(option),
		uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

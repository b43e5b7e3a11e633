package kernel

import (
	"errors"
	"maps"
	"net/netip"
	"os"
	"slices"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// routeEvents wakes whoever reads routes when one of the wanted ones changes.
type routeEvents struct {
	wanted []vrrp.Route
	file   *os.File
	wake   func()
	ended  chan struct{}
}

func openRouteEvents(wanted []vrrp.Route, size int, wake func()) (*routeEvents, error) {
	e, err := subscribeRoutes(wanted, size)
	if err != nil {
		return nil, err
	}
	e.wake = wake
	go e.read()
	return e, nil
}

// subscribeRoutes makes the kernel queue notices, up to size bytes.
func subscribeRoutes(wanted []vrrp.Route, size int) (*routeEvents, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	setReceiveBuffer(fd, size)
	groups := uint32(unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE)
	err = errors.Join(
		attachFilter(fd, routeFilter(wanted)),
		os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups})),
	)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &routeEvents{wanted: wanted, file: os.NewFile(uintptr(fd), "rtnetlink"), ended: make(chan struct{})}, nil
}

// attachFilter makes the kernel drop notices before they are queued.
func attachFilter(fd int, program []bpf.Instruction) error {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, ins := range raw {
		filter[i] = unix.SockFilter{Code: ins.Op, Jt: ins.Jt, Jf: ins.Jf, K: ins.K}
	}
	fprog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return os.NewSyscallError("SO_ATTACH_FILTER", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &fprog))
}

// routeFilter lets through notices of routes whose prefix is as long as a wanted one: a router with a million routes has few such.
func routeFilter(wanted []vrrp.Route) []bpf.Instruction {
	lengths := map[uint32]bool{}
	for _, w := range wanted {
		lengths[uint32(familyOf(w.Prefix.Addr()))<<8|uint32(w.Prefix.Bits())] = true
	}
	out := []bpf.Instruction{bpf.LoadAbsolute{Off: nlHeaderLen, Size: 2}} // rtm_family, rtm_dst_len
	keys := slices.Sorted(maps.Keys(lengths))
	for i, key := range keys {
		out = append(out, bpf.JumpIf{Cond: bpf.JumpEqual, Val: key, SkipTrue: uint8(len(keys) - i)})
	}
	return append(out, bpf.RetConstant{Val: 0}, bpf.RetConstant{Val: 1 << 16})
}

func familyOf(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func (e *routeEvents) alive() bool {
	select {
	case <-e.ended:
		return false
	default:
		return true
	}
}

func (e *routeEvents) close() {
	e.file.Close()
	<-e.ended
}

// read wakes for each notice of a wanted prefix, and when some were lost, until close.
func (e *routeEvents) read() {
	defer e.wake()
	defer close(e.ended)
	raw, err := e.file.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, noticeSize)
	for err == nil {
		var news bool
		var drainErr error
		err = raw.Read(func(fd uintptr) bool {
			news, drainErr = e.drain(int(fd), buf)
			return news || drainErr != nil
		})
		err = errors.Join(err, drainErr)
		if news {
			e.wake()
		}
	}
}

// drain reads what is queued and reports whether something of it calls for a reading. Once the kernel has dropped a notice it drops all
// that follow, without another word, until the queue is empty: only a reading after that knows everything.
func (e *routeEvents) drain(fd int, buf []byte) (news bool, err error) {
	for {
		n, _, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
		switch {
		case err == unix.EAGAIN:
			return news, nil
		case err == unix.EINTR:
		case err == unix.ENOBUFS:
			news = true
		case err != nil:
			return news, os.NewSyscallError("receive from netlink", err)
		default:
			news = news || e.concerns(buf[:n])
		}
	}
}

func (e *routeEvents) concerns(b []byte) bool {
	for m, err := range messages(b) {
		if err != nil {
			return true
		}
		r, ok := parseRoute(m.body)
		if ok && slices.ContainsFunc(e.wanted, func(w vrrp.Route) bool { return w.Prefix == r.prefix }) {
			return true
		}
	}
	return false
}

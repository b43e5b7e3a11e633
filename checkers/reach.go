package checkers

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// reach connects to t and closes at once. It does what connect does, at half the price: it is all that most checks do, and there may be
// ten thousand of them in a second.
func (t Target) reach(ctx context.Context) error {
	if t.Proxy != 0 || t.Addr.Addr().Zone() != "" || t.Source.Zone() != "" { // the zone is to be looked up
		conn, err := t.connect(ctx)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	t, err := t.settled()
	if err != nil {
		return err
	}
	if err := t.handshake(ctx); err != nil {
		return fmt.Errorf("connect to %s: %w", t.Addr, why(ctx, err))
	}
	traceOf(ctx).phase("connect")
	return nil
}

// handshake is reach without words.
func (t Target) handshake(ctx context.Context) error {
	family, server := sockaddr(t.Addr)
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
	if err != nil {
		return err
	}
	if err := t.prepare(fd); err != nil {
		_ = unix.Close(fd)
		return err
	}
	err = unix.Connect(fd, server)
	if underWay(err) {
		err = unix.Connect(fd, server) // a server on this host has answered by now
	}
	if underWay(err) {
		return awaitConnection(ctx, fd, server)
	}
	_ = unix.Close(fd)
	return err
}

// prepare gives a socket its options and its own address.
func (t Target) prepare(fd int) error {
	if err := t.options(fd); err != nil {
		return err
	}
	if !t.Source.IsValid() {
		return nil
	}
	_, source := sockaddr(netip.AddrPortFrom(t.Source, 0))
	return unix.Bind(fd, source)
}

// awaitConnection waits for the answer to a connect that is under way, and closes fd.
func awaitConnection(ctx context.Context, fd int, server unix.Sockaddr) error {
	f := os.NewFile(uintptr(fd), "probe")
	defer f.Close()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = f.SetDeadline(time.Unix(1, 0)) })()
	var outcome error
	err = raw.Write(func(fd uintptr) bool {
		outcome = unix.Connect(int(fd), server) // it tells how the first one ended
		return !underWay(outcome)
	})
	if err != nil {
		return err
	}
	return outcome
}

func underWay(err error) bool {
	return err == unix.EINPROGRESS || err == unix.EALREADY || err == unix.EINTR
}

// sockaddr returns an address without a zone as the kernel wants it, and its family.
func sockaddr(a netip.AddrPort) (family int, sa unix.Sockaddr) {
	if addr := a.Addr().Unmap(); addr.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port()), Addr: addr.As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

package checkers

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Target is where a probe goes to, and how it leaves this host.
type Target struct {
	Addr   netip.AddrPort // where to connect
	Source netip.Addr     // the address to connect from; zero: the kernel's choice
	Device string         // the interface to leave by; empty: the kernel's choice
	Mark   uint32         // the firewall mark of what is sent; 0: none
	Toward netip.Addr     // unless zero, and Source is: connect from the address from which this one is reached
	Proxy  uint8          // the version of the PROXY protocol that a TCP connection begins with, 1 or 2; 0: none
}

// Validate returns an error when the address or the port is missing, or the source is of another family.
func (t Target) Validate() error {
	if !t.Addr.Addr().IsValid() {
		return fmt.Errorf("the check has no address to connect to: want one such as 10.0.0.11:8080")
	}
	if t.Addr.Port() == 0 {
		return fmt.Errorf("the check of %s has no port: want 1 to 65535", t.Addr.Addr())
	}
	if t.Proxy > 2 {
		return fmt.Errorf("there is no version %d of the PROXY protocol: want 1 or 2", t.Proxy)
	}
	return t.validateSource()
}

func (t Target) validateSource() error {
	if t.Source.IsValid() && t.Source.Is4() != t.Addr.Addr().Unmap().Is4() {
		return fmt.Errorf("the source %s is of another family than %s", t.Source, t.Addr.Addr())
	}
	return nil
}

// Connect returns a check that only connects.
func (t Target) Connect() TCP { return TCP{Target: t} }

// dialer returns what connects as t wants, without keep-alives: no connection of a probe lives long enough for one. It binds to no
// address unless t has one: the kernel gives a socket that is bound before it connects a port that no other destination may share, and
// looks for it among all that wait for their end.
func (t Target) dialer() *net.Dialer {
	d := &net.Dialer{KeepAlive: -1}
	if t.Device != "" || t.Mark != 0 || t.Source.IsValid() {
		d.Control = t.control
	}
	return d
}

// control sets the options of a socket that has not connected yet.
func (t Target) control(_, _ string, c syscall.RawConn) error {
	var err error
	wrapped := c.Control(func(fd uintptr) { err = t.options(int(fd)) })
	if wrapped != nil {
		return wrapped
	}
	return err
}

func (t Target) options(fd int) error {
	if t.Mark != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(t.Mark)); err != nil {
			return err
		}
	}
	if t.Device != "" {
		if err := unix.BindToDevice(fd, t.Device); err != nil {
			return err
		}
	}
	if t.Source.IsValid() { // the address only; a kernel that cannot do that binds to a port as well
		_ = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	}
	return nil
}

// settled returns t with the source that it leads to, if any.
func (t Target) settled() (Target, error) {
	if t.Source.IsValid() || !t.Toward.IsValid() {
		return t, nil
	}
	conn, err := net.Dial("udp", netip.AddrPortFrom(t.Toward, t.Addr.Port()).String()) // which sends nothing
	if err != nil {
		return t, fmt.Errorf("find the way to %s: %w", t.Toward, plain(err))
	}
	t.Source = conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	return t, conn.Close()
}

// connect opens a TCP connection.
func (t Target) connect(ctx context.Context) (*net.TCPConn, error) {
	t, err := t.settled()
	if err != nil {
		return nil, err
	}
	d := t.dialer()
	if t.Source.IsValid() {
		d.LocalAddr = &net.TCPAddr{IP: t.Source.AsSlice(), Zone: t.Source.Zone()}
	}
	dialed, err := d.DialContext(ctx, "tcp", t.Addr.String())
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", t.Addr, why(ctx, err))
	}
	conn := dialed.(*net.TCPConn)
	traceOf(ctx).phase("connect")
	if t.Proxy == 0 {
		return conn, nil
	}
	if _, err := conn.Write(t.proxyHeader(conn.LocalAddr().(*net.TCPAddr).AddrPort())); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("send the PROXY header: %w", why(ctx, err))
	}
	return conn, nil
}

// proxyHeader is what tells the server who is connecting: version 1 names the two addresses, version 2 says that nobody is but the
// sender (LOCAL), as HAProxy has it in its checks.
func (t Target) proxyHeader(local netip.AddrPort) []byte {
	if t.Proxy == 2 {
		return []byte("\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00")
	}
	family, from, to := "TCP6", local.Addr().Unmap(), t.Addr.Addr().Unmap()
	if to.Is4() {
		family = "TCP4"
	}
	return fmt.Appendf(nil, "PROXY %s %s %s %d %d\r\n", family, from.WithZone(""), to.WithZone(""), local.Port(), t.Addr.Port())
}

// connectUDP opens a UDP socket that hears only the server. The kernel's ICMP errors about what it sends come back as errors of it.
func (t Target) connectUDP(ctx context.Context) (*net.UDPConn, error) {
	t, err := t.settled()
	if err != nil {
		return nil, err
	}
	d := t.dialer()
	if t.Source.IsValid() {
		d.LocalAddr = &net.UDPAddr{IP: t.Source.AsSlice(), Zone: t.Source.Zone()}
	}
	conn, err := d.DialContext(ctx, "udp", t.Addr.String())
	if err != nil {
		return nil, fmt.Errorf("open a socket to %s: %w", t.Addr, why(ctx, err))
	}
	return conn.(*net.UDPConn), nil
}

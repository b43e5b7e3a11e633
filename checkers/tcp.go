package checkers

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// TCP asks whether a server accepts a connection: it connects and closes at once.
//
// The close is an orderly one (FIN), not a reset. A reset would spare this side its TIME_WAIT, but servers log a reset as an
// error, every interval, for ever. TIME_WAIT costs about 300 bytes of kernel memory for a minute, and no port that another
// destination could not use as well.
type TCP struct {
	Addr netip.AddrPort // where to connect
}

// Validate returns an error when the address or the port is missing.
func (c TCP) Validate() error { return validateAddr(c.Addr) }

// Check connects and closes.
func (c TCP) Check(ctx context.Context) error {
	conn, err := connect(ctx, c.Addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

// connect opens a connection without keep-alives: it does not live long enough for one.
func connect(ctx context.Context, addr netip.AddrPort) (*net.TCPConn, error) {
	d := net.Dialer{KeepAlive: -1}
	conn, err := d.DialTCP(ctx, "tcp", netip.AddrPort{}, addr)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, why(ctx, err))
	}
	return conn, nil
}

func validateAddr(addr netip.AddrPort) error {
	if !addr.Addr().IsValid() {
		return fmt.Errorf("the check has no address to connect to: want one such as 10.0.0.11:8080")
	}
	if addr.Port() == 0 {
		return fmt.Errorf("the check of %s has no port: want 1 to 65535", addr.Addr())
	}
	return nil
}

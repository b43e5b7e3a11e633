package kernel

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"github.com/mdlayher/ndp"
	"golang.org/x/net/ipv6"
)

var allRouters = net.IPAddr{IP: net.ParseIP("ff02::2")}

// solicitations hears the router solicitations of one interface, and calls heard for each that is valid.
type solicitations struct {
	heard func()
	log   *slog.Logger

	index  int // of the interface; 0 while nothing is heard
	conn   *ipv6.PacketConn
	reader sync.WaitGroup
	told   bool // that there is no socket
}

// follow hears the interface l, or nothing for the zero link. It reports false when it is to be tried again.
func (s *solicitations) follow(ctx context.Context, l link) bool {
	if s.index == l.index {
		return true
	}
	s.close()
	if l.index == 0 {
		return true
	}
	conn, err := openSolicitations(l)
	if err != nil {
		if !s.told {
			s.log.Warn("router solicitations are not heard, hosts wait for the next advertisement", "interface", l.name, "error", err)
		}
		s.told = true
		return false
	}
	s.conn, s.index, s.told = conn, l.index, false
	s.reader.Go(func() { s.read(ctx, conn) })
	return true
}

// close ends the reader and waits for it.
func (s *solicitations) close() {
	if s.conn != nil {
		s.conn.Close()
		s.reader.Wait()
	}
	s.conn, s.index = nil, 0
}

// openSolicitations returns a socket that gets the router solicitations of one interface; the kernel has checked their checksums.
func openSolicitations(l link) (*ipv6.PacketConn, error) {
	control := func(_, _ string, raw syscall.RawConn) error { return prepare(raw, l.name, nil) }
	lc := net.ListenConfig{Control: control}
	c, err := lc.ListenPacket(context.Background(), "ip6:ipv6-icmp", "::")
	if err != nil {
		return nil, err
	}
	conn := ipv6.NewPacketConn(c)
	var filter ipv6.ICMPFilter
	filter.SetAll(true)
	filter.Accept(ipv6.ICMPTypeRouterSolicitation)
	err = errors.Join(
		conn.SetICMPFilter(&filter),
		conn.SetControlMessage(ipv6.FlagHopLimit, true),
		conn.JoinGroup(&net.Interface{Name: l.name, Index: l.index}, &allRouters),
	)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// read hands over solicitations until the socket is closed.
func (s *solicitations) read(ctx context.Context, conn *ipv6.PacketConn) {
	b := make([]byte, readSize)
	for {
		n, cm, from, err := conn.ReadFrom(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		switch {
		case err != nil:
			rest(ctx, readErrorPause)
		case cm != nil && validSolicitation(b[:n], cm.HopLimit, from):
			s.heard()
		}
	}
}

// validSolicitation makes the checks of RFC 4861 section 6.1.1 that the kernel did not.
func validSolicitation(b []byte, hops int, from net.Addr) bool {
	m, err := ndp.ParseMessage(b)
	rs, ok := m.(*ndp.RouterSolicitation)
	if err != nil || !ok || hops != hopLimit || b[1] != 0 {
		return false
	}
	src, isIP := from.(*net.IPAddr)
	if !isIP {
		return false
	}
	addr, _ := netip.AddrFromSlice(src.IP)
	return !addr.IsUnspecified() || !hasSourceAddress(rs.Options)
}

func hasSourceAddress(options []ndp.Option) bool {
	for _, o := range options {
		if l, ok := o.(*ndp.LinkLayerAddress); ok && l.Direction == ndp.Source {
			return true
		}
	}
	return false
}

package ipvs

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// An ear waits for one message to a backup daemon, beside the kernel's own socket, and is closed then: it costs nothing while nothing comes, and no
// more when much does.
type ear struct {
	daemon Daemon
	conn   net.PacketConn
	done   chan struct{} // closed when its goroutine has ended

	mu    sync.Mutex
	heard SyncHeard // guarded by mu
}

// openEar listens on the interface of d in the namespace of the calling thread.
func openEar(d Daemon) (*ear, error) {
	network := "udp4"
	if d.Group.Is6() {
		network = "udp6"
	}
	listen := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return shareGroup(c, d.Interface) }}
	conn, err := listen.ListenPacket(context.Background(), network, net.JoinHostPort(zoned(d), strconv.Itoa(int(d.Port))))
	if err != nil {
		return nil, err
	}
	if err := joinGroup(conn, d); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	e := &ear{daemon: d, conn: conn, done: make(chan struct{})}
	go e.listen()
	return e, nil
}

// zoned is the group as an address to listen on: one of IPv6 that counts on one link only has the name of the interface.
func zoned(d Daemon) string {
	if d.Group.Is6() && (d.Group.IsLinkLocalMulticast() || d.Group.IsInterfaceLocalMulticast()) {
		return d.Group.WithZone(d.Interface).String()
	}
	return d.Group.String()
}

// shareGroup lets the kernel's daemon have the same address and port, and leaves the messages of other interfaces alone.
func shareGroup(c syscall.RawConn, link string) (err error) {
	outer := c.Control(func(fd uintptr) {
		err = errors.Join(unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1), unix.BindToDevice(int(fd), link))
	})
	return errors.Join(outer, os.NewSyscallError("setsockopt", err))
}

func joinGroup(conn net.PacketConn, d Daemon) error {
	link, err := net.InterfaceByName(d.Interface)
	if err != nil {
		return err
	}
	group := &net.UDPAddr{IP: d.Group.AsSlice()}
	if d.Group.Is6() {
		return ipv6.NewPacketConn(conn).JoinGroup(link, group)
	}
	return ipv4.NewPacketConn(conn).JoinGroup(link, group)
}

// listen ends with the first message that has a header, or when conn is closed.
func (e *ear) listen() {
	defer close(e.done)
	defer e.conn.Close()
	var message [syncHeader]byte // the rest of a datagram is dropped
	for {
		got, from, err := e.conn.ReadFrom(message[:])
		if err != nil {
			return
		}
		if id, ok := parseSyncID(message[:got]); ok {
			e.hear(SyncHeard{ID: id, From: addrOf(from), At: time.Now()})
			return
		}
	}
}

func (e *ear) hear(h SyncHeard) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = h
}

func addrOf(a net.Addr) netip.Addr {
	if u, ok := a.(*net.UDPAddr); ok {
		return u.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// close ends the listening and returns what was heard, if anything.
func (e *ear) close() SyncHeard {
	e.conn.Close()
	<-e.done
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.heard
}

// listenTo returns what was heard last for the backup daemon among those that run, and listens on. Where that is not possible nothing is known, and
// nothing is wrong.
func (n *Netlink) listenTo(daemons []Daemon) SyncHeard {
	var want Daemon
	for _, d := range daemons {
		if d.State == SyncBackup {
			want = d.filled()
		}
	}
	switch {
	case n.ear == nil:
	case n.ear.daemon != want:
		n.ear.close()
		n.ear, n.heard = nil, SyncHeard{}
	case n.ear.over():
		n.heard, n.ear = n.ear.close(), nil
	}
	if want.State == 0 {
		n.heard = SyncHeard{}
	} else if n.ear == nil {
		n.ear, _ = openEar(want)
	}
	return n.heard
}

// over reports whether it has heard something, or its socket broke.
func (e *ear) over() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

package bfd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// UDP ports, RFC 5881 section 4 and RFC 5883 section 4.1.
const (
	portSingleHop = 3784
	portMultihop  = 4784
)

const (
	// readSize is more than the longest control packet without authentication, in bytes; what is longer is cut and refused.
	readSize = 256
	// oobSize is more than the control messages that we ask for need, in bytes.
	oobSize = 128
	// readShare is how many packets one Drain takes from a socket: who waits for the lock gets it in a flood, too.
	readShare = 256
	// receiveBuffer holds some thousand packets, in bytes: a process that was stopped reads on where it was.
	receiveBuffer = 1 << 20
)

// UDP is the Network of the calling thread's network namespace. It opens a socket for each port and address family when the first session
// needs it, and keeps it.
type UDP struct {
	notify  func()
	readers sync.WaitGroup

	mu sync.Mutex // taken after the Engine's
	// guarded by mu:
	sockets map[socketKind]*socket
	list    []*socket       // of sockets; appended to only
	ports   map[uint16]bool // source ports in use
	closed  bool
}

// A socketKind says what arrives at a socket.
type socketKind struct{ v6, multihop bool }

// A socket is one that hears.
type socket struct {
	kind socketKind
	conn *net.UDPConn
	raw  syscall.RawConn
	buf  [readSize]byte
	oob  [oobSize]byte
	more atomic.Bool // the last Drain left something
}

var _ Network = (*UDP)(nil)

// NewUDP returns a Network without sockets.
func NewUDP() *UDP {
	return &UDP{sockets: map[socketKind]*socket{}, ports: map[uint16]bool{}}
}

// Notify implements Network.
func (u *UDP) Notify(arrived func()) { u.notify = arrived }

// Open implements Network. The error says that packets of the session cannot be heard; Send tries again.
func (u *UDP) Open(c *Config) (Sender, error) {
	s := newSender(u, c)
	return s, u.listen(s.kind)
}

// listen makes sure that packets of that kind are heard.
func (u *UDP) listen(kind socketKind) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return net.ErrClosed
	}
	if u.sockets[kind] != nil {
		return nil
	}
	s, err := openSocket(kind)
	if err != nil {
		return err
	}
	u.sockets[kind], u.list = s, append(u.list, s)
	u.readers.Go(func() { u.read(s) })
	return nil
}

func openSocket(kind socketKind) (*socket, error) {
	port := portSingleHop
	if kind.multihop {
		port = portMultihop
	}
	network, address := "udp4", fmt.Sprintf("0.0.0.0:%d", port)
	if kind.v6 {
		network, address = "udp6", fmt.Sprintf("[::]:%d", port)
	}
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error { return prepare(raw, kind) }}
	conn, err := lc.ListenPacket(context.Background(), network, address)
	if errors.Is(err, unix.EADDRINUSE) {
		return nil, fmt.Errorf("UDP port %d is taken: another BFD daemon, such as FRR's bfdd or keepalived, runs on this host", port)
	}
	if err != nil {
		return nil, err
	}
	s := &socket{kind: kind, conn: conn.(*net.UDPConn)} //nolint:forcetypeassert // of a udp network it is one
	s.raw, err = s.conn.SyscallConn()
	return s, err
}

// prepare asks for what must be known of every packet, before the first is heard.
func prepare(raw syscall.RawConn, kind socketKind) error {
	var opts error
	err := raw.Control(func(f uintptr) {
		set := setter(int(f), &opts)
		if kind.v6 {
			set(unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
			set(unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1)
		} else {
			set(unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
			set(unix.IPPROTO_IP, unix.IP_RECVTTL, 1)
		}
		if unix.SetsockoptInt(int(f), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
			set(unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
		}
	})
	return errors.Join(err, opts)
}

// setter returns a function that sets an option of fd and adds what goes wrong to errs.
func setter(fd int, errs *error) func(level, option, value int) {
	return func(level, option, value int) {
		*errs = errors.Join(*errs, syscallError("setsockopt", unix.SetsockoptInt(fd, level, option, value)))
	}
}

func syscallError(call string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", call, err)
}

// read calls notify whenever packets have arrived, until the socket is closed.
func (u *UDP) read(s *socket) {
	_ = s.raw.Read(func(uintptr) bool { // ends with net.ErrClosed
		for {
			u.notify()
			if !s.more.Load() {
				return false // wait for the next
			}
		}
	})
}

// Drain implements Network. It takes up to readShare packets of each socket.
func (u *UDP) Drain(hear func(Arrival)) (more bool) {
	for _, s := range u.open() {
		left := false
		_ = s.raw.Control(func(fd uintptr) { left = s.drain(int(fd), hear) }) // fails on a closed socket, which has nothing
		s.more.Store(left)
		more = more || left
	}
	return more
}

// open returns the sockets. They are used without the lock: a reader may be at them, which Close waits for.
func (u *UDP) open() []*socket {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.list
}

// drain reads up to readShare packets, and reports whether there may be more.
func (s *socket) drain(fd int, hear func(Arrival)) bool {
	for range readShare {
		n, oobn, flags, from, err := unix.Recvmsg(fd, s.buf[:], s.oob[:], unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return false
		case err != nil || flags&unix.MSG_CTRUNC != 0: // an error that came back, and is gone now
			continue
		}
		a := Arrival{Multihop: s.kind.multihop, Payload: s.buf[:n]}
		switch from := from.(type) {
		case *unix.SockaddrInet4:
			a.From = netip.AddrFrom4(from.Addr)
		case *unix.SockaddrInet6:
			a.From = netip.AddrFrom16(from.Addr)
		}
		a.annotate(s.oob[:oobn])
		hear(a)
	}
	return true
}

// annotate reads the control messages of a packet.
func (a *Arrival) annotate(oob []byte) {
	for len(oob) >= unix.SizeofCmsghdr {
		h, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return
		}
		oob = rest
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			a.Interface = int(binary.NativeEndian.Uint32(data))
			a.To = netip.AddrFrom4([4]byte(data[8:12]))
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			a.To = netip.AddrFrom16([16]byte(data[:16]))
			a.Interface = int(binary.NativeEndian.Uint32(data[16:]))
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_TTL && len(data) >= 4,
			h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_HOPLIMIT && len(data) >= 4:
			a.TTL = uint8(binary.NativeEndian.Uint32(data))
		}
	}
}

// Close implements Network.
func (u *UDP) Close() error {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	var errs []error
	for _, s := range u.open() {
		errs = append(errs, s.conn.Close())
	}
	u.readers.Wait()
	return errors.Join(errs...)
}

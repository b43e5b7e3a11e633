package kernel

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxVain is how often in a row a socket may be ready and give nothing before its reader is told, so that it can rest.
const maxVain = 16

var errVain = errors.New("the socket is ready without end and gives nothing")

// A gate is a socket that Go's poller does not know. The poller is told of every packet, and wakes a thread for each, whether or not
// somebody waits for it; that costs more than all else that is done with an advert. Between the two stands an epoll instance of the
// socket's own. It lets one event through after it was armed, and the reader arms it when it has found the socket empty and wants to wait.
//
//	socket ──► inner epoll, one event once it is armed ──► Go's poller ──► reader
//
// It is the syscall.RawConn of the socket. One goroutine reads at a time; all methods may be called from any.
type gate struct {
	inner  *os.File        // the epoll instance; it has the read deadline
	poller syscall.RawConn // of inner

	mu sync.RWMutex // held for reading while the socket is used, so that nobody uses a number that means another file by then
	// guarded by mu:
	fd int // of the socket; -1 when it is closed
}

var _ syscall.RawConn = (*gate)(nil)

// newGate puts a gate before a socket, which must not block. It owns the socket from then on, and has closed it when it fails.
func newGate(fd int) (*gate, error) {
	inner, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	_ = unix.SetNonblock(inner, true) // for os.NewFile: that tells by it what to give to the poller
	g := &gate{inner: os.NewFile(uintptr(inner), "gate"), fd: fd}
	disarmed := unix.EpollEvent{Events: unix.EPOLLONESHOT}
	err = errors.Join(
		os.NewSyscallError("epoll_ctl", unix.EpollCtl(inner, unix.EPOLL_CTL_ADD, fd, &disarmed)),
		g.inner.SetReadDeadline(time.Time{})) // fails when the poller did not take it
	if err == nil {
		g.poller, err = g.inner.SyscallConn()
	}
	if err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

// Control calls f with the socket, which stays open meanwhile; net.ErrClosed when it is not.
func (g *gate) Control(f func(fd uintptr)) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.fd < 0 {
		return net.ErrClosed
	}
	f(uintptr(g.fd))
	return nil
}

// Write calls f once: a full transmit queue is unix.EAGAIN and not a wait.
func (g *gate) Write(f func(fd uintptr) bool) error {
	err := error(unix.EAGAIN)
	return errors.Join(g.Control(func(fd uintptr) {
		if f(fd) {
			err = nil
		}
	}), err)
}

// Read calls f until it reports true, and waits at the gate in between. It ends with net.ErrClosed after Close, and with
// os.ErrDeadlineExceeded when the read deadline is over.
func (g *gate) Read(f func(fd uintptr) bool) error {
	var err error
	armed, vain := false, 0
	waitErr := g.poller.Read(func(inner uintptr) bool {
		if armed && !passed(int(inner)) { // the poller tells of something older
			return false
		}
		armed, err = g.tryOrArm(int(inner), f)
		if vain++; armed && vain > maxVain {
			err = errVain
		}
		return !armed || err != nil
	})
	if waitErr != nil && !errors.Is(waitErr, os.ErrDeadlineExceeded) {
		return net.ErrClosed // the poller knows no other error of what it has taken
	}
	return errors.Join(waitErr, err)
}

// tryOrArm calls f, and arms the gate when f wants to wait. What came between the two lets the gate's event through at once.
func (g *gate) tryOrArm(inner int, f func(fd uintptr) bool) (armed bool, err error) {
	closed := g.Control(func(fd uintptr) {
		if armed = !f(fd); armed {
			event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLERR | unix.EPOLLONESHOT}
			err = os.NewSyscallError("epoll_ctl", unix.EpollCtl(inner, unix.EPOLL_CTL_MOD, int(fd), &event))
		}
	})
	return armed, errors.Join(closed, err)
}

// passed takes the event that came through the gate, which is then no longer armed. It reports false when there was none. It does not
// wait, and so nobody is told of the call; see batch.
func passed(inner int) bool {
	var event unix.EpollEvent
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(inner), uintptr(unsafe.Pointer(&event)), 1, 0, 0, 0)
		if errno != unix.EINTR {
			return errno == 0 && n > 0
		}
	}
}

// SetReadDeadline makes a Read that lasts until t end then. The zero Time is never.
func (g *gate) SetReadDeadline(t time.Time) error { return g.inner.SetReadDeadline(t) }

// Close closes the socket and ends Read. It waits until nobody uses the socket.
func (g *gate) Close() error {
	g.mu.Lock()
	fd := g.fd
	g.fd = -1
	g.mu.Unlock() // to close a socket that is a member of groups may take long
	if fd < 0 {
		return net.ErrClosed
	}
	return errors.Join(g.inner.Close(), os.NewSyscallError("close", unix.Close(fd)))
}

// A gatedConn shows a gate to golang.org/x/net, which sets options and reads through SyscallConn, Close and SetReadDeadline. Of the other
// methods that make it a net.Conn and a net.PacketConn nobody makes use; those of the zero IPConn return an error.
type gatedConn struct {
	net.IPConn
	gate *gate
}

// SyscallConn returns the gate, through which the socket is read. It never fails.
func (c *gatedConn) SyscallConn() (syscall.RawConn, error) { return c.gate, nil }

// SetReadDeadline is that of the gate.
func (c *gatedConn) SetReadDeadline(t time.Time) error { return c.gate.SetReadDeadline(t) }

// Close is that of the gate.
func (c *gatedConn) Close() error { return c.gate.Close() }

// LocalAddr returns an address that says nothing but that the socket is one of IP.
func (c *gatedConn) LocalAddr() net.Addr { return &net.IPAddr{} }

// openGated returns a raw IP socket on one interface, with options that are set before it hears anything that is not for that.
func openGated(domain, protocol int, ifname string, options []socketOption) (*gatedConn, error) {
	fd, err := unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	g, err := newGate(fd)
	if err != nil {
		return nil, err
	}
	if err := prepare(g, ifname, options); err != nil {
		g.Close()
		return nil, err
	}
	return &gatedConn{gate: g}, nil
}

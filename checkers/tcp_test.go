package checkers

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/alone"
)

// patience is how long past its deadline a probe may take to end on a busy machine.
const patience = 2 * time.Second

// at is a target without further wishes.
func at(addr netip.AddrPort) Target { return Target{Addr: addr} }

// probeFor asks c with a deadline after timeout, as a Set does, and fails the test if that does not end the probe.
func probeFor(t *testing.T, c Checker, timeout time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), timeout, lateError(timeout))
	defer cancel()
	began := time.Now()
	err := c.Check(ctx)
	if took := time.Since(began); took > timeout+patience {
		t.Errorf("the probe took %s with a timeout of %s", took, timeout)
	}
	return err
}

// wantError fails the test unless err is nil and want is empty, or err's text is want. A want that ends in "…" is a beginning.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	beginning, open := strings.CutSuffix(want, "…")
	if got != want && (!open || !strings.HasPrefix(got, beginning)) {
		t.Errorf("the probe says %q, want %q", got, want)
	}
}

// eventually waits until ok, and fails the test if that takes longer than patience.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	alone.Await(t, 5*patience, what, ok)
}

// serve accepts connections on loopback until the test ends and gives each to handle, which owns it.
func serve(t *testing.T, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

// boundSocket has a port of its own, so that nobody else gets it while the test runs, and does not listen.
func boundSocket(t *testing.T) (fd int, addr netip.AddrPort) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(os.NewSyscallError("bind", err))
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fd, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(name.(*syscall.SockaddrInet4).Port))
}

// closedPort returns an address where nobody listens.
func closedPort(t *testing.T) netip.AddrPort {
	t.Helper()
	_, addr := boundSocket(t)
	return addr
}

// deafPort returns an address that does not answer: its queue of connections is full.
func deafPort(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, addr := boundSocket(t)
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(os.NewSyscallError("listen", err))
	}
	for range 8 { // the queue of length 0 holds one connection
		conn, err := net.DialTimeout("tcp4", addr.String(), 200*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the queue does not fill")
	return addr
}

func TestTCPConnectsAndClosesInOrder(t *testing.T) {
	ends := make(chan error, 1)
	addr := serve(t, func(conn net.Conn) {
		_, err := conn.Read(make([]byte, 1))
		ends <- err
	})
	wantError(t, probeFor(t, TCP{Target: at(addr)}, 5*time.Second), "")
	if err := <-ends; err != io.EOF { // and not "connection reset by peer"
		t.Errorf("the server read %v, want the end of the connection", err)
	}
}

func TestTCPSaysWhyNot(t *testing.T) {
	refused, deaf := closedPort(t), deafPort(t)
	wantError(t, probeFor(t, TCP{Target: at(refused)}, 5*time.Second), "connect to "+refused.String()+": connection refused")
	wantError(t, probeFor(t, TCP{Target: at(deaf)}, 100*time.Millisecond), "connect to "+deaf.String()+": no answer within 100ms")
}

func TestTCPEndsWhenItsContextDoes(t *testing.T) {
	deaf := deafPort(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- TCP{Target: at(deaf)}.Check(ctx) }()
	cancel()
	wantError(t, <-done, "connect to "+deaf.String()+": context canceled")
}

func TestTCPNeedsAnAddressAndAPort(t *testing.T) {
	for addr, want := range map[netip.AddrPort]string{
		{}:                                      "the check has no address to connect to: want one such as 10.0.0.11:8080",
		netip.MustParseAddrPort("10.0.0.11:0"):  "the check of 10.0.0.11 has no port: want 1 to 65535",
		netip.MustParseAddrPort("10.0.0.11:80"): "",
	} {
		wantError(t, TCP{Target: at(addr)}.Validate(), want)
	}
}

// TestProbesLeaveAsTheyAreTold: from the address that is wanted, by the interface, and from a port that others may share.
func TestProbesLeaveAsTheyAreTold(t *testing.T) {
	from := make(chan netip.AddrPort, 1)
	addr := serve(t, func(conn net.Conn) { from <- conn.RemoteAddr().(*net.TCPAddr).AddrPort() })
	wantError(t, probeFor(t, TCP{Target: Target{Addr: addr, Source: netip.MustParseAddr("127.0.0.7"), Device: "lo"}}, 5*time.Second), "")
	if got := <-from; got.Addr() != netip.MustParseAddr("127.0.0.7") {
		t.Errorf("the probe comes from %s, want 127.0.0.7", got)
	}
	err := probeFor(t, TCP{Target: Target{Addr: addr, Source: netip.MustParseAddr("192.0.2.1")}}, 5*time.Second)
	wantError(t, err, "connect to "+addr.String()+": cannot assign requested address")
	err = probeFor(t, TCP{Target: Target{Addr: addr, Device: "none0"}}, 5*time.Second)
	wantError(t, err, "connect to "+addr.String()+": no such device")
}

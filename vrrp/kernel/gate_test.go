package kernel

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// gatePatience bounds every wait of these tests; what they wait for takes microseconds.
const gatePatience = 10 * time.Second

// A gatePair is a gate and the far end of its socket.
type gatePair struct {
	t    *testing.T
	gate *gate
	far  int
}

func newGatePair(t *testing.T) *gatePair {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGate(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close(); unix.Close(fds[1]) })
	return &gatePair{t: t, gate: g, far: fds[1]}
}

func (p *gatePair) send(text string) {
	p.t.Helper()
	if err := unix.Send(p.far, []byte(text), 0); err != nil {
		p.t.Fatal(err)
	}
}

// read returns the next packet, as a reader who waits for it.
func (p *gatePair) read() (string, error) {
	b := make([]byte, 64)
	var n int
	err := p.gate.Read(func(fd uintptr) bool {
		var err error
		n, err = unix.Read(int(fd), b)
		return err != unix.EAGAIN
	})
	return string(b[:max(n, 0)]), err
}

// waiting starts a reader, and returns where its result comes when it sleeps at the armed gate.
func (p *gatePair) waiting() chan error {
	p.t.Helper()
	result, armed := make(chan error, 1), make(chan struct{}, 2)
	go func() {
		var calls int
		result <- p.gate.Read(func(fd uintptr) bool {
			calls++
			armed <- struct{}{}
			return calls > 1
		})
	}()
	<-armed
	return result
}

// outcome returns what came of a reader.
func (p *gatePair) outcome(result chan error) error {
	p.t.Helper()
	select {
	case err := <-result:
		return err
	case <-time.After(gatePatience):
		p.t.Fatalf("the reader still waits after %s", gatePatience)
		return nil
	}
}

func TestReaderGetsWhatComesThroughTheGate(t *testing.T) {
	p := newGatePair(t)
	p.send("before")
	if got, err := p.read(); got != "before" || err != nil {
		t.Errorf("read %q, %v; want what waited", got, err)
	}
	for _, want := range []string{"first", "second"} { // the gate is armed anew for each
		result := make(chan error, 1)
		go func() {
			got, err := p.read()
			if got != want {
				err = errors.Join(err, errors.New("read "+got))
			}
			result <- err
		}()
		p.send(want)
		if err := p.outcome(result); err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// poller stands for Go's, which is told of the gate by edges.
func (p *gatePair) poller(inner int) (told func() int) {
	p.t.Helper()
	outer, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { unix.Close(outer) })
	if err := unix.EpollCtl(outer, unix.EPOLL_CTL_ADD, inner, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET}); err != nil {
		p.t.Fatal(err)
	}
	return func() int {
		var events [1]unix.EpollEvent
		n, err := unix.EpollWait(outer, events[:], 0)
		if err != nil {
			p.t.Fatal(err)
		}
		return n
	}
}

func TestPollerIsToldOnceAfterTheGateWasArmed(t *testing.T) {
	p := newGatePair(t)
	err := p.gate.poller.Control(func(fd uintptr) {
		inner := int(fd)
		told := p.poller(inner)
		for range 2 {
			p.send("nobody waits for this")
			if told() != 0 || passed(inner) {
				t.Error("the poller is told of a packet for which nobody waits")
			}
			if armed, err := p.gate.tryOrArm(inner, func(uintptr) bool { return false }); !armed || err != nil {
				t.Fatalf("armed %t, %v", armed, err)
			}
			if told() != 1 || !passed(inner) || told() != 0 || passed(inner) {
				t.Error("want the poller to be told once of what somebody waits for")
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// The reader finds the socket empty, a packet comes, and only then the gate is armed.
func TestPacketBeforeTheGateIsArmedIsNotMissed(t *testing.T) {
	p := newGatePair(t)
	result := make(chan error, 1)
	go func() {
		calls := 0
		result <- p.gate.Read(func(fd uintptr) bool {
			if calls++; calls == 1 {
				p.send("in between")
			}
			return calls > 1
		})
	}()
	if err := p.outcome(result); err != nil {
		t.Error(err)
	}
}

func TestCloseEndsAReaderAtTheGate(t *testing.T) {
	p := newGatePair(t)
	result := p.waiting()
	if err := p.gate.Close(); err != nil {
		t.Error(err)
	}
	if err := p.outcome(result); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read = %v, want %v", err, net.ErrClosed)
	}
	never := func(uintptr) bool { t.Error("the socket is used after Close"); return true }
	for name, err := range map[string]error{
		"Read": p.gate.Read(never), "Write": p.gate.Write(never), "Close": p.gate.Close(),
		"Control": p.gate.Control(func(fd uintptr) { never(fd) }),
	} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s after Close = %v, want %v", name, err, net.ErrClosed)
		}
	}
}

func TestCloseWaitsForWhoUsesTheSocket(t *testing.T) {
	p := newGatePair(t)
	closed := make(chan error, 1)
	err := p.gate.Control(func(fd uintptr) {
		go func() { closed <- p.gate.Close() }()
		for range 1000 {
			if _, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err != nil {
				t.Fatalf("the socket is closed under us: %v", err)
			}
		}
		select {
		case <-closed:
			t.Error("Close did not wait")
		default:
		}
	})
	if err != nil {
		t.Error(err)
	}
	if err := p.outcome(closed); err != nil {
		t.Error(err)
	}
}

func TestReadDeadlineEndsAReaderAtTheGate(t *testing.T) {
	p := newGatePair(t)
	result := p.waiting()
	if err := p.gate.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Error(err)
	}
	if err := p.outcome(result); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read = %v, want %v", err, os.ErrDeadlineExceeded)
	}
	p.send("too late")
	if _, err := p.read(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the next Read = %v, want %v", err, os.ErrDeadlineExceeded)
	}
	if err := p.gate.SetReadDeadline(time.Time{}); err != nil {
		t.Error(err)
	}
	if got, err := p.read(); got != "too late" || err != nil {
		t.Errorf("without a deadline read %q, %v; want what came meanwhile", got, err)
	}
}

// A socket that is ready without end, as one with an error that nobody takes, must not keep a CPU busy.
func TestSocketThatIsReadyForNothingIsAnError(t *testing.T) {
	p := newGatePair(t)
	p.send("nobody takes this")
	calls := 0
	if err := p.gate.Read(func(uintptr) bool { calls++; return false }); !errors.Is(err, errVain) {
		t.Errorf("Read = %v after %d calls, want %v", err, calls, errVain)
	}
}

func TestWriteDoesNotWait(t *testing.T) {
	p := newGatePair(t)
	if err := p.gate.Write(func(uintptr) bool { return false }); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("Write that would have to wait = %v, want %v", err, unix.EAGAIN)
	}
	if err := p.gate.Write(func(uintptr) bool { return true }); err != nil {
		t.Errorf("Write = %v", err)
	}
}

func TestGateThatFailsOrClosesLeavesNoFile(t *testing.T) {
	before := openFiles(t)
	for range 20 {
		p := newGatePair(t)
		p.gate.Close()
		unix.Close(p.far)
		p.far = -1
	}
	f, err := os.Open("/dev/null") // which epoll does not take
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := newGate(fd); !errors.Is(err, unix.EPERM) {
		t.Errorf("a gate before a file: %v, want %v", err, unix.EPERM)
	}
	if after := openFiles(t); after > before+2 { // Go's poller is opened at the first use
		t.Errorf("%d files are open, %d were before", after, before)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

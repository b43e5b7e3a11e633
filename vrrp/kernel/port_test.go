package kernel

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A stubbornConn is a conn that refuses filters, and whose Close lasts until it may end.
type stubbornConn struct {
	filters int
	refusal error
	closing chan struct{}
	mayEnd  chan struct{}
}

func (c *stubbornConn) SetReadDeadline(time.Time) error { return nil }
func (c *stubbornConn) SetBPF([]bpf.RawInstruction) error {
	c.filters++
	return c.refusal
}
func (c *stubbornConn) Close() error {
	close(c.closing)
	<-c.mayEnd
	return nil
}

// A stubbornConn is its own syscall.RawConn.
func (c *stubbornConn) Control(func(uintptr)) error    { return nil }
func (c *stubbornConn) Read(func(uintptr) bool) error  { return errors.ErrUnsupported }
func (c *stubbornConn) Write(func(uintptr) bool) error { return errors.ErrUnsupported }

func TestFilterThatWasRefusedIsTriedAgain(t *testing.T) {
	c := &stubbornConn{refusal: errors.New("no memory")}
	p := newPort(portName{ifname: "eth0", family: vrrp.IPv4})
	p.conn, p.raw = c, c
	sources := []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	if err := p.admit(sources); err == nil {
		t.Error("the refusal is not told")
	}
	c.refusal = nil
	for range 2 {
		if err := p.admit(sources); err != nil {
			t.Error(err)
		}
	}
	if c.filters != 2 {
		t.Errorf("the filter was set %d times, want 2: one that was refused, one that was not", c.filters)
	}
}

// The kernel takes its lock for links to leave a group, and somebody may hold that for seconds.
func TestClosingASocketHoldsUpNoSender(t *testing.T) {
	c := &stubbornConn{closing: make(chan struct{}), mayEnd: make(chan struct{})}
	p := newPort(portName{ifname: "eth0", family: vrrp.IPv4})
	p.conn, p.raw, p.index = c, c, 3
	closed, sent := make(chan struct{}), make(chan error)
	go func() { p.close(); close(closed) }()
	<-c.closing
	go func() { sent <- p.send(nil, netip.MustParseAddr("192.0.2.1"), vrrp.Group4, vrrp.Packet{}) }()
	select {
	case err := <-sent:
		if !errors.Is(err, errNoInterface) {
			t.Errorf("send: %v, want %v", err, errNoInterface)
		}
	case <-time.After(10 * time.Second):
		t.Error("send waits for close")
	}
	close(c.mayEnd)
	<-closed
}

package kernel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

const (
	// readBatch is how many packets one system call reads at most.
	readBatch = 128
	// smallBatch is how many it is prepared for as long as that is enough: each place costs, filled or not.
	smallBatch = 16
	// readSize is more than the longest advert with the longest IP header, in bytes.
	readSize = 2048
	// receiveBuffer holds some five thousand adverts, in bytes: a process that was stopped reads on where it was, and the adverts of a
	// master are not lost among 100,000 forged ones a second while the reader waits for a CPU.
	receiveBuffer = 4 << 20
	// priorityControl is TC_PRIO_CONTROL of linux/pkt_sched.h: adverts overtake bulk traffic in our own transmit queue.
	priorityControl = 7
	// readErrorPause keeps a socket that reports errors without end from using up a CPU.
	readErrorPause = 10 * time.Millisecond
)

// A conn is the open socket of a port.
type conn interface {
	SetBPF(filter []bpf.RawInstruction) error
	SetReadDeadline(t time.Time) error
	Close() error
}

var (
	_ conn = (*ipv4.PacketConn)(nil)
	_ conn = (*ipv6.PacketConn)(nil)
)

// A portName is what a port is known by: there is one for each interface and family, and for version 2 one more.
type portName struct {
	ifname string
	family vrrp.Family
	ah     bool       // hears adverts with an authentication header, another IP protocol
	group  netip.Addr // of multicast, one more port for each that is not the family's own; the zero Addr for that
}

// nameOf returns the name of the port that c sends through.
func nameOf(c *vrrp.Config) portName {
	name := portName{ifname: c.Interface, family: c.Family()}
	if g := c.MulticastGroup(); g != name.family.Group() {
		name.group = g
	}
	return name
}

// multicast returns the group that the port hears.
func (n portName) multicast() netip.Addr {
	if n.group.IsValid() {
		return n.group
	}
	return n.family.Group()
}

// A port is the socket of one interface and family, shared by all virtual routers there. It survives the interface: while that does not
// exist, there is no socket, and counters go on when it is back.
//
// One socket hears multicast and unicast alike, so that an advert of the kind that a router is not configured for reaches that router
// and is counted there.
type port struct {
	name   string // of the interface
	family vrrp.Family
	ah     bool
	group  netip.Addr // of multicast

	received, sent, sendErrors, readErrors atomic.Uint64
	drops                                  vrrp.Drops
	hearers                                atomic.Pointer[hearers]
	deaf                                   atomic.Bool  // the interface has no carrier
	beat                                   atomic.Int64 // of crowds, a time.Duration

	mu sync.Mutex
	// guarded by mu:
	conn     conn // nil while there is no socket
	raw      syscall.RawConn
	index    int // of the interface that conn is bound to; 0 for none
	id       uint16
	buf      []byte
	to       unix.RawSockaddrInet4 // of buf
	sendto   func(fd uintptr)      // sends buf; made once, so that an advert costs no garbage
	sendErr  error                 // of sendto
	hops     uint8                 // IPv6: hop limit of unicast that conn was told; 0 for none
	path     path                  // IPv6: of the last advert
	sources  []netip.Addr          // unicast destinations that the filter passes
	overflow uint64                // of sockets before conn
}

func newPort(n portName) *port {
	p := &port{name: n.ifname, family: n.family, ah: n.ah, group: n.multicast()}
	p.hearers.Store(&hearers{})
	p.beat.Store(int64(vrrp.Beat(vrrp.MinAdvertInterval)))
	p.to.Family = unix.AF_INET
	p.sendto = func(fd uintptr) { p.sendErr = sendto(fd, p.buf, &p.to) }
	return p
}

// reopen binds the port to the interface with that index, 0 for none, and returns the new socket if there is one.
func (p *port) reopen(index int) (syscall.RawConn, error) {
	p.close()
	if index == 0 {
		return nil, nil
	}
	p.mu.Lock()
	destinations := p.destinations()
	p.mu.Unlock()
	open := openRaw
	switch {
	case p.family == vrrp.IPv6:
		open = openRaw6
	case p.ah:
		open = openAH
	}
	conn, raw, err := open(&net.Interface{Name: p.name, Index: index}, destinations)
	if err != nil {
		return nil, fmt.Errorf("open a VRRP socket on %s for %s: %w", p.name, p.family, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conn, p.raw, p.index, p.hops = conn, raw, index, 0
	return raw, nil
}

// close gives up the socket, which ends its reader. No sender waits meanwhile: to leave its group the kernel takes the lock for links, which
// somebody may hold for long.
func (p *port) close() {
	if conn := p.disown(); conn != nil {
		conn.Close()
	}
}

// disown makes the port have no socket, and returns the one that it had.
func (p *port) disown() conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	conn := p.conn
	if conn != nil {
		p.overflow += uint64(socketDrops(p.raw))
	}
	p.conn, p.raw, p.index = nil, nil, 0
	return conn
}

// bound returns the index of the interface that the socket is bound to; 0 when there is no socket.
func (p *port) bound() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.index
}

// connection returns the socket; nil when there is none.
func (p *port) connection() (conn, syscall.RawConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conn, p.raw
}

// admit makes the filter pass unicast packets to sources. After an error it is as it was.
func (p *port) admit(sources []netip.Addr) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.Equal(sources, p.sources) {
		return nil
	}
	if p.conn != nil {
		if err := setFilter(p.conn, p.program(append([]netip.Addr{p.group}, sources...))); err != nil {
			return err
		}
	}
	p.sources = sources
	return nil
}

// program returns the filter that passes packets to destinations.
func (p *port) program(destinations []netip.Addr) []bpf.Instruction {
	switch {
	case p.family == vrrp.IPv6:
		return filter6(destinations)
	case p.ah:
		return filterAH(destinations)
	}
	return filter(destinations)
}

// destinations returns what the filter passes, the multicast group first. The caller holds mu.
func (p *port) destinations() []netip.Addr { return append([]netip.Addr{p.group}, p.sources...) }

// overflows returns how many packets the kernel dropped because the receive queue was full.
func (p *port) overflows() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.raw == nil {
		return p.overflow
	}
	return p.overflow + uint64(socketDrops(p.raw))
}

// send sends p at once, through v if there is one. A full transmit queue is an error and not a wait.
//
// What goes to one peer is not sent without a carrier. The kernel drops multicast then, but looks for the neighbour first and keeps the
// packet for it: the peer would hear of our resignation when the carrier is back, and our first adverts would wait behind it for up to a second.
func (p *port) send(v *voice, src, dst netip.Addr, packet vrrp.Packet) error {
	if p.deaf.Load() && !dst.IsMulticast() {
		return nil
	}
	var err error
	if v == nil {
		err = p.write(src, dst, packet)
	} else {
		err = v.send(p.bound(), src, dst, packet)
	}
	if err != nil {
		p.sendErrors.Add(1)
		return fmt.Errorf("send to %s on %s: %w", dst, p.name, err)
	}
	p.sent.Add(1)
	return nil
}

func (p *port) write(src, dst netip.Addr, packet vrrp.Packet) error {
	if vrrp.FamilyOf(src) != p.family {
		return errNoSource
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.raw == nil {
		return errNoInterface
	}
	if p.family == vrrp.IPv6 {
		return p.write6(src, dst, packet)
	}
	if p.id++; p.id == 0 {
		p.id = 1 // the kernel would choose one for 0
	}
	p.buf = appendAdvert(p.buf[:0], src, dst, p.id, packet)
	p.to.Addr = dst.As4()
	if err := p.raw.Control(p.sendto); err != nil {
		return err
	}
	return os.NewSyscallError("sendto", p.sendErr)
}

var errNoSource = errors.New("interface has no address to send from")

// read hands packets of the socket to the listeners until it is closed or its read deadline passes.
func (p *port) read(ctx context.Context, socket syscall.RawConn) {
	b := newBatch(p.family, readBatch)
	var c crowdControl
	for {
		get, most := b.wait, smallBatch
		if c.pause(ctx, time.Duration(p.beat.Load())) {
			get = b.poll
		}
		if c.full {
			most = readBatch
		}
		n, err := get(socket, most)
		if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
			return
		}
		c.note(n, most)
		if err != nil { // for example an ICMP error that came back
			p.readErrors.Add(1)
			rest(ctx, readErrorPause)
			continue
		}
		p.receive(b, n)
	}
}

// receive takes the packets of one read. A full queue is counted by the router that it is for.
func (p *port) receive(b *batch, n int) {
	p.received.Add(uint64(n))
	for i := range n {
		if h, payload, ok := b.split(i); ok {
			p.deliver(h, payload)
		} else {
			p.drops.Count(vrrp.DropIPHeader)
		}
	}
}

// deliver gives a message to the router it is for, or counts why not.
func (p *port) deliver(h ipHeader, payload []byte) {
	if h.datagram != nil {
		var err error
		if payload, err = vrrp.SplitAH(payload); err != nil {
			p.drops.Count(reasonOf(err))
			return
		}
	}
	packet, err := vrrp.ParsePacket(payload, h.src, h.dst)
	if err != nil && packet.Version == 0 { // otherwise the router may forgive it
		p.drops.Count(reasonOf(err))
		return
	}
	l := p.hearers.Load().pick(packet.VRID, h.src)
	if l == nil {
		p.drops.Count(vrrp.DropVRID)
		return
	}
	l.Receive(vrrp.Advert{From: h.src, To: h.dst, TTL: h.ttl, Packet: packet, Datagram: slices.Clone(h.datagram)})
}

// reasonOf returns the Reason that ParsePacket gave.
func reasonOf(err error) vrrp.Reason {
	if r, ok := vrrp.ReasonOf(err); ok {
		return r
	}
	return vrrp.DropIPHeader
}

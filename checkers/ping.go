package checkers

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// Ping asks a host for an echo.
type Ping struct {
	Host netip.Addr
	Size int // bytes of data, 0 to 1400
}

// maxPing is the most data of an echo, in bytes: what passes everywhere in one piece.
const maxPing = 1400

// Validate returns everything that is wrong with c, joined.
func (c Ping) Validate() error {
	var errs []error
	if !c.Host.IsValid() {
		errs = append(errs, errors.New("the check has no host: want an address such as 10.0.0.11"))
	}
	if c.Size < 0 || c.Size > maxPing {
		errs = append(errs, fmt.Errorf("size is %d, want 0 to %d bytes", c.Size, maxPing))
	}
	return errors.Join(errs...)
}

// Check sends one echo and waits for its answer. One that is lost is a failure: to bear with that is what fall is for.
func (c Ping) Check(ctx context.Context) error {
	p := &pingers[0]
	if c.Host.Unmap().Is6() {
		p = &pingers[1]
	}
	if err := p.acquire(); err != nil {
		return fmt.Errorf("open a socket for echoes: %w", plain(err))
	}
	defer p.release()
	answer, key := p.expect(c.Host.Unmap().WithZone(""))
	defer p.forget(key)
	if err := p.send(key, c.Host.Unmap(), c.Size); err != nil {
		return fmt.Errorf("send an echo to %s: %w", c.Host, why(ctx, err))
	}
	select {
	case err := <-answer:
		traceOf(ctx).phase("answer")
		return err
	case <-ctx.Done():
		return fmt.Errorf("echo to %s: %w", c.Host, context.Cause(ctx))
	}
}

// pingers are for IPv4 and IPv6.
var pingers = [2]pinger{{network: "ip4:icmp", version: 4}, {network: "ip6:ipv6-icmp", version: 6}}

// A pinger is the one socket of all echoes of a family: the kernel gives each raw socket all ICMP that comes in, so that one for each
// probe would cost the square of their number. It is open while somebody waits for an echo.
type pinger struct {
	network string
	version int

	mu      sync.Mutex
	users   int
	conn    *icmp.PacketConn
	waiting map[echo]chan error
}

// An echo is what tells one from another: who is asked, and two numbers.
type echo struct {
	host    netip.Addr
	id, seq uint16
}

func (p *pinger) acquire() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users == 0 {
		conn, err := icmp.ListenPacket(p.network, "")
		if err != nil {
			return err
		}
		p.conn, p.waiting = conn, map[echo]chan error{}
		go p.read(conn)
	}
	p.users++
	return nil
}

func (p *pinger) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users--; p.users == 0 {
		_ = p.conn.Close()
	}
}

// expect returns where the answer to an echo comes, and what that echo is.
func (p *pinger) expect(host netip.Addr) (chan error, echo) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := echo{host: host}
	for {
		n := rand.Uint32()
		key.id, key.seq = uint16(n>>16), uint16(n)
		if p.waiting[key] == nil {
			break
		}
	}
	answer := make(chan error, 1)
	p.waiting[key] = answer
	return answer, key
}

func (p *pinger) forget(key echo) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, key)
}

func (p *pinger) send(key echo, to netip.Addr, size int) error {
	m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: int(key.id), Seq: int(key.seq), Data: make([]byte, size)}}
	if p.version == 6 {
		m.Type = ipv6.ICMPTypeEchoRequest
	}
	b, err := m.Marshal(nil) // the kernel sums up over IPv6
	if err != nil {
		return err
	}
	_, err = p.conn.WriteTo(b, &net.IPAddr{IP: to.AsSlice(), Zone: to.Zone()})
	return err
}

// read hands out answers until conn is closed.
func (p *pinger) read(conn *icmp.PacketConn) {
	buf := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		addr, _ := netip.AddrFromSlice(from.(*net.IPAddr).IP)
		key, answer, ok := p.parse(addr.Unmap(), buf[:n])
		if !ok {
			continue
		}
		p.mu.Lock()
		waiting := p.waiting[key]
		p.mu.Unlock()
		if waiting != nil {
			select {
			case waiting <- answer:
			default: // there was one before
			}
		}
	}
}

// parse returns the echo that a message is about, and what it says of it.
func (p *pinger) parse(from netip.Addr, b []byte) (key echo, answer error, ok bool) {
	protocol := 1 // of ICMP
	if p.version == 6 {
		protocol = 58
	}
	m, err := icmp.ParseMessage(protocol, b)
	if err != nil {
		return key, nil, false
	}
	switch body := m.Body.(type) {
	case *icmp.Echo:
		isReply := m.Type == ipv4.ICMPTypeEchoReply || m.Type == ipv6.ICMPTypeEchoReply
		return echo{from, uint16(body.ID), uint16(body.Seq)}, nil, isReply
	case *icmp.DstUnreach:
		key, ok = p.original(body.Data)
		return key, fmt.Errorf("%s says that the host is unreachable (code %d)", from, m.Code), ok
	case *icmp.TimeExceeded:
		key, ok = p.original(body.Data)
		return key, fmt.Errorf("%s says that the way to the host is too long", from), ok
	}
	return key, nil, false
}

// original returns the echo of which a router sends the beginning back.
func (p *pinger) original(b []byte) (echo, bool) {
	var to []byte
	var rest []byte
	switch {
	case p.version == 4 && len(b) >= ipv4.HeaderLen && len(b) >= int(b[0]&15)*4+8 && b[9] == 1:
		to, rest = b[16:20], b[int(b[0]&15)*4:]
	case p.version == 6 && len(b) >= ipv6.HeaderLen+8 && b[6] == 58:
		to, rest = b[24:40], b[ipv6.HeaderLen:]
	default:
		return echo{}, false
	}
	host, _ := netip.AddrFromSlice(to)
	return echo{host, binary.BigEndian.Uint16(rest[4:]), binary.BigEndian.Uint16(rest[6:])}, true
}

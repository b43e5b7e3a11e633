package netns

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// A Pinger asks an address for an echo all the time: it sees whether the address answers, whoever has it.
type Pinger struct {
	conn   net.PacketConn
	ask    icmp.Type // an echo request of the address's family
	answer icmp.Type
	cancel context.CancelFunc
	done   sync.WaitGroup
	mu     sync.Mutex
	sent   []time.Time // guarded by mu; by sequence number
	rtt    []time.Duration
}

// noReply is the round trip of an echo request that was not answered.
const noReply = time.Duration(-1)

// Ping sends an echo request to addr at every interval, until Stop or the end of the World. It sends at most 65,536.
func (n *Node) Ping(addr netip.Addr, interval time.Duration) *Pinger {
	n.w.t.Helper()
	network, local := "ip4:icmp", "0.0.0.0"
	p := &Pinger{ask: ipv4.ICMPTypeEcho, answer: ipv4.ICMPTypeEchoReply}
	if addr.Is6() {
		network, local = "ip6:ipv6-icmp", "::"
		p.ask, p.answer = ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply
	}
	conn, err := n.ListenPacket(network, local)
	n.w.must(err, "%s: ping", n.Name)
	ctx, cancel := context.WithCancel(context.WithoutCancel(n.w.t.Context()))
	p.conn, p.cancel = conn, cancel
	n.closers = append(n.closers, p.Stop)
	p.done.Go(func() { p.send(ctx, addr, interval) })
	p.done.Go(p.receive)
	return p
}

// pingID marks our echo requests; each node has few pingers, and each its own socket.
const pingID = 0x6776

func (p *Pinger) send(ctx context.Context, addr netip.Addr, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	to := &net.IPAddr{IP: addr.AsSlice()}
	for seq := range 1 << 16 {
		body := icmp.Echo{ID: pingID, Seq: seq, Data: binary.BigEndian.AppendUint64(nil, uint64(seq))}
		b, err := (&icmp.Message{Type: p.ask, Body: &body}).Marshal(nil)
		if err != nil {
			return // cannot be: the message is ours
		}
		p.mu.Lock()
		p.sent, p.rtt = append(p.sent, time.Now()), append(p.rtt, noReply)
		p.mu.Unlock()
		_, _ = p.conn.WriteTo(b, to) // "no route" and the like are gaps, which is what we are after
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (p *Pinger) receive() {
	buf := make([]byte, 1500)
	for {
		n, _, err := p.conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error that the kernel passes on
		}
		m, err := icmp.ParseMessage(p.answer.Protocol(), buf[:n])
		if err != nil || m.Type != p.answer {
			continue
		}
		if echo, ok := m.Body.(*icmp.Echo); ok && echo.ID == pingID {
			p.answered(echo.Seq, time.Now())
		}
	}
}

func (p *Pinger) answered(seq int, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if seq < len(p.sent) && p.rtt[seq] == noReply {
		p.rtt[seq] = at.Sub(p.sent[seq])
	}
}

// Stop ends it; what was seen stays. It may be called more than once.
func (p *Pinger) Stop() {
	p.cancel()
	_ = p.conn.Close()
	p.done.Wait()
}

// Answered returns when the first answer came to a request that was sent after a moment; ok is false when none has.
func (p *Pinger) Answered(after time.Time) (at time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, sent := range p.sent {
		if sent.After(after) && p.rtt[i] != noReply {
			return sent.Add(p.rtt[i]), true
		}
	}
	return time.Time{}, false
}

// LongestGap returns the longest time between two neighbouring answers to requests sent after a moment.
func (p *Pinger) LongestGap(after time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var gap time.Duration
	last := after
	for i, sent := range p.sent {
		if p.rtt[i] == noReply || !sent.After(after) {
			continue
		}
		at := sent.Add(p.rtt[i])
		gap, last = max(gap, at.Sub(last)), at
	}
	return gap
}

// Lost returns how many requests sent after a moment, and older than patience, were not answered, and how many there were.
func (p *Pinger) Lost(after time.Time, patience time.Duration) (lost, sent int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, at := range p.sent {
		if !at.After(after) || time.Since(at) < patience {
			continue
		}
		sent++
		if p.rtt[i] == noReply {
			lost++
		}
	}
	return lost, sent
}

// Unanswered returns when the requests that Lost counts were sent.
func (p *Pinger) Unanswered(after time.Time, patience time.Duration) []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []time.Time
	for i, at := range p.sent {
		if at.After(after) && time.Since(at) >= patience && p.rtt[i] == noReply {
			out = append(out, at)
		}
	}
	return out
}

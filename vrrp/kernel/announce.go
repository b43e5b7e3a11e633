package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// Announcements leave in small groups with a pause between them, 25,000 a second at most: 1,000 addresses are known to the segment
// after 40 ms, and neither our transmit queue nor a switch's processor is flooded.
const (
	announceGroup = 50
	announceGap   = 2 * time.Millisecond
)

// An announcer tells one segment where addresses are. Its goroutine is run; the other methods may be called from any goroutine. They
// wait for at most one group of packets to be sent, so that nothing is announced after stop has returned.
type announcer struct {
	name string               // of the interface
	link atomic.Pointer[link] // what the watcher knows of the interface; nil while it does not exist
	wake bell                 // the schedule changed

	sent, failed atomic.Uint64

	mu sync.Mutex
	// guarded by mu:
	schedule schedule
}

func newAnnouncer(name string) *announcer {
	return &announcer{name: name, wake: newBell(), schedule: newSchedule()}
}

// start announces addrs for router as plan says.
func (a *announcer) start(router string, addrs []netip.Addr, plan vrrp.Announce) {
	a.mu.Lock()
	a.schedule.start(router, addrs, plan, time.Now())
	a.mu.Unlock()
	a.wake.ring()
}

// stop forgets what router wanted announced.
func (a *announcer) stop(router string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.schedule.stop(router)
}

// again begins every burst anew: the interface has another hardware address, or is another interface of the same name.
func (a *announcer) again() {
	a.mu.Lock()
	now := time.Now()
	for router, b := range a.schedule.bursts {
		a.schedule.start(router, b.addrs, b.plan, now)
	}
	a.mu.Unlock()
	a.wake.ring()
}

// relink notes what the interface is now. It announces again when the interface has become another, and when its cable is back, perhaps
// in another port of the switch: that of a router whose other interface it is knows of no fault.
func (a *announcer) relink(l link, exists bool) {
	if !exists {
		a.link.Store(nil)
		return
	}
	old := a.link.Swap(&l)
	if old == nil || old.index != l.index || old.mac != l.mac || !old.carrier() && l.carrier() {
		a.again()
	}
}

// run sends what is due until ctx ends.
func (a *announcer) run(ctx context.Context, log *slog.Logger) {
	fd, err := awaitPacket(ctx, func(err error) {
		log.Error("no packet socket, addresses are not announced until there is one", "interface", a.name, "error", err)
	})
	if err != nil {
		return
	}
	defer unix.Close(fd)
	w := &frameWriter{fd: fd}
	a.loop(ctx, w.send)
}

// openPacket returns a socket that sends Ethernet frames. Its protocol is 0: it hears nothing.
func openPacket() (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	return fd, os.NewSyscallError("socket", err)
}

// awaitPacket returns a socket as openPacket does, and tries until it has one. Complain is told why, once, if the first attempt fails. The error
// is that of ctx when that ends before.
func awaitPacket(ctx context.Context, complain func(error)) (int, error) {
	fd, err := openPacket()
	if err != nil {
		complain(err)
	}
	for err != nil {
		if rest(ctx, compareRetry); ctx.Err() != nil {
			return -1, ctx.Err()
		}
		fd, err = openPacket()
	}
	return fd, nil
}

// A transmit sends announcements of addrs on l and returns how many went out.
type transmit func(l link, addrs []netip.Addr) (sent int)

func (a *announcer) loop(ctx context.Context, send transmit) {
	var quiet time.Time // no group leaves before this
	a.wake.serve(ctx, func(now time.Time) time.Time {
		if now.Before(quiet) {
			return quiet
		}
		n, next := a.step(now, send)
		if n > 0 {
			quiet = now.Add(announceGap)
		}
		if next.IsZero() {
			return next
		}
		return later(next, quiet)
	})
}

// step sends one group. It returns how many addresses were in it, and when there is more to send; the zero time for never.
func (a *announcer) step(now time.Time, send transmit) (int, time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	group, next := a.schedule.take(nil, announceGroup, now)
	l := a.link.Load()
	if len(group) == 0 || l != nil && !l.speaksARP() {
		return 0, next
	}
	sent := 0
	if l != nil {
		sent = send(*l, group)
	}
	a.sent.Add(uint64(sent))
	a.failed.Add(uint64(len(group) - sent))
	return len(group), next
}

// A frameWriter sends announcements through an AF_PACKET socket.
type frameWriter struct {
	fd  int
	buf []byte
}

// send announces addrs on l and returns how many the kernel took. A full queue loses packets; repeats follow.
func (w *frameWriter) send(l link, addrs []netip.Addr) int {
	sent := 0
	var router, known bool
	for _, addr := range addrs {
		var err error
		if addr.Is4() {
			w.buf = appendARP(w.buf[:0], l.mac, addr)
		} else {
			if !known {
				router, known = forwardsIPv6(l.name), true
			}
			w.buf, err = appendNA(w.buf[:0], l.mac, addr, router)
		}
		if errors.Join(err, w.write(l)) == nil {
			sent++
		}
	}
	return sent
}

func (w *frameWriter) write(l link) error {
	to := &unix.SockaddrLinklayer{Ifindex: l.index, Halen: 6}
	copy(to.Addr[:], w.buf[:6])
	to.Protocol = networkOrder(binary.BigEndian.Uint16(w.buf[12:]))
	return unix.Sendto(w.fd, w.buf, unix.MSG_DONTWAIT, to)
}

// forwardsIPv6 reports whether the host routes IPv6 that it receives on the interface: what the R flag of an advertisement says.
func forwardsIPv6(name string) bool {
	b, err := os.ReadFile(filepath.Join("/proc/sys/net/ipv6/conf", name, "forwarding"))
	return err == nil && len(b) > 0 && b[0] != '0'
}

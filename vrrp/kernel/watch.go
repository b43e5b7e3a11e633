package kernel

import (
	"context"
	"errors"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

const (
	// drainLimit is how many notices are read before the routers hear of them.
	drainLimit = 4096
	// noticeSize is more than the longest notice about a link, in bytes.
	noticeSize = 64 << 10
)

// An eventSocket hears from the kernel what changes about links and addresses.
type eventSocket struct {
	file *os.File
	raw  syscall.RawConn
	buf  []byte
}

// openEvents subscribes to links and addresses. Size, in bytes, is what the kernel queues before it drops notices.
func openEvents(size int) (*eventSocket, error) {
	return openEventGroups(size, unix.RTMGRP_LINK|unix.RTMGRP_IPV4_IFADDR|unix.RTMGRP_IPV6_IFADDR)
}

func openEventGroups(size int, groups uint32) (*eventSocket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	file := os.NewFile(uintptr(fd), "rtnetlink")
	setReceiveBuffer(fd, size)
	raw, err := file.SyscallConn()
	err = errors.Join(err, os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups})))
	if err != nil {
		file.Close()
		return nil, err
	}
	return &eventSocket{file: file, raw: raw, buf: make([]byte, noticeSize)}, nil
}

func (s *eventSocket) close() { s.file.Close() }

// interrupt makes next return.
func (s *eventSocket) interrupt() { _ = s.file.SetReadDeadline(time.Unix(1, 0)) }

// next waits for notices and returns all that are queued, up to drainLimit. Lost says that the kernel dropped some; then it returns none:
// of those that came before, some may have been taken back by one that was dropped.
func (s *eventSocket) next() (events []event, lost bool, err error) {
	readErr := s.raw.Read(func(fd uintptr) bool {
		events, lost, err = s.drain(int(fd))
		return err != nil || lost || len(events) > 0
	})
	return events, lost, errors.Join(err, readErr)
}

// drain reads what is queued. Once the kernel has dropped a notice it drops all that follow, without another word, until the queue is
// empty: so there is no limit then.
func (s *eventSocket) drain(fd int) (events []event, lost bool, err error) {
	for i := 0; lost || i < drainLimit; i++ {
		n, _, err := unix.Recvfrom(fd, s.buf, unix.MSG_DONTWAIT)
		switch {
		case err == unix.EAGAIN:
			return events, lost, nil
		case err == unix.EINTR:
			continue
		case err == unix.ENOBUFS:
			events, lost = nil, true
			continue
		case err != nil:
			return events, lost, os.NewSyscallError("receive from netlink", err)
		}
		if !lost {
			events = appendEvents(events, s.buf[:n])
		}
	}
	return events, lost, nil
}

// appendEvents reads notices, and leaves out what is cut or about something else.
func appendEvents(events []event, b []byte) []event {
	for m, err := range messages(b) {
		if err != nil {
			break
		}
		if ev, ok := parseEvent(m); ok {
			events = append(events, ev)
		}
	}
	return events
}

// watch keeps the facts until ctx ends. Notices that the kernel dropped, for want of memory, are made good by reading everything.
func (h *Host) watch(ctx context.Context, s *eventSocket) error {
	for {
		events, lost, err := s.next()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		h.learn(events, lost)
	}
}

// learn takes up notices and passes on what follows from them. Where some were lost everything is read. When that fails, as it does while
// others change much, it is tried again with the next notice and by keep: no reason to stop being a router.
func (h *Host) learn(events []event, lost bool) {
	h.admin.Lock()
	defer h.admin.Unlock()
	if lost || h.stale {
		h.makeGood()
	}
	h.facts.update(func(t *table) {
		for _, ev := range events {
			t.apply(ev)
		}
	})
	h.forsake(events)
	h.reconcile()
	h.ledger.objectsDirty.Store(true) // a route goes without a notice when its device or source address does
	h.repair.ring()
	if lost || slices.ContainsFunc(events, takesRoutes) {
		h.routes.wake.ring()
	}
}

// forsake closes the sockets of interfaces that were gone, or without IPv6, at least for a moment. They may be back with the index that they
// had, but the kernel has forgotten which groups a socket is a member of there. The caller holds admin.
func (h *Host) forsake(events []event) {
	gone, without6 := map[int]bool{}, map[int]bool{}
	for _, ev := range events {
		if ev.link != nil {
			gone[ev.link.index] = gone[ev.link.index] || ev.gone
			without6[ev.link.index] = without6[ev.link.index] || ev.link.lacksIPv6()
		}
	}
	if len(gone) == 0 {
		return
	}
	for _, p := range h.ports {
		if index := p.bound(); gone[index] || p.family == vrrp.IPv6 && without6[index] {
			p.close()
		}
	}
}

// makeGood reads everything because notices were lost. The caller holds admin.
func (h *Host) makeGood() {
	err := h.resync()
	if h.stale = err != nil; h.stale {
		h.log.Warn("notices of the kernel were lost, and links and addresses were not read again", "error", err)
		return
	}
	h.mu.Lock()
	h.resyncs++
	h.mu.Unlock()
	h.log.Debug("notices of the kernel were lost, links and addresses are read again")
}

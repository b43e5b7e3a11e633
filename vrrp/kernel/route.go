package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// batchSize is how many requests go to the kernel in one system call; more gain nothing (measured up to 1,000).
	batchSize = 256
	// batchBytes is where a batch ends at the latest; the kernel's default lets a socket send three times as much at once.
	batchBytes = 64 << 10
	// replyTimeout bounds the wait for the kernel's answer. It answers within milliseconds, or never because the answer was lost.
	replyTimeout = 10 * time.Second
	// replyBuffer holds an error for each request of a batch several times over, in bytes.
	replyBuffer = 1 << 20
	// dumpTries is how often a dump is begun again because the kernel says that the objects changed while it ran.
	dumpTries = 10
)

var errInterrupted = errors.New("dump was interrupted by changes")

// A routeSocket asks the kernel to change or list addresses and links. It is not safe for concurrent use.
type routeSocket struct {
	fd  int
	seq uint32
	buf []byte
}

func openRoute() (*routeSocket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &routeSocket{fd: fd, buf: make([]byte, 64<<10)}
	if err := s.setUp(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *routeSocket) setUp() error {
	setReceiveBuffer(s.fd, replyBuffer)
	timeout := unix.NsecToTimeval(int64(replyTimeout))
	return errors.Join(
		os.NewSyscallError("bind", unix.Bind(s.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})),
		os.NewSyscallError("setsockopt", unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1)),
		os.NewSyscallError("setsockopt", unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1)),
		os.NewSyscallError("setsockopt", unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout)),
	)
}

// setReceiveBuffer asks for size bytes, over the limit of the host where we may. The default serves as well, less well.
func setReceiveBuffer(fd, size int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size)
	}
}

func (s *routeSocket) close() { unix.Close(s.fd) }

// apply performs the requests in order and returns an error for each that failed, by its place in ops. The kernel goes on after a
// request that fails. The second error means that it is not known how the rest went.
func (s *routeSocket) apply(ops []addrOp) (map[int]error, error) {
	return s.perform(len(ops), func(b []byte, i int, seq uint32, flags uint16) []byte { return appendAddrOp(b, ops[i], seq, flags) })
}

// A requester appends request i to b, with this sequence number and these flags besides NLM_F_REQUEST and its own.
type requester func(b []byte, i int, seq uint32, flags uint16) []byte

// perform sends n requests, as apply describes.
func (s *routeSocket) perform(n int, request requester) (map[int]error, error) {
	failed := map[int]error{}
	for done := 0; done < n; {
		sent, err := s.performBatch(done, min(done+batchSize, n), request, failed)
		if err != nil {
			return failed, err
		}
		done += sent
	}
	return failed, nil
}

// performBatch sends the requests from one place up to another, or as many as go in one piece, and returns how many. Only the last asks for an
// acknowledgement; the others answer if they fail.
func (s *routeSocket) performBatch(from, to int, request requester, failed map[int]error) (sent int, err error) {
	first := s.seq + 1
	b := make([]byte, 0, 96*(to-from))
	last := 0 // where the last request begins
	for ; from+sent < to && len(b) < batchBytes; sent++ {
		s.seq++
		last = len(b)
		b = request(b, from+sent, s.seq, 0)
	}
	askForAck(b[last:])
	if err := s.send(b); err != nil {
		return 0, err
	}
	return sent, s.receive(func(m message) (bool, error) {
		place := int(int32(m.seq - first))
		if m.typ != unix.NLMSG_ERROR || place < 0 || place >= sent {
			return false, nil
		}
		if err := parseAck(m); err != nil {
			failed[from+place] = err
		}
		return place == sent-1, nil
	})
}

// askForAck sets NLM_F_ACK in the header of a request.
func askForAck(b []byte) {
	binary.NativeEndian.PutUint16(b[6:], binary.NativeEndian.Uint16(b[6:])|unix.NLM_F_ACK)
}

// whole tries to list something until no change has interrupted that: what is missing in an interrupted list may be there.
func whole(try func() error) error {
	for range dumpTries {
		if err := try(); !errors.Is(err, errInterrupted) {
			return err
		}
	}
	return errInterrupted
}

// A lister hands over each line of a list. Its error is errInterrupted when something was changed meanwhile.
type lister func(each func(message)) error

// listWhole returns what read makes of the lines of a list, without those of which it says false. What an interrupted attempt has listed does
// not count: it may be gone.
func listWhole[T any](list lister, read func(message) (T, bool)) ([]T, error) {
	var out []T
	err := whole(func() error {
		out = nil
		return list(func(m message) {
			if v, ok := read(m); ok {
				out = append(out, v)
			}
		})
	})
	return out, err
}

// dump lists the links and addresses of the namespace into a new table.
func (s *routeSocket) dump() (t *table, err error) {
	err = whole(func() (err error) { t, err = s.dumpOnce(); return err })
	if errors.Is(err, errInterrupted) {
		return nil, fmt.Errorf("list links and addresses: %w", err)
	}
	return t, err
}

func (s *routeSocket) dumpOnce() (*table, error) {
	t := newTable()
	for _, typ := range []uint16{unix.RTM_GETLINK, unix.RTM_GETADDR} {
		if err := s.dumpInto(t, typ); err != nil {
			return nil, fmt.Errorf("list links and addresses: %w", err)
		}
	}
	return t, nil
}

func (s *routeSocket) dumpInto(t *table, typ uint16) error {
	s.seq++
	return s.list(appendDump(nil, typ, s.seq), func(m message) {
		if ev, ok := parseEvent(m); ok {
			t.apply(ev)
		}
	})
}

// list sends the request for a dump, whose sequence number is the newest, and hands over each line of the answer.
func (s *routeSocket) list(request []byte, each func(message)) error {
	if err := s.send(request); err != nil {
		return err
	}
	interrupted := false
	err := s.receive(func(m message) (bool, error) {
		if m.seq != s.seq {
			return false, nil // left over from a request that timed out
		}
		interrupted = interrupted || m.flags&unix.NLM_F_DUMP_INTR != 0
		switch m.typ {
		case unix.NLMSG_DONE:
			return true, parseDone(m)
		case unix.NLMSG_ERROR:
			return true, parseAck(m)
		}
		each(m)
		return false, nil
	})
	if err == nil && interrupted {
		return errInterrupted
	}
	return err
}

func (s *routeSocket) send(b []byte) error {
	return os.NewSyscallError("send to netlink", unix.Sendto(s.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
}

// receive hands messages to each until it says that it has the last one.
func (s *routeSocket) receive(each func(message) (done bool, err error)) error {
	for {
		n, _, err := unix.Recvfrom(s.fd, s.buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("receive from netlink", err)
		}
		for m, err := range messages(s.buf[:n]) {
			if err != nil {
				return err
			}
			if done, err := each(m); done || err != nil {
				return err
			}
		}
	}
}

package ipvs

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNoIPVS means that this kernel has no IPVS, and that its module could not be loaded.
var ErrNoIPVS = errors.New("this kernel has no IPVS")

const (
	batchSize   = 256              // messages in one send; larger ones gain nothing (measured: 1,000 is 5 % quicker)
	answerTime  = 10 * time.Second // for one batch or dump: a new scheduler makes the kernel run modprobe within it
	lookTime    = time.Second      // by which the end of answerTime may be noticed late
	bufferSize  = 64 << 10         // of one read; below 32 KiB the kernel makes smaller dump messages
	receiveSize = 4 << 20          // of the socket: a batch in which each message fails must fit

	controlFamily  = 0x10 // GENL_ID_CTRL
	cmdGetFamily   = 3
	attrFamilyID   = 1
	attrFamilyName = 2
)

// A Netlink is the IPVS table of one network namespace of the running kernel. It is for one goroutine at a time.
type Netlink struct {
	fd     int
	family uint16 // of IPVS; changes when the module is loaded again
	seq    uint32
	buf    []byte
	out    encoder
	proc   *os.File // stays in the namespace in which it was opened
	memory memory

	sysctls *os.File            // the folder of the settings, of the same namespace
	udp     map[Family]*os.File // its lists of sockets
	ear     *ear                // nil while no backup daemon runs
	heard   SyncHeard           // by the ears before it
	apps    *os.File            // its list of helpers
}

// Open returns the table of the network namespace that the calling thread is in, wherever it is used later. It loads the kernel
// module when IPVS is missing, and fails with ErrNoIPVS when it still is.
func Open() (*Netlink, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_GENERIC)
	if err != nil {
		return nil, fmt.Errorf("ipvs: netlink socket: %w", err)
	}
	n := &Netlink{fd: fd, buf: make([]byte, bufferSize), seq: uint32(time.Now().UnixNano())}
	if err := n.setup(); err != nil {
		n.Close()
		return nil, fmt.Errorf("ipvs: %w", err)
	}
	return n, nil
}

// Close gives the socket and the file back. The kernel keeps its table.
func (n *Netlink) Close() {
	unix.Close(n.fd)
	if n.proc != nil {
		n.proc.Close()
	}
	if n.sysctls != nil {
		n.sysctls.Close()
	}
	if n.apps != nil {
		n.apps.Close()
	}
	for _, f := range n.udp {
		f.Close()
	}
	n.listenTo(nil)
}

func (n *Netlink) setup() error {
	for _, o := range []struct{ level, name, value int }{
		{unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1}, // errors need not quote the request
		{unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1},
	} {
		if err := unix.SetsockoptInt(n.fd, o.level, o.name, o.value); err != nil {
			return fmt.Errorf("netlink socket option %d: %w", o.name, err)
		}
	}
	tv := unix.NsecToTimeval(lookTime.Nanoseconds())
	if err := unix.SetsockoptTimeval(n.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return fmt.Errorf("netlink socket option %d: %w", unix.SO_RCVTIMEO, err)
	}
	// Without the privilege the default of the system stays, and holds the answers of one batch too.
	_ = unix.SetsockoptInt(n.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveSize)
	if err := unix.Bind(n.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("bind netlink socket: %w", err)
	}
	if err := n.resolve(); err != nil {
		return err
	}
	if err := n.openProc(); err != nil {
		return err
	}
	n.openSockets()
	n.openApps()
	_ = n.openSysctls() // where /proc/sys is hidden, services can be balanced all the same; who asks for a setting is told
	return nil
}

// resolve looks up the number of the IPVS family, and loads the module when there is none. Family 0 is never used: the kernel
// answers success to whatever is sent there.
func (n *Netlink) resolve() error {
	err := n.lookup()
	if !errors.Is(err, unix.ENOENT) {
		return err
	}
	loadErr := modprobe("ip_vs")
	if err = n.lookup(); errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("%w: run a kernel with CONFIG_IP_VS (of Debian's: linux-image-amd64), in a container load ip_vs on the host: %w",
			ErrNoIPVS, cmp.Or(loadErr, err))
	}
	return err
}

func (n *Netlink) lookup() error {
	n.out.b = n.out.b[:0]
	at := n.out.message(controlFamily, nlRequest|nlAck, n.next(), cmdGetFamily)
	n.out.string(attrFamilyName, "IPVS")
	n.out.end(at)
	family := uint16(0)
	err := n.exchange(func(body []byte) error {
		v, err := nested(body, attrFamilyID)
		if len(v) >= 2 {
			family = binary.NativeEndian.Uint16(v)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("look up the netlink family IPVS: %w", err)
	}
	if family == 0 {
		return errors.New("look up the netlink family IPVS: no number in the answer")
	}
	n.family = family
	return nil
}

func (n *Netlink) next() uint32 {
	n.seq++
	return n.seq
}

// Apply makes the changes in order, in batches, and returns one error or nil for each. A change that the kernel refuses does not
// keep the others from being made; its error wraps a syscall.Errno. When the kernel does not answer, what is left is not sent and
// has ErrUnconfirmed.
func (n *Netlink) Apply(ops []Op) []error {
	errs := make([]error, len(ops))
	for start := 0; start < len(ops); start += batchSize {
		end := min(start+batchSize, len(ops))
		if err := n.batch(ops[start:end], errs[start:end]); err != nil {
			fillUnconfirmed(errs[start:], err)
			break
		}
	}
	n.memory.applied(ops, errs)
	return errs
}

func fillUnconfirmed(errs []error, cause error) {
	for i := range errs {
		if errs[i] == nil {
			// %v: an error number of the socket must not be taken for one of the change.
			errs[i] = fmt.Errorf("%w: %v", ErrUnconfirmed, cause) //nolint:errorlint // see above
		}
	}
}

// batch sends ops in one message. Only the last is to be acknowledged: the kernel reports failures without being asked to, and
// fewer answers cannot overrun the socket.
func (n *Netlink) batch(ops []Op, errs []error) error {
	n.out.b = n.out.b[:0]
	first := n.seq + 1
	for i, o := range ops {
		flags := uint16(nlRequest)
		if i == len(ops)-1 {
			flags |= nlAck
		}
		n.out.op(o, n.family, flags, n.next())
	}
	if err := n.send(); err != nil {
		return err
	}
	return n.receive(time.Now().Add(answerTime), func(m message) (bool, error) {
		i := m.seq - first // unsigned: an older answer is out of range too
		if m.typ != nlError || i >= uint32(len(ops)) {
			return false, nil
		}
		errno, err := m.errno()
		if errno != 0 {
			errs[i] = os.NewSyscallError("netlink", syscall.Errno(errno))
		}
		return int(i) == len(ops)-1, err
	})
}

// exchange sends the message in n.out and calls f with each answer, up to the acknowledgement or the end of the dump.
func (n *Netlink) exchange(f func(body []byte) error) error {
	seq := n.seq
	if err := n.send(); err != nil {
		return err
	}
	var bad error // the rest of a dump with a bad message is read all the same: the socket cannot start another one before
	return n.receive(time.Now().Add(answerTime), func(m message) (bool, error) {
		if m.seq != seq {
			return false, nil
		}
		if m.typ != nlError && m.typ != nlDone {
			bad = cmp.Or(bad, f(m.body))
			return false, nil
		}
		errno, err := m.errno()
		if err == nil && errno != 0 {
			err = os.NewSyscallError("netlink", syscall.Errno(errno))
		}
		return true, cmp.Or(bad, err)
	})
}

func (n *Netlink) send() error {
	for {
		err := unix.Sendto(n.fd, n.out.b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		if err != unix.EINTR {
			return os.NewSyscallError("sendto", err)
		}
	}
}

// receive calls f with each message that arrives until f says that it was the last, f fails, or the deadline is over.
func (n *Netlink) receive(deadline time.Time, f func(message) (last bool, err error)) error {
	for {
		b, err := n.read(deadline)
		if err != nil {
			return err
		}
		for len(b) > 0 {
			var m message
			if m, b, err = nextMessage(b); err != nil {
				return err
			}
			if last, err := f(m); last || err != nil {
				return err
			}
		}
	}
}

// read waits for one datagram from the kernel. It is there already, as a rule, so the clock is asked only when it is not.
func (n *Netlink) read(deadline time.Time) ([]byte, error) {
	for {
		size, from, err := unix.Recvfrom(n.fd, n.buf, unix.MSG_TRUNC)
		switch a, ok := from.(*unix.SockaddrNetlink); {
		case err == unix.EINTR || err == unix.EAGAIN: // a signal of the Go runtime, or lookTime is over
		case err != nil:
			return nil, os.NewSyscallError("recvfrom", err)
		case size > len(n.buf):
			return nil, fmt.Errorf("an answer of %d bytes: %w", size, errTruncated)
		case ok && a.Pid == 0:
			return n.buf[:size], nil
		}
		if !time.Now().Before(deadline) {
			return nil, fmt.Errorf("read the kernel's answer: %w", os.ErrDeadlineExceeded)
		}
	}
}

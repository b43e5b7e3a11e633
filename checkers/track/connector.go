package track

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// From linux/connector.h and linux/cn_proc.h. Sizes and offsets are in bytes, the latter from the beginning of the netlink message.
const (
	cnIdxProc, cnValProc = 1, 1
	mcastListen          = 1

	procNone uint32 = 0 // the answer to mcastListen
	procFork uint32 = 1
	procExec uint32 = 2
	procComm uint32 = 0x200
	procExit uint32 = 0x80000000

	nlHeader     = 16
	cnHeader     = 20
	offWhat      = nlHeader + cnHeader
	offData      = offWhat + 16 // after what, cpu and timestamp
	offPID       = offData      // of exec, comm and exit
	offTGID      = offData + 4
	offParent    = offData + 4 // of fork: the parent's process
	offChild     = offData + 8
	offChildTGID = offData + 12
	eventSize    = offData + 16

	// connectorBuffer holds some ten thousand events.
	connectorBuffer = 8 << 20
	// initialNamespace is where the kernel offers the connector.
	initialNamespace = "/proc/1/ns/net"
	// ackWait bounds the wait for the kernel's answer.
	ackWait = 2 * time.Second
)

// A procEvent is what became of one process.
type procEvent struct {
	what   uint32
	pid    int
	parent int // of a fork
}

// A procBatch is what was read at once. Lost says that the kernel dropped events: those that are there tell less than everything.
type procBatch struct {
	events []procEvent
	lost   bool
	err    error // the end
}

// A connector hears of every process that begins, becomes another program or ends.
type connector struct {
	file    *os.File
	batches chan procBatch
	done    chan struct{} // closed by close
	reader  sync.WaitGroup
}

// openConnector subscribes. The kernel offers its process connector in the initial network namespace only.
func openConnector() (*connector, error) {
	fd, err := listenProcesses()
	if errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.EPROTONOSUPPORT) {
		fd, err = listenElsewhere()
	}
	if err != nil {
		return nil, err
	}
	c := &connector{file: os.NewFile(uintptr(fd), "process connector"), batches: make(chan procBatch), done: make(chan struct{})}
	c.reader.Go(c.read)
	return c, nil
}

// listenElsewhere subscribes in the initial network namespace, on a thread that goes there and comes back.
func listenElsewhere() (fd int, err error) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		var back bool
		if fd, back, err = listenIn(initialNamespace); back {
			runtime.UnlockOSThread() // otherwise the thread ends with its goroutine
		}
	}()
	<-ended
	if err != nil {
		return -1, fmt.Errorf("the kernel tells of processes in the initial network namespace only, and that cannot be entered: %w; "+
			"run the director there, or use track_script with pgrep", err)
	}
	return fd, nil
}

// listenIn subscribes in a network namespace. Back says that the thread is in its own one again.
func listenIn(namespace string) (fd int, back bool, err error) {
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return -1, true, err
	}
	defer own.Close()
	there, err := os.Open(namespace)
	if err != nil {
		return -1, true, err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return -1, true, os.NewSyscallError("setns", err)
	}
	fd, err = listenProcesses()
	return fd, unix.Setns(int(own.Fd()), unix.CLONE_NEWNET) == nil, err
}

// listenProcesses subscribes in the namespace of the calling thread.
func listenProcesses() (fd int, err error) {
	fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := subscribe(fd); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func subscribe(fd int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, connectorBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, connectorBuffer)
	}
	if err := attachFilter(fd); err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: cnIdxProc}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	if err := unix.Sendto(fd, listenRequest(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("send to the process connector", err)
	}
	return awaitAnswer(fd)
}

// listenRequest is a struct cn_msg with PROC_CN_MCAST_LISTEN, with its netlink header.
func listenRequest() []byte {
	e := binary.NativeEndian
	b := e.AppendUint32(nil, nlHeader+cnHeader+4)
	b = e.AppendUint16(b, unix.NLMSG_DONE)
	b = append(b, make([]byte, nlHeader-len(b))...) // flags, sequence, port
	b = e.AppendUint32(b, cnIdxProc)
	b = e.AppendUint32(b, cnValProc)
	b = append(b, make([]byte, 8)...) // sequence, acknowledgement
	b = e.AppendUint16(b, 4)          // length of the data
	b = e.AppendUint16(b, 0)
	return e.AppendUint32(b, mcastListen)
}

// awaitAnswer waits for the kernel's answer. Events that come before it are not yet of interest: everything is read after it.
func awaitAnswer(fd int) error {
	buf := make([]byte, 4<<10)
	for deadline := time.Now().Add(ackWait); ; {
		n, _, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
		switch {
		case err == unix.EAGAIN:
			left := time.Until(deadline)
			if left <= 0 {
				return errors.New("the process connector does not answer: want CAP_NET_ADMIN, and the initial process and user namespaces")
			}
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
		case err == unix.EINTR, err == unix.ENOBUFS:
		case err != nil:
			return os.NewSyscallError("receive from the process connector", err)
		case n >= offData+4 && binary.NativeEndian.Uint32(buf[offWhat:]) == procNone:
			if errno := binary.NativeEndian.Uint32(buf[offData:]); errno != 0 {
				return os.NewSyscallError("listen to the process connector", unix.Errno(errno))
			}
			return nil
		}
	}
}

// attachFilter leaves out in the kernel what concerns threads, users and namespaces: the busier a host, the more of that there is.
func attachFilter(fd int) error {
	raw, err := bpf.Assemble(eventFilter())
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, ins := range raw {
		filter[i] = unix.SockFilter{Code: ins.Op, Jt: ins.Jt, Jf: ins.Jf, K: ins.K}
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return os.NewSyscallError("SO_ATTACH_FILTER", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program))
}

// eventFilter lets through the answer, and what whole processes do: the id of the thread is that of the process.
func eventFilter() []bpf.Instruction {
	load := func(off uint32) bpf.Instruction { return bpf.LoadAbsolute{Off: off, Size: 4} }
	whole := func(thread, process uint32) []bpf.Instruction {
		return []bpf.Instruction{
			load(thread), bpf.TAX{}, load(process),
			bpf.JumpIfX{Cond: bpf.JumpEqual, SkipTrue: 0, SkipFalse: 1},
			bpf.RetConstant{Val: 1 << 16},
			bpf.RetConstant{Val: 0},
		}
	}
	out := []bpf.Instruction{
		load(offWhat),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: network(procNone), SkipTrue: 5},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: network(procFork), SkipTrue: 5},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: network(procExec), SkipTrue: 10},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: network(procComm), SkipTrue: 9},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: network(procExit), SkipTrue: 8},
		bpf.RetConstant{Val: 0},
		bpf.RetConstant{Val: 1 << 16},
	}
	out = append(out, whole(offChild, offChildTGID)...)
	return append(out, whole(offPID, offTGID)...)
}

// network is v as the filter sees it, which reads words in network order whatever the host's is.
func network(v uint32) uint32 {
	return binary.BigEndian.Uint32(binary.NativeEndian.AppendUint32(nil, v))
}

// close ends the reader and waits for it.
func (c *connector) close() {
	close(c.done)
	c.file.Close()
	c.reader.Wait()
}

// read hands on what the kernel tells, until close or an error.
func (c *connector) read() {
	defer close(c.batches)
	raw, err := c.file.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 4<<10)
	for {
		var b procBatch
		err := raw.Read(func(fd uintptr) bool {
			b = drainEvents(int(fd), buf)
			return len(b.events) > 0 || b.lost || b.err != nil
		})
		b.err = errors.Join(b.err, err)
		select {
		case c.batches <- b:
		case <-c.done:
			return
		}
		if b.err != nil {
			return
		}
	}
}

// drainEvents reads all that is queued, but a flood in pieces.
func drainEvents(fd int, buf []byte) (b procBatch) {
	for range 4096 {
		n, _, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
		switch {
		case err == unix.EAGAIN:
			return b
		case err == unix.EINTR:
		case err == unix.ENOBUFS:
			b.lost = true
		case err != nil:
			b.err = os.NewSyscallError("receive from the process connector", err)
			return b
		default:
			if ev, ok := parseProcEvent(buf[:n]); ok {
				b.events = append(b.events, ev)
			}
		}
	}
	return b
}

// parseProcEvent reads one event, and reports false for what is none of a whole process.
func parseProcEvent(b []byte) (procEvent, bool) {
	if len(b) < eventSize {
		return procEvent{}, false
	}
	word := func(off int) int { return int(int32(binary.NativeEndian.Uint32(b[off:]))) }
	ev := procEvent{what: binary.NativeEndian.Uint32(b[offWhat:]), pid: word(offPID)}
	process := word(offTGID)
	switch ev.what {
	case procFork:
		ev.pid, ev.parent, process = word(offChild), word(offParent), word(offChildTGID)
	case procExec, procComm, procExit:
	default:
		return procEvent{}, false
	}
	return ev, ev.pid == process
}

package netns

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A Forger is somebody on a segment who sends what it likes, with any address.
type Forger struct {
	node *Node
	fd   int
	to   *unix.SockaddrLinklayer
	mac  net.HardwareAddr
}

// Forger returns one that sends through an interface of the node.
func (n *Node) Forger(link string) *Forger {
	n.w.t.Helper()
	l := n.attached(link)
	f := &Forger{node: n, to: &unix.SockaddrLinklayer{Ifindex: l.Index, Halen: 6}, mac: l.HardwareAddr}
	n.w.must(n.Do(func() (err error) {
		f.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0) // 0: it hears nothing
		return err
	}), "%s: packet socket", n.Name)
	n.closers = append(n.closers, func() { _ = unix.Close(f.fd) })
	return f
}

// Frame returns a multicast frame with a VRRP message in it. Its IP header is right; a checksum in the message is whatever it is.
func (f *Forger) Frame(from netip.Addr, ttl byte, message []byte) []byte {
	const ethernet, ip = 14, 20
	b := make([]byte, ethernet+ip, ethernet+ip+len(message))
	copy(b, []byte{0x01, 0x00, 0x5e, 0x00, 0x00, 0x12}) // group 224.0.0.18
	copy(b[6:], f.mac)
	binary.BigEndian.PutUint16(b[12:], unix.ETH_P_IP)
	h := b[ethernet:]
	h[0], h[1], h[8], h[9] = 0x45, 0xc0, ttl, vrrp.Protocol
	binary.BigEndian.PutUint16(h[2:], uint16(ip+len(message)))
	copy(h[12:], from.AsSlice())
	copy(h[16:], vrrp.Group4.AsSlice())
	var sum uint32
	for i := 0; i < ip; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(h[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(h[10:], ^uint16(sum))
	return append(b, message...)
}

// Send sends one frame. Any goroutine may call it.
func (f *Forger) Send(frame []byte) error { return unix.Sendto(f.fd, frame, 0, f.to) }

// Flood sends the frames in turn, so many a second for that long, and returns how often each was sent. When the machine is too slow for
// the rate, it sends as many as it can.
func (f *Forger) Flood(frames [][]byte, perSecond int, span time.Duration) ([]int, error) {
	sent := make([]int, len(frames))
	begun := time.Now()
	for i := 0; ; i++ {
		due := time.Duration(i) * time.Second / time.Duration(perSecond)
		if due >= span || time.Since(begun) >= span {
			return sent, nil
		}
		if ahead := due - time.Since(begun); ahead > time.Millisecond {
			<-time.After(ahead)
		}
		if err := f.Send(frames[i%len(frames)]); err != nil && err != unix.ENOBUFS {
			return sent, fmt.Errorf("forge: %w", err)
		}
		sent[i%len(frames)]++
	}
}

// userTicks is USER_HZ of Linux: what /proc counts the time of a process in, a second.
const userTicks = 100

// CPUTime returns how long a process has used a CPU so far, for itself and in the kernel. Any goroutine may call it.
func CPUTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(b), ") ") // the name before may have blanks
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, b)
	}
	var sum int64
	for _, field := range fields[11:13] { // utime and stime, proc(5)
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return time.Duration(sum) * time.Second / userTicks, nil
}

// CPUTime returns how long all processes on the node together have used CPUs so far, for themselves and in the kernel.
func (n *Node) CPUTime() (time.Duration, error) {
	pids, err := processesIn(n.ns)
	var sum time.Duration
	for _, pid := range pids {
		used, err := CPUTime(pid)
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, err
}

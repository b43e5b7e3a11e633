package netns

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A Frame is what one node put on the wire.
type Frame struct {
	At   time.Time // when the kernel saw it
	From *Port     // of the node that sent it
	Data []byte    // from the Ethernet header on
}

// A Capture records every frame that the nodes behind its ports send, whether or not it gets through to the segment.
type Capture struct {
	w       *World
	readers sync.WaitGroup
	files   []*os.File
	stopped atomic.Bool
	mu      sync.Mutex
	frames  []Frame  // guarded by mu; in order per port
	adverts []Advert // guarded by mu; those among frames
	err     error    // guarded by mu
}

// Capture starts to record. It ends with Stop, or with the World.
func (w *World) Capture(ports ...*Port) *Capture {
	w.t.Helper()
	c := &Capture{w: w}
	w.fabric.closers = append(w.fabric.closers, c.close)
	for _, p := range ports {
		index := p.far().Attrs().Index
		var fd int
		w.must(w.fabric.Do(func() (err error) {
			fd, err = packetSocket(index)
			return err
		}), "capture on %s", p.name)
		f := os.NewFile(uintptr(fd), "capture of "+p.name)
		c.files = append(c.files, f)
		c.readers.Go(func() { c.read(f, p) })
	}
	return c
}

// packetSocket returns a non-blocking socket that gets every frame that arrives at an interface, with the kernel's time.
func packetSocket(index int) (int, error) {
	all := int(unix.ETH_P_ALL>>8 | unix.ETH_P_ALL<<8) // network byte order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: uint16(all), Ifindex: index}),
	)
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func (c *Capture) read(f *os.File, from *Port) {
	conn, err := f.SyscallConn()
	if err != nil {
		c.fail(err)
		return
	}
	buf, oob := make([]byte, 1<<16), make([]byte, 128)
	for {
		var n, oobn int
		var rerr error
		err := conn.Read(func(fd uintptr) bool {
			n, oobn, _, _, rerr = unix.Recvmsg(int(fd), buf, oob, 0)
			return !errors.Is(rerr, unix.EAGAIN)
		})
		switch {
		case c.stopped.Load():
			return
		case errors.Is(rerr, unix.ENETDOWN), errors.Is(rerr, unix.EINTR): // the cable was cut: told once
			continue
		case err != nil || rerr != nil:
			c.fail(errors.Join(err, rerr))
			return
		}
		c.add(Frame{At: stamp(oob[:oobn]), From: from, Data: append([]byte(nil), buf[:n]...)})
	}
}

// stamp returns the time that the kernel gave to a packet.
func stamp(oob []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return time.Time{}
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		}
	}
	return time.Time{}
}

func (c *Capture) add(f Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames = append(c.frames, f)
	if a, ok := parseAdvert(f); ok {
		c.adverts = append(c.adverts, a)
	}
}

func (c *Capture) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = errors.Join(c.err, err)
}

func (c *Capture) close() {
	c.stopped.Store(true)
	for _, f := range c.files {
		_ = f.Close() // nothing is written through it; a second Close is harmless
	}
	c.readers.Wait()
}

// Stop ends the recording; what was recorded stays.
func (c *Capture) Stop() {
	c.w.t.Helper()
	c.close()
	c.w.must(c.err, "capture")
}

// Frames returns what has been recorded so far.
func (c *Capture) Frames() []Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Frame(nil), c.frames...)
}

// An Advert is a VRRP advertisement that was recorded.
type Advert struct {
	At       time.Time
	From     *Port
	MAC      net.HardwareAddr // Ethernet source
	Src, Dst netip.Addr
	TTL      uint8 // over IPv6 the hop limit
	Packet   vrrp.Packet
	Err      error // why Packet is not valid
}

// Adverts returns the recorded advertisements, in order per port.
func (c *Capture) Adverts() []Advert {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.adverts)
}

// AdvertsFrom returns those that the node behind p sent after since.
func (c *Capture) AdvertsFrom(p *Port, since time.Time) []Advert {
	var out []Advert
	for _, a := range c.Adverts() {
		if a.From == p && a.At.After(since) {
			out = append(out, a)
		}
	}
	return out
}

func parseAdvert(f Frame) (Advert, bool) {
	packet := gopacket.NewPacket(f.Data, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	eth, _ := packet.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	ip, _ := packet.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if ip == nil {
		return parseAdvert6(f, packet)
	}
	if eth == nil || ip.Protocol != layers.IPProtocolVRRP && ip.Protocol != layers.IPProtocolAH {
		return Advert{}, false
	}
	src, _ := netip.AddrFromSlice(ip.SrcIP.To4())
	dst, _ := netip.AddrFromSlice(ip.DstIP.To4())
	a := Advert{At: f.At, From: f.From, MAC: eth.SrcMAC, Src: src, Dst: dst, TTL: ip.TTL}
	message := ip.Payload
	if ip.Protocol == layers.IPProtocolAH {
		if message, a.Err = vrrp.SplitAH(message); a.Err != nil {
			return a, true
		}
	}
	a.Packet, a.Err = vrrp.ParsePacket(message, src, dst)
	return a, true
}

// An ARP is an ARP message that was recorded.
type ARP struct {
	At         time.Time
	From       *Port
	Request    bool
	MAC        net.HardwareAddr // of the sender, inside the message
	Sender     netip.Addr
	Target     netip.Addr
	Gratuitous bool // sender and target are the same address
}

// ARPs returns the recorded ARP messages, in order per port.
func (c *Capture) ARPs() []ARP {
	var out []ARP
	for _, f := range c.Frames() {
		packet := gopacket.NewPacket(f.Data, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
		m, ok := packet.Layer(layers.LayerTypeARP).(*layers.ARP)
		if !ok {
			continue
		}
		sender, _ := netip.AddrFromSlice(m.SourceProtAddress)
		target, _ := netip.AddrFromSlice(m.DstProtAddress)
		out = append(out, ARP{
			At: f.At, From: f.From, Request: m.Operation == layers.ARPRequest, MAC: m.SourceHwAddress,
			Sender: sender, Target: target, Gratuitous: sender == target,
		})
	}
	return out
}

// LongestGap returns the longest time between two neighbours of a sequence of adverts, and the end of that gap.
func LongestGap(adverts []Advert) (gap time.Duration, end time.Time) {
	for i := 1; i < len(adverts); i++ {
		if d := adverts[i].At.Sub(adverts[i-1].At); d > gap {
			gap, end = d, adverts[i].At
		}
	}
	return gap, end
}

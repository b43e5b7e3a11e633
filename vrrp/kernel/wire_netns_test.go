//go:build netns

package kernel

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A capture is all that arrived at the peer's end.
type capture struct {
	mu     sync.Mutex
	frames []gopacket.Packet
}

// capture begins to record.
func (l *lan) capture() *capture {
	l.t.Helper()
	f := l.packetSocket(unix.ETH_P_ALL)
	c := &capture{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 64<<10)
		for {
			n, err := f.Read(b)
			if err != nil {
				return
			}
			p := gopacket.NewPacket(slices.Clone(b[:n]), layers.LayerTypeEthernet, gopacket.Default)
			c.mu.Lock()
			c.frames = append(c.frames, p)
			c.mu.Unlock()
		}
	}()
	l.t.Cleanup(func() { f.Close(); <-done })
	return c
}

// packetSocket opens an Ethernet socket at the peer's end.
func (l *lan) packetSocket(protocol uint16) *os.File {
	l.t.Helper()
	return os.NewFile(uintptr(l.packetDescriptor(protocol)), "packet")
}

// packetDescriptor is packetSocket without Go's poller, which is woken up when a packet has left.
func (l *lan) packetDescriptor(protocol uint16) (fd int) {
	l.t.Helper()
	link, err := l.peer.LinkByName(l.far)
	must(l.t, err)
	inThread(l.t, func() error {
		if err := netns.Set(l.ns); err != nil {
			return err
		}
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		setReceiveBuffer(fd, 16<<20)
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol<<8 | protocol>>8, Ifindex: link.Attrs().Index})
	})
	return fd
}

// matching returns what arrived and f takes.
func (c *capture) matching(f func(gopacket.Packet) bool) []gopacket.Packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []gopacket.Packet
	for _, p := range c.frames {
		if f(p) {
			out = append(out, p)
		}
	}
	return out
}

func isVRRP(p gopacket.Packet) bool {
	ip, ok := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	return ok && ip.Protocol == layers.IPProtocolVRRP && ip.TTL != 0
}

func isARP(p gopacket.Packet) bool {
	arp, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP)
	return ok && slices.Equal(arp.SourceProtAddress, arp.DstProtAddress)
}

// inject puts a whole IP packet on the wire at the peer's end.
func (l *lan) inject(to net.HardwareAddr, packets ...[]byte) {
	l.t.Helper()
	f := l.packetSocket(0)
	defer f.Close()
	link, err := l.peer.LinkByName(l.far)
	must(l.t, err)
	for _, p := range packets {
		_, err := f.Write(frameFrom(link.Attrs().HardwareAddr, to, p))
		must(l.t, err)
	}
}

// frameFrom returns an Ethernet frame with a whole IP packet.
func frameFrom(from, to net.HardwareAddr, packet []byte) []byte {
	frame := append(slices.Clone(to), from...)
	if packet[0]>>4 == 6 {
		frame = append(frame, 0x86, 0xdd)
	} else {
		frame = append(frame, 0x08, 0x00)
	}
	return append(frame, packet...)
}

var groupMAC = net.HardwareAddr{0x01, 0x00, 0x5e, 0x00, 0x00, 0x12}

// advertFrom returns an IP packet with a right header checksum, changed by edit before that.
func advertFrom(src, dst string, p vrrp.Packet, edit func(b []byte)) []byte {
	b := appendAdvert(nil, netip.MustParseAddr(src), netip.MustParseAddr(dst), 7, p)
	if edit != nil {
		edit(b)
	}
	return checksummed(b)
}

// checksummed fills in the IP header checksum, RFC 1071.
func checksummed(b []byte) []byte {
	b[10], b[11] = 0, 0
	sum := 0
	for i := 0; i < int(b[0]&0xf)*4; i += 2 {
		sum += int(b[i])<<8 | int(b[i+1])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	b[10], b[11] = byte(^sum>>8), byte(^sum)
	return b
}

// injectFrom is inject to the multicast group, from another Ethernet address than that of the peer's end.
func (l *lan) injectFrom(mac [6]byte, packet []byte) {
	l.t.Helper()
	f := l.packetSocket(0)
	defer f.Close()
	frame := append(slices.Clone(groupMAC), mac[:]...)
	_, err := f.Write(append(append(frame, 0x08, 0x00), packet...))
	must(l.t, err)
}

// pings runs ping at the peer.
func (l *lan) pings(t *testing.T, addr string) error {
	t.Helper()
	var result error
	inThread(t, func() error {
		if err := netns.Set(l.ns); err != nil {
			return err
		}
		result = exec.Command("ping", "-n", "-c1", "-W1", addr).Run()
		return nil
	})
	return result
}

// ping demands an answer to a ping from the peer.
func (l *lan) ping(t *testing.T, addr string) {
	t.Helper()
	if err := l.pings(t, addr); err != nil {
		t.Errorf("ping %s: %v", addr, err)
	}
}

// unanswered demands that nobody answers a ping from the peer.
func (l *lan) unanswered(t *testing.T, addr string) {
	t.Helper()
	if err := l.pings(t, addr); err == nil {
		t.Errorf("ping %s was answered", addr)
	}
}

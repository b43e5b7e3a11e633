package bfd

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Source ports, RFC 5881 section 4.
const (
	firstSourcePort = 49152
	sourcePorts     = 65536 - firstSourcePort
)

const (
	// controlClass is the traffic class CS6 (network control), RFC 4594 section 3.1, in the byte of the IP header.
	controlClass = 0xc0
	// priorityControl is TC_PRIO_CONTROL of linux/pkt_sched.h: our packets overtake bulk traffic in the own transmit queue.
	priorityControl = 7
)

// A sender is the socket from which one session sends. It is opened by the first Send, and again after an error: addresses and interfaces
// come and go.
type sender struct {
	udp    *UDP
	config *Config
	kind   socketKind
	fd     int       // -1: not open
	port   uint16    // 0: none yet
	index  int       // of the interface
	looked time.Time // when index was compared with the kernel's
}

// lookEvery is the least time between two looks at the index of an interface, which changes when it is made anew.
const lookEvery = time.Second

func newSender(u *UDP, c *Config) *sender {
	return &sender{udp: u, config: c, fd: -1, kind: socketKind{v6: c.Neighbor.Is6(), multihop: c.Multihop}}
}

// Index implements Sender. A passive session never sends before it has heard, so that this must find the interface, too.
func (s *sender) Index() int {
	now := time.Now()
	if s.config.Interface == "" || now.Sub(s.looked) < lookEvery {
		return s.index
	}
	s.looked = now
	if s.fd >= 0 {
		if index, err := indexOf(s.fd, s.config.Interface); err == nil && index == s.index {
			return index
		}
		s.shut()
	}
	if err := s.open(); err != nil {
		s.shut()
	}
	return s.index
}

// Send implements Sender.
func (s *sender) Send(b []byte) error {
	if s.fd < 0 {
		if err := s.open(); err != nil {
			s.shut()
			return err
		}
	}
	if err := unix.Sendto(s.fd, b, unix.MSG_DONTWAIT, s.to()); err != nil {
		s.shut()
		return fmt.Errorf("send to %s: %w", s.config.Neighbor, err)
	}
	return nil
}

// Close implements Sender.
func (s *sender) Close() error {
	s.shut()
	s.udp.mu.Lock()
	defer s.udp.mu.Unlock()
	delete(s.udp.ports, s.port)
	return nil
}

func (s *sender) shut() {
	if s.fd >= 0 {
		_ = unix.Close(s.fd) // nothing is lost with it
	}
	s.fd, s.index = -1, 0
}

// to returns where packets go.
func (s *sender) to() unix.Sockaddr {
	port := portSingleHop
	if s.kind.multihop {
		port = portMultihop
	}
	return s.sockaddr(s.config.Neighbor, port)
}

func (s *sender) sockaddr(a netip.Addr, port int) unix.Sockaddr {
	if s.kind.v6 {
		to := &unix.SockaddrInet6{Addr: a.As16(), Port: port}
		if a.IsLinkLocalUnicast() {
			to.ZoneId = uint32(s.index)
		}
		return to
	}
	return &unix.SockaddrInet4{Addr: a.As4(), Port: port}
}

func (s *sender) open() error {
	if err := s.udp.listen(s.kind); err != nil {
		return err
	}
	family := unix.AF_INET
	if s.kind.v6 {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	s.fd = fd
	return errors.Join(s.options(), s.attach(), s.bind())
}

func (s *sender) options() (errs error) {
	set := setter(s.fd, &errs)
	if s.kind.v6 {
		set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
		set(unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, int(s.config.TTL))
		set(unix.IPPROTO_IPV6, unix.IPV6_TCLASS, controlClass)
	} else {
		set(unix.IPPROTO_IP, unix.IP_TTL, int(s.config.TTL))
		set(unix.IPPROTO_IP, unix.IP_TOS, controlClass)
	}
	set(unix.SOL_SOCKET, unix.SO_PRIORITY, priorityControl) // after the traffic class, which sets it, too
	set(unix.SOL_SOCKET, unix.SO_RCVBUF, 0)                 // nobody reads what comes here
	return errs
}

// attach ties the socket to the interface of the session.
func (s *sender) attach() error {
	name := s.config.Interface
	if name == "" {
		return nil
	}
	index, err := indexOf(s.fd, name)
	if err != nil {
		return err
	}
	s.index = index
	return syscallError("bind to "+name, unix.BindToDevice(s.fd, name))
}

// indexOf asks the kernel for the index of an interface, through any socket.
func indexOf(fd int, name string) (int, error) {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return 0, fmt.Errorf("interface %s: %w", name, err)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request); err != nil {
		return 0, fmt.Errorf("interface %s: %w", name, err)
	}
	return int(request.Uint32()), nil
}

// bind gives the socket its source address and port; the port stays for the life of the session.
func (s *sender) bind() error {
	source := s.config.Source
	if !source.IsValid() {
		source = netip.IPv4Unspecified()
		if s.kind.v6 {
			source = netip.IPv6Unspecified()
		}
	}
	var err error
	for range sourcePortTries {
		port := s.reserve()
		if err = unix.Bind(s.fd, s.sockaddr(source, int(port))); err == nil {
			return nil
		}
		if !errors.Is(err, unix.EADDRINUSE) {
			break
		}
		s.release()
	}
	return fmt.Errorf("source %s: %w", source, err)
}

// sourcePortTries is more than enough on a host where half of the ports are taken.
const sourcePortTries = 64

// reserve returns the port of the session, or a random one that no other session has.
func (s *sender) reserve() uint16 {
	s.udp.mu.Lock()
	defer s.udp.mu.Unlock()
	for s.port == 0 || !s.udp.ports[s.port] {
		port := uint16(firstSourcePort + rand.IntN(sourcePorts))
		if len(s.udp.ports) >= sourcePorts || !s.udp.ports[port] {
			s.port = port
			s.udp.ports[port] = true
		}
	}
	return s.port
}

func (s *sender) release() {
	s.udp.mu.Lock()
	defer s.udp.mu.Unlock()
	delete(s.udp.ports, s.port)
	s.port = 0
}

//go:build netns

package bfd

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/test/alone"
)

func TestMain(m *testing.M) { alone.Main(m) }

// patience bounds every wait.
const patience = time.Minute

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	alone.Await(t, patience, what, cond)
}

// loopback brings lo up, with addresses.
func loopback(t *testing.T, prefixes ...string) netlink.Link {
	t.Helper()
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		t.Fatal(err)
	}
	for _, p := range prefixes {
		addr, err := netlink.ParseAddr(p)
		if err != nil {
			t.Fatal(err)
		}
		addr.Flags = unix.IFA_F_NODAD
		if err := netlink.AddrReplace(lo, addr); err != nil {
			t.Fatal(err)
		}
	}
	return lo
}

// runEngine runs an engine with sessions on real sockets until the test ends.
func runEngine(t *testing.T, sessions ...*Config) *Engine {
	t.Helper()
	e := NewEngine(NewUDP(), [32]byte{1}, slog.New(slog.DiscardHandler), func(string, Verdict) {})
	if err := e.Configure(sessions); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return e
}

// both returns two sessions that are each other's neighbour: the engine talks to itself.
func both(name, a, b string, change func(*Config)) []*Config {
	there, back := Default(name+" there", netip.MustParseAddr(b)), Default(name+" back", netip.MustParseAddr(a))
	there.Source, back.Source = back.Neighbor, there.Neighbor
	if change != nil {
		change(&there)
		change(&back)
	}
	return []*Config{&there, &back}
}

func allUp(e *Engine) bool {
	for _, s := range e.Status() {
		if s.State != Up {
			return false
		}
	}
	return true
}

func TestSessionsOverRealSockets(t *testing.T) {
	loopback(t, "2001:db8::1/128", "2001:db8::2/128")
	hops := func(c *Config) { c.Multihop, c.MinTTL = true, 254 }
	var sessions []*Config
	sessions = append(sessions, both("v4", "127.0.0.1", "127.0.0.2", func(c *Config) { c.Interface = "lo" })...)
	sessions = append(sessions, both("v6", "2001:db8::1", "2001:db8::2", nil)...)
	sessions = append(sessions, both("v4 far", "127.0.0.1", "127.0.0.2", hops)...)
	sessions = append(sessions, both("v6 far", "2001:db8::1", "2001:db8::2", hops)...)
	sessions[1].Passive = true
	e := runEngine(t, sessions...)
	eventually(t, "all sessions are up", func() bool { return allUp(e) })
	eventually(t, "all sessions have agreed on 10 ms", func() bool {
		for _, s := range e.Status() {
			if s.TxInterval.Duration != 10*ms || s.DetectionTime.Duration != 50*ms || s.Polling {
				return false
			}
		}
		return true
	})
	checkSourcePorts(t, e)
	for label, n := range e.Dropped() {
		if n != 0 {
			t.Errorf("dropped %d: %s", n, label)
		}
	}
}

// checkSourcePorts holds that RFC 5881 section 4 is kept: from 49152 on, and no two alike.
func checkSourcePorts(t *testing.T, e *Engine) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	seen := map[int]bool{}
	for name, p := range e.byName {
		at, err := unix.Getsockname(p.sender.(*sender).fd)
		if err != nil {
			t.Fatal(err)
		}
		port := 0
		switch at := at.(type) {
		case *unix.SockaddrInet4:
			port = at.Port
		case *unix.SockaddrInet6:
			port = at.Port
		}
		if port < firstSourcePort || seen[port] {
			t.Errorf("%s sends from port %d", name, port)
		}
		seen[port] = true
	}
}

func TestForeignPacketsAreCountedByReason(t *testing.T) {
	loopback(t)
	e := runEngine(t, both("v4", "127.0.0.1", "127.0.0.2", nil)...)
	eventually(t, "sessions are up", func() bool { return allUp(e) })
	conn, err := net.Dial("udp4", "127.0.0.2:3784") // with the TTL of every other program: 64
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	e.mu.Lock()
	discriminator := e.byName["v4 back"].session.Discriminator
	e.mu.Unlock()
	kill := Packet{State: AdminDown, Multiplier: 1, MyDiscriminator: 1, YourDiscriminator: discriminator}
	for range 1000 {
		if _, err := conn.Write(kill.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "packets are counted", func() bool { return e.Dropped()["ttl"] == 1000 })
	for _, s := range e.Status() {
		if s.Flaps != 0 {
			t.Errorf("%s flapped", s.Name)
		}
	}
}

func TestTakenPortIsToldAndTriedAgain(t *testing.T) {
	loopback(t)
	other, err := net.ListenPacket("udp4", "0.0.0.0:3784")
	if err != nil {
		t.Fatal(err)
	}
	e := NewEngine(NewUDP(), [32]byte{2}, slog.New(slog.DiscardHandler), func(string, Verdict) {})
	err = e.Configure(both("v4", "127.0.0.1", "127.0.0.2", nil))
	if err == nil || !strings.Contains(err.Error(), "UDP port 3784 is taken") {
		t.Errorf("error: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	eventually(t, "the status says so", func() bool { return strings.Contains(e.Status()[0].SendError, "is taken") })
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "sessions are up", func() bool { return allUp(e) })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// An address and an interface that come later, and an interface that is made anew, are found without help.
func TestSessionsWaitForTheirAddressesAndInterfaces(t *testing.T) {
	loopback(t)
	make1 := func() {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "bfd0"
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "bfd1"}); err != nil {
			t.Fatal(err)
		}
		for name, ip := range map[string]string{"bfd0": "fe80::a/64", "bfd1": "fe80::b/64"} {
			link, err := netlink.LinkByName(name)
			if err != nil {
				t.Fatal(err)
			}
			addr, err := netlink.ParseAddr(ip)
			if err != nil {
				t.Fatal(err)
			}
			addr.Flags = unix.IFA_F_NODAD
			if err := netlink.AddrAdd(link, addr); err != nil {
				t.Fatal(err)
			}
			if err := netlink.LinkSetUp(link); err != nil {
				t.Fatal(err)
			}
		}
	}
	sessions := both("link", "fe80::a", "fe80::b", nil)
	sessions[0].Interface, sessions[1].Interface = "bfd0", "bfd1"
	sessions[1].Passive = true // it finds its interface without sending
	e := runEngine(t, sessions...)
	eventually(t, "the status says what is missing", func() bool { return strings.Contains(e.Status()[1].SendError, "interface bfd0") })
	for range 2 {
		make1()
		eventually(t, "sessions are up", func() bool { return allUp(e) })
		link, err := netlink.LinkByName("bfd0")
		if err != nil {
			t.Fatal(err)
		}
		if err := netlink.LinkDel(link); err != nil {
			t.Fatal(err)
		}
		eventually(t, "sessions are down", func() bool { return e.Status()[0].State == Down && e.Status()[1].State == Down })
	}
}

func TestThousandSessionsAreNotLate(t *testing.T) {
	loopback(t)
	var sessions []*Config
	for i := range 500 {
		ends := [2]string{fmt.Sprintf("127.1.%d.%d", i/250, 1+i%250), fmt.Sprintf("127.2.%d.%d", i/250, 1+i%250)}
		sessions = append(sessions, both(fmt.Sprintf("s%d", i), ends[0], ends[1], func(c *Config) {
			c.MinRx, c.MinTx, c.Multiplier = 300*ms, 300*ms, 3
		})...)
	}
	e := runEngine(t, sessions...)
	eventually(t, "all sessions are up and fast", func() bool {
		for _, s := range e.Status() {
			if s.State != Up || s.TxInterval.Duration != 300*ms {
				return false
			}
		}
		return true
	})
	var before, after uint64
	for _, s := range e.Status() {
		before += s.Received
	}
	var usage [2]unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &usage[0])
	end := time.Now().Add(3 * time.Second)
	eventually(t, "3 s pass", func() bool { return time.Now().After(end) })
	_ = unix.Getrusage(unix.RUSAGE_SELF, &usage[1])
	var late time.Duration
	for _, s := range e.Status() {
		after += s.Received
		late = max(late, s.Lateness.Duration)
		if s.State != Up || s.Flaps != 0 {
			t.Errorf("%s is %s and flapped %d times: %s", s.Name, s.State, s.Flaps, s.Reason)
		}
	}
	cpu := time.Duration(usage[1].Utime.Nano() - usage[0].Utime.Nano() + usage[1].Stime.Nano() - usage[0].Stime.Nano())
	t.Logf("1000 sessions at 300 ms: %d packets in 3 s, at most %s late, %s of CPU", after-before, late, cpu)
	if n := after - before; n < 10000 {
		t.Errorf("%d packets in 3 s", n)
	}
	if late > 300*ms {
		t.Errorf("a packet was %s late", late)
	}
}

package vrrp

import (
	"bytes"
	"encoding/hex"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// sealed is the datagram of a version 2 advert with an authentication header.
func sealed(g *guard, src, dst netip.Addr, at time.Time) []byte {
	ah := g.next(at)
	s, d := src.As4(), dst.As4()
	b := []byte{0x45, 0xc0, 0, 0, 0, 7, 0, 0, 255, ProtocolAH, 0, 0}
	b = append(append(b, s[:]...), d[:]...)
	b = ah.Append(b, src)
	p := Packet{Version: V2, VRID: 51, Priority: 200, Interval: time.Second, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.100")}, AuthType: AuthAH}
	b = p.Append(b, src, dst)
	b[3] = byte(len(b))
	ah.Seal(b)
	return b
}

const wireAH = "45c0004000020000ff3318b5c0000201e0000012 70040000c000020100000002a1092eb6ba9d93fe71800094 2133c80102015265c00002640000000000000000"

func newGuard(password string) *guard {
	g := &guard{}
	g.configure(&Config{AH: true, Password: password})
	return g
}

// TestAHIsThatOfKeepalived: an advert that keepalived 2.2.7 sent with the password s3cret, taken off the wire.
func TestAHIsThatOfKeepalived(t *testing.T) {
	b, err := hex.DecodeString(strings.ReplaceAll(wireAH, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	src, dst := netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	msg, err := SplitAH(b[20:])
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParsePacket(msg, src, dst)
	if err != nil || p.AuthType != AuthAH || p.Password != [8]byte{} {
		t.Fatalf("advert %+v, error %v", p, err)
	}
	a := Advert{From: src, To: dst, Packet: p, Datagram: b}
	if err := newGuard("s3cret").verify(a, vectorTime, time.Second); err != nil {
		t.Errorf("verify: %v", err)
	}
	if err := newGuard("s3creT").verify(a, vectorTime, time.Second); err != DropAHInvalid {
		t.Errorf("verify with another password: %v, want %v", err, DropAHInvalid)
	}
	again := bytes.Clone(b)
	clear(again[20+ahICV:][:ahICVLen])
	newGuard("s3cret").ah.Seal(again)
	if !bytes.Equal(again, b) {
		t.Errorf("sealed again\n-want %x\n+got  %x", b, again)
	}
}

// The password of version 2 is sent in the clear; with an authentication header it is the key, and nobody may see it.
func TestAHKeyIsNotSent(t *testing.T) {
	c := machineConfig(version2)
	c.AH, c.Password = true, "s3cret"
	p := NewPacket(c, 100)
	if p.AuthType != AuthAH || bytes.Contains(p.Marshal(us, Group4), []byte(c.Password)) {
		t.Errorf("type %d, message %x; want type %d, and not the key", p.AuthType, p.Marshal(us, Group4), AuthAH)
	}
}

func TestAHCoversWhatRoutersMayNotChange(t *testing.T) {
	src := netip.MustParseAddr("198.51.100.1")
	for _, dst := range []netip.Addr{Group4, netip.MustParseAddr("198.51.100.2")} {
		good := sealed(newGuard("s3cret"), src, dst, vectorTime)
		for i := range good {
			if i == 0 || i == 20 || i == 21 { // lengths, and what is behind: others judge them
				continue
			}
			b := bytes.Clone(good)
			b[i] ^= 0x10
			mutable := i == 1 || i == 6 || i == 7 || i == 10 || i == 11 || i == 8 && !dst.IsMulticast()
			err := newGuard("s3cret").verify(Advert{From: src, To: dst, Datagram: b}, vectorTime, time.Second)
			if mutable && err != nil || !mutable && err != DropAHInvalid {
				t.Errorf("to %s, byte %d changed: %v, may be changed on the way: %v", dst, i, err, mutable)
			}
		}
	}
}

func TestAHSequence(t *testing.T) {
	const patience = 2 * time.Second
	src, other := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2")
	us := newGuard("s3cret")
	at := vectorTime
	hear := func(from netip.Addr, sequence uint32, after time.Duration, want error) {
		t.Helper()
		at = at.Add(after)
		them := newGuard("s3cret")
		them.last = sequence - 1
		err := us.verify(Advert{From: from, Datagram: sealed(them, from, Group4, time.Unix(0, 0))}, at, patience)
		if err != want {
			t.Errorf("sequence %d of %s after %s: %v, want %v", sequence, from, after, err, want)
		}
	}
	hear(src, 100, 0, nil)
	hear(src, 101, time.Second, nil)
	hear(src, 101, 0, DropAHReplayed)
	hear(src, 50, time.Second, DropAHReplayed)
	hear(other, 50, 0, nil) // each sender has its own
	hear(src, 100, time.Second, DropAHReplayed)
	hear(src, 1, time.Millisecond, nil) // it was silent for long enough, and may have started again
	hear(src, 1, time.Second, DropAHReplayed)
	hear(src, 4e9, time.Second, nil)
	if us.next(at); us.ah.sequence != 4e9+1 { // or keepalived would refuse us
		t.Errorf("our sequence is %d after one of 4e9", us.ah.sequence)
	}
	fresh := newGuard("s3cret")
	if fresh.next(at); fresh.ah.sequence != uint32(at.Unix()) {
		t.Errorf("the first sequence is %d, want the time %d", fresh.ah.sequence, at.Unix())
	}
}

func TestAHSendersAreBounded(t *testing.T) {
	us, them := newGuard("s3cret"), newGuard("s3cret")
	addr := netip.MustParseAddr("10.0.0.0")
	hear := func(at time.Time) error {
		addr = addr.Next()
		return us.verify(Advert{From: addr, Datagram: sealed(them, addr, Group4, at)}, at, time.Second)
	}
	for range maxSenders {
		if err := hear(vectorTime); err != nil {
			t.Fatal(err)
		}
	}
	if err := hear(vectorTime); err != DropAHReplayed {
		t.Errorf("one sender more: %v, want %v", err, DropAHReplayed)
	}
	if err := hear(vectorTime.Add(time.Minute)); err != nil || len(us.marks) != 1 {
		t.Errorf("one sender more when the others are gone: %v, %d marks", err, len(us.marks))
	}
}

func TestAHOnlyWhereItIsConfigured(t *testing.T) {
	src := netip.MustParseAddr("198.51.100.1")
	with := Advert{From: src, Datagram: sealed(newGuard("s3cret"), src, Group4, vectorTime)}
	if err := (&guard{}).verify(with, vectorTime, time.Second); err != DropAuthType {
		t.Errorf("a header that nobody configured: %v, want %v", err, DropAuthType)
	}
	if err := newGuard("s3cret").verify(Advert{From: src}, vectorTime, time.Second); err != DropAuthType {
		t.Errorf("no header: %v, want %v", err, DropAuthType)
	}
}

func TestSealingCostsNoGarbage(t *testing.T) {
	src := netip.MustParseAddr("198.51.100.1")
	g := newGuard("s3cret")
	b := sealed(g, src, Group4, vectorTime)
	if n := testing.AllocsPerRun(100, func() { g.next(vectorTime).Seal(b) }); n != 0 {
		t.Errorf("%v allocations to seal an advert, want 0", n)
	}
}

func FuzzSplitAH(f *testing.F) {
	src := netip.MustParseAddr("198.51.100.1")
	f.Add(sealed(newGuard("s3cret"), src, Group4, vectorTime)[20:])
	f.Fuzz(func(t *testing.T, b []byte) {
		msg, err := SplitAH(b)
		if r, ok := ReasonOf(err); err != nil && (!ok || r != DropAHHeader) {
			t.Fatalf("error %v is no Reason", err)
		}
		if err != nil {
			return
		}
		datagram := append([]byte{0x45, 19: 0}, b...)
		a := Advert{From: src, Datagram: datagram}
		if err := newGuard("s3cret").verify(a, vectorTime, time.Second); err == nil {
			t.Fatalf("%x with message %x was accepted", b, msg)
		}
	})
}

// A crowd of adverts without the right password takes no room from those that have it.
func TestCrowdOfForgedAHLeavesRoom(t *testing.T) {
	c := groupConfig("a", 100, func(c *Config) {
		c.Version, c.AdvertInterval, c.AH, c.Password = V2, time.Second, true, "s3cret"
	})
	m := NewMember(c, &port{m: &machine{}}, slog.New(slog.DiscardHandler), nil) // nobody runs it
	advert := func(password string) Advert {
		p := NewPacket(c, 200)
		return Advert{From: higher, To: Group4, TTL: TTL, Packet: p, Datagram: sealed(newGuard(password), higher, Group4, time.Now())}
	}
	forged, right := advert("guess"), advert("s3cret")
	for range 2 * inboxSize {
		m.Receive(forged)
	}
	if n := len(m.inbox); n != crowded {
		t.Errorf("%d forged adverts are queued, want %d", n, crowded)
	}
	if got := m.Status().Dropped[DropAHInvalid.String()]; got != 2*inboxSize-crowded {
		t.Errorf("%d counted, want %d", got, 2*inboxSize-crowded)
	}
	if !m.Receive(right) || len(m.inbox) != crowded+1 {
		t.Error("the right advert found no room")
	}
}

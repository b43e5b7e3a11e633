package vrrp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hmacKey is the key of the published vectors: 00 01 … 1f.
func hmacKey() Secret {
	key := make(Secret, MinHMACKey)
	for i := range key {
		key[i] = byte(i)
	}
	return key
}

func hmacConfig() *HMAC {
	return &HMAC{Window: 5 * time.Second, ActiveKey: 1, Keys: []HMACKey{{ID: 1, Secret: hmacKey()}}}
}

// vectorTime has the sequence 0x6800000080000000.
var vectorTime = time.Unix(0x68000000, 5e8)

// hmacVectors are adverts of VRID 51 with priority 200 and the trailer that vectorTime gives. The first two are published by the keepalived
// project (test/auth_hmac_test.c, and the appendix of draft-cassen-vrrp-auth-hmac); the others follow from its rules.
var hmacVectors = []struct {
	name          string
	version       Version
	src, dst, vip string
	form          Form
	wire          string
}{
	{"version 3, IPv4", V3, "198.51.100.10", "224.0.0.18", "192.0.2.100", FormMessage,
		"3133c80100644402c0000264 010100006800000080000000 1b84bc4e8e43892dc6d98448f8ee2265"},
	{"version 3, IPv6", V3, "fe80::10", "fe80::20", "fe80::100", FormAuto,
		"3133c8010064a2e9fe800000000000000000000000000100 010100006800000080000000 c8c56146ebfd66ee10ec4d8186461b78"},
	{"pseudo-header checksum", V3, "198.51.100.10", "224.0.0.18", "192.0.2.100", FormPseudoHeader,
		"3133c80100643935c0000264 010100006800000080000000 1b84bc4e8e43892dc6d98448f8ee2265"},
	{"version 2", V2, "198.51.100.10", "224.0.0.18", "192.0.2.100", FormMessage,
		"2133c80100015465c00002640000000000000000 010100006800000080000000 d0b9391b8d008f779ef2e8cf66238947"},
}

func TestHMACIsThatOfKeepalived(t *testing.T) {
	for _, v := range hmacVectors {
		t.Run(v.name, func(t *testing.T) {
			src, dst := netip.MustParseAddr(v.src), netip.MustParseAddr(v.dst)
			p := Packet{Version: v.version, VRID: 51, Priority: 200, Interval: time.Second, Addresses: []netip.Addr{netip.MustParseAddr(v.vip)}, Form: v.form}
			s := &seal{}
			s.configure(&Config{HMAC: hmacConfig()})
			p.Trailer = s.sign(p, src, vectorTime)
			want := strings.ReplaceAll(v.wire, " ", "")
			if got := hex.EncodeToString(p.Marshal(src, dst)); got != want {
				t.Errorf("advert\n-want %s\n+got  %s", want, got)
			}
			b, _ := hex.DecodeString(want)
			parsed, err := ParsePacket(b, src, dst)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.verify(Advert{From: src, To: dst, Packet: parsed}, vectorTime); err != nil {
				t.Errorf("verify: %v", err)
			}
			b[2] ^= 1 // the priority
			if parsed.Message[2] ^= 1; bytes.Equal(parsed.Message, b) {
				t.Error("the packet refers to the bytes it was read from")
			}
			other := &seal{}
			other.configure(&Config{HMAC: hmacConfig()})
			if _, err := other.verify(Advert{From: src, To: dst, Packet: parsed}, vectorTime); err != DropHMACInvalid {
				t.Errorf("verify with another priority: %v, want %v", err, DropHMACInvalid)
			}
		})
	}
}

// signer and judge are two ends with the same keys.
type signer struct {
	seal
	addr netip.Addr
}

func newSigner(h *HMAC, addr string) *signer {
	s := &signer{addr: netip.MustParseAddr(addr)}
	s.configure(&Config{HMAC: h})
	return s
}

// advert is what arrives when s signs an advert at an instant.
func (s *signer) advert(t *testing.T, at time.Time) Advert {
	t.Helper()
	p := Packet{Version: V3, VRID: 51, Priority: 200, Interval: time.Second, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.10")}}
	if s.signs() {
		p.Trailer = s.sign(p, s.addr, at)
	}
	parsed, err := ParsePacket(p.Marshal(s.addr, Group4), s.addr, Group4)
	if err != nil {
		t.Fatal(err)
	}
	return Advert{From: s.addr, To: Group4, TTL: TTL, Packet: parsed}
}

func TestVerifyGivesTheCheapestReason(t *testing.T) {
	now := vectorTime
	unsigned := func(a *Advert) { a.Packet.Trailer, a.Packet.Message = nil, nil }
	set := func(i int, v byte) func(*Advert) { return func(a *Advert) { a.Packet.Trailer[i] = v } }
	for _, c := range []struct {
		name   string
		mode   HMACMode
		replay AntiReplay
		late   time.Duration // our clock after the sender's
		spoil  func(*Advert)
		want   error
	}{
		{"good", HMACEnforce, ReplayTime, 0, nil, nil},
		{"not signed", HMACEnforce, ReplayTime, 0, unsigned, DropHMACMissing},
		{"not signed, permissive", HMACPermissive, ReplayTime, 0, unsigned, nil},
		{"not signed, receive-only", HMACReceiveOnly, ReplayTime, 0, unsigned, nil},
		{"another type", HMACPermissive, ReplayTime, time.Hour, set(0, 2), DropHMACMalformed},
		{"reserved byte", HMACEnforce, ReplayTime, 0, set(3, 1), DropHMACMalformed},
		{"as late as may be", HMACEnforce, ReplayTime, 5 * time.Second, nil, nil},
		{"too late, and another key", HMACEnforce, ReplayTime, 5*time.Second + time.Millisecond, set(1, 9), DropHMACStale},
		{"too early", HMACEnforce, ReplayTime, -5*time.Second - time.Millisecond, nil, DropHMACStale},
		{"years late, monotonic", HMACEnforce, ReplayMonotonic, 5e4 * time.Hour, nil, nil},
		{"unknown key", HMACPermissive, ReplayTime, 0, set(1, 2), DropHMACKey},
		{"wrong in the last byte", HMACReceiveOnly, ReplayTime, 0, func(a *Advert) { a.Packet.Trailer[27] ^= 1 }, DropHMACInvalid},
		{"other content", HMACEnforce, ReplayTime, 0, func(a *Advert) { a.Packet.Message[2]++ }, DropHMACInvalid},
		{"other source", HMACEnforce, ReplayTime, 0, func(a *Advert) { a.From = a.From.Next() }, DropHMACInvalid},
		{"other checksum", HMACEnforce, ReplayTime, 0, func(a *Advert) { a.Packet.Message[6]++ }, nil},
		{"other destination", HMACEnforce, ReplayTime, 0, func(a *Advert) { a.To = a.From.Next() }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := hmacConfig()
			h.AntiReplay, h.Mode = c.replay, HMACEnforce
			a := newSigner(h, "198.51.100.1").advert(t, now)
			if c.spoil != nil {
				c.spoil(&a)
			}
			ours := *h
			ours.Mode = c.mode
			s := newSigner(&ours, "198.51.100.2")
			_, err := s.verify(a, now.Add(c.late))
			if err != c.want {
				t.Errorf("verify: %v, want %v", err, c.want)
			}
			if marks := len(s.marks); marks != 0 && (err != nil || a.Packet.Trailer == nil) || marks == 0 && err == nil && a.Packet.Trailer != nil {
				t.Errorf("%d marks after %v", marks, err)
			}
		})
	}
}

func TestSequenceOfASenderOnlyGrows(t *testing.T) {
	for _, mode := range []AntiReplay{ReplayTime, ReplayMonotonic} {
		t.Run(mode.String(), func(t *testing.T) {
			h := hmacConfig()
			h.AntiReplay = mode
			us := newSigner(h, "198.51.100.9")
			var recorded []Advert
			senders := []*signer{}
			for i := range 40 { // keepalived's four places would have been given away
				senders = append(senders, newSigner(h, fmt.Sprintf("198.51.100.%d", 10+i)))
			}
			for round := range 3 {
				at := vectorTime.Add(time.Duration(round) * 100 * time.Millisecond)
				for _, s := range senders {
					a := s.advert(t, at)
					if _, err := us.verify(a, at); err != nil {
						t.Fatalf("%s in round %d: %v", s.addr, round, err)
					}
					recorded = append(recorded, a)
				}
			}
			for _, a := range recorded {
				if _, err := us.verify(a, vectorTime.Add(time.Second)); err != DropHMACReplayed {
					t.Fatalf("replay of %s: %v, want %v", a.From, err, DropHMACReplayed)
				}
			}
			us.configure(&Config{HMAC: hmacConfig2(h)}) // a reload forgets nothing
			next := newSigner(h, "198.51.100.9")
			next.recall(us.memory(0)) // nor does a restart
			for i, s := range []*signer{us, next} {
				if _, err := s.verify(recorded[len(recorded)-1], vectorTime.Add(time.Second)); err != DropHMACReplayed {
					t.Errorf("replay after reload (0) or restart (1) %d: %v, want %v", i, err, DropHMACReplayed)
				}
				if _, err := s.verify(senders[3].advert(t, vectorTime.Add(time.Second)), vectorTime.Add(time.Second)); err != nil {
					t.Errorf("new advert after reload (0) or restart (1) %d: %v", i, err)
				}
			}
		})
	}
}

// hmacConfig2 is h with a second key, which is active.
func hmacConfig2(h *HMAC) *HMAC {
	next := *h
	next.Keys = append(slices.Clone(h.Keys), HMACKey{ID: 2, Secret: bytes.Repeat([]byte{7}, MaxHMACKey)})
	next.ActiveKey = 2
	return &next
}

func TestSendersAreBounded(t *testing.T) {
	for _, c := range []struct {
		mode AntiReplay
		want error
	}{{ReplayTime, nil}, {ReplayMonotonic, DropHMACSenders}} {
		h := hmacConfig()
		h.AntiReplay = c.mode
		us := newSigner(h, "198.51.100.9")
		addr := netip.MustParseAddr("10.0.0.0")
		for range maxSenders {
			addr = addr.Next()
			if _, err := us.verify(newSigner(h, addr.String()).advert(t, vectorTime), vectorTime); err != nil {
				t.Fatal(err)
			}
		}
		last := newSigner(h, "10.200.0.1")
		if _, err := us.verify(last.advert(t, vectorTime), vectorTime); err != DropHMACSenders {
			t.Errorf("%s: one sender more: %v, want %v", c.mode, err, DropHMACSenders)
		}
		later := vectorTime.Add(time.Minute)
		if _, err := us.verify(last.advert(t, later), later); err != c.want {
			t.Errorf("%s: one sender more when the others are old: %v, want %v", c.mode, err, c.want)
		}
		if len(us.marks) > maxSenders {
			t.Errorf("%d senders, want at most %d", len(us.marks), maxSenders)
		}
	}
}

func TestOurSequenceOnlyGrows(t *testing.T) {
	h := hmacConfig()
	s := newSigner(h, "198.51.100.1")
	at := sequenceAt(vectorTime)
	for i, c := range []struct {
		replay AntiReplay
		clock  sequence
		want   sequence
	}{
		{ReplayTime, at, at},
		{ReplayTime, at, at + 1}, // twice in one tick
		{ReplayTime, at - 4<<32, at + 2},
		{ReplayTime, at - 6<<32, at - 6<<32}, // the clock was put right: others go by theirs
		{ReplayMonotonic, at - 1000<<32, at - 6<<32 + 1},
		{ReplayMonotonic, at, at},
		{ReplayMonotonic, 1 << 16, 1 << 16}, // 2106: the seconds wrap, RFC 1982
		{ReplayMonotonic, 1 << 63, 1 << 63}, // 2038: the first advert goes by the clock, too
	} {
		switch i {
		case 6:
			s.last = 0xffffffff << 32
		case 7:
			s.last = 0
		}
		h.AntiReplay = c.replay
		if got := s.next(c.clock); got != c.want {
			t.Errorf("step %d: sequence %x at clock %x, want %x", i, got, c.clock, c.want)
		}
	}
}

func TestSequenceMeasuresTime(t *testing.T) {
	for _, d := range []time.Duration{0, time.Second, -time.Second, 1500 * time.Millisecond, -250 * time.Millisecond, 24 * time.Hour} {
		for _, start := range []time.Time{vectorTime, time.Unix(1<<32-1, 999e6), time.Unix(1<<32, 0)} {
			got := sequenceAt(start.Add(d)).ahead(sequenceAt(start))
			if (got - d).Abs() > 31*time.Microsecond {
				t.Errorf("%s after %s is %s", d, start, got)
			}
		}
	}
}

// A receiver whose clock was put back must not refuse what it hears by the right clock.
func TestMarkOfAWrongClockIsForgotten(t *testing.T) {
	h := hmacConfig()
	them, us := newSigner(h, "198.51.100.1"), newSigner(h, "198.51.100.2")
	wrong := vectorTime.Add(time.Hour)
	if _, err := us.verify(them.advert(t, wrong), wrong); err != nil {
		t.Fatal(err)
	}
	if _, err := us.verify(them.advert(t, vectorTime), vectorTime); err != nil {
		t.Errorf("after both clocks were put right: %v", err)
	}
}

func TestMemoryKeepsTheNewer(t *testing.T) {
	a, b := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2")
	s := &seal{}
	s.recall(Memory{Sent: 10, Marks: map[netip.Addr]uint64{a: 5, b: 9}})
	s.recall(Memory{Sent: 4, Marks: map[netip.Addr]uint64{a: 7, b: 8}})
	want := Memory{Sent: 10, Marks: map[netip.Addr]uint64{a: 7, b: 9}}
	if diff := cmp.Diff(want, s.memory(time.Minute), compareAddr); diff != "" {
		t.Errorf("memory (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, want.Newer(Memory{Sent: 3, Marks: map[netip.Addr]uint64{b: 1}}), compareAddr); diff != "" {
		t.Errorf("newer of both (-want +got):\n%s", diff)
	}
	h := hmacConfig()
	h.AntiReplay = ReplayMonotonic
	s.configure(&Config{HMAC: h})
	if got, want := s.memory(time.Minute).Sent, uint64(10+60<<32); got != want {
		t.Errorf("sent %x with a lead of a minute, want %x", got, want)
	}
	if !(&seal{monotonic: true}).memory(time.Minute).Empty() {
		t.Error("a router that sent nothing remembers something")
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	secret := Secret("hunter2-hunter2-hunter2-hunter2!")
	c := Config{HMAC: &HMAC{Keys: []HMACKey{{ID: 1, Secret: secret}}}}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", secret)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", secret)
	shown := fmt.Sprintf("%v %+v %#v %s %x %q %d ", secret, c.HMAC, c.HMAC, secret, secret, secret, secret) + log.String()
	for _, s := range []string{"hunter2", hex.EncodeToString(secret[:7]), "104 117", "aHVudGVy"} {
		if strings.Contains(shown, s) {
			t.Errorf("%q shows the secret as %q", shown, s)
		}
	}
	b, err := json.Marshal(c) // to the router process
	var back Config
	if err != nil || json.Unmarshal(b, &back) != nil || !bytes.Equal(back.HMAC.Keys[0].Secret, secret) {
		t.Errorf("the secret does not survive JSON: %s (%v)", b, err)
	}
}

func TestHMACWindowIsThatOfKeepalived(t *testing.T) {
	for interval, want := range map[time.Duration]time.Duration{
		10 * time.Millisecond: 5 * time.Second, time.Second: 5 * time.Second, 2900 * time.Millisecond: 6 * time.Second,
		40 * time.Second: 120 * time.Second, 255 * time.Second: 300 * time.Second,
	} {
		if got := HMACWindowFor(interval); got != want {
			t.Errorf("window for %s is %s, want %s", interval, got, want)
		}
	}
}

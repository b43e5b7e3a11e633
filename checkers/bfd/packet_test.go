package bfd

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// good is a packet of a session that is up: diagnostic 0, poll, multiplier 5, discriminators 0x11223344 and 0x55667788, 10 ms, 20 ms.
const good = "20e00518112233445566778800002710" + "00004e2000000000"

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func goodPacket() Packet {
	return Packet{
		State: Up, Poll: true, Multiplier: 5, MyDiscriminator: 0x11223344, YourDiscriminator: 0x55667788,
		DesiredMinTx: 10 * time.Millisecond, RequiredMinRx: 20 * time.Millisecond,
	}
}

func TestPacketHasTheLayoutOfTheRFC(t *testing.T) {
	if diff := cmp.Diff(good, hex.EncodeToString(goodPacket().Append(nil))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p, err := ParsePacket(unhex(t, good))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(goodPacket(), p); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryFlagHasItsBit(t *testing.T) {
	for _, tt := range []struct {
		flags byte
		want  Packet
	}{
		{0x20, Packet{Poll: true}}, {0x10, Packet{Final: true}}, {0x08, Packet{ControlIndependent: true}}, {0x02, Packet{Demand: true}},
		{0x40, Packet{State: Down}}, {0x80, Packet{State: Init}}, {0xc0, Packet{State: Up}}, {0x00, Packet{State: AdminDown}},
	} {
		b := unhex(t, good)
		b[1] = tt.flags
		tt.want.Multiplier, tt.want.MyDiscriminator, tt.want.YourDiscriminator = 5, 0x11223344, 0x55667788
		tt.want.DesiredMinTx, tt.want.RequiredMinRx = 10*time.Millisecond, 20*time.Millisecond
		p, err := ParsePacket(b)
		if diff := cmp.Diff(tt.want, p); err != nil || diff != "" {
			t.Errorf("%#02x: %v (-want +got):\n%s", tt.flags, err, diff)
		}
		if got := p.Append(nil); !bytes.Equal(b, got) {
			t.Errorf("%#02x: want %x, got %x", tt.flags, b, got)
		}
	}
}

func TestParseRefusesWhatTheRFCRefuses(t *testing.T) {
	set := func(i int, v byte) func([]byte) []byte {
		return func(b []byte) []byte { b[i] = v; return b }
	}
	for _, tt := range []struct {
		name   string
		change func([]byte) []byte
		want   Reason
	}{
		{"version 0", set(0, 0x00), DropVersion},
		{"version 2", set(0, 0x40), DropVersion},
		{"nothing", func([]byte) []byte { return nil }, DropLength},
		{"cut", func(b []byte) []byte { return b[:23] }, DropLength},
		{"says less than the fixed part", set(3, 23), DropLength},
		{"says more than there is", set(3, 25), DropLength},
		{"authenticated, and no room for it", set(1, 0xc4), DropLength},
		{"authenticated", func(b []byte) []byte { b[1], b[3] = 0xc4, 26; return append(b, 1, 2) }, DropAuth},
		{"multiplier 0", set(2, 0), DropMultiplier},
		{"multipoint", set(1, 0xc1), DropMultipoint},
		{"my discriminator 0", func(b []byte) []byte { copy(b[4:8], make([]byte, 4)); return b }, DropMyDiscr},
		{"your discriminator 0 in up", func(b []byte) []byte { copy(b[8:12], make([]byte, 4)); return b }, DropYourDiscr},
		{"your discriminator 0 in init", func(b []byte) []byte { copy(b[8:12], make([]byte, 4)); b[1] = 0x80; return b }, DropYourDiscr},
		{"poll and final", set(1, 0xf0), DropPollAndFinal},
	} {
		if p, err := ParsePacket(tt.change(unhex(t, good))); err != error(tt.want) || p != (Packet{}) {
			t.Errorf("%s: want %v, got %v, %+v", tt.name, tt.want, err, p)
		}
	}
}

func TestParseAcceptsFirstPacketsAndTrailers(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"down without our discriminator":       func(b []byte) []byte { copy(b[8:12], make([]byte, 4)); b[1] = 0x40; return b },
		"admin down without our discriminator": func(b []byte) []byte { copy(b[8:12], make([]byte, 4)); b[1] = 0; return b },
		"bytes after the end":                  func(b []byte) []byte { return append(b, 1, 2, 3) },
	} {
		if _, err := ParsePacket(change(unhex(t, good))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParsePacket(f *testing.F) {
	for _, s := range []string{good, "", good + "00", "20c4051a" + good[8:] + "0102", "00" + good[2:], "20400518000000010000000000000001" + "ffffffff00000000"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePacket(b)
		if err != nil {
			if r, ok := err.(Reason); !ok || r.Error() == "" || int(r) >= Reasons {
				t.Fatalf("%v is no Reason", err)
			}
			return
		}
		again, err := ParsePacket(p.Append(nil))
		if err != nil || again != p {
			t.Fatalf("%v: %+v became %+v", err, p, again)
		}
		if got := p.Append(nil); !bytes.Equal(got[:3], b[:3]) || !bytes.Equal(got[4:], b[4:packetLen]) {
			t.Errorf("want %x, got %x", b, got)
		}
	})
}

func TestNamesComeBack(t *testing.T) {
	for v := range 32 {
		text, _ := Diag(v).MarshalText()
		var d Diag
		if err := d.UnmarshalText(text); err != nil || d != Diag(v) {
			t.Errorf("%s: %v %v", text, d, err)
		}
	}
	for v := range 4 {
		text, _ := State(v).MarshalText()
		var s State
		if err := s.UnmarshalText(text); err != nil || s != State(v) {
			t.Errorf("%s: %v %v", text, s, err)
		}
	}
	seen := map[string]bool{}
	for r := range Reasons {
		if s := Reason(r).String(); s == "" || seen[s] || Reason(r).Error() == "" {
			t.Errorf("reason %d has the label %q", r, s)
		} else {
			seen[s] = true
		}
	}
}

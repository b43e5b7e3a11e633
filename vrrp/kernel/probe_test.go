package kernel

import (
	"net/netip"
	"testing"
)

func TestAnswersAreRead(t *testing.T) {
	four, six := netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("2001:db8::10")
	arp := appendARP(nil, testMAC, four)
	na, err := appendNA(nil, testMAC, six, false)
	if err != nil {
		t.Fatal(err)
	}
	ns, err := appendQuestion(nil, testMAC, netip.MustParseAddr("fe80::1"), six)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(b []byte, at int, to byte) []byte {
		out := append([]byte{}, b...)
		out[at] = to
		return out
	}
	for _, test := range []struct {
		name  string
		frame []byte
		want  netip.Addr // the zero Addr for no answer
	}{
		{"ARP", arp, four},
		{"ARP, padded", append(append([]byte{}, arp...), make([]byte, 18)...), four},
		{"ARP, cut", arp[:arpLength-1], netip.Addr{}},
		{"ARP of another kind of network", changed(arp, 15, 6), netip.Addr{}},
		{"advertisement", na, six},
		{"advertisement without the option", na[:naLength], six},
		{"advertisement, cut", na[:naLength-1], netip.Addr{}},
		{"advertisement with a cut option", na[:naLength+4], six},
		{"advertisement from another network", changed(na, naNext+1, 254), netip.Addr{}},
		{"solicitation", ns, netip.Addr{}},
		{"nothing", nil, netip.Addr{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := parseAnswer(test.frame)
			if ok != test.want.IsValid() || ok && (got.addr != test.want || got.mac != testMAC) {
				t.Errorf("%+v, %t; want %s of %x", got, ok, test.want, testMAC)
			}
		})
	}
}

func TestQuestionTeachesNoCache(t *testing.T) {
	b, err := appendQuestion(nil, testMAC, netip.Addr{}, netip.MustParseAddr("192.0.2.10"))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := parseAnswer(b); got.addr != netip.IPv4Unspecified() || got.mac != testMAC {
		t.Errorf("asked from %+v, want no address", got)
	}
	if [4]byte(b[38:42]) != [4]byte{192, 0, 2, 10} {
		t.Errorf("asks for % x", b[38:42])
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(appendARP(nil, testMAC, netip.MustParseAddr("192.0.2.10")))
	na, _ := appendNA(nil, testMAC, netip.MustParseAddr("2001:db8::10"), true)
	f.Add(na)
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, ok := parseAnswer(b); ok && !a.addr.IsValid() {
			t.Error("an answer for no address")
		}
	})
}

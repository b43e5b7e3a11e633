package ipvs

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a little-endian kernel 6.1 sent of a service that had two connections, in 32 and in 64 bits, and of one of its servers; the connections and
// bytes in 64 bits are made larger than 32 bits hold.
const (
	statsNarrow = `
		5c00 0a00
		  0800 0100 02000000
		  0800 0200 0b000000
		  0800 0300 08000000
		  0c00 0400 5402000000000000
		  0c00 0500 c201000000000000
		  0800 0600 01000000
		  0800 0700 05000000
		  0800 0800 04000000
		  0800 0900 2a010000
		  0800 0a00 e1000000`
	statsWide = `
		7c00 0c00
		  0c00 0100 0200000001000000 # 2^32 + 2
		  0c00 0200 0b00000000000000
		  0c00 0300 0800000000000000
		  0c00 0400 5402000001000000 # 2^32 + 596
		  0c00 0500 c201000000000000
		  0c00 0600 0100000000000000
		  0c00 0700 0500000000000000
		  0c00 0800 0400000000000000
		  0c00 0900 2a01000000000000
		  0c00 0a00 e100000000000000`
	serviceHead = `
		0600 0100 0200 0000
		0600 0200 0600 0000
		1400 0300 c000020a 00000000 00000000 00000000
		0600 0400 0050 0000
		0800 0600 776c6300
		0c00 0700 02000000 ffffffff
		0800 0800 00000000
		0800 0900 ffffffff`
	destHead = `
		1400 0100 0a000001 00000000 00000000 00000000
		0600 0200 1f90 0000
		0600 0b00 0200 0000
		0800 0300 00000000
		0800 0400 0a000000
		0800 0500 64000000
		0800 0600 32000000
		0800 0700 01000000
		0800 0800 01000000
		0800 0900 03000000
		0500 0d00 00000000
		0600 0e00 0000 0000
		0600 0f00 0000 0000`
)

var (
	someRates   = Rates{Connections: 1, InPackets: 5, OutPackets: 4, InBytes: 298, OutBytes: 225}
	narrowStats = Stats{Connections: 2, InPackets: 11, OutPackets: 8, InBytes: 596, OutBytes: 450}
	wideStats   = Stats{Connections: 1<<32 + 2, InPackets: 11, OutPackets: 8, InBytes: 1<<32 + 596, OutBytes: 450}
)

func TestStatisticsAreThoseOf64BitsWhereTheKernelHasThem(t *testing.T) {
	for _, tt := range []struct {
		name, stats string
		want        Stats
	}{
		{"since 4.1", statsNarrow + statsWide, wideStats},
		{"before 4.1", statsNarrow, narrowStats},
		{"64 bits alone", statsWide, wideStats},
	} {
		l, ok, err := decodeListed(unhex(t, serviceHead+tt.stats))
		want := Listed{Service: svc(tcp("192.0.2.10:80"), "wlc"), Stats: tt.want, Rates: someRates}
		if d := cmp.Diff(want, l, asAddress); d != "" || !ok || err != nil {
			t.Errorf("service, %s: %v, %v (-want +got):\n%s", tt.name, ok, err, d)
		}
		s, err := decodeListedServer(unhex(t, destHead+tt.stats))
		dest := nat("10.0.0.1:8080", 10)
		dest.Upper, dest.Lower = 100, 50
		server := ListedServer{Dest: dest, Load: Load{Active: 1, Inactive: 1, Persistent: 3}, Stats: tt.want, Rates: someRates}
		if d := cmp.Diff(server, s, asAddress); d != "" || err != nil {
			t.Errorf("server, %s: %v (-want +got):\n%s", tt.name, err, d)
		}
	}
}

// A message that ends early, or has no statistics, is an error and no zero that would look like a restart of the counters.
func TestStatisticsThatAreCutShortAreAnError(t *testing.T) {
	for name, stats := range map[string]string{
		"none":             "",
		"empty":            "0400 0c00",
		"a short counter":  "0c00 0c00 0800 0100 02000000",
		"one is missing":   "1000 0c00 0c00 0100 0200000001000000",
		"beyond its nest":  "0800 0c00 ff00 0100",
		"of 32, too short": "0800 0a00 0600 0100",
	} {
		if l, ok, err := decodeListed(unhex(t, serviceHead+stats)); ok || !errors.Is(err, errTruncated) {
			t.Errorf("service, %s: %+v, %v, %v", name, l, ok, err)
		}
		if s, err := decodeListedServer(unhex(t, destHead+stats)); !errors.Is(err, errTruncated) {
			t.Errorf("server, %s: %+v, %v", name, s, err)
		}
	}
}

// BenchmarkDecodeDest is what each read of the engine does with a destination, and what List does.
func BenchmarkDecodeDest(b *testing.B) {
	t := &testing.T{}
	bytes := unhex(t, destHead+statsNarrow+statsWide)
	b.Run("engine", func(b *testing.B) {
		for b.Loop() {
			_, _, _ = decodeDest(bytes)
		}
	})
	b.Run("with statistics", func(b *testing.B) {
		for b.Loop() {
			_, _ = decodeListedServer(bytes)
		}
	})
}

func FuzzListed(f *testing.F) {
	t := &testing.T{}
	f.Add(unhex(t, serviceHead+statsNarrow+statsWide))
	f.Add(unhex(t, destHead+statsNarrow))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, _ = decodeListed(b)
		if _, err := decodeListedServer(b); err == nil {
			if _, _, err := decodeDest(b); err != nil {
				t.Errorf("a server with statistics, and none without: %v", err)
			}
		}
	})
}

func TestTotals(t *testing.T) {
	const text = `   Total Incoming Outgoing         Incoming         Outgoing
   Conns  Packets  Packets            Bytes            Bytes
       2        B        8              254              1C2

 Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
       1        5        4              12A               E1
`
	s, r, err := parseTotals(text)
	if s != narrowStats || r != someRates || err != nil {
		t.Errorf("%+v, %+v, %v", s, r, err)
	}
	for _, text := range []string{"", "\n\n", text[:250], strings.ReplaceAll(text, "12A", "12G"), text + text} {
		if s, r, err := parseTotals(text); !errors.Is(err, errTotals) {
			t.Errorf("%q: %+v, %+v, %v", text, s, r, err)
		}
	}
}

// The lines are as kernels 6.1 and 6.12 write them, and with brackets as older ones do.
func TestConnections(t *testing.T) {
	const text = `Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP C6336409 C900 C000020A 0051 0A000001 1F90 ESTABLISHED     898
TCP C6336409 0000 C000020A 0051 0A000001 1F90 ASSURED          98
UDP C6336409 8B2A C000020A 13C4 0A000001 13C4 UDP              59 sip 1234@host
TCP 2001:0db8:0005:0000:0000:0000:0000:0009 99EA 2001:0db8:0000:0000:0000:0000:0000:0010 0050 [2001:0db8:0006:0000:0000:0000:0000:0009] 1F90 SYN_RECV          5
IP  C6336409 0000 00000105 0000 0A000001 0000 NONE           3661
IP  2001:0db8:0005:0000:0000:0000:0000:0000 0000 0000:0000:0000:0000:0000:0000:FFFF:FFFF 0000 2001:0db8:0006:0000:0000:0000:0000:0009 0000 NONE 1
a line of another form
TCP C6336409 C900 C000020A 0051 0A000001 1F90 ESTABLISHED     -98
TCP C6336409 C900 C000020A 0051 0A000001 1F90 ESTABLISHED
TCP C6336409 C900 C000020A 10051 0A000001 1F90 ESTABLISHED 1
`
	var got []string
	err := EachConnection(strings.NewReader(text), func(c Connection) error {
		got = append(got, strings.TrimSpace(strings.Join([]string{c.Protocol, c.Proto.String(), c.Client.String(), c.Service.String(), c.Server.String(), c.State,
			c.Expires.String(), c.Engine, c.EngineData}, " ")))
		if want := map[int]uint32{5: 0x105, 6: 0xffffffff}[len(got)]; c.Mark() != want {
			t.Errorf("connection %d has mark %d, want %d", len(got), c.Mark(), want)
		}
		return nil
	})
	want := []string{
		"TCP tcp 198.51.100.9:51456 192.0.2.10:81 10.0.0.1:8080 ESTABLISHED 14m58s",
		"TCP tcp 198.51.100.9:0 192.0.2.10:81 10.0.0.1:8080 ASSURED 1m38s",
		"UDP udp 198.51.100.9:35626 192.0.2.10:5060 10.0.0.1:5060 UDP 59s sip 1234@host",
		"TCP tcp [2001:db8:5::9]:39402 [2001:db8::10]:80 [2001:db8:6::9]:8080 SYN_RECV 5s",
		"IP proto 0 198.51.100.9:0 0.0.1.5:0 10.0.0.1:0 NONE 1h1m1s",
		"IP proto 0 [2001:db8:5::]:0 [::ffff:ffff]:0 [2001:db8:6::9]:0 NONE 1s",
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	broken := errors.New("no more")
	calls := 0
	err = EachConnection(strings.NewReader(text), func(Connection) error { calls++; return broken })
	if !errors.Is(err, broken) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
	if got := ParseConns(text); len(got) != 6 || got[0] != (Conn{TCP, netip.MustParseAddrPort("198.51.100.9:51456"), netip.MustParseAddrPort("192.0.2.10:81"), netip.MustParseAddrPort("10.0.0.1:8080")}) {
		t.Errorf("ParseConns: %v", got)
	}
}

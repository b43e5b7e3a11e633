package ipvs

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const procHead = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
`

func TestParseProc(t *testing.T) {
	in := procHead + `TCP  C000020A:0050 wlc persistent 30000 FFFFFFFF
  -> 0A00000B:1F90      Masq    10     3          1
  -> [2001:0db8:0000:0000:0000:0000:0000:0001]:0050      Tunnel  1      0          0
FWM  00000001 rr
  -> 0A00000C:0000      Route   1      0          0
UDP  C000020A:0035 rr ops
  -> 0A00000D:0035      Route   0      0          7
TCP  [2001:0db8:0000:0000:0000:0000:0000:000a]:0050 rr
  -> [2001:0db8:0000:0000:0000:0000:0000:0001]:0050      Masq    1      0          0
SCTP C000020A:0050 rr
  -> 0A00000C:0050      Local   1      0          0
TCP  C000020A:0051 rr
  -> 0A00000C:0051      Bypass  1      0          0
`
	want := map[Key]*Entry{
		tcp("192.0.2.10:80"): {
			Dests: []Dest{dest("10.0.0.11:8080", NAT, 10), dest("[2001:db8::1]:80", TUN, 1)}, Loads: []Load{{Active: 3, Inactive: 1}, {}},
		},
		udp("192.0.2.10:53"):                    {Dests: []Dest{dest("10.0.0.13:53", DR, 0)}, Loads: []Load{{Inactive: 7}}},
		tcp("[2001:db8::a]:80"):                 {Dests: []Dest{nat("[2001:db8::1]:80", 1)}, Loads: []Load{{}}},
		{SCTP, tcp("192.0.2.10:80").Addr, 0, 0}: {Dests: []Dest{dest("10.0.0.12:80", forwardMask, 1)}, Loads: []Load{{}}},
		tcp("192.0.2.10:81"):                    {Dests: []Dest{dest("10.0.0.12:81", forwardMask, 1)}, Loads: []Load{{}}},
	}
	got, err := parseProc(strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{})); d != "" {
		t.Errorf("destinations (-want +got):\n%s", d)
	}
}

func TestParseProcSaysWhatItCannotRead(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"a service without an address", "TCP\n", "line 4"},
		{"an address that is none", "TCP  C000020A rr\n", "not an address and port"},
		{"an address that is too short", "TCP  C00002:0050 rr\n", "8 hexadecimal digits"},
		{"a port that is none", "TCP  C000020A:WXYZ rr\n", "WXYZ"},
		{"a destination without counters", "TCP  C000020A:0050 rr\n  -> 0A00000B:1F90 Masq 10\n", "line 5"},
		{"a weight that is none", "TCP  C000020A:0050 rr\n  -> 0A00000B:1F90 Masq x 0 0\n", `"x"`},
		{"a destination's address that is none", "TCP  C000020A:0050 rr\n  -> [::g]:1F90 Masq 1 0 0\n", "::g"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseProc(strings.NewReader(procHead + tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// What only one of the two readings has is asked for by itself; services by mark are never in the file.
func TestJoinIsUnsureOfWhatOnlyOneReadingHas(t *testing.T) {
	both, onlyNetlink, onlyFile, mark := tcp("192.0.2.10:80"), tcp("192.0.2.10:82"), udp("192.0.2.10:81"), Key{Mark: 1, Family: V4}
	d := nat("10.0.0.1:80", 1)
	services := map[Key]Service{both: svc(both, "rr"), onlyNetlink: svc(onlyNetlink, "rr"), mark: svc(mark, "rr")}
	dests := map[Key]*Entry{both: {Dests: []Dest{d}}, onlyFile: {}}
	got, unsure := join(services, dests)
	if d := cmp.Diff(table(entry(svc(both, "rr"), d)), got, asAddress); d != "" {
		t.Errorf("table (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]Key{onlyFile, onlyNetlink, mark}, unsure, asAddress); d != "" {
		t.Errorf("unsure (-want +got):\n%s", d)
	}
}

func FuzzParseProc(f *testing.F) {
	f.Add([]byte(procHead + "TCP  C000020A:0050 wlc persistent 30000 FFFFFFFF\n  -> 0A00000B:1F90      Masq    10     3          1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		table, err := parseProc(bytes.NewReader(b))
		if (table == nil) != (err != nil) {
			t.Fatalf("table %v with error %v", table, err)
		}
		for k := range table {
			if !k.Addr.IsValid() {
				t.Errorf("service %s has no address", k)
			}
		}
	})
}

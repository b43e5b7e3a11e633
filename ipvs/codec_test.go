package ipvs

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestEncodeOp has the bytes that were seen to do the right thing in a little-endian kernel (TestNetlinkKeepsTheContract): a word
// of netlink on each line. The family's number is 0x1f, the sequence number 7.
func TestEncodeOp(t *testing.T) {
	web := Service{Key: tcp("192.0.2.10:80"), Scheduler: "wlc", Persistence: 5 * time.Minute, Netmask: 0xffffff00}
	const key = `
		2400 0180          # IPVS_CMD_ATTR_SERVICE, nested
		  0600 0100 0200 0000 # AF_INET
		  0600 0200 0600 0000 # TCP
		  0800 0300 c000020a  # 192.0.2.10
		  0600 0400 0050 0000 # 80, network order`
	for _, tt := range []struct {
		name string
		op   Op
		want string
	}{
		{"add a persistent service", Op{AddService, web, Dest{}}, `
		5c000000 1f00 0100 07000000 00000000 01 01 0000
		4800 0180
		  0600 0100 0200 0000
		  0600 0200 0600 0000
		  0800 0300 c000020a
		  0600 0400 0050 0000
		  0800 0600 776c6300        # "wlc"
		  0c00 0700 01000000 ffffffff # persistent, all flags count
		  0800 0800 2c010000        # 300 s
		  0800 0900 ffffff00        # network order`},
		{"change a service by its scheduler's name with odd length", Op{EditService, svc(tcp("192.0.2.10:80"), "rr"), Dest{}}, `
		5c000000 1f00 0100 07000000 00000000 02 01 0000
		4800 0180
		  0600 0100 0200 0000
		  0600 0200 0600 0000
		  0800 0300 c000020a
		  0600 0400 0050 0000
		  0700 0600 72720000
		  0c00 0700 00000000 ffffffff
		  0800 0800 00000000
		  0800 0900 ffffffff`},
		{"remove a service", Op{DeleteService, Service{Key: web.Key}, Dest{}}, `
		38000000 1f00 0100 07000000 00000000 03 01 0000` + key},
		{"add a server", Op{AddDest, Service{Key: web.Key}, dest("10.0.0.1:8080", DR, 10)}, `
		74000000 1f00 0100 07000000 00000000 05 01 0000` + key + `
		3c00 0280
		  0800 0100 0a000001
		  0600 0200 1f90 0000
		  0600 0b00 0200 0000
		  0800 0300 03000000
		  0800 0400 0a000000
		  0800 0500 00000000
		  0800 0600 00000000`},
		{"change a server", Op{EditDest, Service{Key: web.Key}, dest("10.0.0.1:8080", TUN, MaxWeight)}, `
		74000000 1f00 0100 07000000 00000000 06 01 0000` + key + `
		3c00 0280
		  0800 0100 0a000001
		  0600 0200 1f90 0000
		  0600 0b00 0200 0000
		  0800 0300 02000000
		  0800 0400 ffff0000
		  0800 0500 00000000
		  0800 0600 00000000`},
		{"add a service by mark over IPv6 with an engine", Op{AddService, Service{Key{Mark: 80, Family: V6}, "rr", time.Second, 64, "sip", 0}, Dest{}}, `
		54000000 1f00 0100 07000000 00000000 01 01 0000
		4000 0180
		  0600 0100 0a00 0000
		  0800 0500 50000000
		  0700 0600 72720000
		  0c00 0700 01000000 ffffffff
		  0800 0800 01000000
		  0800 0900 40000000 # a length, not in network order
		  0800 0b00 73697000`},
		{"add a server in a tunnel with bounds", Op{AddDest, Service{Key: Key{Mark: 80, Family: V4}},
			Dest{netip.MustParseAddrPort("10.0.0.1:0"), TUN, Tunnel{GUE, 6080, TunnelChecksum}, 10, 100, 50}}, `
		7c000000 1f00 0100 07000000 00000000 05 01 0000
		1400 0180
		  0600 0100 0200 0000
		  0800 0500 50000000
		5400 0280
		  0800 0100 0a000001
		  0600 0200 0000 0000
		  0600 0b00 0200 0000
		  0800 0300 02000000
		  0800 0400 0a000000
		  0800 0500 64000000
		  0800 0600 32000000
		  0500 0d00 01000000
		  0600 0e00 17c0 0000
		  0600 0f00 0100 0000`},
		{"remove a server that somebody put in over IPv6", Op{DeleteDest, Service{Key: web.Key}, Dest{Addr: netip.MustParseAddrPort("[2001:db8::1]:80")}}, `
		60000000 1f00 0100 07000000 00000000 07 01 0000` + key + `
		2800 0280
		  1400 0100 20010db8 00000000 00000000 00000001
		  0600 0200 0050 0000
		  0600 0b00 0a00 0000`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var e encoder
			e.op(tt.op, 0x1f, nlRequest, 7)
			if d := cmp.Diff(hex.EncodeToString(unhex(t, tt.want)), hex.EncodeToString(e.b)); d != "" {
				t.Errorf("message (-want +got):\n%s", d)
			}
		})
	}
}

// unhex reads hexadecimal digits with blanks and comments.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(s) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeService(t *testing.T) {
	const key = `
		0600 0100 0200 0000
		0600 0200 0600 0000
		1400 0300 c000020a 00000000 00000000 00000000 # the kernel sends all 16 bytes
		0600 0400 0050 0000
		0800 0600 776c6300`
	for _, tt := range []struct {
		name string
		hex  string
		want Service
		ok   bool
	}{
		{"plain; the kernel's own flag is not ours", key + `
			0c00 0700 02000000 ffffffff
			0800 0800 2c010000
			0800 0900 00000000`, svc(tcp("192.0.2.10:80"), "wlc"), true},
		{"persistent, with flags of the scheduler", key + `
			0c00 0700 0b000000 ffffffff
			0800 0800 2c010000
			0800 0900 ffff0000`, Service{tcp("192.0.2.10:80"), "wlc", 5 * time.Minute, 0xffff0000, "", 8}, true},
		{"a mask that is no prefix", key + `
			0c00 0700 03000000 ffffffff
			0800 0800 01000000
			0800 0900 ff00ff00`, Service{tcp("192.0.2.10:80"), "wlc", time.Second, 0xff00ff00, "", 0}, true},
		{"by firewall mark, over IPv6, with an engine", `
			0600 0100 0a00 0000
			0800 0500 50000000
			0800 0600 72720000
			0c00 0700 03000000 ffffffff
			0800 0800 01000000
			0800 0900 40000000 # a prefix of 64, not in network order
			0800 0b00 73697000`, Service{Key{Mark: 80, Family: V6}, "rr", time.Second, 64, "sip", 0}, true},
		{"over IPv6", `
			0600 0100 0a00 0000
			0600 0200 8400 0000
			1400 0300 20010db8 00000000 00000000 00000010
			0600 0400 0050 0000
			0800 0600 72720000
			0c00 0700 00000000 ffffffff`, svc(Key{Proto: SCTP, Addr: netip.MustParseAddrPort("[2001:db8::10]:80")}, "rr"), true},
		{"of another family: not for this table", `0600 0100 0700 0000`, Service{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok, err := decodeService(unhex(t, tt.hex))
			if err != nil || ok != tt.ok {
				t.Fatalf("ok %v, error %v, want ok %v and no error", ok, err, tt.ok)
			}
			if d := cmp.Diff(tt.want, got, asAddress); d != "" {
				t.Errorf("service (-want +got):\n%s", d)
			}
		})
	}
}

func TestDecodeDest(t *testing.T) {
	const rest = `
		0600 0200 1f90 0000
		0800 0300 03010000 # droute, and flags of connections
		0800 0400 0a000000
		0800 0500 64000000
		0800 0600 32000000
		0800 0700 05000000
		0800 0800 06000000
		0800 0900 07000000
		0500 0d00 01000000 # GUE
		0600 0e00 17c0 0000
		0600 0f00 0100 0000`
	at := func(a string) Dest {
		return Dest{netip.MustParseAddrPort(a), DR, Tunnel{GUE, 6080, TunnelChecksum}, 10, 100, 50}
	}
	for _, tt := range []struct {
		name string
		hex  string
		want Dest
	}{
		{"IPv4", `1400 0100 0a000001 00000000 00000000 00000000  0600 0b00 0200 0000` + rest,
			at("10.0.0.1:8080")},
		{"from a kernel that names no family", `0800 0100 0a000001` + rest,
			at("10.0.0.1:8080")},
		{"IPv6", `1400 0100 20010db8 00000000 00000000 00000001  0600 0b00 0a00 0000` + rest,
			at("[2001:db8::1]:8080")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, load, err := decodeDest(unhex(t, tt.hex))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got, asAddress); d != "" {
				t.Errorf("server (-want +got):\n%s", d)
			}
			if want := (Load{5, 6, 7}); load != want {
				t.Errorf("load %+v, want %+v", load, want)
			}
		})
	}
}

func TestDecodersRefuseTruncatedBytes(t *testing.T) {
	service := unhex(t, `0600 0100 0200 0000 0600 0200 0600 0000 0800 0300 c000020a 0600 0400 0050 0000 0800 0600 776c6300 0c00 0700 01000000 ffffffff
		0800 0800 2c010000 0800 0900 ffffff00`)
	server := unhex(t, `0800 0100 0a000001 0600 0b00 0200 0000 0600 0200 1f90 0000 0800 0300 03000000 0800 0400 0a000000 0800 0500 00000000 0800 0600 00000000 0800 0700 05000000 0800 0800 06000000
		0800 0900 00000000`)
	for n := range len(service) {
		if _, _, err := decodeService(service[:n]); !errors.Is(err, errTruncated) {
			t.Errorf("%d bytes of a service: error %v, want %v", n, err, errTruncated)
		}
	}
	for n := range len(server) {
		if _, _, err := decodeDest(server[:n]); !errors.Is(err, errTruncated) {
			t.Errorf("%d bytes of a server: error %v, want %v", n, err, errTruncated)
		}
	}
	for _, tt := range []struct{ name, hex string }{
		{"no message header", `10000000 0200`},
		{"a message that claims more than there is", `18000000 0200 0000 07000000 00000000 0000`},
		{"a message that claims less than its header", `08000000 0200 0000 07000000 00000000`},
	} {
		if _, _, err := nextMessage(unhex(t, tt.hex)); !errors.Is(err, errTruncated) {
			t.Errorf("%s: error %v, want %v", tt.name, err, errTruncated)
		}
	}
	if _, err := (message{body: []byte{1, 2}}).errno(); !errors.Is(err, errTruncated) {
		t.Errorf("an error number of 2 bytes: error %v, want %v", err, errTruncated)
	}
	if _, err := nested([]byte{1}, attrService); !errors.Is(err, errTruncated) {
		t.Errorf("a body of 1 byte: error %v, want %v", err, errTruncated)
	}
}

func TestNextMessageSplitsAndAligns(t *testing.T) {
	b := unhex(t, `11000000 0300 0200 05000000 00000000 aa 000000
		14000000 0200 0000 06000000 00000000 fdffffff`)
	first, rest, err := nextMessage(b)
	if err != nil || first.typ != nlDone || first.seq != 5 || len(first.body) != 1 {
		t.Fatalf("first message %+v, error %v", first, err)
	}
	second, rest, err := nextMessage(rest)
	if err != nil || second.typ != nlError || second.seq != 6 || len(rest) != 0 {
		t.Fatalf("second message %+v, error %v, %d bytes left", second, err, len(rest))
	}
	if n, err := second.errno(); n != 3 || err != nil {
		t.Errorf("error number %d (%v), want 3", n, err)
	}
}

func FuzzDecode(f *testing.F) {
	var e encoder
	e.op(Op{AddService, svc(tcp("192.0.2.10:80"), "wlc"), Dest{}}, 0x1f, nlRequest, 7)
	e.op(Op{AddDest, Service{Key: tcp("192.0.2.10:80")}, nat("10.0.0.1:80", 1)}, 0x1f, nlRequest, 8)
	f.Add(e.b)
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			m, rest, err := nextMessage(b)
			if err != nil {
				return
			}
			if len(rest) >= len(b) {
				t.Fatalf("no progress: %d bytes of %d left", len(rest), len(b))
			}
			b = rest
			_, _ = m.errno()
			if v, err := nested(m.body, attrService); err == nil {
				if s, ok, err := decodeService(v); ok && (err != nil || s.Mark == 0 && !s.Addr.IsValid()) {
					t.Errorf("service %v with error %v", s, err)
				}
			}
			if v, err := nested(m.body, attrDest); err == nil {
				if d, _, err := decodeDest(v); err == nil && !d.Addr.IsValid() {
					t.Errorf("server %v without an address", d)
				}
			}
		}
	})
}

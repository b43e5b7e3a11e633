package kernel

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAddressRequestsAreByteExact(t *testing.T) {
	v4, v6 := netip.MustParsePrefix("192.0.2.10/24"), netip.MustParsePrefix("2001:db8::10/128")
	for _, test := range []struct {
		name  string
		op    addrOp
		flags uint16
		want  string
	}{
		{"IPv4 is added with our mark and without a broadcast address", addrOp{key: addrKey{7, v4}, add: true}, 0, `
			30000000 1400 0106 2a000000 00000000
			02 18 00 00 07000000
			0800 0200 c000020a  0800 0100 c000020a  0500 0b00 70000000`},
		{"a label ends in a zero byte", addrOp{key: addrKey{7, v4}, label: "eth0:web", add: true}, 0, `
			40000000 1400 0106 2a000000 00000000
			02 18 00 00 07000000
			0800 0200 c000020a  0800 0100 c000020a  0500 0b00 70000000
			0d00 0300 65746830 3a776562 00000000`},
		{"IPv6 is added without duplicate address detection, and as a host's address deprecated", addrOp{key: addrKey{7, v6}, add: true}, unix.NLM_F_ACK, `
			5c000000 1400 0506 2a000000 00000000
			0a 80 02 00 07000000
			1400 0200 20010db8000000000000000000000010
			1400 0100 20010db8000000000000000000000010  0500 0b00 70000000
			1400 0600 00000000 ffffffff 00000000 00000000`},
		{"a removal names nothing but the address", addrOp{key: addrKey{7, v4}, label: "eth0:web"}, unix.NLM_F_ACK, `
			28000000 1500 0500 2a000000 00000000
			02 18 00 00 07000000
			0800 0200 c000020a  0800 0100 c000020a`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := appendAddrOp(nil, test.op, 42, test.flags)
			if diff := cmp.Diff(hex.EncodeToString(unhex(t, test.want)), hex.EncodeToString(got)); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

// The library decodes what we encode, and we decode what the library encodes.
func TestAddressMessagesAgreeWithTheLibrary(t *testing.T) {
	prefix := netip.MustParsePrefix("192.0.2.10/24")
	b := appendAddrOp(nil, addrOp{key: addrKey{7, prefix}, label: "eth0:web", add: true}, 1, 0)
	theirs := nl.DeserializeIfAddrmsg(b[nlHeaderLen:])
	attrs, err := nl.ParseRouteAttrAsMap(b[nlHeaderLen+ifAddrLen:])
	if err != nil {
		t.Fatal(err)
	}
	if theirs.Index != 7 || theirs.Prefixlen != 24 || theirs.Family != unix.AF_INET {
		t.Errorf("the library reads %+v", theirs)
	}
	want := map[uint16]string{unix.IFA_LOCAL: "c000020a", unix.IFA_ADDRESS: "c000020a", unix.IFA_LABEL: "657468303a77656200", ifaProto: "70"}
	got := map[uint16]string{}
	for typ, a := range attrs {
		got[typ] = hex.EncodeToString(a.Value)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}

	msg := nl.NewIfAddrmsg(unix.AF_INET)
	msg.Index, msg.Prefixlen, msg.Scope = 9, 32, 253
	body := msg.Serialize()
	for _, a := range []*nl.RtAttr{
		nl.NewRtAttr(unix.IFA_ADDRESS, []byte{10, 0, 0, 2}),
		nl.NewRtAttr(unix.IFA_LOCAL, []byte{10, 0, 0, 1}),
		nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(unix.IFA_F_PERMANENT|unix.IFA_F_NOPREFIXROUTE)),
		nl.NewRtAttr(ifaProto, []byte{18}),
	} {
		body = append(body, a.Serialize()...)
	}
	key, fact, ok := parseAddr(body)
	if want := (addrKey{9, netip.MustParsePrefix("10.0.0.1/32")}); !ok || key != want {
		t.Errorf("key %v %t, want the local address %v", key, ok, want)
	}
	details := addrDetails{peer: netip.MustParseAddr("10.0.0.2"), preferred: lifetimeForever}
	if want := (addrFact{unix.IFA_F_PERMANENT | unix.IFA_F_NOPREFIXROUTE, 253, 18, details}); fact != want {
		t.Errorf("fact %+v, want %+v", fact, want)
	}
}

// linkMessage is what the kernel sends for an interface.
func linkMessage(family byte, attrs ...*nl.RtAttr) []byte {
	msg := nl.NewIfInfomsg(int(family))
	msg.Index, msg.Type, msg.Flags = 5, unix.ARPHRD_ETHER, unix.IFF_UP|unix.IFF_LOWER_UP
	b := msg.Serialize()
	for _, a := range attrs {
		b = append(b, a.Serialize()...)
	}
	return b
}

func TestLinkMessagesAgreeWithTheLibrary(t *testing.T) {
	body := linkMessage(unix.AF_UNSPEC,
		nl.NewRtAttr(unix.IFLA_IFNAME, []byte("eth5\x00")),
		nl.NewRtAttr(unix.IFLA_ADDRESS, []byte{2, 0, 0, 0, 0, 5}),
		nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(1400)),
		nl.NewRtAttr(unix.IFLA_OPERSTATE, []byte{6}))
	l, ok := parseLink(body)
	want := link{index: 5, name: "eth5", flags: unix.IFF_UP | unix.IFF_LOWER_UP, oper: 6, kind: unix.ARPHRD_ETHER,
		mac: [6]byte{2, 0, 0, 0, 0, 5}, mtu: 1400}
	if diff := cmp.Diff(want, l, cmp.AllowUnexported(link{})); !ok || diff != "" {
		t.Errorf("link %t (-want +got):\n%s", ok, diff)
	}
	theirs, err := netlink.LinkDeserialize(nil, body)
	if err != nil {
		t.Fatal(err)
	}
	a := theirs.Attrs()
	if a.Name != l.name || a.Index != l.index || a.MTU != l.mtu || a.HardwareAddr.String() != "02:00:00:00:00:05" {
		t.Errorf("the library reads %+v", a)
	}
}

func TestNoticesAboutOtherThingsAreNotTaken(t *testing.T) {
	name := nl.NewRtAttr(unix.IFLA_IFNAME, []byte("eth5\x00"))
	for _, test := range []struct {
		name string
		m    message
	}{
		{"a bridge forgets a port: the interface is still there", message{typ: unix.RTM_DELLINK, body: linkMessage(unix.AF_BRIDGE, name)}},
		{"a wireless event has no name", message{typ: unix.RTM_NEWLINK, body: linkMessage(unix.AF_UNSPEC)}},
		{"a cut link", message{typ: unix.RTM_NEWLINK, body: make([]byte, ifInfoLen-1)}},
		{"a cut address", message{typ: unix.RTM_NEWADDR, body: make([]byte, ifAddrLen-1)}},
		{"an address message without an address", message{typ: unix.RTM_NEWADDR, body: make([]byte, ifAddrLen)}},
		{"a prefix longer than the address", message{typ: unix.RTM_NEWADDR,
			body: appendAttr([]byte{unix.AF_INET, 33, 0, 0, 1, 0, 0, 0}, unix.IFA_LOCAL, []byte{10, 0, 0, 1})}},
		{"a route", message{typ: unix.RTM_NEWROUTE, body: make([]byte, 64)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if ev, ok := parseEvent(test.m); ok {
				t.Errorf("taken as %+v", ev)
			}
		})
	}
}

func TestAcknowledgementsCarryTheKernelsWords(t *testing.T) {
	header := make([]byte, nlHeaderLen)
	errno := func(n int32) []byte { return append(nl.Uint32Attr(uint32(-n)), header...) }
	words := appendAttr(errno(int32(unix.EINVAL)), ackMessage, []byte("Invalid prefix length\x00"))
	for _, test := range []struct {
		name string
		m    message
		want string
		is   error
	}{
		{"success", message{body: errno(0)}, "", nil},
		{"a plain error", message{body: errno(int32(unix.EEXIST))}, "file exists", unix.EEXIST},
		{"an error with words", message{flags: unix.NLM_F_ACK_TLVS, body: words}, "invalid argument (Invalid prefix length)", unix.EINVAL},
		{"an error that announces words and has none", message{flags: unix.NLM_F_ACK_TLVS, body: errno(int32(unix.EPERM))}, "operation not permitted", unix.EPERM},
		{"cut", message{body: header}, errTruncated.Error(), errTruncated},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := parseAck(test.m)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != test.want || !errors.Is(err, test.is) {
				t.Errorf("parseAck = %v, want %q", err, test.want)
			}
		})
	}
}

func TestMessagesStopAtACut(t *testing.T) {
	whole := appendDump(nil, unix.RTM_GETLINK, 7)
	for _, test := range []struct {
		name string
		b    []byte
		good int
		err  error
	}{
		{"two whole ones", append(append([]byte{}, whole...), whole...), 2, nil},
		{"a cut header", append(append([]byte{}, whole...), 1, 2, 3), 1, errTruncated},
		{"a length beyond the end", append([]byte{255, 0, 0, 0}, whole[4:]...), 0, errTruncated},
		{"a length below the header", append([]byte{15, 0, 0, 0}, whole[4:]...), 0, errTruncated},
	} {
		t.Run(test.name, func(t *testing.T) {
			good, last := 0, error(nil)
			for m, err := range messages(test.b) {
				if last = err; err == nil {
					good++
					if m.seq != 7 || m.typ != unix.RTM_GETLINK {
						t.Errorf("message %+v", m)
					}
				}
			}
			if good != test.good || !errors.Is(last, test.err) {
				t.Errorf("%d messages, then %v; want %d, then %v", good, last, test.good, test.err)
			}
		})
	}
}

func FuzzNotices(f *testing.F) {
	f.Add(appendAddrOp(nil, addrOp{key: addrKey{7, netip.MustParsePrefix("10.0.0.1/24")}, add: true}, 1, 0))
	f.Add(appendAddrOp(nil, addrOp{key: addrKey{7, netip.MustParsePrefix("2001:db8::1/64")}}, 1, 0))
	body := linkMessage(unix.AF_UNSPEC, nl.NewRtAttr(unix.IFLA_IFNAME, []byte("eth5\x00")))
	f.Add(finish(append(appendHeader(nil, unix.RTM_NEWLINK, 0, 1), body...), 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		table := newTable()
		for _, ev := range appendEvents(nil, b) {
			table.apply(ev)
			if ev.link == nil && !ev.key.prefix.IsValid() {
				t.Errorf("an address without a prefix was taken: %+v", ev)
			}
		}
		for m, err := range messages(b) {
			if err == nil {
				_ = parseAck(m)
			}
		}
	})
}

func TestEndOfADumpSaysWhetherItIsWhole(t *testing.T) {
	for _, test := range []struct {
		name string
		body []byte
		want error
	}{
		{"whole", binary.NativeEndian.AppendUint32(nil, 0), nil},
		{"an object found no room", binary.NativeEndian.AppendUint32(nil, ^uint32(unix.EMSGSIZE)+1), unix.EMSGSIZE},
		{"cut", []byte{0}, errTruncated},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := parseDone(message{typ: unix.NLMSG_DONE, body: test.body}); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

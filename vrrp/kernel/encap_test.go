package kernel

import (
	"encoding/hex"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"

	"github.com/govrrpd/govrrpd/vrrp"
)

// The library encodes the same tunnels in the same way.
func TestTunnelsAgreeWithTheLibrary(t *testing.T) {
	segments := []netip.Addr{netip.MustParseAddr("fc00::1"), netip.MustParseAddr("fc00::2")}
	// The library wants segments as they are on the wire, the last first, and inline the place of the destination before them.
	last, first, none := net.ParseIP("fc00::2"), net.ParseIP("fc00::1"), net.ParseIP("::")
	for _, test := range []struct {
		name   string
		ours   vrrp.Encap
		theirs netlink.Encap
	}{
		{"mpls", vrrp.Encap{Kind: vrrp.EncapMPLS, Labels: []uint32{100, 200}}, &netlink.MPLSEncap{Labels: []int{100, 200}}},
		{"seg6 encap", vrrp.Encap{Kind: vrrp.EncapSEG6, Mode: vrrp.SEG6Encapsulate, Segments: segments},
			&netlink.SEG6Encap{Mode: nl.SEG6_IPTUN_MODE_ENCAP, Segments: []net.IP{last, first}}},
		{"seg6 inline", vrrp.Encap{Kind: vrrp.EncapSEG6, Mode: vrrp.SEG6Inline, Segments: segments},
			&netlink.SEG6Encap{Mode: nl.SEG6_IPTUN_MODE_INLINE, Segments: []net.IP{none, last, first}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if int(test.ours.Kind) != test.theirs.Type() {
				t.Errorf("kind %d, want %d", test.ours.Kind, test.theirs.Type())
			}
			want, err := test.theirs.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if got := encodeEncap(test.ours); !slices.Equal(got, want) {
				t.Errorf("got  %s\nwant %s", hex.EncodeToString(got), hex.EncodeToString(want))
			}
		})
	}
}

func TestTunnelsAreByteExact(t *testing.T) {
	for _, test := range []struct {
		name string
		e    vrrp.Encap
		want string
	}{
		{"mpls with ttl", vrrp.Encap{Kind: vrrp.EncapMPLS, Labels: []uint32{1}, TTL: 64}, "08000100 00001100 05000200 40000000"},
		{"ip", vrrp.Encap{Kind: vrrp.EncapIP, ID: 7, Source: netip.MustParseAddr("10.0.0.1"), Dest: netip.MustParseAddr("10.0.0.2"), TTL: 5, TOS: 16},
			"0c000100 00000000 00000007 08000200 0a000002 08000300 0a000001 05000400 05000000 05000500 10000000"},
		{"ip6", vrrp.Encap{Kind: vrrp.EncapIP6, Dest: netip.MustParseAddr("fc00::2")}, "14000200 fc000000 00000000 00000000 00000002"},
	} {
		if got, want := encodeEncap(test.e), unhex(t, test.want); !slices.Equal(got, want) {
			t.Errorf("%s: got  %x\nwant %x", test.name, got, want)
		}
	}
}

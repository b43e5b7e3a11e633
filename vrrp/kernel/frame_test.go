package kernel

import (
	"encoding/hex"
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/mdlayher/ndp"
)

var testMAC = [6]byte{2, 0, 0, 0, 0, 5}

func TestGratuitousARPIsByteExact(t *testing.T) {
	got := appendARP(nil, testMAC, netip.MustParseAddr("192.0.2.10"))
	want := unhex(t, `ffffffffffff 020000000005 0806
		0001 0800 06 04 0001
		020000000005 c000020a ffffffffffff c000020a`)
	if diff := cmp.Diff(hex.EncodeToString(want), hex.EncodeToString(got)); diff != "" {
		t.Errorf("frame (-want +got):\n%s", diff)
	}
	arp, ok := gopacket.NewPacket(got, layers.LayerTypeEthernet, gopacket.Default).Layer(layers.LayerTypeARP).(*layers.ARP)
	if !ok || arp.Operation != layers.ARPRequest || !net.IP(arp.SourceProtAddress).Equal(net.IP(arp.DstProtAddress)) {
		t.Errorf("gopacket reads %+v", arp)
	}
}

func TestNeighbourAdvertisementIsByteExact(t *testing.T) {
	addr := netip.MustParseAddr("2001:db8::10")
	got, err := appendNA(nil, testMAC, addr, true)
	if err != nil {
		t.Fatal(err)
	}
	want := unhex(t, `333300000001 020000000005 86dd
		60000000 0020 3a ff
		20010db8000000000000000000000010 ff020000000000000000000000000001
		88 00 7908 a0000000 20010db8000000000000000000000010 02 01 020000000005`)
	if diff := cmp.Diff(hex.EncodeToString(want), hex.EncodeToString(got)); diff != "" {
		t.Errorf("frame (-want +got):\n%s", diff)
	}
	p := gopacket.NewPacket(got, layers.LayerTypeEthernet, gopacket.Default)
	ip, ok := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
	if !ok || ip.HopLimit != 255 || ip.SrcIP.String() != addr.String() {
		t.Errorf("gopacket reads %+v", ip)
	}
	m, err := ndp.ParseMessage(got[14+40:])
	na, ok := m.(*ndp.NeighborAdvertisement)
	if err != nil || !ok || !na.Router || !na.Override || na.Solicited || na.TargetAddress != addr {
		t.Errorf("ndp reads %+v, %v", m, err)
	}
	if got, _ := appendNA(nil, testMAC, addr, false); got[14+40+4] != 0x20 {
		t.Errorf("a host that does not forward sends flags %#x, want 0x20", got[14+40+4])
	}
}

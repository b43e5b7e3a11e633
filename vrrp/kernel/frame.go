package kernel

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mdlayher/ndp"
	"golang.org/x/sys/unix"
)

var (
	broadcastMAC = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	allNodesMAC  = [6]byte{0x33, 0x33, 0, 0, 0, 1}
	allNodes     = netip.MustParseAddr("ff02::1")
)

const (
	arpRequest = 1
	hopLimit   = 255 // RFC 4861 section 7.1.2: receivers discard anything else
	nextICMPv6 = 58
)

// appendARP appends the Ethernet frame of a gratuitous ARP: a broadcast request of addr for addr, which everybody's cache takes
// (RFC 5944 section 4.6). Like keepalived it names the broadcast address as target.
func appendARP(b []byte, mac [6]byte, addr netip.Addr) []byte {
	a4 := addr.As4()
	b = append(b, broadcastMAC[:]...)
	b = append(b, mac[:]...)
	b = binary.BigEndian.AppendUint16(b, unix.ETH_P_ARP)
	b = binary.BigEndian.AppendUint16(b, unix.ARPHRD_ETHER)
	b = binary.BigEndian.AppendUint16(b, unix.ETH_P_IP)
	b = append(b, byte(len(mac)), byte(len(a4)))
	b = binary.BigEndian.AppendUint16(b, arpRequest)
	b = append(b, mac[:]...)
	b = append(b, a4[:]...)
	b = append(b, broadcastMAC[:]...)
	return append(b, a4[:]...)
}

// appendNA appends the Ethernet frame of an unsolicited neighbour advertisement for addr to all nodes, RFC 4861 section 7.2.6: it
// overrides what caches have. Router says whether this host forwards IPv6.
func appendNA(b []byte, mac [6]byte, addr netip.Addr, router bool) ([]byte, error) {
	na := &ndp.NeighborAdvertisement{
		Router:        router,
		Override:      true,
		TargetAddress: addr,
		Options:       []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: mac[:]}},
	}
	body, err := ndp.MarshalMessageChecksum(na, addr, allNodes)
	if err != nil {
		return b, fmt.Errorf("neighbour advertisement for %s: %w", addr, err)
	}
	return appendToAllNodes(b, mac, addr, body), nil
}

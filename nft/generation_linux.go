package nft

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Generation returns a number that is another one after each change of any table, by whomever, in the network namespace of the calling thread:
// while it stays, what was read before need not be read again. It is never 0.
func Generation() (uint32, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return 0, fmt.Errorf("nftables: %w", err)
	}
	defer conn.Close()
	answers, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETGEN, Flags: netlink.Request},
		Data:   []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, 0},
	})
	if err != nil {
		return 0, fmt.Errorf("generation of nftables: %w", err)
	}
	for _, a := range answers {
		if g, ok := generationOf(a.Data); ok {
			return g, nil
		}
	}
	return 0, errors.New("the kernel tells no generation of nftables")
}

// generationOf finds the number behind the header of netfilter, which has four bytes.
func generationOf(b []byte) (uint32, bool) {
	if len(b) < 4 {
		return 0, false
	}
	ad, err := netlink.NewAttributeDecoder(b[4:])
	if err != nil {
		return 0, false
	}
	ad.ByteOrder = binary.BigEndian
	for ad.Next() {
		if ad.Type() == unix.NFTA_GEN_ID {
			g := ad.Uint32()
			return g, g != 0
		}
	}
	return 0, false
}

package mark

import (
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// sourceExprs returns a line of chainNAT as the kernel has it. The mark that the packet got when it came in stays on it while IPVS
// forwards it; what the kernel knows of the connection would do too, but not all of it can be read back by the library.
func (l line) sourceExprs() []expr.Any {
	family := byte(unix.NFPROTO_IPV4)
	if l.set.v6 {
		family = unix.NFPROTO_IPV6
	}
	loopback := make([]byte, unix.IFNAMSIZ)
	copy(loopback, "lo")
	out := []expr.Any{
		// What stays on this host finds its way back, and the kernel drops what it shall masquerade there.
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: loopback},
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{family}},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Lookup{SourceRegister: 1, SetName: l.set.name},
	}
	if !l.from.Pool.First.IsValid() {
		return append(out, &expr.Masq{})
	}
	return append(out,
		&expr.Immediate{Register: 1, Data: l.from.Pool.First.AsSlice()},
		&expr.Immediate{Register: 2, Data: l.from.Pool.Last.AsSlice()},
		&expr.NAT{Type: expr.NATTypeSourceNAT, Family: uint32(family), RegAddrMin: 1, RegAddrMax: 2, Persistent: true})
}

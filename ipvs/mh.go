package ipvs

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
)

// A Chooser tells which server Linux gives a new connection to in a service whose scheduler looks at addresses alone: mh, sh or dh. It
// does what Linux 6.1 does, on a picture of the service as of now.
type Chooser struct {
	entry Entry
	slots []int // index of a destination for each slot of the kernel's table; -1 for none
	hash  func(addr, port, offset uint32) uint32
}

// The flags of sh and mh in Service.Flags.
const (
	flagFallback = 0x8  // a connection whose server takes none goes to another one
	flagSource   = 0x10 // the port of the client counts
)

const (
	// mhSlots is the size of mh's table with CONFIG_IP_VS_MH_TAB_INDEX=12, which is Linux' default, and Debian's.
	mhSlots = 4093
	// mhTurnBits bounds how many slots a destination takes at a time: half of that index.
	mhTurnBits = 6
	// tableBits is that of the tables of sh and dh by default (CONFIG_IP_VS_SH_TAB_BITS and …_DH_TAB_BITS).
	tableBits = 8
)

// NewChooser returns one for e, which has the destinations in the kernel's order, newest first, and their Loads if bounds count; false
// for a scheduler that lets something else decide, such as whose turn it is. With mh a destination that has weight 0 keeps the slots of its last other
// weight: last has it, and one that is not there never had any.
func NewChooser(e Entry, last map[netip.AddrPort]int) (*Chooser, bool) {
	c := &Chooser{entry: e}
	switch e.Service.Scheduler {
	case "mh":
		c.slots, c.hash = mhTable(e.Dests, last), mhHash
	case "sh":
		c.slots, c.hash = turnTable(e.Dests, func(d Dest) int { return d.Weight }), multiplied
	case "dh":
		c.slots, c.hash = turnTable(e.Dests, func(Dest) int { return 1 }), multiplied
	default:
		return nil, false
	}
	return c, true
}

// Choose returns the server for a new connection from src to the service at dst, and false when the kernel refuses it: the server of its slot
// takes no new connections, and no fallback is configured or has one.
func (c *Chooser) Choose(src netip.AddrPort, dst netip.Addr) (Dest, bool) {
	addr, port, fallback := fold(src.Addr()), uint32(0), c.entry.Service.Flags&flagFallback != 0
	if c.entry.Service.Flags&flagSource != 0 {
		port = uint32(src.Port())
	}
	if c.entry.Service.Scheduler == "dh" {
		addr, port, fallback = fold(dst), 0, false
	}
	n := uint32(len(c.slots))
	first := c.hash(addr, port, 0) % n
	if i := c.slots[first]; i < 0 || c.takes(i) || !fallback {
		return c.at(i)
	}
	for offset := range n {
		i := c.slots[c.hash(addr, port, (offset+first)%n)%n]
		if i < 0 || c.takes(i) {
			return c.at(i)
		}
	}
	return Dest{}, false
}

func (c *Chooser) at(i int) (Dest, bool) {
	if i < 0 || !c.takes(i) {
		return Dest{}, false
	}
	return c.entry.Dests[i], true
}

// takes reports whether a destination takes new connections. Between its bounds one that was full takes none until it is below the lower
// one; which of both it is on the way to cannot be seen, and it counts as taking them.
func (c *Chooser) takes(i int) bool {
	d := c.entry.Dests[i]
	full := false
	if d.Upper > 0 && i < len(c.entry.Loads) {
		l := c.entry.Loads[i]
		full = l.Active+l.Inactive >= int(d.Upper)
	}
	return d.Weight > 0 && !full
}

// turnTable gives the destinations slots in turn, each as many as its weight at a time, and at least one.
func turnTable(dests []Dest, weight func(Dest) int) []int {
	slots := make([]int, 1<<tableBits)
	at, taken := 0, 0
	for i := range slots {
		if len(dests) == 0 {
			slots[i] = -1
			continue
		}
		slots[i] = at
		if taken++; taken >= weight(dests[at]) {
			at, taken = (at+1)%len(dests), 0
		}
	}
	return slots
}

// mhTable gives the destinations slots in turn, each in an order of its own, which two hashes of its address determine.
func mhTable(dests []Dest, last map[netip.AddrPort]int) []int {
	slots := slices.Repeat([]int{-1}, mhSlots)
	turns := mhTurns(dests, last)
	if !slices.ContainsFunc(turns, func(n int) bool { return n > 0 }) {
		return slots
	}
	next, skip := make([]uint32, len(dests)), make([]uint32, len(dests))
	for i, d := range dests {
		addr, port := fold(d.Addr.Addr()), uint32(d.Addr.Port())
		next[i] = mhHash(addr, port, 0) % mhSlots
		skip[i] = siphash13(mhSecondKey, addr+port)%(mhSlots-1) + 1
	}
	for left, i := mhSlots, 0; left > 0; i = (i + 1) % len(dests) {
		for range min(turns[i], left) {
			for slots[next[i]] >= 0 {
				next[i] = (next[i] + skip[i]) % mhSlots
			}
			slots[next[i]] = i
			left--
		}
	}
	return slots
}

// mhTurns returns how many slots each destination takes at a time: its weight by the common divisor of all, cut down to some bits.
func mhTurns(dests []Dest, last map[netip.AddrPort]int) []int {
	turns := make([]int, len(dests))
	divisor, most := 0, 0
	for i, d := range dests {
		if turns[i] = d.Weight; d.Weight == 0 {
			turns[i] = last[d.Addr]
		}
		divisor, most = gcd(divisor, turns[i]), max(most, turns[i])
	}
	if divisor == 0 {
		return turns
	}
	shift := max(bits.Len(uint(most/divisor))-mhTurnBits, 0)
	for i, w := range turns {
		if w > 0 {
			turns[i] = max(w/divisor>>shift, 1)
		}
	}
	return turns
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// fold makes a number of an address: an IPv6 one is the exclusive or of its four words.
func fold(a netip.Addr) uint32 {
	if a.Is4() {
		b := a.As4()
		return binary.BigEndian.Uint32(b[:])
	}
	var sum uint32
	b := a.As16()
	for i := 0; i < len(b); i += 4 {
		sum ^= binary.BigEndian.Uint32(b[i:])
	}
	return sum
}

// multiplied is the hash of sh and dh: the upper bits of a product with 2^32 divided by the golden ratio, squared (linux/hash.h).
func multiplied(addr, port, offset uint32) uint32 {
	const golden = 0x61C88647
	return (offset + (addr+port)*golden>>(32-tableBits)) % (1 << tableBits)
}

// mhFirstKey and mhSecondKey are the two keys of mh's hash, the same in each kernel.
const (
	mhFirstKey  = 2654435761
	mhSecondKey = 2654446892
)

func mhHash(addr, port, offset uint32) uint32 { return siphash13(mhFirstKey, addr+port+offset) }

// siphash13 is SipHash with one round for the word and three at the end (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012), of four bytes
// in the order of a little-endian machine, with both halves of the key the same, cut to 32 bits: what a 64-bit Linux calls hsiphash.
func siphash13(key uint64, word uint32) uint32 {
	v := [4]uint64{key ^ 0x736f6d6570736575, key ^ 0x646f72616e646f6d, key ^ 0x6c7967656e657261, key ^ 0x7465646279746573}
	block := 4<<56 | uint64(word)
	v[3] ^= block
	sipRound(&v)
	v[0] ^= block
	v[2] ^= 0xff
	for range 3 {
		sipRound(&v)
	}
	return uint32(v[0] ^ v[1] ^ v[2] ^ v[3])
}

func sipRound(v *[4]uint64) {
	v[0] += v[1]
	v[2] += v[3]
	v[1] = bits.RotateLeft64(v[1], 13) ^ v[0]
	v[3] = bits.RotateLeft64(v[3], 16) ^ v[2]
	v[0] = bits.RotateLeft64(v[0], 32) + v[3]
	v[2] += v[1]
	v[3] = bits.RotateLeft64(v[3], 21) ^ v[0]
	v[1] = bits.RotateLeft64(v[1], 17) ^ v[2]
	v[2] = bits.RotateLeft64(v[2], 32)
}

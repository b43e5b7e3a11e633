package ipvs

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// Proto is an IP protocol number that a service balances.
type Proto uint8

// The protocols of services, by their IANA numbers.
const (
	TCP  Proto = 6
	UDP  Proto = 17
	SCTP Proto = 132
)

// Key is the identity of a service in the kernel's table: a protocol and an address, or a firewall mark and an address family. With
// a Mark, Proto and Addr are unset; without one, Family is.
type Key struct {
	Proto  Proto
	Addr   netip.AddrPort
	Mark   uint32
	Family Family
}

// Forward is how packets reach a real server.
type Forward uint8

// The forwarding methods; the values are the kernel's (IP_VS_CONN_F_MASQ, _TUNNEL and _DROUTE in linux/ip_vs.h).
const (
	NAT Forward = 0
	TUN Forward = 2
	DR  Forward = 3
)

// A Service is a service as the kernel has it.
type Service struct {
	Key
	Scheduler   string        // as the kernel names it: rr, wrr, lc, …
	Persistence time.Duration // whole seconds; 0 for none
	Netmask     Netmask       // clients that it does not tell apart persist together; SingleClient of the family without persistence
	Engine      string        // the persistence engine, "sip", or "" for the client's address alone

	// Flags are the kernel's IP_VS_SVC_F_ flags but for persistence and the internal ones: one-packet, and those of schedulers. The
	// configuration leaves them 0; they are here so that Diff notices when somebody sets one.
	Flags uint32
}

// A Dest is a real server within a service as the kernel has it. Two equal Dests are the same to the kernel.
type Dest struct {
	Addr    netip.AddrPort
	Forward Forward
	Tunnel  Tunnel // how TUN wraps packets; zero, IPIP, with the others
	Weight  int    // 0 takes no new connections and keeps the old; at most MaxWeight

	// Upper connections are the most that the server takes; it takes new ones again below Lower of them. 0 is no bound, and for
	// Lower three quarters of Upper.
	Upper, Lower uint32
}

// A Load is what the kernel counts for a destination as of the last read.
type Load struct {
	Active, Inactive int // connections
	Persistent       int // templates; 0 where the reading does not have it
}

// MaxWeight is the largest weight that every scheduler adds up without overflow, the bound that ipvsadm accepts.
const MaxWeight = 65535

// An Entry is a service with its destinations. Dests are in the order of the kernel's list when they were read, which is newest first,
// and in the order of their addresses when they are wanted. Loads are those of Dests, one by one, or nil when nobody has read them; Diff
// ignores them.
type Entry struct {
	Service Service
	Dests   []Dest
	Loads   []Load
}

// A Table is what the kernel has, or should have.
type Table map[Key]Entry

// A VirtualServer is what the configuration says of one service, or of several that share their servers, and the verdict on them.
type VirtualServer struct {
	Name string // unique; what logs and status call it
	Keys []Key  // one, or those of a group: each becomes a service of the kernel with the options of Service and these servers

	Service               // options; its Key is unset
	Forward Forward       // what the service says for its servers; Status shows it, and each server has its own
	Failed  FailureAction // what becomes of a server whose checks fail and that does not say otherwise itself
	Servers []RealServer
	Sorry   *Dest // takes all new connections while the quorum is lost; nil for none

	Quorum       pool.Quorum
	Alpha        bool // a server without a verdict counts as Down
	Omega        bool // an orderly end of Run takes the servers out as if their checks had failed
	SorryInhibit bool // the sorry server is never removed: while it is not needed it has weight 0, and its connections may end

	SlowStart pool.Ramp     // of servers that come to others that serve
	Reentry   time.Duration // how long a server that failed has to be well before it serves again, 0 or more
	Flap      pool.Flap
	Panic     pool.Panic // of this virtual server
	KeepLast  bool       // when no server is well, those that served last go on
	Watched   bool       // its failures count for a panic of all (Engine.SetPanic)
}

// A RealServer is one server of a VirtualServer.
type RealServer struct {
	Addr    netip.AddrPort
	Forward Forward
	Tunnel  Tunnel // as in Dest
	Weight  int    // 0 to MaxWeight

	Upper, Lower uint32 // as in Dest

	Failed FailureAction // Standard is what its service says
}

// FailureAction is what becomes of a server whose checks fail.
type FailureAction = pool.Action

// The actions are those of the pool.
const (
	Standard = pool.Standard
	Remove   = pool.Remove
	Quiesce  = pool.Quiesce
)

// A ServerID names one real server of one VirtualServer.
type ServerID struct {
	Service string // the name of the VirtualServer
	Addr    netip.AddrPort
}

// Condition is what is known of a server.
type Condition = pool.Condition

// The conditions are those of the pool.
const (
	Unknown = pool.Unknown
	Up      = pool.Up
	Down    = pool.Down
)

// A Verdict is what the checks of one server add up to.
type Verdict struct {
	Condition Condition
	Weight    *int // from a check that measures load; nil: the configured one
}

// Health has the verdict on each checked server; one that is absent is Unknown.
type Health map[ServerID]Verdict

// Verb is what an Op does.
type Verb uint8

// The operations, each one netlink message.
const (
	AddService Verb = iota
	EditService
	DeleteService
	AddDest
	EditDest
	DeleteDest
)

// An Op is one change of the kernel's table. Two equal Ops ask for the same. Service is complete in AddService and EditService,
// and only its Key is set in the others. Dest is unset in the operations on services, and only its Addr is set in DeleteDest.
type Op struct {
	Verb    Verb
	Service Service
	Dest    Dest
}

// String returns tcp, udp or sctp.
func (p Proto) String() string {
	switch p {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case SCTP:
		return "sctp"
	}
	return fmt.Sprintf("proto %d", uint8(p))
}

// AF returns the address family of the clients of a service.
func (k Key) AF() Family {
	if k.Mark != 0 {
		return k.Family
	}
	return familyOf(k.Addr.Addr())
}

// String returns the service as logs name it, "tcp 192.0.2.10:80" or "fwmark 80 ipv4".
func (k Key) String() string {
	if k.Mark != 0 {
		return fmt.Sprintf("fwmark %d %s", k.Mark, k.Family)
	}
	return fmt.Sprintf("%s %s", k.Proto, k.Addr)
}

// String returns nat, tun or dr.
func (f Forward) String() string {
	switch f {
	case NAT:
		return "nat"
	case TUN:
		return "tun"
	case DR:
		return "dr"
	}
	return fmt.Sprintf("forward %d", uint8(f))
}

// compareKeys orders services by address, port and protocol, and those by mark after them.
func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Mark, b.Mark), a.Addr.Compare(b.Addr), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Family, b.Family))
}

// index returns the place of the destination at a, -1 when there is none.
func (e Entry) index(a netip.AddrPort) int {
	return slices.IndexFunc(e.Dests, func(d Dest) bool { return d.Addr == a })
}

// dest returns the destination at a and what it carries; ok is false when there is none.
func (e Entry) dest(a netip.AddrPort) (d Dest, l Load, ok bool) {
	i := e.index(a)
	if i < 0 {
		return d, l, false
	}
	if i < len(e.Loads) {
		l = e.Loads[i]
	}
	return e.Dests[i], l, true
}

// apply makes the change in t as the kernel would: a new destination comes first in its list.
func (t Table) apply(op Op) {
	k := op.Service.Key
	e := t[k]
	switch op.Verb {
	case AddService:
		e = Entry{Service: op.Service}
	case EditService:
		e.Service = op.Service
	case DeleteService:
		delete(t, k)
		return
	case AddDest, EditDest:
		e.put(op.Dest)
	case DeleteDest:
		e.remove(op.Dest.Addr)
	}
	t[k] = e
}

// add applies the first of ops, which adds a service, and those right after it that added destinations to that; errs is what became of
// each. It returns how many it has applied.
func (t Table) add(ops []Op, errs []error) int {
	e := Entry{Service: ops[0].Service, Dests: make([]Dest, 0, destsAfter(ops))}
	n := 1
	for ; n <= cap(e.Dests) && errs[n] == nil; n++ {
		e.Dests = append(e.Dests, ops[n].Dest)
	}
	slices.Reverse(e.Dests)
	t[e.Service.Key] = e
	return n
}

// destsAfter returns how many destinations the operations right after the first of ops, which adds a service, add to it.
func destsAfter(ops []Op) int {
	k := ops[0].Service.Key
	for i, op := range ops[1:] {
		if op.Verb != AddDest || op.Service.Key != k {
			return i
		}
	}
	return len(ops) - 1
}

// put replaces the destination at d's address, or makes d the first.
func (e *Entry) put(d Dest) {
	if i := e.index(d.Addr); i >= 0 {
		e.Dests[i] = d
		return
	}
	e.Dests = slices.Insert(e.Dests, 0, d)
	if e.Loads != nil {
		e.Loads = slices.Insert(e.Loads, 0, Load{})
	}
}

func (e *Entry) remove(a netip.AddrPort) {
	i := e.index(a)
	if i < 0 {
		return
	}
	e.Dests = slices.Delete(e.Dests, i, i+1)
	if i < len(e.Loads) {
		e.Loads = slices.Delete(e.Loads, i, i+1)
	}
}

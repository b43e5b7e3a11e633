package ipvs

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"
)

// Proto is an IP protocol number that a service balances.
type Proto uint8

// The protocols of services, by their IANA numbers.
const (
	TCP Proto = 6
	UDP Proto = 17
)

// Key is the identity of a service in the kernel's table.
type Key struct {
	Proto Proto
	Addr  netip.AddrPort
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
	PrefixLen   int           // clients in one IPv4 prefix of this length persist together; 32 without persistence

	// Flags are the kernel's IP_VS_SVC_F_ flags but for persistence and the internal ones: one-packet, and those of schedulers. The
	// configuration leaves them 0; they are here so that Diff notices when somebody sets one.
	Flags uint32
}

// A Dest is a real server within a service as the kernel has it.
type Dest struct {
	Addr    netip.AddrPort
	Forward Forward
	Weight  int // 0 takes no new connections and keeps the old; at most MaxWeight

	// ActiveConns and InactConns are read from the kernel, and ignored by Diff.
	ActiveConns, InactConns int
}

// MaxWeight is the largest weight that every scheduler adds up without overflow, the bound that ipvsadm accepts.
const MaxWeight = 65535

// An Entry is a service with its destinations.
type Entry struct {
	Service Service
	Dests   map[netip.AddrPort]Dest
}

// A Table is what the kernel has, or should have.
type Table map[Key]Entry

// A VirtualServer is what the configuration says of one service.
type VirtualServer struct {
	Name string // unique; what logs and status call it
	Service
	Forward Forward       // of its servers
	Failed  FailureAction // what becomes of a server whose checks fail
	Servers []RealServer
	Sorry   *Dest // takes all connections while no server is up; nil for none
}

// A RealServer is one server of a VirtualServer.
type RealServer struct {
	Addr   netip.AddrPort
	Weight int // 0 to MaxWeight
}

// FailureAction is what becomes of a server whose checks fail.
type FailureAction uint8

// Remove drops the server's connections; Quiesce gives it weight 0, so that what is established may end by itself.
const (
	Remove FailureAction = iota
	Quiesce
)

// A ServerID names one real server of one service.
type ServerID struct {
	Service Key
	Addr    netip.AddrPort
}

// Condition is what is known of a server.
type Condition uint8

// Unknown means that no check has come to a verdict yet.
const (
	Unknown Condition = iota
	Up
	Down
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

// String returns tcp or udp.
func (p Proto) String() string {
	switch p {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	}
	return fmt.Sprintf("proto %d", uint8(p))
}

// String returns the service as logs name it, "tcp 192.0.2.10:80".
func (k Key) String() string { return fmt.Sprintf("%s %s", k.Proto, k.Addr) }

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

// compareKeys orders services by address, port and protocol.
func compareKeys(a, b Key) int {
	return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Proto, b.Proto))
}

// apply makes the change in t, which must have the service of an operation on a destination.
func (t Table) apply(op Op) {
	k := op.Service.Key
	switch op.Verb {
	case AddService:
		t[k] = Entry{Service: op.Service, Dests: map[netip.AddrPort]Dest{}}
	case EditService:
		t[k] = Entry{Service: op.Service, Dests: t[k].Dests}
	case DeleteService:
		delete(t, k)
	case AddDest:
		t[k].Dests[op.Dest.Addr] = op.Dest
	case EditDest:
		d := t[k].Dests[op.Dest.Addr]
		d.Forward, d.Weight = op.Dest.Forward, op.Dest.Weight
		t[k].Dests[op.Dest.Addr] = d
	case DeleteDest:
		delete(t[k].Dests, op.Dest.Addr)
	}
}

package ipvs

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// A Host is what IPVS keeps for a network namespace as a whole, beside its services. As what is wanted, a timeout of 0 and a sysctl
// that is not named are left as they are.
type Host struct {
	Timeouts Timeouts
	Sysctls  map[string]string // of net.ipv4.vs, by the last part of the name
	Daemons  []Daemon          // at most one of each state
	Helpers  []Helper          // at most one of each name; what is wanted is the least

	Loads map[DaemonState]SyncLoad // of the daemons that run; no part of what is wanted
	Heard SyncHeard                // by the backup daemon, if one runs; the same
}

// A SyncLoad is what the sockets of a sync daemon tell.
type SyncLoad struct {
	Queued  int // bytes that wait: to be sent by a master, to be taken in by a backup
	Dropped int // messages that the kernel dropped since the daemon began, for want of room
}

// Timeouts are for how long the kernel remembers idle connections, in whole seconds.
type Timeouts struct {
	TCP time.Duration // established; the kernel's own default is 15 min
	FIN time.Duration // after a FIN; the kernel's own default is 2 min
	UDP time.Duration // the kernel's own default is 5 min
}

// MaxTimeout is what ipvsadm takes for the longest timeout, 31 days.
const MaxTimeout = 31 * 24 * time.Hour

// String returns "tcp 15m0s, tcp_fin 2m0s, udp 5m0s" without those that are 0.
func (t Timeouts) String() string {
	var out []string
	for _, p := range []struct {
		name string
		is   time.Duration
	}{{"tcp", t.TCP}, {"tcp_fin", t.FIN}, {"udp", t.UDP}} {
		if p.is != 0 {
			out = append(out, p.name+" "+p.is.String())
		}
	}
	return strings.Join(out, ", ")
}

// over returns t with what it does not say taken from other.
func (t Timeouts) over(other Timeouts) Timeouts {
	return Timeouts{cmp.Or(t.TCP, other.TCP), cmp.Or(t.FIN, other.FIN), cmp.Or(t.UDP, other.UDP)}
}

// A DaemonState is the part that a sync daemon of the kernel plays, with the kernel's number of it.
type DaemonState uint8

// The states of linux/ip_vs.h, IP_VS_STATE_: a master tells others of its connections, a backup takes in what it is told.
const (
	SyncMaster DaemonState = 1
	SyncBackup DaemonState = 2
)

// String returns master or backup.
func (s DaemonState) String() string {
	switch s {
	case SyncMaster:
		return "master"
	case SyncBackup:
		return "backup"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// A Daemon is one of the kernel's two sync daemons. It is comparable.
type Daemon struct {
	State     DaemonState
	Interface string
	ID        uint8      // 0 to 255; a backup with 0 takes in messages of every id
	MaxLen    uint16     // bytes of a message, 1 to MaxSyncLen; 0 for what fits the interface, which the kernel works out
	Group     netip.Addr // a multicast group; none for SyncGroup
	Port      uint16     // 0 for SyncPort
	TTL       uint8      // 0 for 1
}

// The defaults of the kernel for a sync daemon, and its bounds of a message's length.
const (
	SyncPort       = 8848
	MaxSyncLen     = 65507
	minSyncBackup  = 1024 // the least length of a backup: it must hold what others send
	syncTTLDefault = 1
)

// SyncGroup returns the multicast group of sync daemons that name none, 224.0.0.81.
func SyncGroup() netip.Addr { return netip.AddrFrom4([4]byte{224, 0, 0, 81}) }

// filled returns d as the kernel shows it when it was asked for d. A MaxLen of 0 stays: what the kernel makes of it depends on the interface.
func (d Daemon) filled() Daemon {
	if !d.Group.IsValid() {
		d.Group = SyncGroup()
	}
	d.Port, d.TTL = cmp.Or(d.Port, SyncPort), cmp.Or(d.TTL, syncTTLDefault)
	if d.State == SyncBackup && d.MaxLen != 0 {
		d.MaxLen = max(d.MaxLen, minSyncBackup)
	}
	return d
}

// satisfies reports whether d, as the kernel shows it, is what want asks for.
func (d Daemon) satisfies(want Daemon) bool {
	want = want.filled()
	if want.MaxLen == 0 {
		want.MaxLen = d.MaxLen
	}
	return d == want
}

// String returns "master on eth1, id 51, group 224.0.0.81 port 8848 ttl 1".
func (d Daemon) String() string {
	d = d.filled()
	out := fmt.Sprintf("%s on %s, id %d, group %s port %d ttl %d", d.State, d.Interface, d.ID, d.Group, d.Port, d.TTL)
	if d.MaxLen != 0 {
		out += fmt.Sprintf(" maxlen %d", d.MaxLen)
	}
	return out
}

// daemon returns the one of that state; ok is false when there is none.
func (h Host) daemon(s DaemonState) (d Daemon, ok bool) {
	for _, d := range h.Daemons {
		if d.State == s {
			return d, true
		}
	}
	return Daemon{}, false
}

// An Info is what the kernel says of its IPVS.
type Info struct {
	Version   string `json:"version"`    // such as 1.2.1
	TableSize int    `json:"table_size"` // of its table of connections, in buckets; the least of them since Linux 6.4, which grows it
}

//go:build netns

package netns_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// Who speaks VRRP in a duel.
const (
	govrrpd    = "govrrpd"
	keepalived = "keepalived"
	frr        = "frr"
)

// virtual is the address that is fought for.
var virtual = netip.MustParseAddr("192.0.2.100")

// virtual6 is that over IPv6, and virtualLocal what goes before it: RFC 9568 section 5.2.9 wants the first to be link-local.
var (
	virtual6     = netip.MustParseAddr("2001:db8::100")
	virtualLocal = netip.MustParseAddr("fe80::100")
)

// rules are what both sides of a duel are told about the virtual router.
type rules struct {
	version   int
	password  string // version 2
	ah        bool   // version 2: the password is for an authentication header
	unicast   bool
	noPreempt bool
	ipv6      bool
	vmac      bool
	checksum  string // what govrrpd is told about it
	sync      bool   // a second virtual router, on a second segment, moves along
}

// virtual returns the address that is fought for.
func (r rules) virtual() netip.Addr {
	if r.ipv6 {
		return virtual6
	}
	return virtual
}

// address returns where the adverts of a speaker come from.
func (r rules) address(last int) string {
	switch {
	case r.ipv6 && r.unicast:
		return fmt.Sprintf("2001:db8::%x", last)
	case r.ipv6:
		return fmt.Sprintf("fe80::%x", last)
	}
	return fmt.Sprintf("192.0.2.%d", last)
}

// prefix returns the address with the length of its network.
func (r rules) prefix(address string) string {
	if r.ipv6 {
		return address + "/64"
	}
	return address + "/24"
}

// known tells whether a daemon has what the rules ask for: FRR has neither passwords nor unicast nor sync groups.
func (r rules) known(kind string) bool {
	return kind != frr || (r.password == "" && !r.unicast && !r.sync)
}

// A speaker is one of the two daemons, on a node of its own.
type speaker struct {
	kind     string
	address  string // without prefix length; the last part decides a tie
	priority int
	interval time.Duration

	rules rules
	peer  string
	node  *netns.Node
	port  *netns.Port
	run   *netns.Process
	gov   *netns.Director
	frr   *netns.FRR
	read  int // bytes of the log that earlier runs wrote
}

// base returns the address of eth0. FRR sends adverts over IPv6 from an address of its macvlan, which nothing else may have.
func (s *speaker) base() string {
	if s.kind == frr && s.rules.ipv6 {
		return s.rules.prefix(s.address + ":0")
	}
	return s.rules.prefix(s.address)
}

func (s *speaker) String() string {
	return fmt.Sprintf("%s %s priority %d", s.kind, s.address, s.priority)
}

func (s *speaker) start() {
	if s.run != nil {
		s.read = len(s.run.Log())
	}
	switch {
	case s.kind == keepalived:
		s.run = s.node.Keepalived(keepalived, s.forKeepalived(), "--vrrp")
	case s.kind == govrrpd:
		s.gov = s.node.Govrrpd(s.forGovrrpd())
		s.run = s.gov.Process
	case s.frr == nil:
		s.frr = s.node.FRR(s.instance())
		s.run = s.frr.Process
	default:
		s.frr.Shutdown(false)
	}
}

// resign asks for an orderly stop and does not wait for it: keepalived stays for another second after it has left. FRR is told to shut
// the virtual router down: a vrrpd that ends leaves its address in place.
func (s *speaker) resign() {
	if s.kind == frr {
		s.frr.Shutdown(true)
		return
	}
	s.run.Signal(syscall.SIGTERM)
}

// gone tells whether what resign asked for is done.
func (s *speaker) gone() bool {
	if s.kind == frr {
		return s.frr.Role() == "Initialize"
	}
	return !s.run.Running()
}

// resignation is what s may cause when it resigns: govrrpd keeps the address until its successor has announced it.
func (s *speaker) resignation(skew time.Duration) change {
	if s.kind == govrrpd {
		return change{nobody: margin, both: overlap + handoverGrace}
	}
	return change{nobody: skew + margin, both: overlap}
}

// handoverGrace is how long govrrpd keeps an address that another one has taken over, after it heard that one's first advert.
const handoverGrace = 200 * time.Millisecond

// listens tells whether this run has got as far as listening to others.
func (s *speaker) listens() bool {
	switch s.kind {
	case keepalived:
		return strings.Contains(s.run.Log()[s.read:], "Entering BACKUP STATE")
	case frr:
		role := s.frr.Role()
		return role == "Backup" || role == "Master"
	}
	role := s.gov.Role(s.instanceName())
	return role == "backup" || role == "master" // which it may be already
}

func (s *speaker) holds() bool { return s.node.Has(s.rules.virtual()) }

// instance returns what s is configured with.
func (s *speaker) instance() netns.Instance {
	v := netns.Instance{
		Version: s.rules.version, Priority: s.priority, Interval: s.interval, Address: netip.PrefixFrom(virtual, 24),
		NoPreempt: s.rules.noPreempt, Password: s.rules.password, AH: s.rules.ah, VMAC: s.rules.vmac, Checksum: s.rules.checksum,
	}
	if s.rules.ipv6 {
		v.Address, v.Also = netip.PrefixFrom(virtualLocal, 64), []netip.Prefix{netip.PrefixFrom(virtual6, 64)}
	}
	if s.rules.ipv6 && s.kind == frr {
		v.LinkLocal = netip.MustParsePrefix(s.rules.prefix(s.address))
	}
	if s.rules.unicast {
		v.Source, v.Peer = netip.MustParseAddr(s.address), netip.MustParseAddr(s.peer)
	}
	return v
}

// A duel is two speakers on one segment, with everything recorded.
type duel struct {
	*netns.World
	t        *testing.T
	lan      *netns.Segment
	speakers [2]*speaker
	capture  *netns.Capture
	holders  *netns.Holders
	inside   *netns.Holders                          // of the second virtual router of a sync group; nil without
	client   *client                                 // nil without one
	waited   [2]time.Duration                        // for a CPU, by the speakers until the last mark
	record   func(what string, figure time.Duration) // for the table of figures
}

// newDuel makes the network of t, a subtest of parent; nobody has started yet. All duels of a parent are to be made before the first
// begins, and are removed after the last: making and removing namespaces holds a lock of the kernel that the daemons of all the
// others need too.
func newDuel(t, parent *testing.T, r rules, first, second speaker) *duel {
	t.Helper()
	d := &duel{World: netns.New(newLasting(t, parent)), t: t, speakers: [2]*speaker{&first, &second}, record: func(string, time.Duration) {}}
	first.peer, second.peer = second.address, first.address
	d.lan = d.Segment("lan0")
	var nodes []*netns.Node
	var ports []*netns.Port
	for i, s := range d.speakers {
		s.rules = r
		s.node = d.Node(fmt.Sprintf("%s%d", s.kind[:1], i))
		s.port = d.lan.Attach(s.node, "eth0", s.base())
		nodes, ports = append(nodes, s.node), append(ports, s.port)
	}
	d.capture = d.Capture(ports...)
	d.holders = d.WatchHolders(r.virtual(), nodes...)
	if r.sync {
		d.addInside(nodes)
	}
	t.Cleanup(func() {
		d.holders.Stop()
		if d.inside != nil {
			d.inside.Stop()
		}
		for _, n := range nodes {
			n.Crash()
		}
	})
	return d
}

// A lasting test is one whose World lives as long as its parent.
type lasting struct {
	*testing.T
	parent *testing.T
	ended  atomic.Bool
}

func newLasting(t, parent *testing.T) *lasting {
	l := &lasting{T: t, parent: parent}
	t.Cleanup(func() { l.ended.Store(true) })
	return l
}

// Cleanup registers what is done after the last sibling.
func (l *lasting) Cleanup(f func()) { l.parent.Cleanup(f) }

// Logf logs to the test, and after its end to the parent: a test that has ended may not log.
func (l *lasting) Logf(format string, args ...any) {
	if l.ended.Load() {
		l.parent.Logf(l.Name()+": "+format, args...)
		return
	}
	l.T.Logf(format, args...)
}

// other returns the opponent of s.
func (d *duel) other(s *speaker) *speaker {
	if s == d.speakers[0] {
		return d.speakers[1]
	}
	return d.speakers[0]
}

// down returns how long s waits for a master that has said it advertises every interval: three times, and the skew of s,
// RFC 9568 section 6.1, RFC 3768 section 6.1.
func (s *speaker) down(interval time.Duration) time.Duration { return 3*interval + s.skew(interval) }

func (s *speaker) skew(interval time.Duration) time.Duration {
	if s.rules.version == 2 {
		interval = time.Second
	}
	return time.Duration(256-s.priority) * interval / 256
}

// early returns how much sooner than the protocol says a backup may take over: FRR counts in whole hundredths of a second, rounded down.
func (s *speaker) early() time.Duration {
	if s.kind == frr {
		return 10 * time.Millisecond
	}
	return time.Millisecond
}

// unheard returns how long one whose cable was out may hold the address without a word of it. FRR is master all the while, gives the
// address back with the carrier and speaks when its timer runs out. keepalived speaks to a unicast peer at once, but what it said without
// a cable has its kernel ask for the peer's hardware address no more than once a second, and adverts wait for the answer.
func (s *speaker) unheard() time.Duration {
	switch {
	case s.kind == frr:
		return s.interval
	case s.kind == keepalived && s.rules.unicast:
		return time.Second
	}
	return 0
}

// firstWord returns how long after it took over a speaker may be silent: FRR's first advert over IPv6 cannot be sent, because the macvlan
// that it comes from has no usable address in the moment in which it gets its carrier back.
func (s *speaker) firstWord() time.Duration {
	if s.kind == frr && s.rules.ipv6 {
		return s.interval
	}
	return 0
}

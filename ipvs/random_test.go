package ipvs

import (
	"flag"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run the random tables with this seed only, and print what happened")
	seedsFlag = flag.Uint64("seeds", 4000, "how many seeds the random tables run; a tenth with -short")
)

// A storm is all of an Engine but its goroutine, on a kernel that refuses, forgets, leaves answers out, and is changed by others. After
// each single change it checks that no clients lost their last server through us.
type storm struct {
	wild
	kernel *mapKernel
	r      *reconciler
	now    time.Time
	wanted []VirtualServer
	health Health

	kept    kept // for the next process
	faults  bool
	refused map[Verb]bool   // until the next event
	past    map[Key]string  // the virtual server that last had it
	foreign map[Key]bool    // made by others where a virtual server is
	hidden  map[Key]bool    // changed by others since the last read
	theirs  Table           // of others, at keys that never are ours
	trace   strings.Builder // what happened
	broken  string          // the first promise that was not kept
}

// The keys of virtual servers, and one of somebody else.
func stormKeys() []Key {
	at := netip.MustParseAddrPort("192.0.2.10:80")
	return []Key{{Proto: TCP, Addr: at}, {Proto: UDP, Addr: at}, {Proto: SCTP, Addr: at}, {Mark: 1, Family: V4}, {Mark: 2, Family: V4}}
}

func newStorm(seed uint64) *storm {
	s := &storm{wild: newWild(seed), kernel: newMapKernel(), now: time.Unix(1e9, 0), health: Health{}, theirs: Table{},
		past: map[Key]string{}, foreign: map[Key]bool{}, hidden: map[Key]bool{}, faults: true}
	other := entry(s.service(tcp("198.51.100.1:80")), s.dest(V4))
	s.kernel.table[other.Service.Key] = other
	s.theirs[other.Service.Key] = other
	var owned []Key
	for _, k := range stormKeys() {
		if s.IntN(3) > 0 {
			s.foreign[k] = s.IntN(4) == 0
			if !s.foreign[k] {
				continue
			}
		} else {
			owned = append(owned, k)
		}
		e := entry(s.service(k))
		for range s.IntN(4) {
			e.put(s.dest(V4))
		}
		s.kernel.table[k] = e
	}
	s.kept.owned = owned
	s.begin()
	return s
}

// Table is the kernel's, and what others changed is known again.
func (s *storm) Table() (Table, error) {
	if s.faults && s.IntN(8) == 0 {
		s.say("the table cannot be read")
		return nil, syscall.ENOBUFS
	}
	clear(s.hidden)
	return s.kernel.Table()
}

// Apply makes the changes one by one, with what can go wrong between them and in each.
func (s *storm) Apply(ops []Op) []error {
	errs := make([]error, len(ops))
	for i, op := range ops {
		if s.faults && s.IntN(40) == 0 {
			s.meddle()
		}
		before := s.serving(op)
		errs[i] = s.answer(op)
		s.say("%s: %v", op, errs[i])
		s.check(op, before)
	}
	return errs
}

func (s *storm) say(format string, args ...any) { fmt.Fprintf(&s.trace, format+"\n", args...) }

// answer is the kernel's, or a fault.
func (s *storm) answer(op Op) error {
	switch {
	case !s.faults:
	case s.refused[op.Verb]:
		return syscall.ENOMEM
	case s.IntN(12) == 0:
		return s.fault(op)
	}
	return s.kernel.Apply([]Op{op})[0]
}

// fault is an answer that the kernel may give. It never claims of its own that something is gone: of that there is no doubt.
func (s *storm) fault(op Op) error {
	errs := []error{syscall.EPERM, syscall.ENOMEM, syscall.ENOBUFS, syscall.ENOSPC, syscall.EPROTONOSUPPORT, syscall.EAFNOSUPPORT, syscall.EINVAL,
		syscall.EBUSY, ErrUnconfirmed, ErrUnconfirmed}
	switch op.Verb {
	case AddService:
		errs = append(errs, syscall.EEXIST, syscall.ENOENT)
	case EditService:
		errs = append(errs, syscall.ESRCH, syscall.ENOENT)
	case AddDest:
		errs = append(errs, syscall.EEXIST, syscall.ESRCH, syscall.ERANGE)
	case EditDest:
		errs = append(errs, syscall.ENOENT, syscall.ESRCH, syscall.ERANGE)
	case DeleteService, DeleteDest:
	}
	err := pick(s.wild, errs...)
	if err == ErrUnconfirmed && s.IntN(2) == 0 {
		s.kernel.Apply([]Op{op})
	}
	return err
}

// meddle is what somebody else does: everything is flushed, or a service of ours or theirs is changed.
func (s *storm) meddle() {
	if s.IntN(6) == 0 {
		s.say("somebody else flushes the table")
		s.kernel.change(func(t Table) { clear(t) })
		clear(s.theirs)
		for _, k := range stormKeys() {
			s.hidden[k] = true
		}
		return
	}
	op := s.ops(1)[0]
	op.Service.Key = pick(s.wild, stormKeys()...)
	if op.Verb == AddService || op.Verb == EditService {
		op.Service = s.service(op.Service.Key)
		if s.r.byKey[op.Service.Key] == nil {
			return
		}
		s.foreign[op.Service.Key] = true
	}
	s.say("somebody else: %s: %v", op, s.kernel.Apply([]Op{op})[0])
	s.hidden[op.Service.Key] = true
}

// A reach is what clients of a key have.
type reach struct {
	any    bool // a server takes their connections
	wanted bool // one that should
}

func (s *storm) want(k Key) Entry {
	if v := s.r.byKey[k]; v != nil {
		return v.vs.entry(k, v.pool, nil)
	}
	return Entry{}
}

func (s *storm) serving(op Op) reach {
	e := s.kernel.table[op.Service.Key]
	return reach{e.serves(nil), e.serves(append([]Dest{}, s.want(op.Service.Key).Dests...))}
}

// check notes the first promise that op broke.
func (s *storm) check(op Op, before reach) {
	k := op.Service.Key
	after := s.serving(op)
	switch {
	case s.broken != "" || s.hidden[k]:
	case s.want(k).serves(nil) && (before.any && !after.any || before.wanted && !after.wanted):
		s.broken = fmt.Sprintf("%s left %s without a server", op, k)
	case op.Verb == DeleteService && before.any:
		s.checkSuccessors(op)
	}
}

// checkSuccessors demands of a key that goes that those of its virtual server serve by now.
func (s *storm) checkSuccessors(op Op) {
	for _, v := range s.wanted {
		if v.Name != s.past[op.Service.Key] {
			continue
		}
		for _, k := range v.Keys {
			if want := s.want(k); want.serves(nil) && !s.kernel.table[k].serves(want.Dests) && !s.hidden[k] {
				s.broken = fmt.Sprintf("%s before %s serves, which is of the same virtual server", op, k)
			}
		}
	}
}

// servers are up to four of different addresses.
func (s *storm) servers() (out []RealServer) {
	for range s.IntN(5) {
		d := s.dest(V4)
		if !slices.ContainsFunc(out, func(r RealServer) bool { return r.Addr == d.Addr }) {
			out = append(out, RealServer{Addr: d.Addr, Forward: d.Forward, Tunnel: d.Tunnel, Weight: d.Weight, Upper: d.Upper, Lower: d.Lower,
				Failed: pick(s.wild, Standard, Remove, Quiesce)})
		}
	}
	return out
}

// configuration is a new one, in which some of the keys go to other virtual servers.
func (s *storm) configuration() (out []VirtualServer) {
	keys := stormKeys()
	s.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	for _, name := range []string{"a", "b", "c"} {
		n := min(s.IntN(3), len(keys))
		if n == 0 {
			continue
		}
		v := VirtualServer{Name: name, Keys: keys[:n:n], Service: s.service(keys[0]), Servers: s.servers(), Failed: pick(s.wild, Remove, Quiesce),
			Alpha: s.IntN(4) == 0, Omega: s.IntN(4) == 0, SorryInhibit: s.IntN(4) == 0}
		v.Key = Key{}
		v.Quorum = pool.Quorum{Of: pick(s.wild, pool.Weight, pool.Servers), Min: 1 + s.IntN(3)}
		v.Quorum.Hysteresis = s.IntN(v.Quorum.Min)
		s.times(&v)
		if s.IntN(2) == 0 {
			sorry := s.dest(V4)
			v.Sorry = &sorry
		}
		keys = keys[n:]
		out = append(out, v)
	}
	return out
}

// times gives v what depends on time. All of it has passed when the storm has settled; a panic and keep_last would not.
func (s *storm) times(v *VirtualServer) {
	span := func() time.Duration { return time.Duration(s.IntN(3)) * 5 * time.Second }
	v.SlowStart = pool.Ramp{Duration: span(), Double: s.IntN(2) == 0}
	v.Reentry = span()
	v.Flap = pool.Flap{Count: s.IntN(3), Window: 10 * time.Second, Hold: span()}
}

// configure gives vs to the engine.
func (s *storm) configure(vs []VirtualServer) {
	s.wanted = vs
	known := Health{}
	for i := range vs {
		for j, verdict := range vs[i].verdicts(s.health) {
			known[ServerID{vs[i].Name, vs[i].Servers[j].Addr}] = verdict
		}
		for _, k := range vs[i].Keys {
			s.past[k] = vs[i].Name
		}
		s.say("wanted: %s at %v: %s, servers %v, sorry %v", vs[i].Name, vs[i].Keys, vs[i].Service, vs[i].Servers, vs[i].Sorry)
	}
	s.health = known
	s.step(inbox{configured: true, wanted: vs})
}

// verdicts gives every server one, or each with a chance.
func (s *storm) verdicts(all bool) {
	in := Health{}
	for _, v := range s.wanted {
		for _, server := range v.Servers {
			if all || s.IntN(3) == 0 {
				in[ServerID{v.Name, server.Addr}] = Verdict{Condition: pick(s.wild, Up, Up, Down), Weight: pick(s.wild, nil, nil, weight(0), weight(7))}
			}
		}
	}
	for id, v := range in {
		s.health[id] = v
	}
	s.say("verdicts: %v", len(in))
	s.step(inbox{verdicts: in})
}

func (s *storm) step(in inbox) time.Time {
	next := s.r.step(s.now, in)
	s.checkNobodyIdles()
	return next
}

// event is one thing that happens.
func (s *storm) event() {
	s.refused = map[Verb]bool{}
	if s.IntN(3) == 0 {
		s.refused[pick(s.wild, AddService, AddDest, AddDest, EditDest, EditService)] = true
	}
	switch s.IntN(9) {
	case 0, 1:
		s.configure(s.configuration())
	case 2, 3:
		s.verdicts(false)
	case 4:
		s.meddle()
	case 5, 6:
		s.order()
	case 7:
		s.restart()
	}
	s.now = s.now.Add(time.Duration(s.IntN(3000)) * time.Millisecond)
	s.step(inbox{})
}

// settle ends the faults, and lets the engine do what it wants to do.
func (s *storm) settle() {
	s.faults = false
	last := s.configuration()
	for i := range last {
		last[i].Quorum.Hysteresis = 0 // so that what is wanted has no history
	}
	s.configure(last)
	s.verdicts(true)
	s.carry(0)
	steps := 0
	for end := s.now.Add(2 * retryMax); s.now.Before(end) && steps < 1000; steps++ {
		if next := s.step(inbox{}); next.After(s.now) {
			s.now = next
		}
	}
	if steps == 1000 && s.broken == "" {
		s.broken = "the engine is awake all the time"
	}
}

// arrived returns how the kernel's table differs from what is wanted.
func (s *storm) arrived() string {
	want := desired(s.wanted, s.health, s.r.overrides)
	for k, e := range s.theirs {
		want[k] = e
	}
	for _, k := range stormKeys() {
		_, ours := s.r.owned[k]
		if e, there := s.kernel.table[k]; there && s.foreign[k] && !ours {
			want[k] = e // made by somebody else where nothing was ours any more
		} else if there && s.awaited(k) {
			want[k] = e
		}
	}
	return cmp.Diff(want, s.kernel.table, asAddress)
}

// awaited reports whether k serves on because a key that its virtual server has now is somebody else's.
func (s *storm) awaited(k Key) bool {
	v := s.r.services[s.r.leaving[k]]
	return v != nil && slices.ContainsFunc(v.keys, func(k Key) bool { return s.r.theirs[k] != "" })
}

// TestAnyTableToAnyOtherThroughFaults: from whatever table to any other, with faults in random changes, the engine arrives, and on the way
// nobody is left without a server who could have one.
func TestAnyTableToAnyOtherThroughFaults(t *testing.T) {
	t.Parallel()
	seeds := []uint64{*seedFlag}
	if *seedFlag == 0 {
		n := *seedsFlag
		if testing.Short() {
			n /= 10
		}
		seeds = seeds[:0]
		for i := range n {
			seeds = append(seeds, i+1)
		}
	}
	for _, seed := range seeds {
		s := newStorm(seed)
		for range 25 {
			s.event()
		}
		s.settle()
		if *seedFlag != 0 {
			t.Log(s.trace.String())
		}
		if s.broken != "" {
			t.Fatalf("%s (-seed %d prints what happened)", s.broken, seed)
		}
		if d := s.arrived(); d != "" {
			t.Fatalf("table in the end (-seed %d prints what happened; -want +got):\n%s", seed, d)
		}
	}
}

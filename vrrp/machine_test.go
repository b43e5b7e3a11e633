package vrrp

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	us     = netip.MustParseAddr("10.0.0.10")
	lower  = netip.MustParseAddr("10.0.0.9")
	higher = netip.MustParseAddr("10.0.0.11")
)

// machineConfig is version 3, priority 200, 100 cs: skew 218.75 ms, down interval 3.21875 s.
func machineConfig(change func(*Config)) *Config {
	c := &Config{Name: "web", VRID: 51, Version: V3, Priority: 200, AdvertInterval: time.Second, Source: us}
	if change != nil {
		change(c)
	}
	return c
}

func noPreempt(c *Config)  { c.NoPreempt = true }
func quietYield(c *Config) { c.QuietYield = true }
func owner(c *Config)      { c.Priority = PriorityOwner }

func advert(from netip.Addr, priority uint8, interval time.Duration) Received {
	return Received{From: from, Packet: Packet{Version: V3, VRID: 51, Priority: priority, Interval: interval}}
}

// States as a router of machineConfig has them.
func backupOf(master netip.Addr, learned time.Duration) State {
	return State{Role: Backup, Priority: 200, MasterInterval: learned, Master: master, Source: us}
}

func masterState() State {
	return State{Role: Master, Priority: 200, MasterInterval: time.Second, Master: us, Source: us}
}

func with(st State, change func(*State)) State {
	change(&st)
	return st
}

// resigned is what T07 leaves behind in the state, for the log alone.
func resigned(st *State)  { st.Resigned = true }
func listening(st *State) { st.Listening = true }

// obeying is a backup that has heard its master advertise priority.
func obeying(master netip.Addr, learned time.Duration, priority uint8) State {
	return with(backupOf(master, learned), func(st *State) { st.MasterPriority = priority })
}

const ms = time.Millisecond

// One row at least for each of T01-T03, T05-T09 and T11-T15; T04 and T10 are about packets, not about events. Hold is ours: the RFC
// does not say when an address is added, only that its announcement needs it (R-8.1.2-03).
func TestStep(t *testing.T) {
	fresh := func(c *Config) State { return NewState(c) }
	is := func(st State) func(*Config) State { return func(*Config) State { return st } }
	a := func(actions ...Action) []Action { return actions }
	ownerState := with(masterState(), func(st *State) { st.Priority = 255 })
	for _, tt := range []struct {
		name   string
		c      func(*Config)
		before func(*Config) State
		ev     Event
		want   State
		do     []Action
	}{
		{"T01 the owner starts as master (R-6.4.1-01)", owner, fresh, Start{}, ownerState,
			a(Send{255}, Hold{true}, AnnounceAddresses{}, Arm{time.Second})},
		{"T02 others start as backup (R-6.4.1-04)", nil, fresh, Start{}, backupOf(netip.Addr{}, time.Second),
			a(Hold{false}, Arm{3218750 * time.Microsecond})},

		{"T05 a backup stops in silence (R-6.4.2-06)", nil, is(backupOf(lower, time.Second)), Stop{},
			NewState(machineConfig(nil)), a(Disarm{})},
		{"T06 a backup hears nothing (R-6.4.2-07, R-6.4.2-10)", nil, is(backupOf(higher, 3*time.Second)), Expired{}, masterState(),
			a(Send{200}, Hold{true}, AnnounceAddresses{}, Arm{time.Second})},
		{"T07 the master leaves (R-6.4.2-11)", nil, is(backupOf(higher, time.Second)), advert(higher, 0, 4095*10*ms),
			with(backupOf(higher, time.Second), resigned), a(Arm{218750 * time.Microsecond})},
		{"T07 anybody leaves", nil, is(backupOf(higher, time.Second)), advert(lower, 0, time.Second),
			with(backupOf(higher, time.Second), resigned), a(Arm{218750 * time.Microsecond})},
		{"T08 higher priority (R-6.4.2-12)", nil, is(backupOf(netip.Addr{}, time.Second)), advert(lower, 201, 3*time.Second),
			obeying(lower, 3*time.Second, 201), a(Arm{9656250 * time.Microsecond})},
		{"T08 equal priority from a lower address (R-6.4.2-12)", nil, is(backupOf(higher, time.Second)), advert(lower, 200, time.Second),
			obeying(lower, time.Second, 200), a(Arm{3218750 * time.Microsecond})},
		{"T08 lower priority without preemption (R-6.4.2-14)", noPreempt, is(backupOf(netip.Addr{}, time.Second)), advert(lower, 1, time.Second),
			obeying(lower, time.Second, 1), a(Arm{3218750 * time.Microsecond})},
		{"T08 after T07", nil, is(with(backupOf(higher, time.Second), resigned)), advert(higher, 201, time.Second),
			obeying(higher, time.Second, 201), a(Arm{3218750 * time.Microsecond})},
		{"T09 lower priority (R-6.4.2-13)", nil, is(backupOf(higher, time.Second)), advert(lower, 199, 3*time.Second),
			backupOf(higher, time.Second), nil},
		{"T09 after T07 keeps the short timer", nil, is(with(backupOf(higher, time.Second), resigned)), advert(lower, 199, 3*time.Second),
			with(backupOf(higher, time.Second), resigned), nil},
		{"T09 the owner preempts whatever is configured (R-6.1-04)", noPreempt, is(with(backupOf(higher, time.Second), func(st *State) { st.Priority = 255 })),
			advert(lower, 254, time.Second), with(backupOf(higher, time.Second), func(st *State) { st.Priority = 255 }), nil},

		{"T11 a master stops (R-6.4.3-08)", nil, is(masterState()), Stop{}, NewState(machineConfig(nil)),
			a(Disarm{}, Send{0}, Hold{false})},
		{"T12 time to send (R-6.4.3-09)", nil, is(masterState()), Expired{}, masterState(), a(Send{200}, Arm{time.Second})},
		{"T13 another one leaves (R-6.4.3-10)", nil, is(masterState()), advert(lower, 0, 3*time.Second), masterState(),
			a(Send{200}, AnnounceAddresses{}, Arm{time.Second})},
		{"T14 higher priority (R-6.4.3-11)", quietYield, is(masterState()), advert(lower, 201, 3*time.Second), obeying(lower, 3*time.Second, 201),
			a(Hold{false}, Arm{9656250 * time.Microsecond})},
		{"T14 higher priority, with a last word", nil, is(masterState()), advert(lower, 201, 3*time.Second), obeying(lower, 3*time.Second, 201),
			a(Send{200}, Retire{retireNone}, Arm{9656250 * time.Microsecond})},
		{"T14 equal priority, higher address (R-6.4.3-12)", quietYield, is(masterState()), advert(higher, 200, time.Second), obeying(higher, time.Second, 200),
			a(Hold{false}, Arm{3218750 * time.Microsecond})},
		{"T14 without preemption (R-6.4.3-13)", func(c *Config) { noPreempt(c); quietYield(c) }, is(masterState()), advert(lower, 201, time.Second),
			obeying(lower, time.Second, 201), a(Hold{false}, Arm{3218750 * time.Microsecond})},
		{"T14 the owner hears another owner (R-7.1-06)", func(c *Config) { owner(c); quietYield(c) }, is(ownerState), advert(higher, 255, time.Second),
			with(obeying(higher, time.Second, 255), func(st *State) { st.Priority = 255 }), a(Hold{false}, Arm{3003906250})},
		{"T15 lower priority (R-6.4.3-14)", nil, is(masterState()), advert(higher, 199, 3*time.Second), masterState(),
			a(Send{200}, AnnounceAddresses{})},
		{"T15 equal priority, lower address (R-6.4.3-14)", nil, is(masterState()), advert(lower, 200, 3*time.Second), masterState(),
			a(Send{200}, AnnounceAddresses{})},
		{"T15 equal priority, our address (R-6.4.3-14)", nil, is(masterState()), advert(us, 200, 3*time.Second), masterState(),
			a(Send{200}, AnnounceAddresses{})},

		{"a master oversleeps", nil, is(masterState()), Overslept{}, with(masterState(), listening), a(Arm{1218750 * time.Microsecond})},
		{"a listener hears nobody", nil, is(with(masterState(), listening)), Expired{}, masterState(),
			a(Send{200}, Hold{true}, AnnounceAddresses{}, Arm{time.Second})},
		{"a listener hears a lower priority", nil, is(with(masterState(), listening)), advert(lower, 100, 3*time.Second), obeying(lower, 3*time.Second, 100),
			a(Send{1}, Retire{retireNone}, Arm{9656250 * time.Microsecond})},
		{"a listener hears the lowest priority, which may be a last advert", nil, is(with(masterState(), listening)), advert(lower, 1, time.Second),
			with(masterState(), listening), nil},
		{"a listener of the lowest priority hears its like, which would yield to its last advert", nil,
			is(with(masterState(), func(st *State) { st.Listening, st.Priority = true, 1 })), advert(lower, 1, time.Second),
			with(obeying(lower, time.Second, 1), func(st *State) { st.Priority = 1 }), a(Hold{false}, Arm{3996093750})},
		{"a listener yields quietly", quietYield, is(with(masterState(), listening)), advert(lower, 100, time.Second),
			obeying(lower, time.Second, 100), a(Hold{false}, Arm{3218750 * time.Microsecond})},
		{"a listener hears that somebody leaves", nil, is(with(masterState(), listening)), advert(lower, 0, time.Second), with(masterState(), listening), nil},
		{"a listener stops", nil, is(with(masterState(), listening)), Stop{}, NewState(machineConfig(nil)), a(Disarm{}, Send{0}, Hold{false})},

		{"fault in master", nil, is(masterState()), SetFault{true}, with(NewState(machineConfig(nil)), func(st *State) { st.Role = Fault }),
			a(Disarm{}, Send{0}, Hold{false})},
		{"fault in backup", nil, is(with(backupOf(lower, time.Second), resigned)), SetFault{true},
			with(NewState(machineConfig(nil)), func(st *State) { st.Role = Fault }), a(Disarm{}, Hold{false})},
		{"fault before start", nil, fresh, SetFault{true}, with(NewState(machineConfig(nil)), func(st *State) { st.Role = Fault }), a(Disarm{}, Hold{false})},
		{"fault in fault", nil, is(with(NewState(machineConfig(nil)), func(st *State) { st.Role = Fault })), SetFault{true},
			with(NewState(machineConfig(nil)), func(st *State) { st.Role = Fault }), nil},
		{"no fault in master", nil, is(masterState()), SetFault{false}, masterState(), nil},
		{"fault ends", nil, is(with(backupOf(netip.Addr{}, 3*time.Second), func(st *State) { st.Role = Fault })), SetFault{false},
			backupOf(netip.Addr{}, time.Second), a(Hold{false}, Arm{3218750 * time.Microsecond})},
		{"fault of the owner ends", owner, is(with(ownerState, func(st *State) { st.Role, st.Master = Fault, netip.Addr{} })), SetFault{false},
			ownerState, a(Send{255}, Hold{true}, AnnounceAddresses{}, Arm{time.Second})},
		{"stop in fault", nil, is(with(NewState(machineConfig(nil)), func(st *State) { st.Role = Fault })), Stop{}, NewState(machineConfig(nil)), nil},

		{"priority changes", nil, is(masterState()), SetPriority{120}, with(masterState(), func(st *State) { st.Priority = 120 }), nil},
		{"source of a master changes", nil, is(masterState()), SetSource{higher}, with(masterState(), func(st *State) { st.Source, st.Master = higher, higher }), nil},
		{"source of a backup changes", nil, is(backupOf(lower, time.Second)), SetSource{higher}, with(backupOf(lower, time.Second), func(st *State) { st.Source = higher }), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := machineConfig(tt.c)
			got, do := Step(c, tt.before(c), tt.ev)
			if diff := cmp.Diff(tt.want, got, compareAddr); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.do, do); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEventsThatARoleDoesNotKnow(t *testing.T) { // T03, R-6.4.1-05
	adverts := []Event{advert(lower, 0, time.Second), advert(lower, 1, time.Second), advert(higher, 255, time.Second)}
	stopped := NewState(machineConfig(nil))
	faulted := with(stopped, func(st *State) { st.Role = Fault })
	for _, tt := range []struct {
		st     State
		events []Event
	}{
		{stopped, append([]Event{Stop{}, Expired{}, Overslept{}, SetFault{false}}, adverts...)},
		{faulted, append([]Event{Start{}, Expired{}, Overslept{}}, adverts...)},
		{backupOf(lower, time.Second), []Event{Start{}, Overslept{}, SetFault{false}}},
		{masterState(), []Event{Start{}, SetFault{false}}},
	} {
		for _, ev := range tt.events {
			t.Run(fmt.Sprintf("%s/%T%+v", tt.st.Role, ev, ev), func(t *testing.T) {
				got, do := Step(machineConfig(nil), tt.st, ev)
				if got != tt.st || do != nil {
					t.Errorf("got %+v and %v, want %+v and nothing", got, do, tt.st)
				}
			})
		}
	}
}

// The compare is of unsigned addresses in network order, and of the source that we send from.
func TestMasterYieldsToAHigherAddress(t *testing.T) { // R-6.4.3-12
	for _, pair := range [][2]string{
		{"10.0.0.100", "10.0.0.200"}, {"10.0.0.2", "10.0.1.1"}, {"10.127.0.1", "10.128.0.1"}, {"9.255.255.255", "10.0.0.0"}, {"1.0.0.0", "255.0.0.0"},
	} {
		low, high := netip.MustParseAddr(pair[0]), netip.MustParseAddr(pair[1])
		c := machineConfig(nil)
		for _, tt := range []struct {
			ours, theirs netip.Addr
			want         Role
		}{{low, high, Backup}, {high, low, Master}} {
			st := with(masterState(), func(st *State) { st.Source, st.Master = tt.ours, tt.ours })
			if got, _ := Step(c, st, advert(tt.theirs, 200, time.Second)); got.Role != tt.want {
				t.Errorf("%s hears %s: %s, want %s", tt.ours, tt.theirs, got.Role, tt.want)
			}
		}
	}
}

func TestSkewAndDownInterval(t *testing.T) { // R-6.1-01, R-6.1-02: the table of RFC 9568 section 6.1 in nanoseconds
	const cs = 10 * time.Millisecond
	for _, tt := range []struct {
		version  Version
		priority uint8
		learned  time.Duration
		skew     time.Duration
		down     time.Duration
	}{
		{V3, 100, 1 * cs, 6093750, 36093750},
		{V3, 100, 10 * cs, 60937500, 360937500},
		{V3, 100, 100 * cs, 609375000, 3609375000},
		{V3, 100, 300 * cs, 1828125000, 10828125000},
		{V3, 100, 4095 * cs, 24953906250, 147803906250},
		{V3, 200, 1 * cs, 2187500, 32187500},
		{V3, 200, 100 * cs, 218750000, 3218750000},
		{V3, 200, 4095 * cs, 8957812500, 131807812500},
		{V3, 254, 1 * cs, 78125, 30078125},
		{V3, 254, 100 * cs, 7812500, 3007812500},
		{V3, 254, 4095 * cs, 319921875, 123169921875},
		{V3, 255, 1 * cs, 39062, 30039062},
		{V3, 255, 100 * cs, 3906250, 3003906250},
		{V3, 1, 1 * cs, 9960937, 39960937},
		{V3, 1, 4095 * cs, 40790039062, 163640039062},
		{V2, 100, time.Second, 609375000, 3609375000},
		{V2, 100, 3 * time.Second, 609375000, 9609375000}, // RFC 3768: the skew is never scaled
		{V2, 1, 255 * time.Second, 996093750, 765996093750},
	} {
		c := machineConfig(func(c *Config) { c.Version = tt.version; c.AdvertInterval = 7 * time.Second })
		st := State{Priority: tt.priority, MasterInterval: tt.learned}
		if skew, down := Skew(c, st), DownInterval(c, st); skew != tt.skew || down != tt.down {
			t.Errorf("version %d, priority %d, %s: skew %s, down %s, want %s, %s", tt.version, tt.priority, tt.learned, skew, down, tt.skew, tt.down)
		}
	}
}

// A router knows its own virtual router only: an event for one is never seen by another, because all state is in the arguments.
func TestStepChangesNeitherItsConfigNorAnotherState(t *testing.T) { // R-6.4-01
	c, other := machineConfig(nil), masterState()
	before := *c
	for _, ev := range []Event{Start{}, Stop{}, Expired{}, Overslept{}, advert(higher, 201, 3*time.Second), SetFault{true}, SetPriority{1}, SetSource{lower}} {
		Step(c, masterState(), ev)
	}
	if diff := cmp.Diff(before, *c, compareAddr); diff != "" || other != masterState() {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

func TestStepPanicsForARoleThatDoesNotExist(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	Step(machineConfig(nil), State{Role: 9}, Start{})
}

func TestRoleIsAWordInJSON(t *testing.T) {
	for role, word := range map[Role]string{Init: "init", Backup: "backup", Master: "master", Fault: "fault"} {
		b, err := json.Marshal(role)
		if err != nil || string(b) != `"`+word+`"` {
			t.Errorf("%d is %s, %v, want %q", role, b, err, word)
		}
		var back Role
		if err := json.Unmarshal(b, &back); err != nil || back != role {
			t.Errorf("%s is %v, %v, want %v", b, back, err, role)
		}
	}
	var r Role
	if err := r.UnmarshalText([]byte("active")); err == nil {
		t.Error(`"active" was read as a role`)
	}
	if got := Role(9).String(); got != "role 9" {
		t.Errorf("got %q", got)
	}
}

package vrrp

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pair is the configurations of two members: priority 200 in version 3 at 1 s, and in version 2 at 2 s.
func pair() []*Config {
	slow := machineConfig(version2)
	slow.Name, slow.AdvertInterval = "b", 2*time.Second
	fast := machineConfig(nil)
	fast.Name = "a"
	return []*Config{fast, slow}
}

// together returns states of two members of pair in the roles.
func together(cs []*Config, roles ...Role) []State {
	var out []State
	for i, role := range roles {
		st := NewState(cs[i])
		st.Role, st.Source = role, us
		if role == Master {
			st.Master = us
		}
		out = append(out, st)
	}
	return out
}

func TestTogether(t *testing.T) {
	better, worse, goodbye := advert(higher, 201, time.Second), advert(higher, 100, time.Second), advert(higher, 0, time.Second)
	const master, pulled = "master", "backup"
	tests := []struct {
		name  string
		roles [2]Role
		ready bool // the second is
		ev    Event
		held  bool   // the first gets HeldBack in place of ev
		other string // what the second follows to
		cause string // why, as its log has it
	}{
		{"one of two is ready", [2]Role{Backup, Backup}, false, Expired{}, true, "", ""},
		{"the last is ready", [2]Role{Backup, Backup}, true, Expired{}, false, master, "a: no advert for 3.219s"},
		{"one joins masters", [2]Role{Backup, Master}, false, Expired{}, false, "", ""},
		{"the other has not begun", [2]Role{Backup, Init}, false, Expired{}, true, "", ""},
		{"the other is in fault", [2]Role{Backup, Fault}, false, Expired{}, true, "", ""},
		{"a master's advert is due", [2]Role{Master, Master}, false, Expired{}, false, "", ""},
		{"a master overslept", [2]Role{Master, Master}, false, Overslept{}, false, "", ""},
		{"a master makes way", [2]Role{Master, Master}, false, better, false, pulled, "a: 10.0.0.11 advertises priority 201, ours is 200"},
		{"a master stays", [2]Role{Master, Master}, false, worse, false, "", ""},
		{"a master hears a goodbye", [2]Role{Master, Master}, false, goodbye, false, "", ""},
		{"a backup obeys", [2]Role{Backup, Backup}, false, better, false, "", ""},
		{"a backup obeys, and the other is ready", [2]Role{Backup, Backup}, true, better, false, "", ""},
		{"one that would join masters obeys another", [2]Role{Backup, Master}, false, better, false, pulled, "a: 10.0.0.11 is master there, its priority 201, ours 200"},
		{"one that would join masters hears a goodbye", [2]Role{Backup, Master}, false, goodbye, false, "", ""},
		{"one that would join masters hears a worse one", [2]Role{Backup, Master}, false, worse, false, "", ""},
		{"another priority", [2]Role{Master, Master}, false, SetPriority{1}, false, "", ""},
		{"another source", [2]Role{Backup, Backup}, false, SetSource{higher}, false, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cs := pair()
			sts := together(cs, tt.roles[:]...)
			sts[1].Ready = tt.ready
			got := Together(cs, sts, 0, tt.ev, 0)
			want := tt.ev
			if tt.held {
				want = HeldBack{}
			}
			if !reflect.DeepEqual(got[0], want) {
				t.Errorf("the first gets %#v, want %#v", got[0], want)
			}
			follow, _ := got[1].(Follow)
			if other := follow.Role.String(); got[1] == nil && tt.other != "" || got[1] != nil && other != tt.other {
				t.Errorf("the second gets %#v, want it to follow to %q", got[1], tt.other)
			}
			if follow.Cause != tt.cause {
				t.Errorf("cause %q, want %q", follow.Cause, tt.cause)
			}
		})
	}
}

func TestFollowStep(t *testing.T) {
	c := machineConfig(nil)
	down := DownInterval(c, NewState(c))
	backup, master := together([]*Config{c, c}, Backup, Master)[0], together([]*Config{c, c}, Backup, Master)[1]
	ready := backup
	ready.Ready = true
	free := backup
	free.Master = netip.Addr{}
	freeAside := free
	freeAside.Aside = true
	arriving := with(arrivingAfter(lower, 100), func(st *State) { st.MasterInterval = 3 * time.Second })
	tests := []struct {
		name   string
		c      func(*Config)
		before State
		ev     Event
		after  State
		do     []Action
	}{
		{"to master", nil, ready, Follow{Role: Master}, master, []Action{Send{200}, Hold{true}, AnnounceAddresses{}, Arm{time.Second}}},
		{"to backup", nil, master, Follow{Role: Backup, Wait: time.Minute}, free, []Action{Send{0}, Retire{retireNone}, Arm{down + time.Minute}}},
		{"to backup, and resigns whatever it does when it yields", quietYield, master, Follow{Role: Backup}, free, []Action{Send{0}, Hold{false}, Arm{down}}},
		{"to backup in a failover", nil, master, Follow{Role: Backup, Aside: true}, freeAside, []Action{Send{0}, Retire{retireNone}, Arm{down}}},
		{"to backup while it offers its role, and priority 0 was said", nil, with(master, offering), Follow{Role: Backup}, free, []Action{Hold{false}, Arm{down}}},
		{"to backup on its way to the role: what it knew of the old master is of no use", nil, arriving, Follow{Role: Backup}, free,
			[]Action{Send{1}, Hold{false}, Arm{down}}},
		{"master stays", nil, master, Follow{Role: Master}, master, nil},
		{"backup stays", nil, ready, Follow{Role: Backup}, ready, nil},
		{"held back", nil, backup, HeldBack{}, ready, []Action{Arm{time.Second + Skew(c, backup)}}},
		{"a master is not held back", nil, master, HeldBack{}, master, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			after, do := Step(machineConfig(tt.c), tt.before, tt.ev)
			if after != tt.after {
				t.Errorf("state %+v, want %+v", after, tt.after)
			}
			if diff := cmp.Diff(tt.do, do); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadinessEndsWithWhatIsObeyed(t *testing.T) {
	c := machineConfig(nil)
	st := together([]*Config{c}, Backup)[0]
	st.Ready = true
	for _, tt := range []struct {
		name string
		ev   Event
		want bool
	}{
		{"a better one", advert(higher, 201, time.Second), false},
		{"an equal one", advert(lower, 200, time.Second), false},
		{"a worse one", advert(higher, 199, time.Second), true},
		{"a goodbye", advert(higher, 0, time.Second), true},
		{"another interval", HeldBack{}, true},
		{"a fault", SetFault{true}, false},
		{"the end", Stop{}, false},
		{"mastership", Expired{}, false},
	} {
		if after, _ := Step(c, st, tt.ev); after.Ready != tt.want {
			t.Errorf("%s: ready %t, want %t", tt.name, after.Ready, tt.want)
		}
	}
}

// What was pulled out of its role waits for a while that differs between machines, and from one time to the next.
func TestPulledMembersWaitForUnequalTimes(t *testing.T) {
	cs := pair()
	equal := 0
	seen := map[time.Duration]bool{}
	for n := range 100 {
		a, b := pullWait(cs, machineAddr(0), n), pullWait(cs, machineAddr(1), n)
		if a < 0 || a > 2*cs[1].AdvertInterval {
			t.Fatalf("waits %s, want up to two of the longest intervals", a)
		}
		if a == b {
			equal++
		}
		seen[a] = true
	}
	if equal > 30 || len(seen) < 5 {
		t.Errorf("%d of 100 waits are equal on two machines, and one machine has %d different ones", equal, len(seen))
	}
}

func TestJudge(t *testing.T) {
	type members []standing
	tests := []struct {
		name        string
		in          members
		want        members // with what the others bring along
		fault, wait bool
	}{
		{"all is well", members{{name: "a", role: Backup}, {name: "b", role: Backup}}, members{{name: "a", role: Backup}, {name: "b", role: Backup}}, false, false},
		{"a lone router", members{{name: "a", faults: []string{"link: down"}, waits: []string{"bfd/x"}}}, members{{name: "a", faults: []string{"link: down"}, waits: []string{"bfd/x"}}}, true, true},
		{"a fault of one is one of all",
			members{{name: "a", role: Master, faults: []string{"link: down", "script/x: no"}}, {name: "b", role: Master}},
			members{{name: "a", role: Master, faults: []string{"link: down", "script/x: no"}},
				{name: "b", role: Master, faults: []string{"sync group edge: a has link: down", "sync group edge: a has script/x: no"}}}, true, false},
		{"all wait for one",
			members{{name: "a"}, {name: "b", waits: []string{"bfd/x: not known yet"}}},
			members{{name: "a", waits: []string{"sync group edge: b waits for bfd/x: not known yet"}}, {name: "b", waits: []string{"bfd/x: not known yet"}}}, false, true},
		{"masters do not wait for one that joins",
			members{{name: "a", role: Master}, {name: "b", waits: []string{"bfd/x: not known yet"}}},
			members{{name: "a", role: Master}, {name: "b"}}, false, false},
		{"after a fault all wait again",
			members{{name: "a", role: Fault}, {name: "b", role: Fault, waits: []string{"bfd/x"}}},
			members{{name: "a", role: Fault, waits: []string{"sync group edge: b waits for bfd/x"}}, {name: "b", role: Fault, waits: []string{"bfd/x"}}}, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fault, wait := Judge("edge", tt.in)
			if fault != tt.fault || wait != tt.wait {
				t.Errorf("fault %t, wait %t; want %t, %t", fault, wait, tt.fault, tt.wait)
			}
			if diff := cmp.Diff(tt.want, tt.in, cmp.AllowUnexported(standing{})); diff != "" {
				t.Errorf("standings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReasonsOfASyncGroupAreThoseOfItsMembers(t *testing.T) {
	down, waits := []string{"link: down"}, []string{"bfd/x: not known yet"}
	for name, tt := range map[string]struct {
		in   []standing
		want []string
	}{
		"all is well":          {[]standing{{name: "a", role: Master}, {name: "b", role: Master}}, nil},
		"faults of two":        {[]standing{{name: "a", faults: down}, {name: "b", faults: []string{"script/x: no", "source"}}}, []string{"a: link: down", "b: script/x: no", "b: source"}},
		"one waits":            {[]standing{{name: "a"}, {name: "b", waits: waits}}, []string{"b: waits for bfd/x: not known yet"}},
		"a fault goes first":   {[]standing{{name: "a", faults: down}, {name: "b", waits: waits}}, []string{"a: link: down"}},
		"masters do not wait":  {[]standing{{name: "a", role: Master}, {name: "b", waits: waits}}, nil},
		"a fault of a backup":  {[]standing{{name: "a", role: Backup, faults: down}, {name: "b", role: Backup}}, []string{"a: link: down"}},
		"nobody is in a group": {nil, nil},
	} {
		if diff := cmp.Diff(tt.want, reasonsOf(tt.in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A pairNode is a sync group of two in the walk: states, and what their actions left behind.
type pairNode [2]node

// after lets ev happen to one member, or to both where the group decides for both. It is n when that cannot happen.
func (n pairNode) after(cs []*Config, i int, ev Event) pairNode {
	sts := []State{n[0].st, n[1].st}
	events := []Event{ev, ev}
	switch ev := ev.(type) {
	case HandOver:
		if n.leaving() && !ev.Quit {
			return n // one order at a time
		}
	case Start:
		if sts[0].Role != Init || sts[1].Role != Init {
			return n // one of them is still leaving
		}
	case TakeOver:
		for _, st := range sts {
			if st.Role != Master && !MayTakeOver(st) || n.leaving() {
				return n
			}
		}
	case Stop, SetFault, Resume:
	default:
		events = Together(cs, sts, i, ev, 0)
	}
	for j := range n {
		if events[j] != nil {
			n[j] = follow(cs[j], n[j], events[j]).after
		}
	}
	return n
}

// leaving reports whether a member is handing over: each may find its successor at another time.
func (n pairNode) leaving() bool { return n[0].st.Handover != Staying || n[1].st.Handover != Staying }

// pairAlphabet is alphabet with fewer adverts: two members have many more states than one.
func pairAlphabet(c *Config, n node) []Event {
	return slices.DeleteFunc(alphabet(c, n), func(ev Event) bool {
		switch ev := ev.(type) {
		case SetPriority:
			return ev.Priority != 1 && ev.Priority != 200
		case SetSource:
			return ev.Source != us
		case Received:
			return ev.From == us || !slices.Contains([]uint8{0, 1, 201}, ev.Packet.Priority) || ev.Packet.Interval != c.AdvertInterval
		}
		return false
	})
}

// TestSyncGroupsAreNeverSplit walks through all that can happen to a sync group of two.
func TestSyncGroupsAreNeverSplit(t *testing.T) {
	cs := pair()
	queue := []pairNode{{{st: NewState(cs[0])}, {st: NewState(cs[1])}}}
	seen := map[pairNode]bool{queue[0]: true}
	masters := 0
	for ; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		for i, c := range cs {
			for _, ev := range pairAlphabet(c, n[i]) {
				after := n.after(cs, i, ev)
				a, b := after[0], after[1]
				switch {
				case after.leaving():
				case a.st.Role != b.st.Role:
					t.Fatalf("%s and %s after %#v to member %d of %+v", a.st.Role, b.st.Role, ev, i, n)
				case a.started && (a.held != b.held || a.held != (a.st.Role == Master)):
					t.Fatalf("%s holds %t and %t after %#v to member %d of %+v", a.st.Role, a.held, b.held, ev, i, n)
				case a.armed != b.armed || a.armed != (a.st.Role == Backup || a.st.Role == Master):
					t.Fatalf("%s has timers %t, %t after %#v to member %d of %+v", a.st.Role, a.armed, b.armed, ev, i, n)
				case (a.st.Ready || b.st.Ready) && a.st.Role != Backup, a.st.Ready && b.st.Ready:
					t.Fatalf("%s is ready %t, %t after %#v to member %d of %+v", a.st.Role, a.st.Ready, b.st.Ready, ev, i, n)
				}
				if a.st.Role == Master {
					masters++
				}
				if !seen[after] {
					seen[after] = true
					queue = append(queue, after)
				}
			}
		}
	}
	if masters == 0 {
		t.Error("the group was never master")
	}
	t.Logf("%d states", len(seen))
}

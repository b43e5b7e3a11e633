package track

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func putWord(b []byte, off int, v uint32) { binary.NativeEndian.PutUint32(b[off:], v) }

func TestProcessIsRecognized(t *testing.T) {
	haproxy := running{comm: "haproxy", args: []string{"/usr/sbin/haproxy", "-f", "/etc/haproxy.cfg", "-db"}}
	args := func(a ...string) []string { return a }
	for _, c := range []struct {
		name string
		p    Process
		r    running
		want bool
	}{
		{"by name", Process{Command: "haproxy"}, haproxy, true},
		{"by the name in a path", Process{Command: "/opt/haproxy"}, haproxy, true},
		{"not by a part of the name", Process{Command: "ha"}, haproxy, false},
		{"not by a longer name", Process{Command: "haproxy2"}, haproxy, false},
		{"by what the kernel keeps of a long name", Process{Command: "systemd-networkd"}, running{comm: "systemd-network"}, true},
		{"by the command line", Process{Command: "/usr/sbin/haproxy", FullCommand: true}, haproxy, true},
		{"not by another path", Process{Command: "/usr/bin/haproxy", FullCommand: true}, haproxy, false},
		{"a kernel thread has no command line", Process{Command: "kworker", FullCommand: true}, running{comm: "kworker"}, false},
		{"by all arguments", Process{Command: "haproxy", Match: MatchExact, Arguments: args("-f", "/etc/haproxy.cfg", "-db")}, haproxy, true},
		{"not with more arguments", Process{Command: "haproxy", Match: MatchExact, Arguments: args("-f", "/etc/haproxy.cfg")}, haproxy, false},
		{"by the first arguments", Process{Command: "haproxy", Match: MatchPartial, Arguments: args("-f", "/etc/haproxy.cfg")}, haproxy, true},
		{"not by a cut argument", Process{Command: "haproxy", Match: MatchPartial, Arguments: args("-f", "/etc/ha")}, haproxy, false},
		{"by the beginning of the last", Process{Command: "haproxy", Match: MatchInitial, Arguments: args("-f", "/etc/ha")}, haproxy, true},
		{"not by the beginning of the others", Process{Command: "haproxy", Match: MatchInitial, Arguments: args("-", "/etc/ha")}, haproxy, false},
		{"not with fewer arguments", Process{Command: "haproxy", Match: MatchInitial, Arguments: args("-f", "/etc/haproxy.cfg", "-db", "x")}, haproxy, false},
		{"without arguments", Process{Command: "haproxy", Match: MatchPartial}, haproxy, false},
	} {
		if got := c.p.counts(c.r); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestQuorumOfProcesses(t *testing.T) {
	none, two := 0, 2
	for _, c := range []struct {
		p    Process
		n    int
		want Fact
	}{
		{Process{Command: "x", Quorum: 1}, 0, Fact{Reason: "no process is x, want at least 1"}},
		{Process{Command: "x", Quorum: 1}, 7, Fact{Up: true, Reason: "x runs, quorum 1"}},
		{Process{Command: "x", Quorum: 2}, 1, Fact{Reason: "1 process is x, want at least 2"}},
		{Process{Command: "x", Quorum: 1, Max: &two}, 3, Fact{Reason: "3 processes are x, want at most 2"}},
		{Process{Command: "x", Quorum: 1, Max: &two}, 2, Fact{Up: true, Reason: "x runs, quorum 1"}},
		{Process{Command: "x", Quorum: 1, Max: &none}, 0, Fact{Up: true, Reason: "no process is x"}},
		{Process{Command: "x", Quorum: 1, Max: &none}, 1, Fact{Reason: "1 process is x, want at most 0"}},
	} {
		if diff := cmp.Diff(c.want, c.p.judge(c.n)); diff != "" {
			t.Errorf("%d of %+v (-want +got):\n%s", c.n, c.p, diff)
		}
	}
}

func TestCensusCountsCopiesAndChanges(t *testing.T) {
	c := newCensus([]Process{{Command: "a"}, {Command: "b"}})
	a, b := running{comm: "a"}, running{comm: "b"}
	for i, step := range []struct {
		do   func()
		want []int
	}{
		{func() { c.is(1, a) }, []int{1, 0}},
		{func() { c.is(1, a) }, []int{1, 0}},
		{func() { c.forked(1, 2) }, []int{2, 0}},
		{func() { c.is(2, b) }, []int{1, 1}},
		{func() { c.forked(9, 3) }, []int{1, 1}},
		{func() { c.is(2, running{comm: "c"}) }, []int{1, 0}},
		{func() { c.gone(7) }, []int{1, 0}},
		{func() { c.gone(1) }, []int{0, 0}},
		{func() { c.gone(1) }, []int{0, 0}},
	} {
		if step.do(); !cmp.Equal(c.counts, step.want) {
			t.Errorf("step %d: %v, want %v", i, c.counts, step.want)
		}
	}
	if len(c.members) != 0 {
		t.Errorf("%d processes are remembered for nothing", len(c.members))
	}
}

func TestQuorumIsDelayed(t *testing.T) {
	q := quorum{process: Process{ForkDelay: 2 * time.Second, TerminateDelay: 5 * time.Second}}
	up, down := Fact{Up: true, Reason: "up"}, Fact{Reason: "down"}
	start := time.Unix(1000, 0)
	for i, s := range []struct {
		at    float64 // seconds
		now   Fact
		again float64
		news  bool
	}{
		{0, up, 0, true}, // the first is told at once
		{1, down, 5, false},
		{4, down, 2, false},
		{5, up, 0, false}, // it came back: nobody heard of it
		{6, down, 5, false},
		{11, down, 0, true},
		{12, up, 2, false},
		{14.5, up, 0, true},
	} {
		_, again, news := q.observe(s.now, start.Add(time.Duration(s.at*float64(time.Second))))
		if again != time.Duration(s.again*float64(time.Second)) || news != s.news {
			t.Errorf("step %d at %gs: again in %s, news %v, want %gs, %v", i, s.at, again, news, s.again, s.news)
		}
	}
}

func TestStatAndCommandLineAreParsed(t *testing.T) {
	for text, want := range map[string]struct {
		comm string
		ok   bool
	}{
		"12 (haproxy) S 1 2 3":       {"haproxy", true},
		"12 (a) b (c)) R 1":          {"a) b (c)", true},
		"12 (defunct) Z 1":           {"defunct", false},
		"12 (dead) X 1":              {"dead", false},
		"12 haproxy S":               {"", false},
		"12 (haproxy)":               {"", false},
		"":                           {"", false},
		") (":                        {"", false},
		"12 (line\nbreak) S 1 2 3 4": {"line\nbreak", true},
	} {
		if comm, ok := parseStat([]byte(text)); ok != want.ok || ok && comm != want.comm {
			t.Errorf("%q: %q, %v, want %q, %v", text, comm, ok, want.comm, want.ok)
		}
	}
	for text, want := range map[string][]string{"": nil, "a\x00": {"a"}, "a\x00\x00b\x00": {"a", "", "b"}, "title: x": {"title: x"}} {
		if diff := cmp.Diff(want, parseCommandLine([]byte(text))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestProcessEventsAreParsed(t *testing.T) {
	event := func(what, a, b, c, d uint32) []byte {
		m := make([]byte, eventSize)
		putWord(m, offWhat, what)
		for i, v := range []uint32{a, b, c, d} {
			putWord(m, offData+4*i, v)
		}
		return m
	}
	for _, c := range []struct {
		name string
		b    []byte
		want procEvent
		ok   bool
	}{
		{"fork", event(procFork, 11, 10, 20, 20), procEvent{procFork, 20, 10}, true},
		{"a new thread", event(procFork, 11, 10, 21, 10), procEvent{procFork, 21, 10}, false},
		{"exec", event(procExec, 20, 20, 0, 0), procEvent{procExec, 20, 0}, true},
		{"exit", event(procExit, 20, 20, 0, 0), procEvent{procExit, 20, 0}, true},
		{"the end of a thread", event(procExit, 21, 20, 0, 0), procEvent{procExit, 21, 0}, false},
		{"the answer", event(procNone, 0, 0, 0, 0), procEvent{}, false},
		{"a change of user", event(4, 20, 20, 0, 0), procEvent{}, false},
		{"cut", event(procExit, 20, 20, 0, 0)[:eventSize-1], procEvent{}, false},
	} {
		got, ok := parseProcEvent(c.b)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %+v, %v, want %+v, %v", c.name, got, ok, c.want, c.ok)
		}
	}
}

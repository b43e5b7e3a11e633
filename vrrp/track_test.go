package vrrp

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tracking makes a configuration of priority 100 follow the trackers.
func tracking(trackers ...Tracker) func(*Config) {
	return func(c *Config) { c.Track = trackers }
}

func TestWeigh(t *testing.T) {
	const s = "script/nginx"
	up, down := Verdict{State: Up, Reason: "exit status 0"}, Verdict{State: Down, Reason: "exit status 1"}
	number := func(n int) Verdict { return Verdict{State: Number, Value: n} }
	tests := []struct {
		name     string
		base     uint8
		tracker  Tracker
		verdict  Verdict
		priority uint8
		faults   string
		waits    bool
	}{
		{"weight 0, up", 100, Tracker{s, 0, false}, up, 100, "", false},
		{"weight 0, down", 100, Tracker{s, 0, false}, down, 100, "script/nginx: exit status 1", false},
		{"weight 0, down, for no reason", 100, Tracker{s, 0, false}, Verdict{State: Down}, 100, "script/nginx: it is down", false},
		{"weight 0, unknown", 100, Tracker{s, 0, false}, Verdict{}, 100, "", true},
		{"weight 0 reverse, up", 100, Tracker{s, 0, true}, up, 100, "script/nginx: it is up, and must not be (reverse)", false},
		{"weight 0 reverse, down", 100, Tracker{s, 0, true}, down, 100, "", false},
		{"weight 0 reverse, unknown", 100, Tracker{s, 0, true}, Verdict{}, 100, "", true},
		{"positive, up", 100, Tracker{s, 30, false}, up, 130, "", false},
		{"positive, down", 100, Tracker{s, 30, false}, down, 100, "", false},
		{"positive, unknown", 100, Tracker{s, 30, false}, Verdict{}, 100, "", false},
		{"negative, up", 100, Tracker{s, -30, false}, up, 100, "", false},
		{"negative, down", 100, Tracker{s, -30, false}, down, 70, "", false},
		{"negative, unknown", 100, Tracker{s, -30, false}, Verdict{}, 100, "", false},
		{"positive reverse, up", 100, Tracker{s, 30, true}, up, 70, "", false},
		{"positive reverse, down", 100, Tracker{s, 30, true}, down, 100, "", false},
		{"negative reverse, up", 100, Tracker{s, -30, true}, up, 100, "", false},
		{"negative reverse, down", 100, Tracker{s, -30, true}, down, 130, "", false},
		{"never below 1", 100, Tracker{s, -253, false}, down, 1, "", false},
		{"never above 254", 100, Tracker{s, 253, false}, up, 254, "", false},
		{"the owner is immune to weights", 255, Tracker{s, -30, false}, down, 255, "", false},
		{"the owner is not immune to faults", 255, Tracker{s, 0, false}, down, 255, "script/nginx: exit status 1", false},
		{"a number", 100, Tracker{s, 1, false}, number(-7), 93, "", false},
		{"a number times a weight", 100, Tracker{s, -3, false}, number(-7), 121, "", false},
		{"a number in reverse", 100, Tracker{s, 3, true}, number(7), 79, "", false},
		{"a number at the limit", 254, Tracker{s, 1, false}, number(-253), 1, "", false},
		{"a number beyond the limit", 254, Tracker{s, 1, false}, number(-254), 254, "script/nginx: its value -254 makes -254, below -253", false},
		{"a number beyond all limits", 100, Tracker{s, 254, true}, number(math.MaxInt), 100,
			"script/nginx: its value 9223372036854775807 makes -545460846338, below -253", false},
		{"a number far up", 1, Tracker{s, 2, false}, number(1000), 254, "", false},
		{"a number with weight 0, not zero", 100, Tracker{s, 0, false}, number(2), 100, "script/nginx: its value is 2", false},
		{"a number with weight 0, zero", 100, Tracker{s, 0, false}, number(0), 100, "", false},
		{"a number with weight 0 in reverse, not zero", 100, Tracker{s, 0, true}, number(2), 100, "", false},
		{"a number with weight 0 in reverse, zero", 100, Tracker{s, 0, true}, number(0), 100, "script/nginx: its value is 0", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := groupConfig("a", tt.base, tracking(tt.tracker))
			w := Weigh(c, map[string]Verdict{s: tt.verdict, "script/other": {State: Down}})
			if w.Base != tt.base || w.Priority != tt.priority || strings.Join(w.Faults, ", ") != tt.faults || (len(w.Waits) == 1) != tt.waits {
				t.Errorf("%+v, want priority %d, faults %q, waits %t", w, tt.priority, tt.faults, tt.waits)
			}
			want := Term{Source: s, Weight: tt.tracker.Weight, Reverse: tt.tracker.Reverse, State: tt.verdict.State, Value: tt.verdict.Value, Reason: tt.verdict.Reason}
			if len(w.Terms) == 1 && tt.base != PriorityOwner { // to an owner nothing is added (R-5.2.4-01)
				want.Amount = w.Terms[0].Amount
			}
			if diff := cmp.Diff([]Term{want}, w.Terms); diff != "" {
				t.Errorf("terms (-want +got):\n%s", diff)
			}
		})
	}
}

// Terms are added before the sum is brought within bounds: what is subtracted beyond 1 counts when something else is added.
func TestWeighAddsUpBeforeItLimits(t *testing.T) {
	c := groupConfig("a", 100, tracking(Tracker{"script/a", -200, false}, Tracker{"bfd/b", 60, false}, Tracker{"file/c", 1, false}, Tracker{"script/d", -5, false}))
	facts := map[string]Verdict{
		"script/a": {State: Down, Reason: "timed out"}, "bfd/b": {State: Up}, "file/c": {State: Number, Value: 42, Reason: "value 42"}, "script/d": {State: Up},
	}
	w := Weigh(c, facts)
	if want := "base 100, script/a -200 (timed out), bfd/b +60, file/c +42 (value 42) = 2"; w.String() != want {
		t.Errorf("%q, want %q", w.String(), want)
	}
	delete(facts, "bfd/b")
	w = Weigh(c, facts)
	if want := "base 100, script/a -200 (timed out), file/c +42 (value 42) = 1 (of 1 to 254 the nearest to -58)"; w.String() != want {
		t.Errorf("%q, want %q", w.String(), want)
	}
}

func TestArithmeticNamesTheSumOfTermsOnly(t *testing.T) {
	a, b, none := Term{Source: "script/a", Amount: 30}, Term{Source: "script/b", Amount: -30}, Term{Source: "bfd/c"}
	for want, terms := range map[string][]Term{
		"base 100": {none},
		"base 100, script/a +30, script/b -30 = 100": {a, none, b},
	} {
		if got := Arithmetic(100, terms, 100); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTrackStateIsAWordInJSON(t *testing.T) {
	for _, s := range []TrackState{Unknown, Up, Down, Number} {
		b, err := json.Marshal(Verdict{State: s})
		if err != nil {
			t.Fatal(err)
		}
		var got Verdict
		if err := json.Unmarshal(b, &got); err != nil || got.State != s || !strings.Contains(string(b), s.String()) {
			t.Errorf("%s is %s, and back %+v, %v", s, b, got, err)
		}
	}
	var s TrackState
	if err := s.UnmarshalText([]byte("sideways")); err == nil {
		t.Error("no error for a word that is no state")
	}
	if got := TrackState(9).String(); got != "state 9" {
		t.Errorf("%q for a state that does not exist", got)
	}
}

func TestTrackersAreValidated(t *testing.T) {
	tests := []struct {
		name     string
		trackers []Tracker
		want     string
	}{
		{"fine", []Tracker{{"script/a", -254, false}, {"script/b", 254, true}}, ""},
		{"no source", []Tracker{{}}, "a tracker has no source"},
		{"twice", []Tracker{{"script/a", 0, false}, {"script/a", 1, false}}, "script/a is tracked twice"},
		{"too light", []Tracker{{"script/a", -255, false}}, "weight of script/a is -255, want -254 to 254"},
		{"too heavy", []Tracker{{"script/a", 255, false}}, "weight of script/a is 255, want -254 to 254"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if err := groupConfig("a", 100, tracking(tt.trackers...)).Validate(); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestMasterOfALoweredPriorityMakesWay(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, tracking(Tracker{"script/nginx", -150, false})))
		b := l.begin(groupConfig("b", 100, nil))
		l.elapse(time.Second)
		wantRole(t, a, Master)
		a.group.Track("script/nginx", Verdict{State: Down, Reason: "exit status 1"})
		l.elapse(time.Second)
		wantRole(t, b, Master)
		s := a.group.Status()
		if s.Priority != 50 || s.BasePriority != 200 || len(s.PriorityTerms) != 1 || s.PriorityTerms[0].Amount != -150 {
			t.Errorf("status %+v", s)
		}
		if got, want := a.transitions[len(a.transitions)-1].Reason, "priority: base 200, script/nginx -150 (exit status 1) = 50"; !strings.Contains(got, want) {
			t.Errorf("reason %q, want it to say %q", got, want)
		}
		a.group.Track("script/nginx", Verdict{State: Up})
		l.elapse(time.Second)
		wantRole(t, a, Master)
	})
}

func TestFailedTrackerIsAFaultAndItsReasonIsTold(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 200, tracking(Tracker{"bfd/peer1", 0, false})), 1)
		a.start()
		a.group.Track("bfd/peer1", Verdict{State: Up})
		l.elapse(time.Second)
		wantRole(t, a, Master)
		a.group.Track("bfd/peer1", Verdict{State: Down, Reason: "no packet for 150ms"})
		l.elapse(time.Millisecond)
		wantRole(t, a, Fault)
		a.group.Track("bfd/peer1", Verdict{State: Up})
		l.elapse(time.Millisecond)
		wantRole(t, a, Backup)
		var reasons []string
		for _, tr := range a.transitions[len(a.transitions)-2:] {
			reasons = append(reasons, tr.Reason)
		}
		want := []string{"bfd/peer1: no packet for 150ms", "fault ended, waiting 322ms for a master; it was bfd/peer1: no packet for 150ms"}
		if diff := cmp.Diff(want, reasons); diff != "" {
			t.Errorf("reasons (-want +got):\n%s", diff)
		}
	})
}

// A router that is to have the addresses only while something works does not begin before it knows; and it lets go of what a
// predecessor that was killed left behind, because somebody else may be master.
func TestRouterWaitsForTheFirstWordOfAWeightlessTracker(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 200, tracking(Tracker{"script/nginx", 0, false}, Tracker{"script/load", 20, false})), 1)
		a.held = true
		a.start()
		l.elapse(time.Second)
		wantRole(t, a, Init)
		if a.held {
			t.Error("it holds what an earlier process left")
		}
		if diff := cmp.Diff([]string{"script/nginx: not known yet"}, a.group.Status().Reasons); diff != "" {
			t.Errorf("reasons (-want +got):\n%s", diff)
		}
		a.group.Track("script/nginx", Verdict{State: Up})
		l.elapse(down200)
		wantRole(t, a, Master)
		if got := a.group.Status().Reasons; len(got) > 0 {
			t.Errorf("reasons %q remain", got)
		}
	})
}

func TestReloadThatAddsATrackerChangesNothingBeforeItHasSpoken(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		l.elapse(time.Second)
		a.group.Configure(groupConfig("a", 200, tracking(Tracker{"script/nginx", 0, false}, Tracker{"script/load", -20, false})))
		l.elapse(time.Second)
		wantRole(t, a, Master)
		if p := a.group.Status().Priority; p != 200 {
			t.Errorf("priority %d, want 200", p)
		}
		a.group.Track("script/load", Verdict{State: Down})
		a.group.Track("script/nginx", Verdict{State: Up})
		l.elapse(time.Second)
		wantRole(t, a, Master)
		if p := a.group.Status().Priority; p != 180 {
			t.Errorf("priority %d, want 180", p)
		}
	})
}

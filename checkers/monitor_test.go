package checkers

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHealthFollowsRiseAndFall(t *testing.T) {
	const u, p, d = Unknown, Up, Down
	tests := []struct {
		name       string
		rise, fall int
		answers    string // + success, - failure
		want       []State
	}{
		{"the first success is enough from unknown", 3, 3, "+", []State{p}},
		{"one failure is down with fall 1", 1, 1, "-", []State{d}},
		{"fewer failures than fall leave it unknown", 1, 3, "--", []State{u, u}},
		{"fall failures from unknown are down", 1, 3, "---", []State{u, u, d}},
		{"a success among them is up at once", 3, 3, "--+", []State{u, u, p}},
		{"up stays up for less than fall failures", 1, 3, "+--+--", []State{p, p, p, p, p, p}},
		{"fall failures in a row take it down", 1, 3, "+---", []State{p, p, p, d}},
		{"down stays down for less than rise successes", 3, 1, "-++-++", []State{d, d, d, d, d, d}},
		{"rise successes in a row bring it back", 3, 1, "-+++", []State{d, d, d, p}},
		{"both at 1 follow each answer", 1, 1, "+-+-", []State{p, d, p, d}},
		{"more failures change nothing", 2, 2, "-----", []State{u, d, d, d, d}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h Health
			var got []State
			for _, answer := range tt.answers {
				next, changed := h.Observe(answer == '+', tt.rise, tt.fall)
				if changed != (next.State != h.State) {
					t.Errorf("%v to %v: changed is %t", h.State, next.State, changed)
				}
				h = next
				got = append(got, h.State)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("states after %s (-want +got):\n%s", tt.answers, diff)
			}
		})
	}
}

func TestHealthCountsWhatIsInARow(t *testing.T) {
	var h Health
	for _, step := range []struct {
		ok   bool
		want Health
	}{
		{true, Health{Up, 1, 0}},
		{true, Health{Up, 2, 0}},
		{false, Health{Up, 0, 1}},
		{false, Health{Down, 0, 2}},
		{true, Health{Down, 1, 0}},
		{true, Health{Up, 2, 0}},
	} {
		if h, _ = h.Observe(step.ok, 2, 2); h != step.want {
			t.Fatalf("after success %t: %+v, want %+v", step.ok, h, step.want)
		}
	}
}

func TestVerdictChangesWithStateAndWeight(t *testing.T) {
	w := func(n int) *int { return &n }
	tests := []struct {
		name    string
		err     string
		weight  *int
		changed bool
		want    Verdict
	}{
		{"first failure of two", "refused", nil, false, Verdict{Reason: "refused"}},
		{"up with a weight", "", w(5), true, Verdict{Up: true, Weight: w(5), Reason: "answered in 1ms"}},
		{"the same weight again", "", w(5), false, Verdict{Up: true, Weight: w(5), Reason: "answered in 1ms"}},
		{"another weight", "", w(0), true, Verdict{Up: true, Weight: w(0), Reason: "answered in 1ms"}},
		{"a failure does not touch the weight", "refused", nil, false, Verdict{Up: true, Weight: w(0), Reason: "refused"}},
		{"back to the configured weight", "", nil, true, Verdict{Up: true, Reason: "answered in 1ms"}},
		{"a weight again", "", w(7), true, Verdict{Up: true, Weight: w(7), Reason: "answered in 1ms"}},
		{"one failure", "refused", nil, false, Verdict{Up: true, Weight: w(7), Reason: "refused"}},
		{"two failures are down, without weight", "refused", nil, true, Verdict{Reason: "refused"}},
		{"a weight while it is down changes nothing", "", w(9), false, Verdict{Reason: "answered in 1ms"}},
		{"up with the weight of the answer that decided", "", w(3), true, Verdict{Up: true, Weight: w(3), Reason: "answered in 1ms"}},
	}
	m := newMonitor(Config{Name: "a", Rise: 2, Fall: 2, Timeout: time.Second}, nil)
	for _, tt := range tests {
		o := Outcome{Start: time.Unix(100, 0), Duration: time.Millisecond, OK: tt.err == "", Reason: tt.err}
		if changed := m.observe(o, tt.weight); changed != tt.changed {
			t.Errorf("%s: changed is %t", tt.name, changed)
		}
		if diff := cmp.Diff(tt.want, m.verdict()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestStatusIsSnakeCaseJSON(t *testing.T) {
	m := newMonitor(Config{Name: "shop 10.0.0.11:8080 tcp", Rise: 1, Fall: 1}, nil)
	m.since = time.Unix(50, 0).UTC()
	m.observe(Outcome{Start: time.Unix(100, 0).UTC(), Duration: time.Millisecond, Reason: "refused"}, nil)
	five := 5
	m.observe(Outcome{Start: time.Unix(102, 0).UTC(), Duration: time.Millisecond, OK: true}, &five)
	got, err := json.MarshalIndent(m.status(m.cfg.Name), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "name": "shop 10.0.0.11:8080 tcp",
  "state": "up",
  "since": "1970-01-01T00:01:42.001Z",
  "weight": 5,
  "successes": 1,
  "failures": 0,
  "reason": "refused",
  "last": {
    "start": "1970-01-01T00:01:42Z",
    "duration_ns": 1000000,
    "ok": true
  }
}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var back Status
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m.status(m.cfg.Name), back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestStateHasOneWordEach(t *testing.T) {
	for state, want := range map[State]string{Unknown: "unknown", Up: "up", Down: "down", 9: "state 9"} {
		if got := state.String(); got != want {
			t.Errorf("State(%d) is %q, want %q", state, got, want)
		}
	}
	var s State
	if err := s.UnmarshalText([]byte("upp")); err == nil {
		t.Error("state upp was accepted")
	}
}

func TestLateErrorSaysHowLate(t *testing.T) {
	err := error(lateError(1500 * time.Millisecond))
	if got, want := err.Error(), "no answer within 1.5s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error("it is not a context.DeadlineExceeded")
	}
}

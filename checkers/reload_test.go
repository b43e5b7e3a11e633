package checkers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestReloadKeepsWhatDidNotChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		kept, flight := new(server), &server{answer: takes(800 * time.Millisecond)}
		s := runSet(t, j.report, 16)
		cfgs := []Config{everySecond("kept", kept), everySecond("flight", flight)}
		s.Configure(cfgs)
		after(10 * time.Second)
		j.told()
		before, grid := s.Status()[0], kept.asked()[0]
		for i := range 20 {
			extra := everySecond(fmt.Sprint("extra ", i), new(server))
			s.Configure(append(slices.Clone(cfgs), extra))
			after(370 * time.Millisecond)
		}
		for _, line := range j.told() {
			if !strings.HasPrefix(line, "extra") {
				t.Errorf("reported %q", line)
			}
		}
		now := s.Status()[0]
		if now.Since != before.Since || now.Successes <= before.Successes {
			t.Errorf("health was lost: %+v, then %+v", before, now)
		}
		for _, at := range kept.asked()[1:] {
			if off := at.Sub(grid) % time.Second; off != kept.asked()[1].Sub(grid)%time.Second {
				t.Errorf("a probe is %s off its schedule", off)
			}
		}
		if st := s.Status()[1]; st.State != Up || st.Reason != "" {
			t.Errorf("a probe in flight did not survive: %+v", st)
		}
	})
}

func TestAChangedScheduleKeepsHealthAndAChangedQuestionDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		srv := &server{answer: refuse}
		s := runSet(t, j.report, 16)
		c := everySecond("a", srv)
		s.Configure([]Config{c})
		after(3 * time.Second)
		j.want(t, "a down: refused")

		c.Rise = 3
		s.Configure([]Config{c})
		if st := s.Status()[0]; st.State != Down {
			t.Errorf("another rise made the state %s", st.State)
		}
		after(3 * time.Second)
		j.want(t)

		c.Checker = new(server)
		s.Configure([]Config{c})
		if st := s.Status()[0]; st.State != Unknown || st.Last != nil {
			t.Errorf("another question left %+v", st)
		}
		j.want(t)
		after(time.Second)
		j.want(t, "a up")
	})
}

func TestARemovedCheckStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		srv := &server{answer: func(ctx context.Context) error {
			<-ctx.Done()
			if !errors.Is(context.Cause(ctx), context.Canceled) {
				t.Errorf("the probe ended with %v, want it cancelled", context.Cause(ctx))
			}
			return context.Cause(ctx)
		}}
		idle := new(server)
		s := runSet(t, j.report, 16)
		c := everySecond("a", srv)
		c.Timeout = time.Hour
		s.Configure([]Config{c, everySecond("idle", idle)})
		after(1500 * time.Millisecond)
		j.want(t, "idle up")
		s.Configure(nil)
		asked := len(idle.asked())
		after(10 * time.Second)
		j.want(t)
		if srv.inside != 0 || len(srv.asked()) != 1 || len(idle.asked()) != asked {
			t.Error("probes of removed checks go on")
		}
		if st := s.Status(); len(st) != 0 {
			t.Errorf("status still has %v", st)
		}
	})
}

func TestNothingIsReportedOfANameThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		srv := new(server)
		s := runSet(t, j.reportSlowly, 16)
		s.Configure([]Config{everySecond("a", srv)})
		after(1100 * time.Millisecond)
		srv.set(refuse)
		after(2 * time.Second) // "down" now waits for the report of "up" to end
		s.Configure(nil)
		after(20 * time.Second)
		j.want(t, "a up")
	})
}

func TestChecksThatCannotRunAreLeftOut(t *testing.T) {
	var log bytes.Buffer
	s := NewSet(new(journal).report, slog.New(slog.NewTextHandler(&log, nil)))
	bad := everySecond("no interval", new(server))
	bad.Interval = 0
	s.Configure([]Config{everySecond("a", new(server)), bad, everySecond("a", new(server))})
	if st := s.Status(); len(st) != 1 || st[0].Name != "a" {
		t.Errorf("the set has %+v", st)
	}
	for _, want := range []string{"interval is 0s", "another check has this name"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q: %s", want, log.String())
		}
	}
}

func TestConfigSaysAllThatIsWrong(t *testing.T) {
	err := Config{}.Validate()
	for _, want := range []string{"no name", "interval is 0s", "timeout is 0s", "rise is 0", "fall is 0", "no kind"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if err := everySecond("a", TCP{}).Validate(); err == nil || !strings.Contains(err.Error(), "no address") {
		t.Errorf("a check without an address: %v", err)
	}
}

package kernel

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

const (
	shortBeat = time.Millisecond
	longBeat  = 32 * time.Millisecond
)

func TestReaderPausesInACrowdThatItCanServe(t *testing.T) {
	for _, test := range []struct {
		name    string
		beat    time.Duration
		reads   []int
		want    time.Duration
		crowded bool
	}{
		{"a packet now and then", longBeat, []int{1}, 0, false},
		{"a packet for every second beat", longBeat, []int{1, 1}, 0, false},
		{"a crowd", longBeat, []int{1, 2}, longBeat, true},
		{"a few among the impatient", shortBeat, []int{1, 1, 1, 61}, 0, false},
		{"a crowd of the impatient", shortBeat, []int{1, 1, 1, 62}, shortBeat, true},
		{"more than one read takes", longBeat, []int{readBatch, readBatch, readBatch}, 0, true},
		{"and the end of it", longBeat, []int{readBatch, readBatch, 7}, longBeat, true},
		{"a crowd that paused", longBeat, []int{1, 2, 0}, longBeat, false},
		{"a crowd that paused and goes on", longBeat, []int{1, 2, 0, 1}, 2 * longBeat, true},
		{"errors", longBeat, []int{0, 0, 0, 0, 0, 0}, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var c crowdControl
				began := time.Now()
				crowded := c.pause(t.Context(), test.beat)
				for _, n := range test.reads {
					c.note(n, readBatch)
					crowded = c.pause(t.Context(), test.beat)
				}
				if got := time.Since(began); got != test.want || crowded != test.crowded {
					t.Errorf("paused for %s, a crowd %t; want %s, %t", got, crowded, test.want, test.crowded)
				}
			})
		})
	}
}

// A crowd that comes in bursts is expected to come again; it is over when the burst that followed was none.
func TestCrowdIsOverAfterABurstThatIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c crowdControl
		pauses := func(n int) bool {
			c.note(n, readBatch)
			return c.pause(t.Context(), longBeat)
		}
		c.pause(t.Context(), longBeat)
		for i, step := range []struct {
			after time.Duration
			n     int
			want  bool
		}{
			{0, 100, true},
			{0, 0, false},          // waits for the next packet
			{time.Second, 1, true}, // the first of a burst, it seems
			{0, 0, false},
			{crowdWindow, 1, false},
			{crowdWindow, 1, false},
		} {
			time.Sleep(step.after)
			if got := pauses(step.n); got != step.want {
				t.Errorf("step %d: reads again without waiting: %t, want %t", i, got, step.want)
			}
		}
	})
}

// Ports of all beats share wake-ups.
func TestBeatsFallTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, beat := range []time.Duration{shortBeat, longBeat} {
			time.Sleep(beat/3 + time.Microsecond)
			c := crowdControl{began: time.Now(), busy: true}
			c.pause(t.Context(), beat)
			if over := time.Now().UnixNano() % int64(beat); over != 0 {
				t.Errorf("with a beat of %s the reader wakes up %s after one", beat, time.Duration(over))
			}
		}
	})
}

func TestBeatIsThatOfTheLeastPatientRouter(t *testing.T) {
	p, ah, far, other := &port{}, &port{}, &port{}, &port{}
	h := &Host{routers: map[string]*router{
		"patient":    {config: &vrrp.Config{AdvertInterval: 400 * time.Millisecond}, port: p},
		"slow":       {config: &vrrp.Config{AdvertInterval: time.Second}, port: far},
		"impatient":  {config: &vrrp.Config{AdvertInterval: 20 * time.Millisecond}, port: other, ah: ah},
		"over a leg": {config: &vrrp.Config{AdvertInterval: vrrp.MinAdvertInterval}, port: other, legs: map[netip.Addr]*leg{{}: {port: far}}},
	}}
	for _, test := range []struct {
		name string
		port *port
		want time.Duration
	}{
		{"all are patient", p, longBeat},
		{"one is not", other, shortBeat},
		{"one is not, of those that hear authentication headers", ah, shortBeat},
		{"one is not, of those that hear over another interface", far, shortBeat},
	} {
		if got := h.beat(test.port); got != test.want {
			t.Errorf("%s: beat %s, want %s", test.name, got, test.want)
		}
	}
}

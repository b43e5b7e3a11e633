package kernel

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestReaderPausesInACrowdThatItCanServe(t *testing.T) {
	for _, test := range []struct {
		name  string
		reads []int
		want  time.Duration
	}{
		{"a packet now and then", []int{1, 1}, 0},
		{"a crowd", []int{1, 1, 1, 5}, crowdBeat},
		{"more than one read takes", []int{readBatch, readBatch, readBatch}, 0},
		{"and the end of it", []int{readBatch, readBatch, 7}, crowdBeat},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var c crowdControl
				began := time.Now()
				c.pause(t.Context())
				for _, n := range test.reads {
					c.note(n)
					c.pause(t.Context())
				}
				if got := time.Since(began); got != test.want {
					t.Errorf("paused for %s, want %s", got, test.want)
				}
			})
		})
	}
}

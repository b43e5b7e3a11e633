package pool

import (
	"testing"
	"time"
)

func TestDrainEndsWhenItHasBeenQuietOrByItsDeadline(t *testing.T) {
	type look struct{ at, connections int } // -1: the server is in no table, -2: no look, only the time
	for _, tt := range []struct {
		name     string
		deadline int // in seconds; 0 for none
		looks    []look
		drained  int // at which second; -1 for never
		cut      bool
	}{
		{"quiet for two seconds", 0, []look{{1, 0}, {2, 0}, {3, 0}}, 3, false},
		{"not for less", 0, []look{{1, 0}, {2, 0}}, -1, false},
		{"the last connection ends", 0, []look{{1, 1}, {2, 1}, {3, 0}, {4, 0}, {5, 0}}, 5, false},
		{"a handshake that was under way begins anew", 0, []look{{1, 0}, {2, 1}, {3, 0}, {4, 0}, {5, 0}}, 5, false},
		{"seldom looked at", 0, []look{{1, 0}, {61, 0}}, 61, false},
		{"in no table", 0, []look{{1, -1}}, 1, false},
		{"by its deadline", 10, []look{{9, 4}, {10, -2}}, 10, true},
		{"not before it", 10, []look{{9, -2}, {9, 4}}, -1, false},
		{"a deadline that cuts nothing", 10, []look{{9, 0}, {10, -2}}, 10, false},
		{"without a deadline never", 0, []look{{100000, 1}, {200000, -2}}, -1, false},
		{"ended once, whatever is seen later", 0, []look{{1, 0}, {3, 0}, {4, 7}, {5, 0}}, 3, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := Override{Kind: Drain}
			if tt.deadline > 0 {
				o.Deadline = start.Add(time.Duration(tt.deadline) * time.Second)
			}
			for _, l := range tt.looks {
				now := start.Add(time.Duration(l.at) * time.Second)
				switch l.connections {
				case -1:
					o = o.Absent(now)
				case -2:
					o = o.Expired(now)
				default:
					o = o.Counted(now, l.connections)
				}
			}
			want := time.Time{}
			if tt.drained >= 0 {
				want = start.Add(time.Duration(tt.drained) * time.Second)
			}
			if !o.Drained.Equal(want) || o.Cut != tt.cut {
				t.Errorf("drained %s, cut %t; want %s, %t", o.Drained, o.Cut, want, tt.cut)
			}
		})
	}
}

func TestOnlyADrainDrains(t *testing.T) {
	for _, o := range []Override{{}, {Kind: Disable}, {Weight: new(0)}, {Kind: Disable, Deadline: start}} {
		got := o.Absent(start).Counted(start, 0).Counted(start.Add(time.Hour), 0).Expired(start.Add(time.Hour))
		if !got.Drained.IsZero() {
			t.Errorf("%+v has drained", o)
		}
	}
}

package vrrp

import (
	"testing"
	"time"
)

// What a backup learned of its master is not what it says of itself when it is master.
func TestAdvertsNameOurOwnIntervalAfterLearningAnother(t *testing.T) { // R-5.2.7-01
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 100, nil))
		l.elapse(time.Millisecond)
		better := fromStranger(a, 200)
		better.Packet.Interval = 300 * time.Millisecond
		a.group.Receive(better)
		l.elapse(time.Millisecond)
		if got := a.group.Status().MasterInterval.Duration; got != 300*time.Millisecond {
			t.Errorf("a goes by %s, want 300ms", got)
		}
		l.elapse(2 * time.Second)
		wantRole(t, a, Master)
		for i, s := range a.sent {
			if s.p.Interval != 100*time.Millisecond {
				t.Errorf("advert %d names %s, want 100ms", i, s.p.Interval)
			}
		}
	})
}

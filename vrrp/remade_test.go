package vrrp

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRouterThatAReloadRemadeKeepsItsRole(t *testing.T) {
	a := func(actions ...Action) []Action { return actions }
	faulted := with(backupOf(netip.Addr{}, time.Second), func(st *State) { st.Role = Fault })
	afresh := a(Hold{false}, Arm{3218750 * time.Microsecond})
	for _, tt := range []struct {
		name         string
		before, want State
		do           []Action
	}{
		{"a master says so at once", masterState(), masterState(), a(Send{200}, AnnounceAddresses{}, Arm{time.Second})},
		{"one that overslept listens on", with(masterState(), listening), with(masterState(), listening), nil},
		{"a hand-over goes on", with(masterState(), offering), with(masterState(), offering), nil},
		{"a backup listens afresh", obeying(lower, 3*time.Second, 201), backupOf(netip.Addr{}, time.Second), afresh},
		{"a backup of a master that resigned, too", with(obeying(lower, time.Second, 100), resigned), backupOf(netip.Addr{}, time.Second), afresh},
		{"and one that was ready", with(obeying(lower, time.Second, 100), ready), backupOf(netip.Addr{}, time.Second), afresh},
		{"who stands aside goes on with that", with(obeying(lower, time.Second, 100), aside), with(backupOf(netip.Addr{}, time.Second), aside), afresh},
		{"a fault lasts", faulted, faulted, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, do := Step(machineConfig(nil), tt.before, Remade{})
			if got != tt.want {
				t.Errorf("state %+v, want %+v", got, tt.want)
			}
			if diff := cmp.Diff(tt.do, do); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}

// An heir is master from its first moment, and who leaves to it says nothing.
func TestHeirIsMasterAtOnce(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		l.elapse(time.Second)
		wantRole(t, a, Master)
		a.lone.LeaveToHeir()
		old := a.group
		sent := old.Status().AdvertsSent
		if err := a.stop(); err != nil || a.held || old.Status().AdvertsSent != sent {
			t.Errorf("error %v, holds addresses: %v, %d adverts at the end", err, a.held, old.Status().AdvertsSent-sent)
		}
		for _, tt := range []struct {
			fault string
			want  Role
		}{{"", Master}, {"link: down", Fault}} {
			ctx, cancel := context.WithCancel(t.Context())
			heir := a.wakeUp(cancel)
			heir.Inherit()
			heir.Track("link", Verdict{Fault: tt.fault})
			ended, g := a.ended, NewGroup("", heir)
			go func() { ended <- g.Run(ctx) }()
			l.elapse(time.Millisecond)
			if got := heir.Status().Role; got != tt.want {
				t.Errorf("with fault %q the heir is %s, want %s", tt.fault, got, tt.want)
			}
			heir.Track("link", Verdict{})
			l.elapse(time.Millisecond)
			if got := heir.Status().Role; tt.want == Fault && got != Backup {
				t.Errorf("after the fault the heir is %s, want it to listen first", got)
			}
			if err := a.stop(); err != nil {
				t.Error(err)
			}
		}
	})
}

// A master that a reload gives another VRID is heard under that at once, and under the old one no more, not even with a last word.
func TestMasterWithAnotherVRIDAdvertisesAtOnce(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		l.elapse(time.Second)
		wantRole(t, a, Master)
		before := a.group.Status()
		a.group.Configure(groupConfig("a", 200, func(c *Config) { c.VRID = 61 }))
		l.elapse(time.Millisecond)
		after := a.group.Status()
		if after.AdvertsSent != before.AdvertsSent+1 || after.VRID != 61 || !after.Since.Equal(before.Since) || !after.Held {
			t.Errorf("%d adverts, want 1; status %+v", after.AdvertsSent-before.AdvertsSent, after)
		}
	})
}

// What leaves a sync group that stays lets go at once, after its last word.
func TestMasterThatLeavesAtOnceWaitsForNobody(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		a.lone.LeaveAtOnce()
		l.elapse(time.Second)
		wantRole(t, a, Master)
		member, begun := a.group, time.Now()
		sent := member.Status().AdvertsSent
		if err := a.stop(); err != nil || time.Since(begun) > time.Millisecond || a.held {
			t.Errorf("stop took %s, holds addresses: %v, error: %v", time.Since(begun), a.held, err)
		}
		if n := member.Status().AdvertsSent - sent; n != 1 {
			t.Errorf("%d adverts at the end, want the last word", n)
		}
	})
}

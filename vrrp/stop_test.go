package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

// Routers that come and go while we leave must not keep us from leaving: neither a pair that flaps nor somebody who forges both adverts.
func TestStopEndsThoughSuccessorsComeAndGo(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		l.elapse(time.Second)
		wantRole(t, a, Master)
		member, ended, begun := a.group, make(chan error, 1), time.Now()
		go func() { ended <- a.stop() }()
		for time.Since(begun) < time.Minute {
			for _, priority := range []uint8{100, PriorityResign} {
				member.Receive(fromStranger(a, priority))
				l.elapse(50 * time.Millisecond)
			}
			select {
			case err := <-ended:
				if took := time.Since(begun); err != nil || took > resignMax+time.Second || a.held {
					t.Errorf("stop took %s, holds addresses: %v, error: %v", took, a.held, err)
				}
				return
			default:
			}
		}
		t.Error("the router has not ended for a minute")
		<-ended // now that nobody is heard
	})
}

// A reload in the midst of a hand-over must not draw clients back from the successor, nor to a master that overslept.
func TestReloadAnnouncesNothingWhileAnotherMayBeMaster(t *testing.T) {
	moved := groupConfig("a", 200, func(c *Config) {
		c.Addresses = append(c.Addresses, Address{Prefix: netip.MustParsePrefix("192.0.2.11/24")})
	})
	for name, change := range map[string]func(*State){
		"offering": offering, "succeeded": func(st *State) { st.Handover = Succeeded }, "listening": func(st *State) { st.Listening = true },
	} {
		t.Run(name, func(t *testing.T) {
			onLAN(t, func(t *testing.T, l *lan) {
				a := l.begin(groupConfig("a", 200, nil))
				l.elapse(time.Second)
				r := a.group.router
				change(&r.state)
				before := r.follow.wanted()
				r.reconfigure(moved)
				if after := r.follow.wanted(); after.announce != before.announce || after.hold == before.hold {
					t.Errorf("before %+v, after %+v: want a Hold and no announcement", before, after)
				}
			})
		})
	}
}

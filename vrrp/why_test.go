package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

func TestWhy(t *testing.T) {
	fault := with(NewState(machineConfig(nil)), func(st *State) { st.Role = Fault })
	for _, tt := range []struct {
		name   string
		c      func(*Config)
		before State
		ev     Event
		want   string
	}{
		{"start", nil, NewState(machineConfig(nil)), Start{}, "started, waiting 3.219s for a master"},
		{"start of the owner", owner, NewState(machineConfig(owner)), Start{}, "started, owner of the addresses (priority 255)"},
		{"stop", nil, masterState(), Stop{}, "stopped"},
		{"silence", nil, backupOf(higher, time.Second), Expired{}, "no advert for 3.219s"},
		{"silence at 10 ms", nil, backupOf(higher, 10*ms), Expired{}, "no advert for 32.19ms"},
		{"resignation", nil, with(backupOf(higher, time.Second), resigned), Expired{}, "10.0.0.11 resigned, no other master within 219ms"},
		{"resignation of an unknown master", nil, with(backupOf(netip.Addr{}, time.Second), resigned), Expired{}, "the master resigned, no other master within 219ms"},
		{"higher priority", nil, masterState(), advert(lower, 201, time.Second), "10.0.0.9 advertises priority 201, ours is 200"},
		{"higher address", nil, masterState(), advert(higher, 200, time.Second), "10.0.0.11 advertises our priority 200 from a higher address than our 10.0.0.10"},
		{"overslept", nil, with(masterState(), listening), advert(lower, 100, time.Second), "10.0.0.9 took over while this process was held up (its priority 100, ours 200)"},
		{"fault", nil, masterState(), SetFault{true}, "fault"},
		{"fault ends", nil, fault, SetFault{false}, "fault ended, waiting 3.219s for a master"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Why(machineConfig(tt.c), tt.before, tt.ev); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestWhyIsSilentWhenTheRoleStays(t *testing.T) {
	for _, tt := range []struct {
		st State
		ev Event
	}{
		{masterState(), Expired{}},
		{masterState(), Overslept{}},
		{with(masterState(), listening), Expired{}},
		{masterState(), advert(lower, 100, time.Second)},
		{masterState(), SetPriority{1}},
		{backupOf(higher, time.Second), advert(higher, 201, time.Second)},
		{backupOf(higher, time.Second), SetSource{lower}},
		{NewState(machineConfig(nil)), Expired{}},
	} {
		if got := Why(machineConfig(nil), tt.st, tt.ev); got != "" {
			t.Errorf("%s, %T: got %q, want nothing", tt.st.Role, tt.ev, got)
		}
	}
}

package vrrp

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func preemptDelay(c *Config) { c.PreemptDelay = 5 * time.Second }
func runs(st *State)         { st.Delay = DelayRuns }
func ended(st *State)        { st.Delay = DelayOver }

func TestStepWithOptions(t *testing.T) {
	a := func(actions ...Action) []Action { return actions }
	down := Arm{3218750 * time.Microsecond}
	ownerState := with(masterState(), func(st *State) { st.Priority = 255 })
	rival := func(n uint8) State { return with(ownerState, func(st *State) { st.Rival = n }) }
	for _, tt := range []struct {
		name   string
		c      func(*Config)
		before State
		ev     Event
		want   State
		do     []Action
	}{
		{"the first lesser advert begins the delay and is obeyed", preemptDelay, backupOf(netip.Addr{}, time.Second), advert(lower, 100, time.Second),
			with(obeying(lower, time.Second, 100), runs), a(ArmDelay{5 * time.Second}, down)},
		{"the next one is obeyed", preemptDelay, with(obeying(lower, time.Second, 100), runs), advert(lower, 100, time.Second), with(obeying(lower, time.Second, 100), runs), a(down)},
		{"the delay is over", preemptDelay, with(obeying(lower, time.Second, 100), runs), DelayEnded{}, with(obeying(lower, time.Second, 100), ended), nil},
		{"and the timer runs out (T09)", preemptDelay, with(obeying(lower, time.Second, 100), ended), advert(lower, 100, time.Second), with(obeying(lower, time.Second, 100), ended), nil},
		{"a better master ends the delay (T08)", preemptDelay, with(obeying(lower, time.Second, 100), runs), advert(higher, 201, time.Second),
			obeying(higher, time.Second, 201), a(down)},
		{"what ended does not end", preemptDelay, obeying(higher, time.Second, 201), DelayEnded{}, obeying(higher, time.Second, 201), nil},
		{"a master that leaves is followed at once (T07)", preemptDelay, with(obeying(lower, time.Second, 100), runs), advert(lower, 0, time.Second),
			with(with(obeying(lower, time.Second, 100), runs), resigned), a(Arm{218750 * time.Microsecond})},
		{"takeover ends the delay", preemptDelay, with(obeying(lower, time.Second, 100), runs), TakeOver{}, arrivingAfter(lower, 100),
			a(Hold{true}, AnnounceAddresses{}, Arm{graceNone})},

		{"one advert may be missed", func(c *Config) { c.DownAdverts = 1 }, backupOf(netip.Addr{}, time.Second), advert(lower, 201, time.Second),
			obeying(lower, time.Second, 201), a(Arm{1218750 * time.Microsecond})},
		{"a hundred may", func(c *Config) { c.DownAdverts = 100 }, backupOf(netip.Addr{}, time.Second), advert(lower, 201, time.Second),
			obeying(lower, time.Second, 201), a(Arm{100218750 * time.Microsecond})},
		{"a lesser router gets no answer, but the addresses are announced", func(c *Config) { c.QuietLower = true }, masterState(), advert(lower, 100, time.Second),
			masterState(), a(AnnounceAddresses{})},
		{"but one with a shorter interval, which backups that do not preempt would go by", func(c *Config) { c.QuietLower = true }, masterState(), advert(lower, 100, time.Second-time.Millisecond),
			masterState(), a(Send{200}, AnnounceAddresses{})},
		{"version 2 goes by the interval of its master where that is a sign of life", func(c *Config) { version2(c); c.Interval = MismatchAlive },
			backupOf(netip.Addr{}, time.Second), advert(lower, 201, 3*time.Second), obeying(lower, 3*time.Second, 201), a(Arm{9218750 * time.Microsecond})},

		{"another owner that ought to yield", owner, ownerState, advert(lower, 255, time.Second), rival(1), a(Send{255}, AnnounceAddresses{})},
		{"it is counted anew by an owner that overslept and heard nobody", owner, with(rival(3), listening), Expired{},
			ownerState, a(Send{255}, Hold{true}, AnnounceAddresses{}, Arm{time.Second})},
		{"and does not", owner, rival(3), advert(lower, 255, time.Second), with(obeying(lower, time.Second, 255), func(st *State) { st.Priority = 255 }),
			a(Send{255}, Retire{retireNone}, Arm{3003906250})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, do := Step(machineConfig(tt.c), tt.before, tt.ev)
			if diff := cmp.Diff(tt.want, got, compareAddr); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.do, do); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPreemptDelayThenTheDownInterval(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		b := l.begin(groupConfig("b", 100, nil))
		l.elapse(time.Second)
		a := l.begin(groupConfig("a", 200, func(c *Config) { c.PreemptDelay = 2 * time.Second }))
		l.elapse(2*time.Second + 200*time.Millisecond)
		wantRole(t, a, Backup)
		l.elapse(300 * time.Millisecond)
		wantRole(t, a, Master)
		wantRole(t, b, Backup)
	})
}

func TestPreemptDelayDoesNotKeepARouterFromAnEmptySeat(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		b := l.begin(groupConfig("b", 100, nil))
		l.elapse(time.Second)
		a := l.begin(groupConfig("a", 200, func(c *Config) { c.PreemptDelay = time.Hour }))
		l.elapse(time.Second)
		wantRole(t, a, Backup)
		b.kill(true)
		l.elapse(down200 + 100*time.Millisecond)
		wantRole(t, a, Master)
	})
}

func TestOwnerThatIgnoresAdvertsStays(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", PriorityOwner, func(c *Config) { c.OwnerIgnores = true }))
		l.elapse(time.Second)
		a.group.Receive(fromStranger(a, PriorityOwner)) // from a higher address
		l.elapse(time.Millisecond)
		wantRole(t, a, Master)
		if n := a.group.Status().Dropped[DropOwner.String()]; n != 1 {
			t.Errorf("%d adverts dropped as the owner's, want 1", n)
		}
	})
}

// The last words of those that make way must not teach others an interval by which they take over from an owner that answers nobody.
func TestOwnerThatIgnoresAdvertsAndHasALongIntervalIsLeftInPeace(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		b, c := l.begin(groupConfig("b", 100, nil)), l.begin(groupConfig("c", 50, nil))
		l.elapse(time.Second)
		wantRole(t, b, Master)
		l.begin(groupConfig("a", PriorityOwner, func(c *Config) { c.OwnerIgnores, c.AdvertInterval = true, time.Second }))
		l.elapse(time.Minute)
		if n := len(b.transitions) + len(c.transitions); n != 4 { // init, backup, master, backup; init, backup
			t.Errorf("%d transitions, want 4: %+v, %+v", n, b.transitions, c.transitions)
		}
		if last := b.sent[len(b.sent)-1].p; last.Interval != time.Second || last.Priority != 100 {
			t.Errorf("the last word names %s and priority %d, want the owner's interval and our priority", last.Interval, last.Priority)
		}
	})
}

func TestAdmitByTTLOfThePeer(t *testing.T) {
	peer := netip.MustParseAddr("10.0.0.2")
	c := machineConfig(func(c *Config) {
		c.Addresses = []Address{{Prefix: netip.MustParsePrefix("192.0.2.10/24")}}
		c.Peers, c.PeerTTL = []netip.Addr{peer, lower}, map[netip.Addr]TTLRange{peer: {Min: 250, Max: 254}}
	})
	for _, tt := range []struct {
		from netip.Addr
		ttl  int
		want error
	}{{peer, 249, DropPeerTTL}, {peer, 250, nil}, {peer, 254, nil}, {peer, 255, DropPeerTTL}, {lower, 1, nil}, {lower, 255, nil}} {
		p := NewPacket(c, 100)
		p.Form = FormPseudoHeader
		if err := Admit(c, us, Advert{From: tt.from, To: us, TTL: tt.ttl, Packet: p}); err != tt.want {
			t.Errorf("TTL %d from %s: %v, want %v", tt.ttl, tt.from, err, tt.want)
		}
	}
}

func TestVersion2IntervalMismatchIsASignOfLifeByOption(t *testing.T) {
	c := machineConfig(version2)
	a := Advert{From: lower, To: Group4, TTL: TTL, Packet: NewPacket(c, 100)}
	a.Packet.Interval = 3 * time.Second
	if err := Admit(c, us, a); err != DropInterval {
		t.Errorf("without the option: %v", err)
	}
	c.Interval = MismatchAlive
	if err := Admit(c, us, a); err != nil {
		t.Errorf("with it: %v", err)
	}
}

func TestOptionsThatContradictTheRest(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"preempt_delay contradicts preempt = false": func(c *Config) { preemptDelay(c); noPreempt(c) },
		"preempt_delay contradicts priority 255":    func(c *Config) { preemptDelay(c); owner(c) },
		"preempt_delay is 1h0m0s":                   func(c *Config) { c.PreemptDelay = time.Hour },
		"down_timer_adverts is 101":                 func(c *Config) { c.DownAdverts = 101 },
		"owner_ignore_adverts is for the owner":     func(c *Config) { c.OwnerIgnores = true },
		"interval_mismatch is for version 2":        func(c *Config) { c.Interval = MismatchAlive },
		"the TTL of multicast is always 255":        func(c *Config) { c.TTL = 64 },
		"allow_no_addresses is for version 3":       func(c *Config) { version2(c); c.AllowNoAddresses = true },
		"preempt_delay is -1s":                      func(c *Config) { c.PreemptDelay = -time.Second },
		"down_timer_adverts is -1":                  func(c *Config) { c.DownAdverts = -1 },
		"max_ttl 1 of peer 10.0.0.9 is less than min_ttl 2": func(c *Config) {
			c.Peers, c.PeerTTL = []netip.Addr{lower}, map[netip.Addr]TTLRange{lower: {Min: 2, Max: 1}}
		},
	} {
		c := machineConfig(change)
		if err := c.validateOptions(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestOptionsWithinTheirLimits(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"the zero value":                nil,
		"the longest preempt_delay":     func(c *Config) { c.PreemptDelay = MaxPreemptDelay },
		"no advert may be missed":       func(c *Config) { c.DownAdverts = 1 },
		"the most adverts that may be":  func(c *Config) { c.DownAdverts = MaxDownAdverts },
		"no addresses in version 3":     func(c *Config) { c.AllowNoAddresses = true },
		"an owner that ignores adverts": func(c *Config) { owner(c); c.OwnerIgnores = true },
		"another interval in version 2": func(c *Config) { version2(c); c.Interval = MismatchAlive },
		"a TTL of unicast":              func(c *Config) { c.Peers, c.TTL = []netip.Addr{lower}, 1 },
		"one TTL alone": func(c *Config) {
			c.Peers, c.PeerTTL = []netip.Addr{lower}, map[netip.Addr]TTLRange{lower: {Min: 2, Max: 2}}
		},
		"a least TTL, and 255 as the limit": func(c *Config) { c.Peers, c.PeerTTL = []netip.Addr{lower}, map[netip.Addr]TTLRange{lower: {Min: 2}} },
	} {
		if err := machineConfig(change).validateOptions(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

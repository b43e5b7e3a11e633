package vrrp

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	wait1s    = 1250 * time.Millisecond // SuccessorWait of machineConfig
	graceNone = 200 * time.Millisecond  // HandoverGrace of no address

	retireNone = 50 * time.Millisecond // Retire of no address
)

func offering(st *State) { st.Handover = Offering }
func quitting(st *State) { st.Quit = true }
func aside(st *State)    { st.Aside = true }
func ready(st *State)    { st.Ready = true }

// succeededBy is a master of machineConfig that resigned and has heard its successor.
func succeededBy(master netip.Addr, learned time.Duration, priority uint8) State {
	return with(masterState(), func(st *State) {
		st.Handover, st.Master, st.MasterInterval, st.MasterPriority = Succeeded, master, learned, priority
	})
}

// arrivingAfter is a router of machineConfig that takes the role from a lesser master.
func arrivingAfter(master netip.Addr, priority uint8) State {
	return with(masterState(), func(st *State) { st.Handover, st.Master, st.MasterPriority = Arriving, master, priority })
}

func TestHandover(t *testing.T) {
	a := func(actions ...Action) []Action { return actions }
	stopped := NewState(machineConfig(nil))
	faulted := with(stopped, func(st *State) { st.Role = Fault })
	inOffice := a(Send{200}, Hold{true}, AnnounceAddresses{}, Arm{time.Second})
	arrived := a(Send{200}, AnnounceAddresses{}, Arm{time.Second})
	for _, tt := range []struct {
		name   string
		c      func(*Config)
		before State
		ev     Event
		want   State
		do     []Action
	}{
		{"a master offers its role and keeps the addresses", nil, masterState(), HandOver{}, with(masterState(), offering), a(Send{0}, Silence{}, Arm{wait1s})},
		{"so does one that stops (R-6.4.3-08)", nil, masterState(), HandOver{Quit: true}, with(with(masterState(), offering), quitting), a(Send{0}, Silence{}, Arm{wait1s})},
		{"version 2 skews by seconds, whatever the interval", func(c *Config) { c.Version, c.AdvertInterval = V2, 30*time.Second }, masterState(), HandOver{},
			with(masterState(), offering), a(Send{0}, Silence{}, Arm{wait1s})},
		{"the wait is bounded", func(c *Config) { c.AdvertInterval = MaxAdvertInterval }, masterState(), HandOver{}, with(masterState(), offering), a(Send{0}, Silence{}, Arm{10 * time.Second})},
		{"a listener offers, too", nil, with(masterState(), listening), HandOver{}, with(masterState(), offering), a(Send{0}, Silence{}, Arm{wait1s})},
		{"a backup has nothing to offer, but stands aside with its sync group", nil, obeying(lower, time.Second, 250), HandOver{},
			with(obeying(lower, time.Second, 250), aside), nil},
		{"a sync group waits for its slowest", nil, masterState(), HandOver{Wait: 3 * time.Second}, with(masterState(), offering), a(Send{0}, Silence{}, Arm{3 * time.Second})},
		{"a backup that stops, stops (T05)", nil, obeying(lower, time.Second, 250), HandOver{Quit: true}, stopped, a(Disarm{})},
		{"a faulted router that stops, stops", nil, faulted, HandOver{Quit: true}, stopped, nil},

		{"any advert is a successor's", nil, with(masterState(), offering), advert(lower, 1, 3*time.Second), succeededBy(lower, 3*time.Second, 1), a(Arm{graceNone})},
		{"the grace grows with the addresses", func(c *Config) { c.Addresses = make([]Address, 300) }, with(masterState(), offering), advert(lower, 1, time.Second),
			succeededBy(lower, time.Second, 1), a(Arm{500 * time.Millisecond})},
		{"who else leaves is no successor", nil, with(masterState(), offering), advert(lower, 0, time.Second), with(masterState(), offering), nil},
		{"nobody came: a failover stays master", nil, with(masterState(), offering), Expired{}, masterState(), inOffice},
		{"nobody came: a stop stops", nil, with(with(masterState(), offering), quitting), Expired{}, stopped, a(Disarm{}, Hold{false})},
		{"a stop goes before a failover", nil, with(masterState(), offering), HandOver{Quit: true}, with(with(masterState(), offering), quitting), nil},
		{"a failover does not call off a stop", nil, with(with(masterState(), offering), quitting), HandOver{}, with(with(masterState(), offering), quitting), nil},
		{"a fault ends the offer, and priority 0 was said", nil, with(masterState(), offering), SetFault{true}, faulted, a(Disarm{}, Hold{false})},

		{"the grace is over after a failover", nil, succeededBy(lower, 3*time.Second, 100), Expired{}, with(obeying(lower, 3*time.Second, 100), aside),
			a(Send{1}, Retire{retireNone}, Arm{9656250 * time.Microsecond})},
		{"many addresses outlive the last word for longer", func(c *Config) { c.Addresses = make([]Address, 300) }, succeededBy(lower, time.Second, 100), Expired{},
			with(obeying(lower, time.Second, 100), aside), a(Send{1}, Retire{retireNone + 300*time.Millisecond}, Arm{3218750 * time.Microsecond})},
		{"a successor of the lowest priority might yield to a last word", nil, succeededBy(lower, time.Second, 1), Expired{}, with(obeying(lower, time.Second, 1), aside),
			a(Hold{false}, Arm{3218750 * time.Microsecond})},
		{"quiet yield has no last word", quietYield, succeededBy(lower, time.Second, 100), Expired{}, with(obeying(lower, time.Second, 100), aside),
			a(Hold{false}, Arm{3218750 * time.Microsecond})},
		{"the grace is over after a stop, whose last word was priority 0 (R-6.4.3-08)", nil, with(succeededBy(lower, time.Second, 100), quitting), Expired{}, stopped,
			a(Disarm{}, Hold{false})},
		{"the successor goes on", nil, succeededBy(lower, time.Second, 100), advert(lower, 100, time.Second), succeededBy(lower, time.Second, 100), nil},
		{"a better successor comes", nil, succeededBy(lower, time.Second, 100), advert(higher, 150, time.Second), succeededBy(higher, time.Second, 150), nil},
		{"the successor leaves: the addresses are still here", nil, succeededBy(lower, 3*time.Second, 100), advert(lower, 0, time.Second),
			with(masterState(), offering), a(Arm{wait1s})},
		{"another one leaves", nil, succeededBy(lower, time.Second, 100), advert(higher, 0, time.Second), succeededBy(lower, time.Second, 100), nil},
		{"a fault in the grace", nil, succeededBy(lower, time.Second, 100), SetFault{true}, faulted, a(Disarm{}, Hold{false})},

		{"who stands aside obeys a lesser master (T08)", nil, with(obeying(lower, time.Second, 100), aside), advert(lower, 100, time.Second),
			with(obeying(lower, time.Second, 100), aside), a(Arm{3218750 * time.Microsecond})},
		{"and takes over when none is heard", nil, with(obeying(lower, time.Second, 100), aside), Expired{}, masterState(), inOffice},
		{"and stands aside after a fault, too", nil, with(faulted, aside), SetFault{false}, with(backupOf(netip.Addr{}, time.Second), aside),
			a(Hold{false}, Arm{3218750 * time.Microsecond})},
		{"even the owner", owner, with(with(faulted, aside), func(st *State) { st.Priority = 255 }), SetFault{false},
			with(with(backupOf(netip.Addr{}, time.Second), aside), func(st *State) { st.Priority = 255 }), a(Hold{false}, Arm{3003906250})},
		{"resume leaves it to the adverts", nil, with(obeying(lower, time.Second, 100), aside), Resume{}, obeying(lower, time.Second, 100), nil},

		{"takeover from a lesser master: hold and announce first", noPreempt, with(obeying(lower, time.Second, 100), aside), TakeOver{}, arrivingAfter(lower, 100),
			a(Hold{true}, AnnounceAddresses{}, Arm{graceNone})},
		{"takeover from a master of our priority and a lower address", nil, obeying(lower, time.Second, 200), TakeOver{}, arrivingAfter(lower, 200),
			a(Hold{true}, AnnounceAddresses{}, Arm{graceNone})},
		{"takeover by one that was ready and held back by its sync group", nil, with(obeying(lower, time.Second, 100), ready), TakeOver{}, arrivingAfter(lower, 100),
			a(Hold{true}, AnnounceAddresses{}, Arm{graceNone})},
		{"no takeover from one with a higher address", nil, with(obeying(higher, time.Second, 200), aside), TakeOver{}, obeying(higher, time.Second, 200), nil},
		{"no takeover from a better master", nil, with(obeying(lower, time.Second, 201), aside), TakeOver{}, obeying(lower, time.Second, 201), nil},
		{"no takeover while the master leaves: the timer decides", nil, with(with(obeying(lower, time.Second, 100), aside), resigned), TakeOver{},
			with(obeying(lower, time.Second, 100), resigned), nil},
		{"no takeover without a master: the timer decides", nil, with(backupOf(netip.Addr{}, time.Second), aside), TakeOver{}, backupOf(netip.Addr{}, time.Second), nil},
		{"takeover in fault ends standing aside", nil, with(faulted, aside), TakeOver{}, faulted, nil},
		{"takeover of a master", nil, masterState(), TakeOver{}, masterState(), nil},

		{"the old master goes on, it has not heard us", nil, arrivingAfter(lower, 100), advert(lower, 100, time.Second), arrivingAfter(lower, 100), nil},
		{"a better master comes", nil, arrivingAfter(lower, 100), advert(lower, 201, time.Second), obeying(lower, time.Second, 201), a(Send{1}, Hold{false}, Arm{3218750 * time.Microsecond})},
		{"a fault on the way, and the old master would yield to a last word", nil, arrivingAfter(lower, 1), SetFault{true}, faulted, a(Disarm{}, Hold{false})},
		{"the old master leaves", nil, arrivingAfter(lower, 100), advert(lower, 0, time.Second), masterState(), arrived},
		{"the grace is over: now we speak", nil, arrivingAfter(lower, 100), Expired{}, masterState(), arrived},
		{"a failover on the way: the old master shall announce again", nil, arrivingAfter(lower, 100), HandOver{}, with(obeying(lower, time.Second, 100), aside), a(Send{1}, Hold{false}, Arm{3218750 * time.Microsecond})},
		{"a stop on the way", nil, arrivingAfter(lower, 100), HandOver{Quit: true}, stopped, a(Disarm{}, Send{1}, Hold{false})},
		{"a fault on the way", nil, arrivingAfter(lower, 100), SetFault{true}, faulted, a(Disarm{}, Send{1}, Hold{false})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, do := Step(machineConfig(tt.c), tt.before, tt.ev)
			if tt.c != nil { // what Step knows of a state does not depend on the interval of the row
				tt.want.MasterInterval, got.MasterInterval = 0, 0
			}
			if diff := cmp.Diff(tt.want, got, compareAddr); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.do, do); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}

// ordered carries out a failover or takeover of m in virtual time.
func ordered(t *testing.T, m *machine, takeover bool) (HandoverReport, error) {
	t.Helper()
	return m.lone.order(t.Context(), takeover)
}

func TestFailoverAndTakeover(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a, b := l.begin(groupConfig("a", 200, nil)), l.begin(groupConfig("b", 100, nil))
		l.elapse(time.Second)
		wantRole(t, a, Master)
		report, err := ordered(t, a, false)
		if err != nil || report.Routers[0].Master != b.addr || report.Routers[0].Role != Backup {
			t.Fatalf("failover: %+v, %v", report, err)
		}
		if skew := down100 - 300*time.Millisecond; report.Took.Duration < skew+HandoverGrace(a.config) || report.Took.Duration > time.Second {
			t.Errorf("failover took %s", report.Took)
		}
		l.elapse(10 * time.Second)
		wantRole(t, a, Backup)
		wantRole(t, b, Master)
		if s := a.group.Status(); s.Aside.IsZero() {
			t.Error("status does not say that it stands aside")
		}
		report, err = ordered(t, a, true)
		if err != nil || report.Routers[0].Master != a.addr || report.Routers[0].Role != Master {
			t.Fatalf("takeover: %+v, %v", report, err)
		}
		l.elapse(time.Second)
		wantRole(t, b, Backup)
		if s := a.group.Status(); !s.Aside.IsZero() || a.arp != a {
			t.Errorf("status %+v, the client beside it believes in %v", s, a.arp)
		}
	})
}

// The addresses of the old master are not let go before the new one has announced them; both ways, and at a stop.
func TestAddressesAreSomewhereThroughoutAHandover(t *testing.T) {
	for name, move := range map[string]func(t *testing.T, a, b *machine){
		"failover": func(t *testing.T, a, _ *machine) { _, _ = ordered(t, a, false) },
		"takeover": func(t *testing.T, a, _ *machine) { _, _ = ordered(t, a, false); _, _ = ordered(t, a, true) },
		"stop":     func(_ *testing.T, a, _ *machine) { _ = a.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			onLAN(t, func(t *testing.T, l *lan) {
				a, b := l.begin(groupConfig("a", 200, nil)), l.begin(groupConfig("b", 100, nil))
				a.holdDelay, b.holdDelay = 20*time.Millisecond, 50*time.Millisecond
				l.elapse(time.Second)
				done := make(chan struct{})
				go func() { move(t, a, b); close(done) }()
				client := a // believes in a machine that has the addresses
				for moving := true; moving; l.elapse(time.Millisecond) {
					l.mu.Lock()
					if believed := client.arp; believed == nil || !believed.held {
						t.Errorf("%s: the client sends to a machine without the address", time.Since(l.start))
						moving = false
					}
					l.mu.Unlock()
					select {
					case <-done:
						moving = false
					default:
					}
				}
				<-done
			})
		})
	}
}

// The old master does not know of the new one before its advert, and may announce the addresses until then: late repetitions, or a second time
// because of its own predecessor's last word. Clients that come back for that are not lost, whenever it happens.
func TestOldMasterAnnouncesInTheMidstOfATakeover(t *testing.T) {
	const grace, moment = 201 * time.Millisecond, 10 * time.Microsecond
	times := []time.Duration{0, grace / 2}
	for at := grace - 6*moment; at <= grace+6*moment; at += moment { // on both sides of the advert and of its arrival
		times = append(times, at)
	}
	for _, at := range times {
		t.Run(at.String(), func(t *testing.T) {
			onLAN(t, func(t *testing.T, l *lan) {
				a, b := l.begin(groupConfig("a", 200, nil)), l.begin(groupConfig("b", 100, nil))
				l.elapse(time.Second)
				_, _ = ordered(t, a, false)
				done := make(chan error, 1)
				go func() { _, err := ordered(t, a, true); done <- err }()
				time.AfterFunc(at, b.group.router.follow.announce)
				l.elapse(grace - 6*moment)
				for range 1000 {
					l.wantServed(t)
					l.elapse(moment)
				}
				l.elapse(time.Second)
				l.wantServed(t)
				if err := <-done; err != nil {
					t.Error(err)
				}
				wantRole(t, a, Master)
				if l.mu.Lock(); b.held {
					t.Error("the old master still holds the address")
				}
				l.mu.Unlock()
			})
		})
	}
}

// wantServed demands that each client sends to a machine that has the addresses.
func (l *lan) wantServed(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, client := range l.machines {
		if believed := client.arp; believed == nil || !believed.held {
			t.Fatalf("%s: the client beside %s sends to a machine without the address\n%s", time.Since(l.start), client.addr, strings.Join(l.trace, "\n"))
		}
	}
}

func TestFailoverWithoutAPeerStaysMaster(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		l.elapse(time.Second)
		_, err := ordered(t, a, false)
		if err == nil || !strings.Contains(err.Error(), "nobody took over within 350ms; a stays master here") {
			t.Errorf("failover: %v", err)
		}
		wantRole(t, a, Master)
		l.elapse(time.Second) // what follows the order is done
		l.mu.Lock()
		defer l.mu.Unlock()
		if !a.held || len(a.transitions) != 2 {
			t.Errorf("held %v, transitions %+v; want the addresses and no transition", a.held, a.transitions)
		}
	})
}

func TestOrdersThatCannotBeCarriedOut(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a, b := l.begin(groupConfig("a", 200, nil)), l.begin(groupConfig("b", 100, nil))
		if _, err := ordered(t, b, true); err == nil || !strings.Contains(err.Error(), "knows of no master") {
			t.Errorf("takeover without a master: %v", err)
		}
		l.elapse(time.Second)
		if _, err := ordered(t, b, false); err == nil || !strings.Contains(err.Error(), "nothing to hand over; master is 198.51.100.1") {
			t.Errorf("failover of a backup: %v", err)
		}
		if _, err := ordered(t, b, true); err == nil || !strings.Contains(err.Error(), "priority 200, ours is 100") {
			t.Errorf("takeover from a better master: %v", err)
		}
		b.setLink(false)
		l.elapse(time.Millisecond)
		if _, err := ordered(t, b, true); err == nil || !strings.Contains(err.Error(), "is fault") {
			t.Errorf("takeover in fault: %v", err)
		}
		first := make(chan error, 1)
		go func() { _, err := ordered(t, a, false); first <- err }()
		l.elapse(10 * time.Millisecond)
		if _, err := ordered(t, a, false); !errors.Is(err, errOrderBusy) {
			t.Errorf("a second failover: %v", err)
		}
		if err := <-first; err == nil {
			t.Error("a failover found a successor without a link")
		}
	})
}

func TestReloadThatChangesThePriorityEndsStandingAside(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a, b := l.begin(groupConfig("a", 200, nil)), l.begin(groupConfig("b", 100, nil))
		l.elapse(time.Second)
		if _, err := ordered(t, a, false); err != nil {
			t.Fatal(err)
		}
		same := *a.config
		same.AdvertInterval = 50 * time.Millisecond
		a.group.Configure(&same)
		l.elapse(2 * time.Second)
		wantRole(t, b, Master)
		other := same
		other.Priority = 150
		a.group.Configure(&other)
		l.elapse(2 * time.Second)
		wantRole(t, a, Master)
		wantRole(t, b, Backup)
	})
}

// A sync group leaves as a whole: whoever found a successor decides for those that found none.
func TestSyncGroupIsHandedOverAsAWhole(t *testing.T) {
	c := machineConfig(nil)
	offers, left := with(masterState(), offering), with(obeying(lower, time.Second, 100), aside)
	successor := advert(lower, 100, time.Second)
	for _, tt := range []struct {
		name string
		sts  []State // what happens, happens to the first
		ev   Event
		want []Event
	}{
		{"nobody came anywhere", []State{offers, offers}, Expired{}, []Event{Expired{}, nil}},
		{"nobody came here, but somebody there", []State{offers, succeededBy(lower, time.Second, 100)}, Expired{}, []Event{Follow{Role: Backup, Aside: true, Cause: "web was handed over"}, nil}},
		{"nobody came here, and the other one has left", []State{offers, left}, Expired{}, []Event{Follow{Role: Backup, Aside: true, Cause: "web was handed over"}, nil}},
		{"the grace is over here, the other one is in office again", []State{succeededBy(lower, time.Second, 100), masterState()}, Expired{},
			[]Event{Expired{}, Follow{Role: Backup, Aside: true, Cause: "web: failover, 10.0.0.9 took over (its priority 100)"}}},
		{"the grace is over here, the other one still waits", []State{succeededBy(lower, time.Second, 100), offers}, Expired{}, []Event{Expired{}, nil}},
		{"a stop concerns nobody else", []State{with(offers, quitting), left}, Expired{}, []Event{Expired{}, nil}},
		{"who has left hears the successor, the other one still leaves", []State{left, succeededBy(lower, time.Second, 100)}, successor,
			[]Event{successor, Follow{Role: Backup, Aside: true, Wait: pullWait([]*Config{c, c}, masterState().Source, 0), Cause: "web: 10.0.0.9 is master there, its priority 100, ours 200"}}},
		{"a member that is ready does not lead while the others leave", []State{backupOf(lower, time.Second), offers}, Expired{}, []Event{HeldBack{}, nil}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Together([]*Config{c, c}, tt.sts, 0, tt.ev, 0)
			if diff := cmp.Diff(tt.want, got, compareAddr); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

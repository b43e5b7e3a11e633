package bfd

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const ms = time.Millisecond

// sessionConfig is 10 ms both ways, 5 times, with what change makes of it.
func sessionConfig(change func(*Config)) *Config {
	c := Default("peer", netip.MustParseAddr("192.0.2.2"))
	if change != nil {
		change(&c)
	}
	return &c
}

// says is a packet of the neighbour: 20 ms both ways, 3 times.
func says(s State, change func(*Packet)) Received {
	p := Packet{State: s, Multiplier: 3, MyDiscriminator: 7, YourDiscriminator: 9, DesiredMinTx: 20 * ms, RequiredMinRx: 20 * ms}
	if change != nil {
		change(&p)
	}
	return Received{p}
}

// play makes a session of c and takes events to it.
func play(c *Config, evs ...Event) (s Session, ask Asked) {
	s = NewSession(c, 9)
	for _, ev := range evs {
		s, ask = Step(c, s, ev)
	}
	return s, ask
}

// RFC 5880 section 6.2 and 6.8.6, the whole table.
func TestStateMachineOfTheRFC(t *testing.T) {
	ways := map[State][]Event{Down: nil, Init: {says(Down, nil)}, Up: {says(Down, nil), says(Init, nil)}}
	for _, tt := range []struct {
		from State
		hear State
		want State
		diag Diag
	}{
		{Down, AdminDown, Down, DiagNone}, {Down, Down, Init, DiagNone}, {Down, Init, Up, DiagNone}, {Down, Up, Down, DiagNone},
		{Init, AdminDown, Down, DiagNeighborDown}, {Init, Down, Init, DiagNone}, {Init, Init, Up, DiagNone}, {Init, Up, Up, DiagNone},
		{Up, AdminDown, Down, DiagNeighborDown}, {Up, Down, Down, DiagNeighborDown}, {Up, Init, Up, DiagNone}, {Up, Up, Up, DiagNone},
	} {
		c := sessionConfig(nil)
		before, _ := play(c, ways[tt.from]...)
		after, ask := Step(c, before, says(tt.hear, nil))
		if before.State != tt.from || after.State != tt.want || after.Diag != tt.diag {
			t.Errorf("%s hears %s: from %s to %s, %s; want %s, %s", tt.from, tt.hear, before.State, after.State, after.Diag, tt.want, tt.diag)
		}
		if moved := after.State != before.State; (ask&SendNow != 0) != moved {
			t.Errorf("%s hears %s: asks %b", tt.from, tt.hear, ask)
		}
	}
}

func TestDetectionTimeTakesTheSessionDown(t *testing.T) {
	for _, tt := range []struct {
		name   string
		events []Event
		diag   Diag
	}{
		{"down", nil, DiagNone},
		{"init", []Event{says(Down, nil)}, DiagExpired},
		{"up", []Event{says(Init, nil)}, DiagExpired},
		{"down after up", []Event{says(Init, nil), says(Down, nil)}, DiagNeighborDown},
	} {
		s, _ := play(sessionConfig(nil), append(tt.events, Expired{})...)
		if s.State != Down || s.Diag != tt.diag {
			t.Errorf("%s: %s, %s; want down, %s", tt.name, s.State, s.Diag, tt.diag)
		}
		if diff := cmp.Diff(unheard(), s.Remote); diff != "" {
			t.Errorf("%s: what is known of the neighbour (-want +got):\n%s", tt.name, diff)
		}
	}
}

// RFC 5880 section 6.8.4: the neighbour's multiplier, and the larger of what it sends at and what we listen at.
func TestDetectionTimeIsTheNeighboursMultiplierTimesTheSlowerInterval(t *testing.T) {
	for _, tt := range []struct {
		rx, tx time.Duration
		mult   uint8
		want   time.Duration
	}{{10 * ms, 20 * ms, 3, 60 * ms}, {50 * ms, 20 * ms, 3, 150 * ms}, {10 * ms, 10 * ms, 1, 10 * ms}, {10 * ms, MaxField, 255, 255 * MaxField}} {
		c := sessionConfig(func(c *Config) { c.MinRx = tt.rx; c.Multiplier = 77 })
		s, _ := play(c, says(Init, func(p *Packet) { p.DesiredMinTx, p.Multiplier = tt.tx, tt.mult }))
		if got := s.DetectionTime(); got != tt.want {
			t.Errorf("%+v: got %s", tt, got)
		}
	}
	if s, _ := play(sessionConfig(nil)); s.DetectionTime() != 0 {
		t.Error("a neighbour that was never heard has a detection time")
	}
}

// RFC 5880 section 6.8.7 and 6.8.3.
func TestIntervalIsTheSlowerOfBothAndAtLeastASecondUntilUp(t *testing.T) {
	rx := func(d time.Duration) func(*Packet) { return func(p *Packet) { p.RequiredMinRx = d } }
	for _, tt := range []struct {
		name   string
		change func(*Config)
		events []Event
		want   time.Duration
	}{
		{"at the start", nil, nil, time.Second},
		{"at the start, idle at 3 s", func(c *Config) { c.IdleTx = 3 * time.Second }, nil, 3 * time.Second},
		{"init", nil, []Event{says(Down, nil)}, time.Second},
		{"init, the neighbour wants fewer", nil, []Event{says(Down, rx(2*time.Second))}, 2 * time.Second},
		{"up", nil, []Event{says(Init, nil)}, 20 * ms},
		{"up, the neighbour listens fast", nil, []Event{says(Init, rx(ms))}, 10 * ms},
		{"up, the neighbour wants none", nil, []Event{says(Init, rx(0))}, 0},
		{"down again", nil, []Event{says(Init, nil), Expired{}}, time.Second},
		{"down again after a neighbour that wanted none", nil, []Event{says(Init, rx(0)), Expired{}}, time.Second},
		{"passive", passive, nil, 0},
		{"passive, spoken to", passive, []Event{says(Down, nil)}, time.Second},
		{"passive, alone again", passive, []Event{says(Init, nil), Expired{}}, 0},
		{"admin down", adminDown, nil, time.Second},
	} {
		c := sessionConfig(tt.change)
		if s, _ := play(c, tt.events...); s.Interval(c) != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, s.Interval(c), tt.want)
		}
	}
}

func passive(c *Config)   { c.Passive = true }
func adminDown(c *Config) { c.AdminDown = true }

func TestPassiveSessionSaysNothingWhenTheNeighbourIsGone(t *testing.T) {
	if _, ask := play(sessionConfig(passive), says(Init, nil), Expired{}); ask != 0 {
		t.Errorf("asks %b", ask)
	}
}

// RFC 5880 section 6.6: a neighbour in demand mode gets packets only while we poll.
func TestNeighbourInDemandModeIsLeftAlone(t *testing.T) {
	demand := func(p *Packet) { p.Demand = true }
	final := func(p *Packet) { p.Demand, p.Final = true, true }
	c := sessionConfig(nil)
	for _, tt := range []struct {
		name   string
		events []Event
		want   time.Duration
	}{
		{"while we poll", []Event{says(Init, nil), says(Up, demand)}, 20 * ms},
		{"up", []Event{says(Init, nil), says(Up, final)}, 0},
		{"not yet up there", []Event{says(Init, final)}, 20 * ms},
		{"demand is over", []Event{says(Init, nil), says(Up, final), says(Up, nil)}, 20 * ms},
	} {
		if s, _ := play(c, tt.events...); s.Interval(c) != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, s.Interval(c), tt.want)
		}
	}
}

// RFC 5880 section 6.8.6: a poll is answered in every state but admin down, and not by a poll.
func TestPollIsAnsweredAtOnce(t *testing.T) {
	poll := func(p *Packet) { p.Poll = true }
	c := sessionConfig(nil)
	for _, state := range []State{Down, Init, Up} {
		s, ask := play(c, says(Init, nil), says(state, poll))
		p := s.Packet(c, true)
		if ask&SendFinal == 0 || !p.Final || p.Poll {
			t.Errorf("%s: asks %b, answers %+v", state, ask, p)
		}
	}
	if s, ask := play(sessionConfig(adminDown), says(Down, poll)); ask != Refused || s.State != AdminDown {
		t.Errorf("admin down asks %b, is %s", ask, s.State)
	}
}

// RFC 5880 section 6.8.3 and 6.5.
func TestNewIntervalsAreAgreedByPolls(t *testing.T) {
	final := func(p *Packet) { p.Final = true }
	first := sessionConfig(nil)
	up, _ := play(first, says(Init, nil), says(Up, final), says(Up, nil))
	if up.State != Up || up.Poll != PollNone || up.TxInForce != 10*ms || up.RxInForce != 10*ms {
		t.Fatalf("start: %+v", up)
	}
	slower := sessionConfig(func(c *Config) { c.MinTx = 100 * ms; c.MinRx = 5 * ms })
	s, ask := Step(slower, up, Configured{})
	if ask != SendNow || s.Poll != PollAsking || s.Tx != 100*ms || s.Rx != 5*ms || s.TxInForce != 10*ms || s.RxInForce != 10*ms {
		t.Errorf("slower sending and faster listening must wait for the neighbour: %b, %+v", ask, s)
	}
	if p := s.Packet(slower, false); !p.Poll || p.DesiredMinTx != 100*ms || p.RequiredMinRx != 5*ms {
		t.Errorf("the poll says %+v", p)
	}
	s, _ = Step(slower, s, says(Up, nil))
	if s.TxInForce != 10*ms || s.Poll != PollAsking {
		t.Errorf("no final bit, and yet: %+v", s)
	}
	s, _ = Step(slower, s, says(Up, final))
	if s.TxInForce != 100*ms || s.RxInForce != 5*ms || s.Packet(slower, false).Poll {
		t.Errorf("confirmed, and yet: %+v", s)
	}
	faster := sessionConfig(func(c *Config) { c.MinTx = 10 * ms; c.MinRx = 50 * ms })
	s, _ = Step(faster, s, Configured{})
	if s.TxInForce != 10*ms || s.RxInForce != 50*ms {
		t.Errorf("faster sending and slower listening hold at once: %+v", s)
	}
}

// RFC 5880 section 6.5: the final bit that answers one poll says nothing about a change that came after it.
func TestSecondChangeWaitsForAPollOfItsOwn(t *testing.T) {
	final := func(p *Packet) { p.Final = true }
	up, _ := play(sessionConfig(nil), says(Init, nil), says(Up, final), says(Up, nil))
	one := sessionConfig(func(c *Config) { c.MinTx = 100 * ms })
	two := sessionConfig(func(c *Config) { c.MinTx = 200 * ms })
	s, _ := Step(one, up, Configured{})
	s, _ = Step(two, s, Configured{})
	s, _ = Step(two, s, says(Up, final))
	if s.TxInForce != 10*ms || s.Packet(two, false).Poll {
		t.Errorf("the answer to the first poll confirmed the second change, or no pause came after it: %+v", s)
	}
	s, _ = Step(two, s, says(Up, final)) // a late copy
	if s.Poll != PollSettling {
		t.Errorf("a packet with the final bit ended the pause: %+v", s)
	}
	s, _ = Step(two, s, says(Up, nil))
	if !s.Packet(two, false).Poll || s.TxInForce != 10*ms {
		t.Errorf("no second poll: %+v", s)
	}
	s, _ = Step(two, s, says(Up, final))
	if s.TxInForce != 200*ms {
		t.Errorf("not confirmed: %+v", s)
	}
}

func TestAdminDownIsToldAndTakenBack(t *testing.T) {
	c := sessionConfig(nil)
	s, _ := play(c, says(Init, nil))
	off := sessionConfig(adminDown)
	s, ask := Step(off, s, Configured{})
	if p := s.Packet(off, false); s.State != AdminDown || ask != SendNow || p.State != AdminDown || p.Diag != DiagAdminDown {
		t.Errorf("%s, asks %b, says %+v", s.State, ask, p)
	}
	s, ask = Step(c, s, Configured{})
	if s.State != Down || s.Diag != DiagNone || ask != SendNow {
		t.Errorf("%s, %s, asks %b", s.State, s.Diag, ask)
	}
}

func TestJitterShortensByUpToAQuarter(t *testing.T) {
	for _, tt := range []struct {
		multiplier uint8
		random     float64
		want       time.Duration
	}{{5, 0, 75 * ms}, {5, 0.5, 87500 * time.Microsecond}, {2, 0.999999999, 100 * ms}, {1, 0, 75 * ms}, {1, 0.999999999, 90 * ms}} {
		if got := Jitter(100*ms, tt.multiplier, tt.random); got.Round(time.Microsecond) != tt.want {
			t.Errorf("%+v: got %s", tt, got)
		}
	}
}

func TestOurPacketsNeverAskForEchoOrDemand(t *testing.T) {
	c := sessionConfig(nil)
	s, _ := play(c, says(Init, nil))
	want := Packet{State: Up, Poll: true, Multiplier: 5, MyDiscriminator: 9, YourDiscriminator: 7, DesiredMinTx: 10 * ms, RequiredMinRx: 10 * ms}
	if diff := cmp.Diff(want, s.Packet(c, false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

package bfd

import "time"

// A Session is everything that the protocol remembers between two events, RFC 5880 section 6.8.1. It is comparable.
type Session struct {
	State         State
	Diag          Diag   // why State changed last; DiagNone while up
	Discriminator uint32 // ours, never 0
	Remote        Remote
	Tx            time.Duration // bfd.DesiredMinTxInterval, as our packets say
	Rx            time.Duration // bfd.RequiredMinRxInterval, as our packets say

	// While up, a longer Tx and a shorter Rx come into force when the neighbour has confirmed that it knows (section 6.8.3).
	TxInForce time.Duration
	RxInForce time.Duration
	Poll      Poll
	PollAgain bool // there was another change during a Poll Sequence; it gets one of its own
}

// Remote is what the neighbour said last.
type Remote struct {
	Discriminator uint32 // 0: not heard for a detection time
	State         State
	Diag          Diag
	Multiplier    uint8
	Tx            time.Duration // its Desired Min TX Interval
	Rx            time.Duration // its Required Min RX Interval; 0: it wants no packets
	Demand        bool
}

// unheard is what is assumed of a neighbour that was not heard, section 6.8.1.
func unheard() Remote { return Remote{State: Down, Rx: time.Microsecond} }

// Poll is how far a Poll Sequence has come, RFC 5880 section 6.5.
type Poll uint8

const (
	// PollNone means that none is under way.
	PollNone Poll = iota
	// PollAsking means that our packets have the poll bit until one with the final bit answers.
	PollAsking
	// PollSettling means that it was answered. The next may begin when a packet without the final bit has come: a late copy of the
	// answer must not end it.
	PollSettling
)

// An Event is something that can happen to a session.
type Event interface{ event() }

type (
	// Received is a packet that is for this session.
	Received struct{ Packet Packet }
	// Expired means that DetectionTime passed without a packet.
	Expired struct{}
	// Configured means that Step is given another Config than before.
	Configured struct{}
)

func (Received) event()   {}
func (Expired) event()    {}
func (Configured) event() {}

// Asked is what a session asks for after a Step: a set of bits.
type Asked uint8

const (
	// SendNow asks for a packet without waiting for the next that is due: it says something new.
	SendNow Asked = 1 << iota
	// SendFinal asks for a packet with the final bit, which answers a poll, at once and besides those that are due.
	SendFinal
	// Refused means that the packet does not count: the session is administratively down.
	Refused
)

// NewSession returns a session at its start, RFC 5880 section 6.8.1. The discriminator is not 0, and no other session of the host has it.
func NewSession(c *Config, discriminator uint32) Session {
	s := Session{
		State: Down, Discriminator: discriminator, Remote: unheard(), Tx: c.IdleTx, Rx: c.MinRx, TxInForce: c.IdleTx, RxInForce: c.MinRx,
	}
	if c.AdminDown {
		s.State, s.Diag = AdminDown, DiagAdminDown
	}
	return s
}

// Step returns the session that follows s when ev happens, and what it asks for. It is a pure function. How often to send and how long
// to wait follow from the result: Interval and DetectionTime.
func Step(c *Config, s Session, ev Event) (Session, Asked) {
	before := s
	var ask Asked
	switch ev := ev.(type) {
	case Received:
		s, ask = s.receive(ev.Packet)
	case Expired:
		s = s.expire()
	case Configured:
		s = s.administer(c)
	}
	s = s.retime(c, before.State)
	if s.news(before) && s.Speaks(c) {
		ask |= SendNow
	}
	return s, ask
}

// news reports whether our packets say something that the neighbour should hear at once, section 6.8.7.
func (s Session) news(before Session) bool {
	return s.State != before.State || s.Tx != before.Tx || s.Rx != before.Rx
}

// receive is RFC 5880 section 6.8.6 from where the packet has found its session.
func (s Session) receive(p Packet) (Session, Asked) {
	s.Remote = Remote{
		Discriminator: p.MyDiscriminator, State: p.State, Diag: p.Diag, Multiplier: p.Multiplier,
		Tx: p.DesiredMinTx, Rx: p.RequiredMinRx, Demand: p.Demand,
	}
	s = s.answered(p.Final)
	if s.State == AdminDown {
		return s, Refused
	}
	s = s.follow(p.State)
	if p.Poll {
		return s, SendFinal
	}
	return s, 0
}

// follow is the state machine of RFC 5880 section 6.2, as section 6.8.6 writes it down.
func (s Session) follow(remote State) Session {
	switch {
	case remote == AdminDown && s.State != Down, remote == Down && s.State == Up:
		s.State, s.Diag = Down, DiagNeighborDown
	case remote == Down && s.State == Down:
		s.State = Init
	case remote == Init && s.State != Up, remote == Up && s.State == Init:
		s.State, s.Diag = Up, DiagNone
	}
	return s
}

// expire is RFC 5880 section 6.8.4, and the end of what was known of the neighbour, section 6.8.1.
func (s Session) expire() Session {
	if s.State == Init || s.State == Up {
		s.State, s.Diag = Down, DiagExpired
	}
	s.Remote = unheard()
	return s
}

// administer is RFC 5880 section 6.8.16.
func (s Session) administer(c *Config) Session {
	switch {
	case c.AdminDown && s.State != AdminDown:
		s.State, s.Diag = AdminDown, DiagAdminDown
	case !c.AdminDown && s.State == AdminDown:
		s.State, s.Diag = Down, DiagNone
	}
	return s
}

// retime is RFC 5880 section 6.8.3: which intervals our packets name, which are in force, and when the neighbour must confirm.
func (s Session) retime(c *Config, before State) Session {
	tx, rx := c.IdleTx, c.MinRx
	if s.State == Up {
		tx = c.MinTx
	}
	changed := tx != s.Tx || rx != s.Rx
	s.Tx, s.Rx = tx, rx
	if s.State != Up || before != Up {
		s.TxInForce, s.RxInForce = tx, rx
	} else if changed {
		s.TxInForce, s.RxInForce = min(s.TxInForce, tx), max(s.RxInForce, rx)
	}
	switch {
	case changed && (s.Poll == PollNone || s.State != before):
		s.Poll, s.PollAgain = PollAsking, false
	case changed:
		s.PollAgain = true
	}
	return s
}

// answered takes a packet's final bit to the Poll Sequence.
func (s Session) answered(final bool) Session {
	switch {
	case s.Poll == PollAsking && final:
		s.Poll = PollSettling
		if !s.PollAgain {
			s.TxInForce, s.RxInForce = s.Tx, s.Rx
		}
	case s.Poll == PollSettling && !final && s.PollAgain:
		s.Poll, s.PollAgain = PollAsking, false
	case s.Poll == PollSettling && !final:
		s.Poll = PollNone
	}
	return s
}

// Speaks reports whether the session may send packets that answer nothing: a passive one waits to be spoken to (RFC 5880 section
// 6.1), and a neighbour that wants no packets gets none (section 6.8.7).
func (s Session) Speaks(c *Config) bool {
	return s.Remote.Rx != 0 && (!c.Passive || s.Remote.Discriminator != 0)
}

// Interval returns the time between two periodic packets, before jitter; 0 when none are to be sent. RFC 5880 section 6.8.7.
func (s Session) Interval(c *Config) time.Duration {
	demanded := s.Remote.Demand && s.State == Up && s.Remote.State == Up
	if !s.Speaks(c) || demanded && s.Poll != PollAsking {
		return 0
	}
	return max(s.TxInForce, s.Remote.Rx)
}

// DetectionTime returns how long after a packet the neighbour counts as gone, RFC 5880 section 6.8.4; 0 when it is not there anyway.
func (s Session) DetectionTime() time.Duration {
	if s.Remote.Discriminator == 0 {
		return 0
	}
	return time.Duration(s.Remote.Multiplier) * max(s.RxInForce, s.Remote.Tx)
}

// Packet returns what the session says now, RFC 5880 section 6.8.7. final answers a poll.
func (s Session) Packet(c *Config, final bool) Packet {
	return Packet{
		Diag: s.Diag, State: s.State, Poll: s.Poll == PollAsking && !final, Final: final, Multiplier: c.Multiplier,
		MyDiscriminator: s.Discriminator, YourDiscriminator: s.Remote.Discriminator, DesiredMinTx: s.Tx, RequiredMinRx: s.Rx,
	}
}

// Jitter shortens an interval by 0 to 25 percent, or by 10 to 25 when the neighbour may miss no packet (multiplier 1), RFC 5880 section 6.8.7.
// random is from 0 up to, but not including, 1.
func Jitter(interval time.Duration, multiplier uint8, random float64) time.Duration {
	const least = 0.75
	most := 1.0
	if multiplier == 1 {
		most = 0.9
	}
	return time.Duration(float64(interval) * (least + (most-least)*random))
}

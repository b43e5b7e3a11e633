package netns

import (
	"bytes"
	"time"
)

// A Takeover is what a client saw of an address that moved to another director and back.
type Takeover struct {
	Silence  time.Duration // of the address, from the moment the cable broke to the first answer
	LostThen int           // echo requests without an answer after that; of a few dozen
	ARPBack  time.Duration // from the moment the cable was mended until the client sends to the first director again
	Stood    time.Duration // how long the machine stood still while all this was measured
}

const (
	// TakeoverLimit is how long Takeover waits for each step.
	TakeoverLimit = time.Minute
	pingInterval  = 5 * time.Millisecond
	// watchAfter is for how long a takeover is watched for relapses, and late how old an echo request is that counts as lost.
	watchAfter = 300 * time.Millisecond
	late       = 250 * time.Millisecond
)

// Takeover breaks the outside cable of lb1, the master, calls between while lb2 has the address, mends the cable, and waits until
// the client sends to lb1 again.
func (s *Site) Takeover(broken func(*Port), between func()) Takeover {
	s.t.Helper()
	var seen Takeover
	stalls, ping := s.WatchStalls(), s.Client.Ping(VIP(), pingInterval)
	defer stalls.stop()
	defer ping.Stop()
	begun := time.Now()
	s.WaitFor(TakeoverLimit, "an answer from lb1", func() bool { _, ok := ping.Answered(begun); return ok && s.ClientSendsTo(s.LB1) })

	pulled := time.Now()
	broken(s.Outside[s.LB1])
	s.WaitFor(TakeoverLimit, "the client to send to lb2", func() bool { return s.ClientSendsTo(s.LB2) })
	var answered time.Time
	s.WaitFor(TakeoverLimit, "an answer from lb2", func() (ok bool) { answered, ok = ping.Answered(pulled); return ok })
	seen.Silence = answered.Sub(pulled)
	seen.Stood = stalls.Since(pulled)
	s.WaitFor(TakeoverLimit, "a while to pass", func() bool { return time.Since(answered) > watchAfter+late })
	seen.LostThen, _ = ping.Lost(answered, late)
	between()

	mended := time.Now()
	s.Outside[s.LB1].Heal()
	seen.ARPBack = s.WaitFor(TakeoverLimit, "the client to send to lb1 again", func() bool { return s.ClientSendsTo(s.LB1) })
	seen.Stood += stalls.Since(mended)
	return seen
}

// TakeoverAllowed is 3 intervals and skew of the backup, and 50 ms for everything that is not the protocol.
func TakeoverAllowed(priority int) time.Duration {
	return 3*AdvertInterval + AdvertInterval*time.Duration(256-priority)/256 + 50*time.Millisecond
}

// ClientSendsTo tells whether the client would send what is for the virtual address to that director, by its neighbour table.
func (s *Site) ClientSendsTo(n *Node) bool {
	s.t.Helper()
	return bytes.Equal(s.Client.Neighbor("outside", VIP()), n.MAC("outside"))
}

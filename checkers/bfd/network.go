package bfd

import "net/netip"

// A Network carries control packets: UDP in the daemon, an in-memory LAN in tests. An Engine calls it with its lock held, so its methods
// must not wait, and Notify's function only from goroutines of the Network's own.
type Network interface {
	// Open returns what sends the packets of one session. The Sender is good in any case; an error says what is amiss at the moment.
	Open(c *Config) (Sender, error)
	// Drain calls hear with what has arrived and was not given out yet, the oldest first, and reports whether some of it may be left: it
	// gives out a share, so that others get the lock in a flood, too. The bytes are valid until hear returns.
	Drain(hear func(Arrival)) (more bool)
	// Notify says what to call when Drain may have something to give. It is called once, before anything else.
	Notify(arrived func())
	// Close ends everything that the Network started, and waits for it. The caller does not hold its lock.
	Close() error
}

// A Sender sends the packets of one session, from a source port that no other session has.
type Sender interface {
	// Send sends b at once. An interface or address that is not there is an error, and the next Send tries again.
	Send(b []byte) error
	// Index returns the index that the interface of Config.Interface has, or had a second ago; 0 when it is not there, or none is set.
	Index() int
	Close() error
}

// An Arrival is one packet as it came from the network.
type Arrival struct {
	From      netip.Addr // without a zone
	To        netip.Addr // without a zone
	Interface int        // index of the interface on which it arrived
	TTL       uint8
	Multihop  bool // it came to port 4784, not 3784
	Payload   []byte
}

package vrrp

import (
	"net/netip"
	"sync"
	"time"
)

// crowded is how many adverts in the queue make a crowd. What is left of the queue is for those that are not refused at once.
const crowded = inboxSize / 4

// A screen refuses adverts in a crowd before they take a place in the queue, on the goroutine that hands them over: a flood of forged ones
// must not keep out those of the master. It makes the checks that need the configuration alone. Outside a crowd the router itself refuses,
// and says so in the log.
type screen struct {
	wall func() time.Time // what signatures are compared with; it must not wait, as the router's may in the simulation

	mu sync.Mutex
	// guarded by mu:
	config *Config // that seal and guard were made for
	seal   seal    // checks signatures and remembers nothing
	guard  guard   // the same for authentication headers
}

// refuse returns the Reason why a is not for the router of c, or nil when only the router can tell.
func (s *screen) refuse(c *Config, a Advert) error {
	if err := admitPath(c, netip.Addr{}, a); err != nil {
		return err
	}
	if c.HMAC != nil || c.AH {
		if err := s.refuseSignature(c, a); err != nil {
			return err
		}
	}
	return admitContent(c, a)
}

func (s *screen) refuseSignature(c *Config, a Advert) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.config != c {
		s.config = c
		s.seal.configure(c)
		s.guard.configure(c)
	}
	if c.HMAC == nil {
		return s.guard.genuine(a)
	}
	if a.Packet.Trailer == nil {
		return s.seal.acceptUnsigned()
	}
	_, err := s.seal.genuine(a, s.wall())
	return err
}

package vrrp

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"maps"
	"net/netip"
	"sync"
	"time"
)

// maxSenders bounds the senders that are told apart. Only who has the key gets a mark, so that this is no limit that a stranger can reach.
const maxSenders = 1024

// A seal signs the adverts of one router, checks those of others, and remembers what must not come a second time. Its zero value is that
// of a router without HMAC. The router's goroutine calls everything but memory, recall and status.
type seal struct {
	hmac    *HMAC // nil for none
	digests map[uint8]hash.Hash

	// Kept between adverts, so that one costs no garbage.
	message, buf, sum []byte
	trailer           [hmacLen]byte

	mu sync.Mutex
	// guarded by mu; held for no computation and no system call:
	last      sequence // that we sent
	marks     map[netip.Addr]mark
	unsigned  uint64 // adverts without a trailer that were accepted
	monotonic bool   // no clock decides what is old
}

// A mark is what is known of one sender of good trailers.
type mark struct {
	sequence sequence // the newest
	key      uint8    // it was signed with
	ahead    time.Duration
	at       time.Time // when it came; the zero Time when it was recalled
}

// configure makes the seal that of c. What was seen and sent stays: a new key does not make old adverts new.
func (s *seal) configure(c *Config) {
	s.mu.Lock()
	s.monotonic = c.HMAC != nil && c.HMAC.AntiReplay == ReplayMonotonic
	s.mu.Unlock()
	if s.hmac = c.HMAC; c.HMAC == nil {
		s.digests = nil
		return
	}
	s.digests = make(map[uint8]hash.Hash, len(c.HMAC.Keys))
	for _, k := range c.HMAC.Keys {
		s.digests[k.ID] = hmac.New(sha256.New, k.Secret)
	}
}

// signs reports whether our adverts carry a trailer.
func (s *seal) signs() bool { return s.hmac != nil && s.hmac.Mode != HMACReceiveOnly }

// sign returns the trailer of an advert that is sent from src. It is good until the next call.
func (s *seal) sign(p Packet, src netip.Addr, now time.Time) []byte {
	p.Trailer = nil
	s.message = p.Append(s.message[:0], src, src) // the checksum, which depends on the destination, is not signed
	head := appendTrailer(s.trailer[:0], s.hmac.ActiveKey, s.next(sequenceAt(now)))
	s.buf = appendSigned(s.buf[:0], src, s.message, head)
	return append(head, s.digest(s.hmac.ActiveKey, s.buf)...)
}

// next returns the sequence of our next advert: the clock, or what follows the last one when the clock stands still or went back. Where
// others compare with their clocks, a last one that is too far ahead of ours is forgotten.
func (s *seal) next(clock sequence) sequence {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost := s.hmac.AntiReplay == ReplayTime && s.last.ahead(clock) > s.hmac.Window
	if s.last == 0 || clock.after(s.last) || lost {
		s.last = clock
	} else {
		s.last++
	}
	return s.last
}

// digest returns the HMAC of signed, which is good until the next call; nil when there is no such key.
func (s *seal) digest(key uint8, signed []byte) []byte {
	d := s.digests[key]
	if d == nil {
		return nil
	}
	d.Reset()
	_, _ = d.Write(signed) // a hash does not fail
	s.sum = d.Sum(s.sum[:0])
	return s.sum[:hmacSumLen]
}

// verify checks the trailer of an advert, cheap checks first, and remembers it. Ahead is how far the sender's clock is ahead of ours.
func (s *seal) verify(a Advert, now time.Time) (ahead time.Duration, err error) {
	if a.Packet.Trailer == nil {
		return 0, s.acceptUnsigned()
	}
	m, err := s.genuine(a, now)
	if err != nil {
		return m.ahead, err
	}
	return m.ahead, s.remember(a.From, m, sequenceAt(now))
}

// genuine checks that a trailer was made by somebody who has the key, and returns what is to be remembered of it.
func (s *seal) genuine(a Advert, now time.Time) (mark, error) {
	key, seq, err := parseTrailer(a.Packet.Trailer)
	if err != nil {
		return mark{}, err
	}
	m := mark{sequence: seq, key: key, ahead: seq.ahead(sequenceAt(now)), at: now}
	if s.hmac.AntiReplay == ReplayTime && m.ahead.Abs() > s.hmac.Window {
		return m, DropHMACStale
	}
	if s.digests[key] == nil {
		return m, DropHMACKey
	}
	s.buf = appendSigned(s.buf[:0], a.From, a.Packet.Message, a.Packet.Trailer[:hmacHeadLen])
	if subtle.ConstantTimeCompare(s.digest(key, s.buf), a.Packet.Trailer[hmacHeadLen:]) != 1 {
		return m, DropHMACInvalid
	}
	return m, nil
}

func (s *seal) acceptUnsigned() error {
	if s.hmac.Mode == HMACEnforce {
		return DropHMACMissing
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsigned++
	return nil
}

// remember lets the sequence of a sender grow only.
func (s *seal) remember(from netip.Addr, m mark, clock sequence) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, known := s.marks[from]
	if known && s.binding(last, clock) && !m.sequence.after(last.sequence) {
		return DropHMACReplayed
	}
	if !known && !s.room(clock) {
		return DropHMACSenders
	}
	if s.marks == nil {
		s.marks = make(map[netip.Addr]mark)
	}
	s.marks[from] = m
	return nil
}

// binding reports whether a mark still says something: where clocks are compared, one that is too far from ours refuses nothing that the
// clock would not, or comes from a clock that was wrong and was put right.
func (s *seal) binding(m mark, clock sequence) bool {
	return s.hmac.AntiReplay == ReplayMonotonic || m.sequence.ahead(clock).Abs() <= s.hmac.Window
}

// room makes room for one more sender, and reports whether there is. The caller holds mu.
func (s *seal) room(clock sequence) bool {
	if len(s.marks) >= maxSenders {
		maps.DeleteFunc(s.marks, func(_ netip.Addr, m mark) bool { return !s.binding(m, clock) })
	}
	return len(s.marks) < maxSenders
}

// signed returns the advert to send to all destinations: one signature serves them all.
func (r *router) signed(priority uint8) Packet {
	p := r.packet
	p.Priority, p.Interval = priority, r.namedInterval()
	p.AH = r.guard.next(r.wall())
	if r.seal.signs() {
		p.Trailer = r.seal.sign(p, r.state.Source, r.wall())
	}
	return p
}

// authenticate checks what proves that an advert comes from one of us.
func (r *router) authenticate(a Advert) error {
	if r.config.HMAC == nil {
		return r.guard.verify(a, r.now(), silentIntervals*r.config.AdvertInterval)
	}
	ahead, err := r.seal.verify(a, r.wall())
	if err == nil && r.config.HMAC.AntiReplay == ReplayTime && ahead.Abs() > r.config.HMAC.Window/2 {
		r.complainClock(a.From, ahead)
	}
	return err
}

// complainClock warns while there is time: an advert from beyond the window is dropped, and without adverts there are two masters.
func (r *router) complainClock(from netip.Addr, ahead time.Duration) {
	if n, ok := r.complaints.admit(from.String()+" clock", r.now()); ok {
		r.log.Warn("clocks differ by more than half of the time window", "router", r.config.Name, "from", from,
			"ahead", ahead.Round(time.Millisecond), "time_window", r.config.HMAC.Window, "suppressed", n)
	}
}

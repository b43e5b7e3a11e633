package vrrp

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

// A Memory is what a router with HMAC must not forget when its process ends, or adverts that were recorded before would be good once more. The
// names in JSON are those of the state file.
type Memory struct {
	Sent  uint64                `json:"sent,omitempty"`  // sequence of our newest advert
	Marks map[netip.Addr]uint64 `json:"marks,omitempty"` // newest sequence of each sender
}

// Memory returns what is to be kept. Where no clock decides (ReplayMonotonic), what we sent is given with so much lead as may be sent
// until the next time this is called; a lead of 0 gives what is. It never blocks for long and may be called from any goroutine.
func (m *Member) Memory(lead time.Duration) Memory { return m.router.seal.memory(lead) }

// Recall gives back what an earlier process kept. Of both memories the newer sequences count. It may be called from any goroutine.
func (m *Member) Recall(kept Memory) { m.router.seal.recall(kept) }

func (s *seal) memory(lead time.Duration) Memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := Memory{Sent: uint64(s.last)}
	if s.monotonic && m.Sent != 0 {
		m.Sent += uint64(lead/time.Second) << 32
	}
	for from, mark := range s.marks {
		if m.Marks == nil {
			m.Marks = make(map[netip.Addr]uint64, len(s.marks))
		}
		m.Marks[from] = uint64(mark.sequence)
	}
	return m
}

func (s *seal) recall(m Memory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept := sequence(m.Sent); m.Sent != 0 && (s.last == 0 || kept.after(s.last)) {
		s.last = kept
	}
	for from, kept := range m.Marks {
		known, ok := s.marks[from]
		if ok && !sequence(kept).after(known.sequence) || !ok && len(s.marks) >= maxSenders {
			continue
		}
		if s.marks == nil {
			s.marks = make(map[netip.Addr]mark)
		}
		s.marks[from] = mark{sequence: sequence(kept)}
	}
}

// Empty reports whether there is nothing to keep.
func (m Memory) Empty() bool { return m.Sent == 0 && len(m.Marks) == 0 }

// Newer returns the newer sequences of m and o.
func (m Memory) Newer(o Memory) Memory {
	var s seal
	s.recall(m)
	s.recall(o)
	return s.memory(0)
}

// HMACStatus is how a router with HMAC stands. It shows no key.
type HMACStatus struct {
	Mode       string       `json:"mode"`
	AntiReplay string       `json:"anti_replay"`
	TimeWindow Duration     `json:"time_window"` // 0 for monotonic
	ActiveKey  uint8        `json:"active_key"`
	Keys       []uint8      `json:"keys"`     // numbers of all that are accepted
	Unsigned   uint64       `json:"unsigned"` // adverts without a trailer that were accepted, for the mode is not enforce
	Senders    []HMACSender `json:"senders"`  // by address
}

// HMACSender is one sender of good trailers, as a roll-out or a rotation wants to know it.
type HMACSender struct {
	Address netip.Addr `json:"address"`
	Key     uint8      `json:"key"`   // it signs with; 0 when nothing came since our start
	Ahead   Duration   `json:"ahead"` // its clock of ours, at the newest advert
	At      time.Time  `json:"at,omitzero"`
}

// status returns nil for a router without HMAC. Its argument is the configuration that was published, so that any goroutine may call it.
func (s *seal) status(h *HMAC) *HMACStatus {
	if h == nil {
		return nil
	}
	out := &HMACStatus{Mode: h.Mode.String(), AntiReplay: h.AntiReplay.String(), ActiveKey: h.ActiveKey, Senders: []HMACSender{}}
	if h.AntiReplay == ReplayTime {
		out.TimeWindow = Duration{h.Window}
	}
	for _, k := range h.Keys {
		out.Keys = append(out.Keys, k.ID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out.Unsigned = s.unsigned
	for _, from := range slices.SortedFunc(maps.Keys(s.marks), netip.Addr.Compare) {
		m := s.marks[from]
		out.Senders = append(out.Senders, HMACSender{Address: from, Key: m.key, Ahead: Duration{m.ahead.Round(time.Millisecond)}, At: m.at})
	}
	return out
}

package vrrp

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// maxRivals bounds the rivals that are told apart: senders can be forged.
	maxRivals = 16
	// refusedSigns is how many refused adverts make a rival: one stray packet does not.
	refusedSigns = 2
	// yieldIntervals is how many intervals another master that hears us may take to yield: its next advert may be under way, and its
	// last one be sent as a good-bye.
	yieldIntervals = 2
)

// A Rival is another router that is master while we are: what is called a split brain.
type Rival struct {
	From      netip.Addr `json:"from"`       // who sends the adverts; empty for one that only answers for an address
	MAC       string     `json:"mac"`        // of From, or who answers; empty while it is not known
	Claims    netip.Addr `json:"claims"`     // the virtual address that it answers for; empty for one that is known by its adverts
	Priority  uint8      `json:"priority"`   // as it advertises; 0 when it is not known
	MustYield string     `json:"must_yield"` // "rival" or "this router", by priority and address; empty when it is not known
	Why       string     `json:"why"`        // it probably stays; empty while it may still yield
	Since     time.Time  `json:"since"`
	Last      time.Time  `json:"last"`  // sign of it
	Signs     uint64     `json:"signs"` // adverts or answers
}

// Values of Rival.MustYield.
const (
	RivalYields = "rival"
	WeYield     = "this router"
)

// A sign is what shows that there is a rival.
type sign struct {
	from     netip.Addr
	mac      string     // empty when it is not known
	claims   netip.Addr // by ARP or neighbour discovery; otherwise it is an advert
	priority uint8
	yields   string        // as Rival.MustYield
	refusal  Reason        // why the advert was refused; numReasons for one that was admitted
	interval time.Duration // the longer one of the two masters
	lasts    time.Duration // for how long the sign shows that there is a rival
}

// A rivalEntry is a Rival with what decides when it is told.
type rivalEntry struct {
	Rival
	refusal Reason // of the newest sign
	told    Reason // the refusal that was told; meaningless before toldAny
	toldAny bool
	gone    time.Time // when it counts as gone, unless there is another sign
}

// rivals are those of one router. The zero value is ready; any goroutine may use it.
type rivals struct {
	mu sync.Mutex
	// guarded by mu:
	list  []rivalEntry // at most maxRivals
	total uint64       // that were told
	signs uint64       // of all rivals that there were, told or not
}

// rivalKey tells rivals apart.
type rivalKey struct {
	from, claims netip.Addr
	mac          string // only of those that claim
}

func (s sign) key() rivalKey {
	if s.claims.IsValid() {
		return rivalKey{claims: s.claims, mac: s.mac}
	}
	return rivalKey{from: s.from}
}

func (r *Rival) key() rivalKey {
	if r.Claims.IsValid() {
		return rivalKey{claims: r.Claims, mac: r.MAC}
	}
	return rivalKey{from: r.From}
}

// hear takes in a sign and reports whether the rival is now to be told, or told again because the reason has changed.
func (t *rivals) hear(s sign, now time.Time) (tell bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entry(s, now)
	e.Priority, e.MustYield, e.refusal = s.priority, s.yields, s.refusal
	e.Last, e.gone = now, now.Add(s.lasts)
	e.Signs++
	t.signs++
	if e.toldAny && e.told == s.refusal || !e.ripe(s, now) {
		return false
	}
	if !e.toldAny {
		t.total++
	}
	e.toldAny, e.told = true, s.refusal
	return true
}

// ripe reports whether e is more than an advert that crossed one of ours.
func (e *rivalEntry) ripe(s sign, now time.Time) bool {
	switch {
	case s.claims.IsValid():
		return true
	case s.refusal != numReasons:
		return e.Signs >= refusedSigns && now.Sub(e.Since) >= s.interval/2
	}
	return now.Sub(e.Since) > yieldIntervals*s.interval
}

// entry finds or makes the entry of s. The caller holds mu.
func (t *rivals) entry(s sign, now time.Time) *rivalEntry {
	key := s.key()
	if i := slices.IndexFunc(t.list, func(e rivalEntry) bool { return e.key() == key }); i >= 0 {
		return &t.list[i]
	}
	if len(t.list) == maxRivals {
		t.makeRoom()
	}
	t.list = append(t.list, rivalEntry{Rival: Rival{From: s.from, MAC: s.mac, Claims: s.claims, Since: now}})
	return &t.list[len(t.list)-1]
}

// makeRoom drops the rival that is the least certain, and of those the one that was silent for longest. The caller holds mu.
func (t *rivals) makeRoom() {
	least := slices.IndexFunc(t.list, func(e rivalEntry) bool { return !e.toldAny })
	for i := range t.list {
		if e := &t.list[i]; least < 0 || e.toldAny == t.list[least].toldAny && e.Last.Before(t.list[least].Last) {
			least = i
		}
	}
	t.list = slices.Delete(t.list, least, least+1)
}

// explain notes why the rival of s stays, and returns what is known of it.
func (t *rivals) explain(s sign, why string) Rival {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := s.key()
	for i := range t.list {
		if t.list[i].key() == key {
			t.list[i].Why = why
			return t.list[i].Rival
		}
	}
	return Rival{} // never: hear has just made it
}

// identify notes the hardware address behind the adverts of from.
func (t *rivals) identify(from netip.Addr, mac string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.list {
		if e := &t.list[i]; e.From == from && !e.Claims.IsValid() {
			e.MAC = mac
		}
	}
}

// expire forgets the rivals that were silent for too long, and returns them, and when the next of those that are left is due; the zero
// time for never. Rivals that were never told come with an empty Why.
func (t *rivals) expire(now time.Time) (gone []Rival, next time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = slices.DeleteFunc(t.list, func(e rivalEntry) bool {
		if over(e.gone, now) {
			gone = append(gone, e.Rival)
			return true
		}
		next = earlier(next, e.gone)
		return false
	})
	return gone, next
}

// clear forgets all rivals: who is no master has none.
func (t *rivals) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = nil
}

// seen returns how many signs of rivals there were in all.
func (t *rivals) seen() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.signs
}

// current returns the rivals of now, those that are there for longest first, and how many were told in all.
func (t *rivals) current() ([]Rival, uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := []Rival{}
	for _, e := range t.list {
		if e.toldAny {
			out = append(out, e.Rival)
		}
	}
	slices.SortStableFunc(out, func(a, b Rival) int { return cmp.Or(a.Since.Compare(b.Since), a.From.Compare(b.From)) })
	return out, t.total
}

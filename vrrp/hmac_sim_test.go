package vrrp

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// simWindow is the time window of the simulation. Clocks are less than simSkew from the right time, and adverts less than two seconds
// under way.
const (
	simWindow = 5 * time.Second
	simSkew   = time.Second
)

// wallClock is what the machine takes for the time.
func (m *machine) wallClock() time.Time {
	m.lan.mu.Lock()
	defer m.lan.mu.Unlock()
	return time.Now().Add(m.skew)
}

// simHMAC has two keys on all machines.
func simHMAC() *HMAC {
	return &HMAC{Window: simWindow, ActiveKey: 1, Keys: []HMACKey{
		{ID: 1, Secret: bytes.Repeat([]byte{1}, MinHMACKey)}, {ID: 2, Secret: bytes.Repeat([]byte{2}, MaxHMACKey)}}}
}

// sign gives a machine keys and a clock that is wrong by less than simSkew, in a world that signs.
func (w *world) sign(m *machine) {
	if !w.signed {
		return
	}
	h := simHMAC()
	h.ActiveKey, h.AntiReplay = uint8(1+w.IntN(2)), AntiReplay(w.IntN(2))
	m.config.HMAC, m.skew = h, w.upTo(2*simSkew)-simSkew
	w.note(m, "signs, %s, clock %s ahead", h.AntiReplay, m.skew)
}

// rotate may sign with the other key from now on.
func (w *world) rotate(c *Config) {
	if c.HMAC == nil {
		return
	}
	h := *c.HMAC
	h.ActiveKey = uint8(1 + w.IntN(2))
	c.HMAC = &h
}

// record lets somebody on the lan send some of the adverts that a machine has heard a second time, up to two seconds later.
func (m *machine) record(a Advert) {
	if a.Packet.Trailer == nil {
		return
	}
	if m.heard++; m.heard%5 == 0 {
		time.AfterFunc(time.Duration(m.heard%7+1)*290*time.Millisecond, func() { m.replay(a) })
	}
}

// replay sends a recorded advert, unless the machine has not processed it: then it is only late.
func (m *machine) replay(a Advert) {
	_, seq, err := parseTrailer(a.Packet.Trailer)
	m.lan.mu.Lock()
	defer m.lan.mu.Unlock()
	if err != nil || m.group == nil || time.Now().Before(m.readAt) {
		return
	}
	if mark, ok := m.group.Memory(0).Marks[a.From]; ok && !seq.after(sequence(mark)) {
		m.group.Receive(a)
	}
}

// roles are those that a machine went through.
func (m *machine) roles() []Role {
	m.lan.mu.Lock()
	defer m.lan.mu.Unlock()
	var out []Role
	for _, t := range m.transitions {
		out = append(out, t.To)
	}
	return out
}

// A router whose clock is wrong stands alone, and moves nobody else: neither as one that nobody believes, nor when its clock is put right.
func TestWrongClockMovesNobodyElse(t *testing.T) {
	for _, skew := range []time.Duration{-time.Hour, -8 * time.Second, 8 * time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			l := newLAN()
			for i, priority := range []uint8{200, 150, 100} {
				l.add(&Config{
					Name: "r", Interface: "eth0", VRID: 51, Version: V3, Priority: priority, AdvertInterval: 100 * time.Millisecond, HMAC: simHMAC(),
					Addresses: []Address{{Prefix: netip.MustParsePrefix("192.0.2.10/24")}}, Announce: Announce{Repeat: 1},
				}, uint64(i))
			}
			good, backup, wrong := l.machines[0], l.machines[1], l.machines[2]
			good.skew, backup.skew, wrong.skew = 2*time.Second, -2*time.Second, skew
			for _, m := range l.machines {
				m.start()
			}
			time.Sleep(5 * time.Second)
			expect := func(when string, m *machine, want ...Role) {
				if got := m.roles(); !slices.Equal(got, want) {
					t.Errorf("clock %s wrong, %s: %s went through %v, want %v", skew, when, m.addr, got, want)
				}
			}
			expect("at first", good, Backup, Master)
			expect("at first", backup, Backup)
			expect("at first", wrong, Backup, Master)
			for _, m := range []*machine{good, backup, wrong} {
				if m.group.Status().Dropped[DropHMACStale.String()] == 0 {
					t.Errorf("clock %s wrong: %s refused nothing as stale", skew, m.addr)
				}
			}
			l.mu.Lock()
			wrong.skew = 0
			l.mu.Unlock()
			time.Sleep(5 * time.Second)
			expect("put right", good, Backup, Master)
			expect("put right", backup, Backup)
			expect("put right", wrong, Backup, Master, Backup)
			for _, m := range l.machines {
				if err := m.stop(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestReplaysAreCounted: the recorder of the simulation is heard, and refused.
func TestReplaysAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN()
		for i, priority := range []uint8{200, 100} {
			l.add(&Config{
				Name: "r", Interface: "eth0", VRID: 51, Version: V3, Priority: priority, AdvertInterval: 100 * time.Millisecond, HMAC: simHMAC(),
				Addresses: []Address{{Prefix: netip.MustParsePrefix("192.0.2.10/24")}}, Announce: Announce{Repeat: 1},
			}, uint64(i))
		}
		for _, m := range l.machines {
			m.start()
		}
		time.Sleep(10 * time.Second)
		s := l.machines[1].group.Status()
		if n := s.Dropped[DropHMACReplayed.String()]; n < 10 || s.AdvertsReceived < 90 {
			t.Errorf("%d adverts received and %d refused as replayed, want 90 and 10 at least", s.AdvertsReceived, n)
		}
		for _, m := range l.machines {
			if err := m.stop(); err != nil {
				t.Error(err)
			}
		}
	})
}

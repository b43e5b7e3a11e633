package vrrp

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// steadyBackup runs a router that obeys vectorAdvert, priority 200 and 1 s, and expects it again.
func steadyBackup(t *testing.T) (*Member, *wiretap) {
	m, host := discard{}.router(t)
	for range 2 { // the first one tells who the master is
		settled(m)
		m.Receive(vectorAdvert(nil))
	}
	if s := settled(m); s.Role != Backup || s.Master != vectorSource || !noting(m) {
		t.Fatalf("%s of %s, noting %v; want backup of %s, true", s.Role, s.Master, noting(m), vectorSource)
	}
	return m, host
}

// noting reports whether a repeat would only be noted.
func noting(m *Member) bool {
	m.repeats.mu.Lock()
	defer m.repeats.mu.Unlock()
	return m.repeats.expecting
}

// noted returns when a repeat was noted since the router last looked.
func noted(m *Member) time.Time {
	m.repeats.mu.Lock()
	defer m.repeats.mu.Unlock()
	return m.repeats.last
}

func TestRepeatIsCountedAndNotedAndWakesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := steadyBackup(t)
		before := m.Status().AdvertsReceived
		for range 2 {
			pass(time.Second)
			m.Receive(vectorAdvert(nil))
			s := settled(m)
			if before++; s.AdvertsReceived != before || !noted(m).Equal(time.Now()) {
				t.Errorf("%d adverts received, noted at %s; want %d and %s: nobody had to look yet", s.AdvertsReceived, noted(m), before, time.Now())
			}
		}
	})
}

func TestTimerCountsFromTheLastRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, host := steadyBackup(t)
		for range 20 {
			pass(900 * time.Millisecond)
			m.Receive(vectorAdvert(nil))
		}
		last := time.Since(host.start)
		pass(5 * time.Second)
		settled(m)
		if sent := host.told(); len(sent) == 0 || sent[0].At != last+3609375*time.Microsecond {
			t.Errorf("sent %v, want the first advert 3.609375 s after %s", sent, last)
		}
	})
}

func TestAdvertThatDiffersIsNoRepeat(t *testing.T) {
	for name, change := range map[string]func(*Advert){
		"resignation":  func(a *Advert) { a.Packet.Priority = PriorityResign },
		"priority":     func(a *Advert) { a.Packet.Priority++ },
		"interval":     func(a *Advert) { a.Packet.Interval = 2 * time.Second },
		"addresses":    func(a *Advert) { a.Packet.Addresses = append(a.Packet.Addresses, vectorPeer) },
		"checksum":     func(a *Advert) { a.Packet.Form = FormOldUnicast },
		"no checksum":  func(a *Advert) { a.Packet.Form = FormNone },
		"sender":       func(a *Advert) { a.From = vectorPeer },
		"destination":  toUs,
		"TTL":          func(a *Advert) { a.TTL = 254 },
		"version":      asVersion2,
		"VRID":         func(a *Advert) { a.Packet.VRID++ },
		"password":     withPassword,
		"HMAC trailer": func(a *Advert) { a.Packet.Trailer = []byte{1} },
		"AH":           func(a *Advert) { a.Datagram = []byte{1} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, _ := steadyBackup(t)
				a := vectorAdvert(nil)
				if change(&a); m.repeats.note(a) {
					t.Error("was taken for a repeat")
				}
			})
		})
	}
}

// What happens to a router may make the same advert mean something else.
func TestRepeatIsLookedAtAfterAChange(t *testing.T) {
	for name, change := range map[string]func(*Member){
		"configuration": func(m *Member) { m.Configure(vectorConfig(func(c *Config) { c.Priority = 250 })) },
		"priority":      func(m *Member) { m.Track("script/x", Verdict{Fault: "x"}) },
		"source":        func(m *Member) { m.SetSource(netip.MustParseAddr("198.51.100.77")) },
		"another advert": func(m *Member) {
			m.Receive(vectorAdvert(func(a *Advert) { a.Packet.Priority = PriorityResign }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, _ := steadyBackup(t)
				change(m)
				if settled(m); noting(m) {
					t.Error("the router still expects the advert")
				}
			})
		})
	}
}

func TestAdvertThatIsWarnedAboutIsNoRepeat(t *testing.T) {
	for name, c := range map[string]*Config{
		"interval":  vectorConfig(func(c *Config) { c.AdvertInterval = 2 * time.Second }),
		"addresses": vectorConfig(func(c *Config) { c.Addresses = nil }),
		"paths":     vectorConfig(func(c *Config) { c.Paths = []Path{{}} }),
	} {
		if repeatable(c, vectorAdvert(nil)) {
			t.Errorf("%s: want every advert looked at", name)
		}
	}
	if !repeatable(vectorConfig(nil), vectorAdvert(nil)) {
		t.Error("control: not even the right one is repeatable")
	}
	if owner := func(a *Advert) { a.Packet.Priority = PriorityOwner }; repeatable(vectorConfig(nil), vectorAdvert(owner)) {
		t.Error("two owners could not be told")
	}
}

func TestMasterAdvertisesOnABeat(t *testing.T) {
	at := time.Unix(1, 999_999_999)
	for interval, want := range map[time.Duration]time.Duration{
		10 * time.Millisecond: 999_999_999, 49 * time.Millisecond: 999_999_999, 50 * time.Millisecond: 999_000_000,
		100 * time.Millisecond: 998_000_000, 190 * time.Millisecond: 998_000_000, 200 * time.Millisecond: 996_000_000,
		time.Second: 992_000_000, 40 * time.Second: 984_000_000, 410 * time.Millisecond: 998_000_000,
	} {
		if got := onBeat(at, interval); !got.Equal(time.Unix(1, int64(want))) || at.Sub(got) > interval/50 {
			t.Errorf("an advert every %s due at %s: %s, want %s later than the second", interval, at, got, want)
		}
	}
}

// An advert that waits for the next beat has to be heard in the time in which a backup that was stalled looks for one.
func TestBeatIsShorterThanTheGrace(t *testing.T) {
	for interval, want := range map[time.Duration]time.Duration{
		10 * time.Millisecond: 1, 20 * time.Millisecond: 1, 24 * time.Millisecond: 2, 50 * time.Millisecond: 4, 90 * time.Millisecond: 4,
		100 * time.Millisecond: 8, 190 * time.Millisecond: 8, 200 * time.Millisecond: 16, 390 * time.Millisecond: 16, time.Second: 32, 40 * time.Second: 32,
	} {
		got := Beat(interval)
		if got != want*time.Millisecond || got*5 > grace(interval)*4 {
			t.Errorf("a beat of %s for an interval of %s with a grace of %s, want %d ms", got, interval, grace(interval), want)
		}
	}
}

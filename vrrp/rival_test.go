package vrrp

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhyTwoMastersStay(t *testing.T) {
	const admitted = numReasons
	for _, test := range []struct {
		name    string
		change  func(*Config, *Advert)
		refusal Reason
		want    string // part of it
	}{
		{"another password", nil, DropPassword, "its adverts are refused here: password is wrong; it probably refuses ours for the same: give both the same authentication"},
		{"version", func(_ *Config, a *Advert) { a.Packet.Version = V2 }, DropVersion, "(it sends version 2, this router version 3): give both the same"},
		{"interval of version 2", func(_ *Config, a *Advert) { a.Packet.Interval = 2 * time.Second }, DropInterval, "(it advertises every 2s, we every 100ms)"},
		{"TTL", func(_ *Config, a *Advert) { a.TTL = 254 }, DropTTL, "(TTL 254): two networks are joined"},
		{"checksum form", nil, DropForm, `write checksum = "auto" here`},
		{"unicast", nil, DropUnicast, "write unicast with each other's addresses on both"},
		{"hmac", nil, DropHMACInvalid, "give both the same hmac keys"},
		{"clash of VRID", func(_ *Config, a *Advert) { a.Packet.Addresses = []netip.Addr{machineAddr(7)} }, admitted,
			"another group of routers uses virtual_router_id 51, too"},
		{"clash of VRID and refused", func(_ *Config, a *Advert) { a.Packet.Addresses = []netip.Addr{machineAddr(7)} }, DropPassword,
			"give one of the two another number; its adverts are refused here: password is wrong"},
		{"one address more", func(_ *Config, a *Advert) { a.Packet.Addresses = append(a.Packet.Addresses, machineAddr(7)) }, admitted,
			"refuses them because its addresses are not ours: advertises addresses that we do not have: 198.51.100.8"},
		{"interval of version 2 that we do not mind", func(c *Config, a *Advert) { c.Version, a.Packet.Version, a.Packet.Interval = V2, V2, 2*time.Second }, admitted,
			"give both the same advert_interval"},
		{"not signed", func(c *Config, _ *Advert) { c.HMAC = &HMAC{} }, admitted, "its adverts are not signed and ours are"},
		{"no reason to be seen", nil, admitted, "it hears none of our adverts, or refuses them: its log"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := groupConfig("a", 200, nil)
			a := Advert{From: higher, To: Group4, TTL: TTL, Packet: NewPacket(c, 100)}
			if test.change != nil {
				test.change(c, &a)
			}
			if got := whyStays(c, a, test.refusal); !strings.Contains(got, test.want) {
				t.Errorf("got %q, want in it %q", got, test.want)
			}
		})
	}
}

func TestRivalIsToldWhenItIsCertain(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	const second, refused, admitted = time.Second, DropPassword, numReasons
	type heard struct {
		at      time.Duration
		refusal Reason
		tell    bool
	}
	for _, test := range []struct {
		name  string
		claim bool
		signs []heard
	}{
		{"a lesser master's first adverts are no surprise", false, []heard{{0, admitted, false}, {second, admitted, false}, {2 * second, admitted, false}}},
		{"but then it has heard us and stays", false, []heard{{0, admitted, false}, {second, admitted, false}, {2*second + 1, admitted, true}, {3 * second, admitted, false}}},
		{"one refused advert is a stray", false, []heard{{0, refused, false}}},
		{"two at once, too", false, []heard{{0, refused, false}, {1, refused, false}}},
		{"two in a row are a master", false, []heard{{0, refused, false}, {second, refused, true}, {2 * second, refused, false}}},
		{"another reason is news", false, []heard{{0, refused, false}, {second, refused, true}, {2 * second, DropVersion, true}}},
		{"an answer for our address needs no second", true, []heard{{0, admitted, true}, {second, admitted, false}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var table rivals
			for i, h := range test.signs {
				s := sign{from: higher, refusal: h.refusal, interval: second, lasts: 4 * second}
				if test.claim {
					s = sign{claims: higher, mac: "02:00:00:00:00:01", refusal: h.refusal, lasts: 4 * second}
				}
				if got := table.hear(s, start.Add(h.at)); got != test.signs[i].tell {
					t.Errorf("sign %d at %s: told %t, want %t", i, h.at, got, h.tell)
				}
			}
		})
	}
}

func TestRivalThatIsSilentIsGone(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var table rivals
	s := sign{from: higher, refusal: DropPassword, interval: time.Second, lasts: 4 * time.Second}
	table.hear(s, start)
	table.hear(s, start.Add(time.Second))
	if now, total := table.current(); len(now) != 1 || total != 1 || now[0].Signs != 2 {
		t.Fatalf("%+v, %d in all; want one of two signs", now, total)
	}
	if gone, next := table.expire(start.Add(4 * time.Second)); len(gone) != 0 || !next.Equal(start.Add(5*time.Second)) {
		t.Errorf("gone %v, next %s; want none before 5 s", gone, next)
	}
	if gone, next := table.expire(start.Add(5 * time.Second)); len(gone) != 1 || !next.IsZero() {
		t.Errorf("gone %v, next %s; want one, and no more to wait for", gone, next)
	}
	if now, total := table.current(); len(now) != 0 || total != 1 {
		t.Errorf("%+v, %d in all; want none now, one in all", now, total)
	}
}

func TestForgedSendersDoNotHideARival(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var table rivals
	truth := sign{from: higher, refusal: DropPassword, interval: time.Second, lasts: 4 * time.Second}
	table.hear(truth, start)
	table.hear(truth, start.Add(time.Second))
	for i := range 1000 {
		table.hear(sign{from: machineAddr(i % 200), refusal: DropChecksum, interval: time.Second, lasts: time.Second}, start.Add(2*time.Second+time.Duration(i)))
	}
	if now, _ := table.current(); len(now) != 1 || now[0].From != higher {
		t.Errorf("%+v, want the one that was told", now)
	}
	if n := len(table.list); n > maxRivals {
		t.Errorf("%d are kept, want at most %d", n, maxRivals)
	}
}

// with returns the lines of a log that have a word in them.
func (j *journal) with(word string) []string {
	var out []string
	for _, line := range j.read() {
		if strings.Contains(line, word) {
			out = append(out, line)
		}
	}
	return out
}

func TestSplitBrainByPasswordIsToldOnceAndShown(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 200, nil), 1)
		log := a.logged()
		a.start()
		l.elapse(down200 + 150*time.Millisecond)
		log.read()
		other := fromStranger(a, 220)
		other.Packet.Version = V2
		for range 20 {
			a.group.Receive(other)
			l.elapse(100 * time.Millisecond)
		}
		want := []string{`level=WARN msg="two masters" router=a from=198.51.100.200 mac="" priority=220 must_yield="this router" ` +
			`why="its adverts are refused here: VRRP version is not the configured one (it sends version 2, this router version 3): give both the same" suppressed=0`}
		if diff := cmp.Diff(want, log.with("two masters")); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
		s := a.group.Status()
		if len(s.Rivals) != 1 || s.Rivals[0].MustYield != WeYield || s.Rivals[0].Signs != 20 || s.DualMasters != 1 || s.Role != Master {
			t.Fatalf("rivals %+v, %d in all, role %s; want one of 20 signs", s.Rivals, s.DualMasters, s.Role)
		}
		before := len(a.announced)
		l.elapse(time.Second)
		if s := a.group.Status(); len(s.Rivals) != 0 || s.DualMasters != 1 || s.RivalSigns != 20 {
			t.Errorf("rivals %+v, %d in all with %d signs; want none now, and one with 20", s.Rivals, s.DualMasters, s.RivalSigns)
		}
		if len(a.announced) == before {
			t.Error("not announced again after the rival was gone")
		}
		if got := log.with("the other master is gone"); len(got) != 1 {
			t.Errorf("log %q, want one line", got)
		}
	})
}

func TestPreemptionIsNoSplitBrain(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		low := l.begin(groupConfig("low", 100, nil))
		l.elapse(down100 + time.Second)
		wantRole(t, low, Master)
		high := l.add(groupConfig("high", 200, nil), 2)
		log := high.logged()
		high.start()
		l.elapse(2 * time.Second)
		wantRole(t, high, Master)
		wantRole(t, low, Backup)
		if s := high.group.Status(); len(s.Rivals) != 0 || s.DualMasters != 0 {
			t.Errorf("rivals %+v, %d in all; want none", s.Rivals, s.DualMasters)
		}
		if got := log.with("two masters"); len(got) != 0 {
			t.Errorf("log %q", got)
		}
	})
}

func TestMasterThatDoesNotYieldIsTold(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		l.elapse(down200 + 150*time.Millisecond)
		for range 2 {
			a.group.Receive(fromStranger(a, 50))
			l.elapse(100 * time.Millisecond)
		}
		if n := a.group.Status().DualMasters; n != 0 {
			t.Errorf("%d dual masters before it could yield", n)
		}
		for range 3 {
			a.group.Receive(fromStranger(a, 50))
			l.elapse(100 * time.Millisecond)
		}
		s := a.group.Status()
		if len(s.Rivals) != 1 || s.Rivals[0].MustYield != RivalYields || !strings.Contains(s.Rivals[0].Why, "hears none of our adverts") {
			t.Fatalf("rivals %+v, want one that has to yield", s.Rivals)
		}
		a.group.Receive(fromStranger(a, 250)) // and now it is the better one
		l.elapse(10 * time.Millisecond)
		if s := a.group.Status(); len(s.Rivals) != 0 || s.Role != Backup {
			t.Errorf("%s with rivals %+v, want a backup without", s.Role, s.Rivals)
		}
	})
}

// A scoutPort is a port whose network answers.
type scoutPort struct {
	*port
	claims []Claim
	asked  chan struct{}
}

func (p *scoutPort) Neighbor(context.Context, *Config, netip.Addr) string { return "02:00:00:00:00:09" }

func (p *scoutPort) Claims(context.Context, *Config) []Claim {
	select {
	case p.asked <- struct{}{}:
	default:
	}
	return p.claims
}

func TestForeignAnswerForAnAddressIsToldAndAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := groupConfig("a", 255, func(c *Config) { c.VerifyAddresses = 30 * time.Second })
		l := newLAN()
		m := l.add(c, 1)
		log := m.logged()
		vip := c.Addresses[0].Prefix.Addr()
		host := &scoutPort{port: &port{m: m}, claims: []Claim{{Address: vip, MAC: "02:00:00:00:00:09"}}, asked: make(chan struct{}, 100)}
		r := NewMember(c, host, m.log, nil)
		r.SetSource(m.addr)
		g := NewGroup("", r)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()
		l.elapse(29 * time.Second)
		if len(host.asked) != 0 {
			t.Error("asked too early")
		}
		before := len(m.announced)
		l.elapse(2 * time.Second)
		if s := r.Status(); len(s.Rivals) != 1 || s.Rivals[0].Claims != vip || s.Rivals[0].MAC != "02:00:00:00:00:09" || s.DualMasters != 1 {
			t.Errorf("rivals %+v, want one that answers for %s", s.Rivals, vip)
		}
		if len(m.announced) == before {
			t.Error("not announced again")
		}
		if got := log.with("two masters"); len(got) != 1 || !strings.Contains(got[0], "answers_for=192.0.2.10") {
			t.Errorf("log %q", got)
		}
		host.claims = nil
		l.elapse(2 * time.Minute)
		if s := r.Status(); len(s.Rivals) != 0 || len(host.asked) != 5 {
			t.Errorf("rivals %+v, asked %d times; want none, and 5 times in 150 s", s.Rivals, len(host.asked))
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

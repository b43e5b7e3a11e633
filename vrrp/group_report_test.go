package vrrp

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// logged gives m a log without times, and returns it.
func (m *machine) logged() *journal {
	b := new(journal)
	m.log = slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	return b
}

// A journal is what was logged since it was read last.
type journal struct {
	mu sync.Mutex
	// guarded by mu:
	lines []string
}

// Write takes one line, as slog writes it.
func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}

func (j *journal) read() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

func wantLog(t *testing.T, got *journal, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got.read()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestTransitionLogsOneLineAndTellsOnce(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 200, nil), 1)
		log := a.logged()
		begun := time.Now()
		a.start()
		l.elapse(down200)
		a.group.Receive(fromStranger(a, 220))
		synctest.Wait()
		wantLog(t, log,
			`level=INFO msg="virtual router changed role" router=a from=init to=backup priority=200 reason="started, waiting 322ms for a master"`,
			`level=INFO msg="virtual router changed role" router=a from=backup to=master priority=200 reason="no advert for 322ms"`,
			`level=INFO msg="virtual router changed role" router=a from=master to=backup priority=200 reason="198.51.100.200 advertises priority 220, ours is 200"`)
		want := Transition{Router: "a", From: Backup, To: Master, Priority: 200, Reason: "no advert for 322ms", At: begun.Add(down200)}
		if len(a.transitions) != 3 || a.transitions[1] != want {
			t.Errorf("told %+v, want 3, the second %+v", a.transitions, want)
		}
	})
}

func TestFullQueueDropsAndCounts(t *testing.T) {
	c := groupConfig("a", 100, nil)
	g := NewMember(c, &port{m: &machine{}}, slog.New(slog.DiscardHandler), nil) // nobody runs it
	a := Advert{From: higher, To: Group4, TTL: TTL, Packet: NewPacket(c, 100)}
	for i := range inboxSize {
		if !g.Receive(a) {
			t.Fatalf("advert %d was refused, want room for %d", i, inboxSize)
		}
	}
	if g.Receive(a) {
		t.Error("accepted more than the queue holds")
	}
	if got := g.Status().Dropped[DropQueue.String()]; got != 1 {
		t.Errorf("dropped for a full queue: %d, want 1", got)
	}
}

func TestAdvertsUseTheChecksumFormOfThePeer(t *testing.T) {
	peers := []netip.Addr{machineAddr(1), machineAddr(2)}
	unicast := func(c *Config) { c.Peers = peers }
	type heard struct {
		from netip.Addr
		form Form
	}
	tests := []struct {
		name   string
		change func(*Config)
		heard  []heard
		want   map[netip.Addr]Form
	}{
		{"nobody was heard", nil, nil, map[netip.Addr]Form{Group4: FormPseudoHeader}},
		{"multicast: the last sender's", nil, []heard{{peers[0], FormPseudoHeader}, {peers[1], FormMessage}}, map[netip.Addr]Form{Group4: FormMessage}},
		{"multicast: and back", nil, []heard{{peers[0], FormMessage}, {peers[1], FormPseudoHeader}}, map[netip.Addr]Form{Group4: FormPseudoHeader}},
		{"unicast: each its own", unicast, []heard{{peers[0], FormMessage}, {peers[1], FormOldUnicast}},
			map[netip.Addr]Form{peers[0]: FormMessage, peers[1]: FormOldUnicast}},
		{"unicast: unknown peers get the default", unicast, []heard{{peers[1], FormMessage}},
			map[netip.Addr]Form{peers[0]: FormPseudoHeader, peers[1]: FormMessage}},
		{"unicast: strangers teach nothing", unicast, []heard{{machineAddr(9), FormMessage}},
			map[netip.Addr]Form{peers[0]: FormPseudoHeader, peers[1]: FormPseudoHeader}},
		{"configured: nothing is learned", func(c *Config) { c.Checksum = FormPseudoHeader }, []heard{{peers[0], FormMessage}}, map[netip.Addr]Form{Group4: FormPseudoHeader}},
		{"configured: message", func(c *Config) { c.Checksum = FormMessage }, nil, map[netip.Addr]Form{Group4: FormMessage}},
		{"version 2 has one", func(c *Config) { c.Version, c.AdvertInterval = V2, time.Second }, nil, map[netip.Addr]Form{Group4: FormMessage}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			onLAN(t, func(t *testing.T, l *lan) {
				a := l.begin(groupConfig("a", 200, tt.change))
				for _, h := range tt.heard {
					p := fromStranger(a, 50)
					p.From, p.Packet.Form = h.from, h.form
					if a.config.Unicast() {
						p.To = a.addr
					}
					a.group.Receive(p)
					synctest.Wait()
				}
				l.elapse(4 * time.Second)
				got := map[netip.Addr]Form{}
				for _, s := range a.sent {
					got[s.to] = s.p.Form
				}
				if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
					t.Errorf("forms sent (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestReloadForgetsTheFormsOfPeersThatLeft(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		unicast := func(c *Config) { c.Peers = []netip.Addr{machineAddr(1), machineAddr(2)} }
		a := l.begin(groupConfig("a", 200, unicast))
		for _, peer := range a.config.Peers {
			p := fromStranger(a, 50)
			p.From, p.To, p.Packet.Form = peer, a.addr, FormMessage
			a.group.Receive(p)
		}
		synctest.Wait()
		a.group.Configure(groupConfig("a", 200, func(c *Config) { c.Peers = []netip.Addr{machineAddr(2)} }))
		a.group.Configure(a.config)
		synctest.Wait()
		if n := len(a.group.router.forms); n != 2 {
			t.Errorf("%d forms are known after a reload that changed nothing in the end, want 2", n)
		}
		a.group.Configure(groupConfig("a", 200, func(c *Config) { c.Peers = []netip.Addr{machineAddr(2)} }))
		l.elapse(down200)
		if forms := a.group.router.forms; len(forms) != 1 || forms[machineAddr(2)] != FormMessage {
			t.Errorf("forms %v, want that of the remaining peer", forms)
		}
		if len(a.sent) != 1 || a.sent[0].to != machineAddr(2) {
			t.Errorf("sent %+v, want one advert to the remaining peer", a.sent)
		}
	})
}

func TestStatusInJSON(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("web", 200, nil))
		l.elapse(down200 + 350*time.Millisecond)
		s := a.group.Status()
		s.Dropped = map[string]uint64{"ttl": 0} // all of them are in TestSnapshot
		s.AdvertLatenessHistogram.Buckets = s.AdvertLatenessHistogram.Buckets[:1]
		got, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		want := `{
  "name": "web",
  "sync_group": "",
  "interface": "eth0",
  "vrid": 51,
  "version": 3,
  "role": "master",
  "priority": 200,
  "base_priority": 200,
  "priority_terms": [],
  "master": "198.51.100.1",
  "since": "2000-01-01T00:00:00.321875Z",
  "virtual_addresses": [
    "192.0.2.10/24"
  ],
  "held": true,
  "reasons": [],
  "source": "198.51.100.1",
  "advert_interval": "100ms",
  "master_interval": "100ms",
  "adverts_sent": 4,
  "adverts_received": 0,
  "adverts_unsent": 0,
  "send_errors": 0,
  "replies_delayed": 0,
  "dropped": {
    "ttl": 0
  },
  "transitions": 2,
  "advert_lateness_max": "0s",
  "advert_lateness": {
    "buckets": [
      {
        "le": 0.0001,
        "count": 4
      }
    ],
    "count": 4,
    "sum": 0
  },
  "warnings": [],
  "warned_adverts": 0,
  "rivals": [],
  "dual_masters": 0,
  "rival_signs": 0
}`
		want = strings.Replace(want, "2000-01-01T00:00:00.321875Z", s.Since.Format(time.RFC3339Nano), 1)
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		var back Status
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(fmt.Sprintf("%+v", s), fmt.Sprintf("%+v", back)); diff != "" {
			t.Errorf("status read back (-want +got):\n%s", diff)
		}
	})
}

func TestDurationRefusesWhatIsNone(t *testing.T) {
	var d Duration
	if err := d.UnmarshalText([]byte("soon")); err == nil {
		t.Errorf("soon became %s, want an error", d)
	}
}

func TestStatusBeforeRunIsInit(t *testing.T) {
	g := NewMember(groupConfig("a", 200, nil), &port{m: &machine{}}, slog.New(slog.DiscardHandler), nil)
	if s := g.Status(); s.Role != Init || s.Priority != 200 || s.Name != "a" {
		t.Errorf("status %+v, want role init of a", s)
	}
}

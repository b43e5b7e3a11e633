package vrrp

import (
	"strings"
	"testing"
	"time"
)

func TestWarningsAreCountedByPeerAndKind(t *testing.T) {
	var w warnings
	start := time.Unix(1000, 0)
	w.add(lower, Observation{WarnInterval, "advertises every 3s, we every 1s"}, start)
	w.add(lower, Observation{WarnInterval, "advertises every 4s, we every 1s"}, start.Add(time.Second))
	w.add(higher, Observation{WarnInterval, "advertises every 4s, we every 1s"}, start.Add(2*time.Second))
	got, total := w.current(start.Add(warningLasts), time.Second)
	if len(got) != 2 || total != 3 || got[0].Count != 2 || got[0].Text != "advertises every 4s, we every 1s" || got[0].Last.Sub(got[0].First) != time.Second {
		t.Errorf("got %+v, %d", got, total)
	}
	if got, _ := w.current(start.Add(2*warningLasts), time.Second); len(got) != 0 {
		t.Errorf("much later there is still %+v", got)
	}
}

func TestWarningsAreBounded(t *testing.T) {
	var w warnings
	start := time.Unix(1000, 0)
	for i := range 1000 {
		w.add(machineAddr(i%200), Observation{WarnPriority, "has our priority 100"}, start.Add(time.Duration(i)))
	}
	if got, total := w.current(start, time.Second); len(got) != maxWarnings || total != 1000 {
		t.Errorf("%d warnings of %d adverts, want %d of 1000", len(got), total, maxWarnings)
	}
}

func TestStatusWarnsOfAPeerThatIsConfiguredDifferently(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		v2 := func(interval time.Duration) func(*Config) {
			return func(c *Config) { c.Version, c.AdvertInterval, c.Checksum = V2, interval, FormMessage }
		}
		a := l.begin(groupConfig("a", 200, v2(time.Second)))
		l.elapse(5 * time.Second)
		p := NewPacket(a.config, 100)
		p.Interval = 3 * time.Second
		a.group.Receive(Advert{From: machineAddr(199), To: Group4, TTL: TTL, Packet: p})
		l.elapse(time.Millisecond)
		s := a.group.Status()
		if s.Dropped[DropInterval.String()] != 1 || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0].Text, "advertises every 3s, we every 1s") {
			t.Errorf("dropped %v, warnings %+v", s.Dropped, s.Warnings)
		}

		equal := NewPacket(a.config, 200) // R-8.3.2-03
		a.group.Receive(Advert{From: machineAddr(199), To: Group4, TTL: TTL, Packet: equal})
		l.elapse(time.Millisecond)
		if s := a.group.Status(); len(s.Warnings) != 2 || !strings.Contains(s.Warnings[1].Text, "has our priority 200") {
			t.Errorf("warnings %+v", s.Warnings)
		}
	})
}

package vrrp

import (
	"strings"
	"testing"
	"time"
)

func TestPlanForLesserMastersIsUsedForThemOnly(t *testing.T) {
	for _, test := range []struct {
		name     string
		provoked *Burst
		during   int // announcements while a lesser master advertises, and does not yield, for 5 s
	}{
		{"as for a new master", nil, 6}, // one at once, and then one a second
		{"none", &Burst{}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			onLAN(t, func(t *testing.T, l *lan) {
				a := l.begin(groupConfig("a", 200, func(c *Config) { c.Announce.Provoked = test.provoked }))
				l.elapse(down200 + 150*time.Millisecond)
				before := len(a.announced)
				if before != 1 {
					t.Fatalf("%d announcements of a new master, want 1", before)
				}
				for range 50 {
					a.group.Receive(fromStranger(a, 50))
					l.elapse(100 * time.Millisecond)
				}
				if got := len(a.announced) - before; got != test.during {
					t.Errorf("%d announcements while there are two masters, want %d", got, test.during)
				}
				before = len(a.announced)
				l.elapse(2 * time.Second)
				if got := len(a.announced) - before; got != 1 {
					t.Errorf("%d announcements after the other one is gone, want 1", got)
				}
			})
		})
	}
}

func TestAnnounceHasRanges(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Config)
		want   string // part of the error; empty for none
	}{
		{"default", func(c *Config) { c.Announce = AnnounceDefault }, ""},
		{"repeat", func(c *Config) { c.Announce.Repeat = 101 }, "garp repeat is 101, want 0 to 100"},
		{"refresh_repeat", func(c *Config) { c.Announce.RefreshRepeat = -1 }, "garp refresh_repeat is -1"},
		{"delay", func(c *Config) { c.Announce.Delay = time.Millisecond }, "garp delay is 1ms, want 100ms to 1h0m0s, or 0s"},
		{"refresh", func(c *Config) { c.Announce.Refresh = time.Millisecond }, "garp refresh is 1ms"},
		{"extra_interfaces", func(c *Config) { c.Announce.ExtraRefresh = 25 * time.Hour }, "garp extra_interfaces is 25h"},
		{"interval", func(c *Config) { c.Announce.Gap = time.Minute }, "garp interval is 1m0s"},
		{"na_interval", func(c *Config) { c.Announce.GapNA = -1 }, "garp na_interval is -1ns"},
		{"lower_priority_repeat", func(c *Config) { c.Announce.Provoked = &Burst{Repeat: 101} }, "garp lower_priority_repeat is 101"},
		{"lower_priority_delay", func(c *Config) { c.Announce.Provoked = &Burst{Delay: 1} }, "garp lower_priority_delay is 1ns"},
		{"verify_addresses", func(c *Config) { c.VerifyAddresses = time.Millisecond }, "verify_addresses is 1ms, want 1s to 24h0m0s, or 0s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := groupConfig("a", 100, test.change).Validate()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestPlansAreEqualByValue(t *testing.T) {
	a, b := AnnounceDefault, AnnounceDefault
	a.Provoked, b.Provoked = &Burst{Repeat: 1}, &Burst{Repeat: 1}
	if !a.Equal(b) {
		t.Error("equal plans differ")
	}
	b.Provoked.Delay = 1
	c := a
	c.Repeat++
	if a.Equal(b) || a.Equal(AnnounceDefault) || a.Equal(c) {
		t.Error("other plans are equal")
	}
}

func TestOnlyAMasterAnnouncesOnRequest(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		if err := a.group.Announce(); err == nil || !strings.Contains(err.Error(), "a is backup here") {
			t.Errorf("as backup: %v", err)
		}
		l.elapse(down200 + time.Millisecond)
		before := len(a.announced)
		if err := a.group.Announce(); err != nil {
			t.Fatal(err)
		}
		l.elapse(time.Millisecond)
		if got := len(a.announced) - before; got != 1 {
			t.Errorf("%d announcements, want 1 at once", got)
		}
	})
}

package vrrp

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestStartupWait(t *testing.T) {
	for _, tt := range []struct {
		name         string
		s            Startup
		uptime, want time.Duration
	}{
		{"none", Startup{}, time.Second, 0},
		{"from the start", Startup{Delay: 5 * time.Second}, time.Hour, 5 * time.Second},
		{"from the boot", Startup{AfterBoot: time.Minute}, 20 * time.Second, 40 * time.Second},
		{"the boot is long ago", Startup{AfterBoot: time.Minute}, time.Hour, 0},
		{"the longer one counts", Startup{Delay: 5 * time.Second, AfterBoot: time.Minute}, 58 * time.Second, 5 * time.Second},
		{"the longer one counts, after a boot", Startup{Delay: 5 * time.Second, AfterBoot: time.Minute}, 0, time.Minute},
	} {
		if got := tt.s.Wait(tt.uptime); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestStartupDelayIsSilentAndDeaf(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 200, nil), 1)
		a.out = 5 * time.Second
		start := time.Now()
		a.start()
		l.elapse(time.Second)
		wantRole(t, a, Init)
		a.group.Receive(fromStranger(a, 250))
		l.elapse(time.Second)
		s := a.group.Status()
		if s.Dropped[DropNotRunning.String()] != 1 || s.AdvertsReceived != 0 {
			t.Errorf("an advert was heard: %+v", s)
		}
		if why := strings.Join(s.Reasons, " "); why != "startup delay: over at "+start.Add(5*time.Second).Format(time.DateTime) {
			t.Errorf("status says %q", why)
		}
		l.elapse(3*time.Second + time.Millisecond)
		wantRole(t, a, Backup)
		if s := a.group.Status(); len(s.Reasons) != 0 {
			t.Errorf("status still says %q", s.Reasons)
		}
		a.group.StayOut(time.Now().Add(time.Hour)) // a reload: whoever takes part goes on
		l.elapse(down200)
		wantRole(t, a, Master)
		if sent := a.sent; len(sent) == 0 || sent[0].at.Sub(start) < 5*time.Second+down200 {
			t.Errorf("sent %+v, want the first after the delay and the down interval", sent)
		}
	})
}

func TestStartupDelayThatAReloadTakesBackIsOverAtOnce(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 200, nil), 1)
		a.out = time.Hour
		a.start()
		l.elapse(time.Second)
		wantRole(t, a, Init)
		a.group.StayOut(time.Time{})
		l.elapse(time.Millisecond)
		wantRole(t, a, Backup)
	})
}

func TestAdvertsOfOtherMulticastGroupsAreDropped(t *testing.T) {
	other := netip.MustParseAddr("224.0.0.50")
	named := func(c *Config) { c.Addresses = []Address{{Prefix: netip.MustParsePrefix("192.0.2.10/24")}} }
	moved := func(c *Config) { named(c); c.Group = other }
	for _, tt := range []struct {
		name   string
		change func(*Config)
		to     netip.Addr
		want   error
	}{
		{"the RFC's", named, Group4, nil},
		{"another one than the RFC's", named, other, DropGroup},
		{"the configured one", moved, other, nil},
		{"the RFC's, and another one is configured", moved, Group4, DropGroup},
	} {
		c := machineConfig(tt.change)
		p := NewPacket(c, 100)
		p.Form = FormPseudoHeader
		if err := Admit(c, us, Advert{From: lower, To: tt.to, TTL: TTL, Packet: p}); err != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	if d := machineConfig(moved).Destinations(); len(d) != 1 || d[0] != other {
		t.Errorf("sent to %v", d)
	}
}

func TestAdvertsWithoutAddressAreAdmittedByOption(t *testing.T) {
	msg := wire(t, v3NoAddresses)
	p, err := ParsePacket(msg, vectorSource, Group4)
	if err != DropCount || p.Version != V3 {
		t.Fatalf("ParsePacket: %+v, %v, want the packet with DropCount", p, err)
	}
	a := Advert{From: vectorSource, To: Group4, TTL: TTL, Packet: p}
	for option, want := range map[bool]error{false: DropCount, true: nil} {
		c := machineConfig(func(c *Config) { c.VRID, c.AllowNoAddresses, c.Addresses = p.VRID, option, nil })
		if err := Admit(c, us, a); err != want {
			t.Errorf("allow_no_addresses %v: %v, want %v", option, err, want)
		}
	}
}

func TestGroupFault(t *testing.T) {
	for group, ok := range map[string]bool{"224.0.0.50": true, "239.1.2.3": true, "192.0.2.1": false, "ff02::50": true, "ff12::50": true, "ff05::50": false, "fe80::1": false} {
		g := netip.MustParseAddr(group)
		if err := GroupFault(g, FamilyOf(g)); (err == nil) != ok {
			t.Errorf("%s: %v", g, err)
		}
	}
	if GroupFault(Group4, IPv6) == nil {
		t.Error("an IPv4 group for IPv6 is admitted")
	}
}

package vrrp

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFailureToHoldIsAFaultThatIsTriedAgain(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 200, nil), 1)
		a.holdError, a.holdDelay = errors.New("no such device"), time.Millisecond
		a.start()
		b := l.begin(groupConfig("b", 100, nil))
		l.elapse(down200 + 2*time.Millisecond)
		if diff := cmp.Diff([]string{"addresses: no such device"}, a.group.Status().Reasons); diff != "" {
			t.Errorf("reasons (-want +got):\n%s", diff)
		}
		wantRole(t, a, Fault)
		if got := a.sent[len(a.sent)-1].p.Priority; got != PriorityResign {
			t.Errorf("the last advert of a has priority %d, want 0", got)
		}
		l.elapse(100 * time.Millisecond)
		wantRole(t, b, Master)
		l.elapse(time.Minute)
		var tries []time.Duration
		for _, h := range a.holds {
			if h.on {
				tries = append(tries, h.at.Sub(a.holds[0].at).Round(time.Second))
			}
		}
		want := []time.Duration{0, 2 * time.Second, 4 * time.Second, 8 * time.Second, 17 * time.Second, 33 * time.Second}
		if diff := cmp.Diff(want, tries); diff != "" {
			t.Errorf("attempts to hold, doubling pauses (-want +got):\n%s", diff)
		}
		a.holdError = nil
		l.elapse(time.Minute)
		wantRole(t, a, Master)
		wantRole(t, b, Backup)
		wantHeld(t, a)
		a.holdError = errors.New("again")
		a.config = groupConfig("a", 200, func(c *Config) { c.Addresses[0].Interface = "eth1" })
		a.group.Configure(a.config)
		l.elapse(2 * time.Millisecond)
		wantRole(t, a, Fault)
		l.elapse(retryPauseMin) // the pauses begin anew
		wantRole(t, a, Backup)
	})
}

func wantHeld(t *testing.T, m *machine) {
	t.Helper()
	if s := m.group.Status(); !m.held || !s.Held || len(s.Reasons) > 0 {
		t.Errorf("held %v, status says %v, reasons %v; want true, true and none", m.held, s.Held, s.Reasons)
	}
}

func TestSlowHoldDelaysNoAdvert(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 200, nil), 1)
		a.holdDelay = 10 * time.Second
		a.start()
		master := time.Now().Add(down200)
		l.elapse(down200 + 5*time.Second)
		for i, s := range a.sent {
			want := onBeat(master.Add(time.Duration(i)*100*time.Millisecond), 100*time.Millisecond)
			if i > 0 && !s.at.Equal(want) {
				t.Errorf("advert %d was sent at %s, want %s", i, s.at.Sub(master), want.Sub(master))
			}
		}
		if len(a.sent) != 51 || len(a.announced) != 0 || a.group.Status().Held {
			t.Errorf("%d adverts, %d announcements, held %v; want 51, none before the addresses are there, false", len(a.sent), len(a.announced), a.group.Status().Held)
		}
		l.elapse(20 * time.Second) // a first Hold(false), then Hold(true)
		if len(a.announced) != 1 || !a.group.Status().Held {
			t.Errorf("%d announcements, held %v; want 1, true", len(a.announced), a.group.Status().Held)
		}
	})
}

func TestHoldThatWasOvertakenNeverHappens(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 100, nil), 1)
		a.holdDelay = time.Second
		a.start()
		l.elapse(down100 + time.Millisecond) // master, while the Hold(false) of the start goes on
		wantRole(t, a, Master)
		a.group.Receive(fromStranger(a, 200))
		l.elapse(250 * time.Millisecond)
		wantRole(t, a, Backup)
		a.group.Track("link", Verdict{Fault: "link: eth0 is down"}) // or it would be master again
		l.elapse(5 * time.Second)
		for _, h := range a.holds {
			if h.on {
				t.Errorf("Hold(true) at %s", h.at.Sub(l.start))
			}
		}
		if len(a.announced) != 0 {
			t.Errorf("%d announcements, want none", len(a.announced))
		}
	})
}

func TestRunReportsThatTheAddressesCouldNotBeReleased(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		l.elapse(time.Second)
		a.freeError = errors.New("netlink is gone")
		a.holds = nil
		err := a.stop()
		// Run may ask for the end when the first attempt, which the last step asked for, is over already: that one does not count.
		if n := len(a.holds); !errors.Is(err, a.freeError) || n != releaseTries && n != releaseTries+1 {
			t.Errorf("Run: %v after %d attempts, want %q after %d", err, n, a.freeError, releaseTries)
		}
	})
}

func TestReleaseIsTriedUntilItSucceeds(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		l.elapse(time.Second)
		a.freeError = errors.New("busy")
		a.group.Track("link", Verdict{Fault: "link: eth0 is down"})
		l.elapse(time.Minute)
		if !a.held {
			t.Fatal("released in spite of the error")
		}
		a.freeError = nil
		l.elapse(releasePauseMax)
		if a.held {
			t.Error("still held")
		}
	})
}

func TestReloadKeepsRoleAndTimers(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		master := time.Now().Add(down200)
		l.elapse(200 * time.Millisecond)
		a.group.Configure(groupConfig("a", 200, nil)) // a backup's timer runs on
		l.elapse(down200 - 200*time.Millisecond + 50*time.Millisecond)
		a.wantSent(t, master, sending{0, 200})
		a.holds, a.announced = nil, nil
		a.config = groupConfig("a", 150, func(c *Config) {
			c.AdvertInterval = 20 * time.Millisecond
			c.Addresses = append(c.Addresses, Address{Prefix: netip.MustParsePrefix("192.0.2.11/24")})
		})
		a.group.Configure(a.config)
		l.elapse(80 * time.Millisecond)
		a.wantSent(t, master, sending{70 * time.Millisecond, 150}, sending{90 * time.Millisecond, 150},
			sending{110 * time.Millisecond, 150}, sending{130 * time.Millisecond, 150})
		s := a.group.Status()
		if len(a.holds) != 1 || !a.holds[0].on || a.holds[0].addresses != 2 || len(a.announced) != 1 {
			t.Errorf("holds %+v, %d announcements; want one of both addresses, and one", a.holds, len(a.announced))
		}
		if s.Role != Master || s.Transitions != 2 || s.Priority != 150 || len(s.VirtualAddresses) != 2 {
			t.Errorf("status %+v, want the same master with priority 150 and two addresses", s)
		}
		a.holds = nil
		a.group.Configure(groupConfig("a", 140, func(c *Config) { c.Addresses = a.config.Addresses }))
		l.elapse(time.Second)
		if len(a.holds) != 0 {
			t.Errorf("holds %+v, want none when the addresses stay", a.holds)
		}
	})
}

func TestReloadOfTheIntervalReachesAVersion2Backup(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		version2 := func(interval time.Duration) *Config {
			return groupConfig("a", 200, func(c *Config) { c.Version, c.AdvertInterval = V2, interval })
		}
		a := l.begin(version2(time.Second))
		a.config = version2(5 * time.Second)
		a.group.Configure(a.config)
		synctest.Wait()
		a.group.Receive(fromStranger(a, 250))
		heard := time.Now()
		synctest.Wait()
		l.elapse(time.Minute)
		if took, want := a.transitions[1].At.Sub(heard), 15218750*time.Microsecond; took != want {
			t.Errorf("took over %s after the last advert, want %s", took, want)
		}
	})
}

func TestNewAddressesEndTheFaultOfTheOldOnes(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 200, nil), 1)
		a.holdError = errors.New("no such device")
		a.start()
		l.elapse(down200 + time.Millisecond)
		wantRole(t, a, Fault)
		a.holdError = nil
		a.group.Configure(groupConfig("a", 200, func(c *Config) { c.Addresses[0].Interface = "eth1" }))
		synctest.Wait()
		wantRole(t, a, Backup)
	})
}

func TestFaultKeepsARouterOut(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.add(groupConfig("a", 200, nil), 1)
		a.up = false
		a.start()
		a.group.Track("source", Verdict{Fault: "source: no IPv4 address on eth0"})
		l.elapse(time.Minute)
		want := []string{"link: eth0 is down", "source: no IPv4 address on eth0"}
		if diff := cmp.Diff(want, a.group.Status().Reasons); diff != "" {
			t.Errorf("reasons (-want +got):\n%s", diff)
		}
		if len(a.sent) != 0 || len(a.transitions) != 1 || a.transitions[0].To != Fault {
			t.Errorf("sent %v, transitions %v; want nothing sent, straight to fault", a.sent, a.transitions)
		}
		a.group.Track("source", Verdict{})
		synctest.Wait()
		wantRole(t, a, Fault)
		a.setLink(true)
		l.elapse(down200)
		wantRole(t, a, Master)
		a.setLink(false)
		synctest.Wait()
		if last := a.transitions[len(a.transitions)-1]; last.To != Fault || last.Reason != "link: eth0 is down" {
			t.Errorf("last transition %+v, want to fault for the link", last)
		}
	})
}

func TestWithoutASourceNothingIsSent(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, nil))
		a.group.SetSource(netip.Addr{})
		l.elapse(down200 + 250*time.Millisecond)
		if s := a.group.Status(); s.AdvertsSent != 0 || s.AdvertsUnsent != 3 || s.Source.IsValid() || len(a.sent) != 0 {
			t.Errorf("sent %d, unsent %d, source %s; want 0, 3 and none", s.AdvertsSent, s.AdvertsUnsent, s.Source)
		}
		a.group.SetSource(a.addr)
		l.elapse(100 * time.Millisecond)
		if s := a.group.Status(); s.AdvertsSent != 1 || s.Source != a.addr || s.Master != a.addr {
			t.Errorf("sent %d, source %s, master %s; want 1 and %s", s.AdvertsSent, s.Source, s.Master, a.addr)
		}
	})
}

func TestConfiguredSourceGoesBeforeTheInterfaces(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		configured := machineAddr(0)
		a := l.begin(groupConfig("a", 200, func(c *Config) { c.Source = configured }))
		a.group.SetSource(netip.MustParseAddr("203.0.113.9"))
		synctest.Wait()
		if got := a.group.Status().Source; got != configured {
			t.Errorf("source is %s, want %s", got, configured)
		}
		a.group.Configure(groupConfig("a", 200, nil))
		synctest.Wait()
		if got, want := a.group.Status().Source.String(), "203.0.113.9"; got != want {
			t.Errorf("source is %s without a configured one, want %s", got, want)
		}
		a.group.SetSource(configured) // where the machine really is
	})
}

package kernel

import (
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

func TestChangesThatAreTooShortAreNotShown(t *testing.T) {
	d := newDelays([]vrrp.InterfaceDelay{{Interface: "eth0", Down: 2 * time.Second, Up: 5 * time.Second}}, nil)
	start := time.Unix(1000, 0)
	for i, s := range []struct {
		at          float64 // seconds
		fault, want string
		again       float64
	}{
		{0, "", "", 0},
		{1, "no carrier", "", 2},
		{2, "down", "", 1}, // another fault is the same change
		{2.5, "", "", 0},   // over before it counted
		{3, "down", "", 2},
		{5, "down", "down", 0},
		{6, "no carrier", "no carrier", 0}, // while it is down the reason is the true one
		{7, "", "no carrier", 5},
		{11, "down", "down", 0},
		{12, "", "down", 5},
		{17, "", "", 0},
	} {
		got, again := d.observe("eth0", s.fault, start.Add(time.Duration(s.at*float64(time.Second))))
		if got != s.want || again != time.Duration(s.again*float64(time.Second)) {
			t.Errorf("step %d at %gs: %q, again in %s; want %q, %gs", i, s.at, got, again, s.want, s.again)
		}
	}
	if got, again := d.observe("eth1", "down", start); got != "down" || again != 0 {
		t.Errorf("an interface without delay: %q, again in %s", got, again)
	}
}

func TestReloadKeepsWhatIsShown(t *testing.T) {
	wanted := []vrrp.InterfaceDelay{{Interface: "eth0", Down: time.Minute}}
	d := newDelays(wanted, nil)
	now := time.Unix(1000, 0)
	d.observe("eth0", "", now)
	d.observe("eth0", "down", now)
	d = newDelays(wanted, d)
	if got, again := d.observe("eth0", "down", now.Add(50*time.Second)); got != "" || again != 10*time.Second {
		t.Errorf("after a reload %q, again in %s; want the delay to go on for 10s", got, again)
	}
}

//go:build netns

package netns_test

import (
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// A client that believes in a wrong hardware address finds the master after `govrrpd announce`, over both families; and only a master announces.
func TestAnnounceCommandTellsClientsAgain(t *testing.T) {
	const wrong = "02:00:00:00:00:99"
	m := newTeam(t)
	m.start() // a is master of "six", b of "four"
	elected := time.Now()
	for _, tt := range []struct {
		instance, vip  string
		master, backup *netns.Director
		mac            string
	}{
		{"four", vip4.String(), m.govB, m.govA, m.b.MAC("eth0").String()},
		{"six", vip6.String(), m.govA, m.govB, m.a.MAC("eth0").String()},
	} {
		believes := func() string {
			out, _ := m.client.Run("ip", "neigh", "show", tt.vip, "dev", "eth0")
			_, mac, _ := strings.Cut(out, "lladdr ")
			mac, _, _ = strings.Cut(mac, " ")
			return mac
		}
		poison := func() {
			m.client.MustRun("ip", "neigh", "replace", tt.vip, "lladdr", wrong, "dev", "eth0", "nud", "reachable")
		}
		m.WaitFor(time.Minute, "the announcements of the election, the last of them after 5 s, to be over", func() bool {
			poison()
			return time.Since(elected) > 6*time.Second && quiet(m, time.Second/2)
		})
		if mac := believes(); mac != wrong {
			t.Fatalf("%s: the client believes in %s, want %s", tt.instance, mac, wrong)
		}
		if out, err := tt.backup.Command("announce", tt.instance); err == nil || !strings.Contains(out, "only a master announces") {
			t.Errorf("announce %s by a backup: %v: %s", tt.instance, err, out)
		}
		if mac := believes(); mac != wrong {
			t.Errorf("%s: a backup has told the client of %s", tt.instance, mac)
		}
		if out, err := tt.master.Command("announce", tt.instance); err != nil || !strings.Contains(out, tt.instance+" is announced") {
			t.Errorf("announce %s: %v: %s", tt.instance, err, out)
		}
		m.WaitFor(limit, "the client to know better", func() bool { return believes() == tt.mac })
	}
	if out, err := m.govA.Command("announce", "nosuch"); err == nil || !strings.Contains(out, "no vrrp_instance and no vrrp_sync_group of this name") {
		t.Errorf("announce nosuch: %v: %s", err, out)
	}
}

// quiet reports whether nobody has announced anything for a while.
func quiet(m *team, span time.Duration) bool {
	var last time.Time
	for _, a := range m.capture.ARPs() {
		if a.Gratuitous && a.At.After(last) {
			last = a.At
		}
	}
	for _, nd := range append(m.announcements(m.portA, vip6), m.announcements(m.portB, vip6)...) {
		if nd.At.After(last) {
			last = nd.At
		}
	}
	return time.Since(last) > span
}

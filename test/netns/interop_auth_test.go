//go:build netns

package netns_test

import (
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// A wrong password is two masters, with every kind of authentication; what matters is that the reason is counted.
func TestWrongPasswordIsCounted(parent *testing.T) {
	for _, c := range []struct {
		name   string
		ah     bool
		reason string
	}{{"simple", false, "password"}, {"authentication header", true, "ah_invalid"}} {
		parent.Run(c.name, func(t *testing.T) {
			one := speaker{kind: govrrpd, address: "192.0.2.1", priority: 200, interval: time.Second}
			two := speaker{kind: keepalived, address: "192.0.2.2", priority: 100, interval: time.Second}
			d := newDuel(t, parent, rules{version: 2, password: "right", ah: c.ah}, one, two)
			d.speakers[1].rules.password = "wrong"
			t.Parallel()
			for _, s := range d.speakers {
				s.start()
			}
			d.WaitFor(startup+3*two.interval, "refused adverts to be counted as "+c.reason, func() bool {
				return d.speakers[0].gov.Dropped(netns.InstanceName, c.reason) > 0 // few: keepalived puts its next advert off whenever it refuses one of ours
			})
		})
	}
}

// One side with an authentication header and one without do not hear each other; both say so here.
func TestAuthenticationHeaderOnOneSideIsCounted(parent *testing.T) {
	for _, c := range []struct {
		name string
		ours bool
	}{{"ours", true}, {"theirs", false}} {
		parent.Run(c.name, func(t *testing.T) {
			one := speaker{kind: govrrpd, address: "192.0.2.1", priority: 200, interval: time.Second}
			two := speaker{kind: keepalived, address: "192.0.2.2", priority: 100, interval: time.Second}
			d := newDuel(t, parent, rules{version: 2, password: "right", ah: c.ours}, one, two)
			d.speakers[1].rules.ah = !c.ours
			t.Parallel()
			for _, s := range d.speakers {
				s.start()
			}
			d.WaitFor(startup+3*two.interval, "refused adverts to be counted as auth_type", func() bool {
				return d.speakers[0].gov.Dropped(netns.InstanceName, "auth_type") > 0 // few: keepalived puts its next advert off whenever it refuses one of ours
			})
		})
	}
}

//go:build netns

package netns_test

import (
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
	"github.com/govrrpd/govrrpd/vrrp"
)

const (
	junkTime  = 7 * time.Second
	junkPause = 200 * time.Millisecond // between two packets, against adverts every second
)

// Whoever can put packets on the segment can silence a master that sets its timer anew for each of them, valid or not: the backups,
// which refuse the same packets, take over, and there are two. keepalived 2.2.7 is such a master, so the attack is a real one.
func TestJunkSilencesNoMaster(parent *testing.T) {
	for _, c := range []struct {
		kind     string
		silenced bool
	}{{govrrpd, false}, {keepalived, true}} {
		parent.Run(c.kind, func(t *testing.T) {
			master := speaker{kind: c.kind, address: "192.0.2.1", priority: 200, interval: time.Second}
			backup := speaker{kind: govrrpd, address: "192.0.2.2", priority: 100, interval: time.Second}
			d := newDuel(t, parent, rules{version: 2, password: "s3cret"}, master, backup)
			stranger := d.Node("stranger")
			d.lan.Attach(stranger, "eth0", intruder.String()+"/24")
			t.Parallel()
			first := d.takeSeats()
			f := stranger.Forger("eth0")
			junk := f.Frame(intruder, 255, damaged(advert(vrrp.V2, nil)))
			since := d.mark()
			if _, err := f.Flood([][]byte{junk}, int(time.Second/junkPause), junkTime); err != nil {
				t.Fatal(err)
			}
			gap := longestSilence(d.capture.AdvertsFrom(first.port, since), since, time.Now())
			late := lateness(d.holders.Since(since))
			t.Logf("%s, sent junk every %s, was silent for up to %s", c.kind, junkPause, gap)
			if silenced := gap > 3*first.interval+late; silenced != c.silenced {
				t.Errorf("silent for %s, want it silenced: %t", gap, c.silenced)
			}
			if !c.silenced {
				d.passed("under junk", since, change{})
			}
		})
	}
}

// longestSilence returns the longest time without an advert between two moments.
func longestSilence(adverts []netns.Advert, from, to time.Time) time.Duration {
	var longest time.Duration
	last := from
	for _, a := range adverts {
		longest = max(longest, a.At.Sub(last))
		last = a.At
	}
	return max(longest, to.Sub(last))
}

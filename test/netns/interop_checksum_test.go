//go:build netns

package netns_test

import (
	"testing"
	"time"
)

// keepalived 2.2.7 and FRR 8.4 know one checksum for IPv4, with the pseudo-header, and no setting for it: who is told to send that of RFC
// 9568 is not heard by them.
func TestMessageChecksumIsNotHeard(parent *testing.T) {
	for _, kind := range []string{keepalived, frr} {
		parent.Run(kind, func(t *testing.T) {
			better := speaker{kind: govrrpd, address: "192.0.2.1", priority: 200, interval: 100 * time.Millisecond}
			worse := speaker{kind: kind, address: "192.0.2.2", priority: 100, interval: 100 * time.Millisecond}
			d := newDuel(t, parent, rules{version: 3, checksum: "message"}, better, worse)
			t.Parallel()
			us, peer := d.speakers[0], d.speakers[1]
			us.start()
			d.settled(us, startup+us.down(us.interval))
			since := time.Now()
			peer.start()
			d.WaitFor(startup+peer.down(peer.interval), "two masters, because the peer does not hear us", func() bool {
				return changeIn(d.holders.Since(since)).both > 3*peer.interval
			})
		})
	}
}

//go:build netns

package netns_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// keepalived advertises IPv6 addresses in the order of its file, whatever the first of them is. A router that holds to RFC 9568 section
// 5.2.9 (erratum 8300) drops such adverts and counts them; link_local_first = false makes it get along.
func TestKeepalivedWithAGlobalAddressFirst(parent *testing.T) {
	for _, c := range []struct {
		name    string
		lenient bool
	}{{"dropped", false}, {"admitted", true}} {
		parent.Run(c.name, func(t *testing.T) {
			six := rules{version: 3, ipv6: true}
			better := speaker{kind: keepalived, address: six.address(1), priority: 200, interval: 100 * time.Millisecond}
			worse := speaker{kind: govrrpd, address: six.address(2), priority: 100, interval: 100 * time.Millisecond}
			d := newDuel(t, parent, six, better, worse)
			t.Parallel()
			peer, us := d.speakers[0], d.speakers[1]
			odd := peer.instance()
			odd.Address, odd.Also = odd.Also[0], []netip.Prefix{odd.Address}
			peer.run = peer.node.Keepalived(keepalived, odd.Keepalived(), "--vrrp")
			d.WaitFor(startup, "keepalived to be master", peer.holds)
			ours := us.instance()
			if c.lenient {
				ours = odd
				ours.Priority = us.priority
			}
			us.gov = us.node.Govrrpd(lenient(ours, c.lenient))
			us.run = us.gov.Process
			var adverts []netns.Advert
			d.WaitFor(startup, "an advert of keepalived", func() bool {
				adverts = d.capture.AdvertsFrom(peer.port, time.Time{})
				return len(adverts) > 0
			})
			if first := adverts[0].Packet.Addresses; first[0] != virtual6 {
				t.Errorf("keepalived advertises %s, the test is about %s first", first, virtual6)
			}
			if c.lenient {
				d.WaitFor(startup, "govrrpd to listen", func() bool { return us.gov.Role(netns.InstanceName) == "backup" })
				d.quiet(peer, 2*time.Second)
				return
			}
			d.WaitFor(startup, "govrrpd to take no notice", us.holds)
			d.WaitFor(startup, "the drops in the status", func() bool {
				return us.gov.Router(netns.InstanceName).Dropped["first_address"] > 0
			})
		})
	}
}

// lenient returns the configuration of v for govrrpd, with or without link_local_first = false.
func lenient(v netns.Instance, on bool) string {
	if !on {
		return v.HCL()
	}
	return strings.Replace(v.HCL(), "  preempt ", "  link_local_first  = false\n  preempt ", 1)
}

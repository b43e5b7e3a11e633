//go:build netns

package netns_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// ttlConfig is one of two unicast routers. Ttl and minTTL are lines of the blocks unicast and peer.
func ttlConfig(priority int, vip, me, peer, ttl, minTTL string) string {
	return fmt.Sprintf(`vrrp_instance "v" {
  interface         = "eth0"
  virtual_router_id = 51
  priority          = %d
  advert_interval   = "100ms"
  virtual_addresses = [%q]
  unicast {
    source = %q
    %s
    peer %q {
      %s
    }
  }
}
`, priority, vip, me, ttl, peer, minTTL)
}

// What `ttl` says is on the wire, and what `min_ttl` says decides whether it is heard; over both families.
func TestUnicastTTLIsSentAndJudged(t *testing.T) {
	for _, tt := range []struct{ family, vip, a, b string }{
		{"IPv4", "192.0.2.100/24", "192.0.2.1", "192.0.2.2"},
		{"IPv6", "fe80::100/64", "fe80::1", "fe80::2"},
	} {
		t.Run(tt.family, func(t *testing.T) {
			m := newTeam(t)
			a := m.a.Govrrpd(ttlConfig(200, tt.vip, tt.a, tt.b, "ttl = 64", ""))
			m.WaitFor(startup, "a to be master", func() bool { return a.Role("v") == "master" })
			b := m.b.Govrrpd(ttlConfig(100, tt.vip, tt.b, tt.a, "", "min_ttl = 64"))
			m.WaitFor(startup, "b to be backup", func() bool { return b.Role("v") == "backup" })
			m.Always(time.Second, "b hears a", func() bool { return b.Role("v") == "backup" && b.Dropped("v", "peer_ttl") == 0 })
			m.wantTTL(t, m.portA, 64)

			if out, err := b.Reload(ttlConfig(100, tt.vip, tt.b, tt.a, "", "min_ttl = 65")); err != nil {
				t.Fatalf("reload: %v: %s", err, out)
			}
			m.WaitFor(startup, "b to hear a no more", func() bool { return b.Role("v") == "master" && b.Dropped("v", "peer_ttl") > 3 })
			m.wantTTL(t, m.portB, 255)

			reloaded := time.Now()
			if out, err := a.Reload(ttlConfig(200, tt.vip, tt.a, tt.b, "ttl = 65", "")); err != nil {
				t.Fatalf("reload: %v: %s", err, out)
			}
			m.WaitFor(startup, "b to hear it again", func() bool { return b.Role("v") == "backup" })
			m.WaitFor(startup, "adverts with the new TTL", func() bool {
				adverts := m.capture.AdvertsFrom(m.portA, reloaded)
				return len(adverts) > 0 && adverts[len(adverts)-1].TTL == 65
			})
		})
	}
}

// wantTTL demands that all adverts out of a port have this TTL.
func (m *team) wantTTL(t *testing.T, from *netns.Port, want uint8) {
	t.Helper()
	adverts := m.capture.AdvertsFrom(from, time.Time{})
	if len(adverts) == 0 {
		t.Error("no adverts")
	}
	for _, a := range adverts {
		if a.TTL != want || a.Dst.IsMulticast() || a.Err != nil {
			t.Errorf("advert of %s to %s at %s: TTL %d, error %v; want TTL %d", a.Src, a.Dst, clock(a.At), a.TTL, a.Err, want)
			return
		}
	}
}

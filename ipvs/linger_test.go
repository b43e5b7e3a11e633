package ipvs

import (
	"testing"
	"time"
)

// A service that its virtual server has folded into another stays until its connections have ended, also those that came since the last read; and
// so does the other one when it is unfolded.
func TestFoldedServiceStaysUntilItsConnectionsHaveEnded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, shop())
		b.did(shopAdded...)
		load := func(k Key, active int) {
			b.kernel.change(func(t Table) {
				e := t[k]
				e.Loads = make([]Load, len(e.Dests))
				e.Loads[0].Active = active
				t[k] = e
			})
		}
		mark := Key{Mark: 80, Family: V4}
		folded := shop()
		folded.Keys = []Key{mark}
		b.Configure([]VirtualServer{folded})
		b.did("add service fwmark 80 ipv4 wlc", "add server 10.0.0.1:80 nat weight 10 to fwmark 80 ipv4", "add server 10.0.0.2:80 nat weight 20 to fwmark 80 ipv4")
		load(shop().Keys[0], 1)
		b.sleep(time.Minute)
		b.did()
		load(shop().Keys[0], 0)
		b.sleep(RefreshDefault)
		b.did("remove service tcp 192.0.2.10:80")

		load(mark, 1)
		b.Configure([]VirtualServer{shop()})
		b.did(shopAdded...)
		b.sleep(time.Minute)
		b.did()
		b.Configure([]VirtualServer{folded}) // back to what still has connections
		b.did()
		b.sleep(2 * RefreshDefault)
		b.did("remove service tcp 192.0.2.10:80")
		if n := b.logged("stays until its connections have ended"); n != 3 {
			t.Errorf("%d lines about it, want 3:\n%s", n, b.log)
		}
		b.Configure(nil)
		b.did("remove service fwmark 80 ipv4")
	})
}

// Another address takes nothing over: new connections would still come to the old one.
func TestServiceThatMovesDoesNotLinger(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, shop())
		b.did(shopAdded...)
		moved := shop()
		moved.Keys = []Key{tcp("192.0.2.11:80")}
		b.Configure([]VirtualServer{moved})
		b.did("add service tcp 192.0.2.11:80 wlc", "add server 10.0.0.1:80 nat weight 10 to tcp 192.0.2.11:80", "add server 10.0.0.2:80 nat weight 20 to tcp 192.0.2.11:80",
			"remove service tcp 192.0.2.10:80")
	})
}

//go:build netns

package netns_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/ndp"

	"github.com/govrrpd/govrrpd/test/netns"
)

var (
	vip4       = netip.MustParseAddr("192.0.2.100")
	vip6       = netip.MustParseAddr("2001:db8::100")
	vip6Local  = netip.MustParseAddr("fe80::100")
	allNodes   = netip.MustParseAddr("ff02::1")
	vrrpGroup6 = netip.MustParseAddr("ff02::12")
)

// sixAndFour returns two instances of one VRID, one for each family.
func sixAndFour(priority4, priority6 int) string {
	instance := func(name string, priority int, addrs string) string {
		return fmt.Sprintf(`vrrp_instance %q {
  interface         = "eth0"
  virtual_router_id = 51
  priority          = %d
  advert_interval   = "100ms"
  virtual_addresses = [%s]
}
`, name, priority, addrs)
	}
	return instance("four", priority4, `"192.0.2.100/24"`) + instance("six", priority6, `"fe80::100/64", "2001:db8::100/64"`)
}

// A team is two directors and a client on one segment, with both families.
type team struct {
	*netns.World
	a, b, client  *netns.Node
	portA, portB  *netns.Port
	capture       *netns.Capture
	govA, govB    *netns.Director
	four, holders *netns.Holders
}

func newTeam(t *testing.T) *team {
	t.Helper()
	m := &team{World: netns.New(t)}
	m.a, m.b, m.client = m.Node("a"), m.Node("b"), m.Node("client")
	lan := m.Segment("lan0")
	m.portA = lan.Attach(m.a, "eth0", "192.0.2.1/24", "fe80::1/64")
	m.portB = lan.Attach(m.b, "eth0", "192.0.2.2/24", "fe80::2/64")
	lan.Attach(m.client, "eth0", "192.0.2.77/24", "fe80::77/64", "2001:db8::77/64")
	m.a.Sysctl("net/ipv6/conf/eth0/forwarding", "1") // b is no IPv6 router
	m.capture = m.Capture(m.portA, m.portB)
	m.four = m.WatchHolders(vip4, m.a, m.b)
	m.holders = m.WatchHolders(vip6, m.a, m.b)
	return m
}

// start starts both and waits until a has the IPv6 addresses and b those of IPv4.
func (m *team) start() {
	m.govA, m.govB = m.a.Govrrpd(sixAndFour(100, 200)), m.b.Govrrpd(sixAndFour(200, 100))
	m.WaitFor(startup, "one master for each family", m.split)
}

// split tells whether each is master for the family in which it is the better one.
func (m *team) split() bool {
	return m.a.Has(vip6) && m.a.Has(vip6Local) && !m.a.Has(vip4) && m.b.Has(vip4) && !m.b.Has(vip6) && !m.b.Has(vip6Local)
}

// The IPv4 and the IPv6 instance of one VRID on one interface are strangers to each other: each family has its own master.
func TestBothFamiliesOfOneVRIDElectOnTheirOwn(t *testing.T) { // R-1-01
	m := newTeam(t)
	m.start()
	since := time.Now()
	m.Always(time.Second, "each family keeps its master", m.split)
	for _, h := range []*netns.Holders{m.four, m.holders} {
		if err := netns.NotOne(h.Since(since)); err != nil {
			t.Error(err)
		}
	}
	sources := map[string]bool{}
	for _, a := range append(m.capture.AdvertsFrom(m.portA, since), m.capture.AdvertsFrom(m.portB, since)...) {
		if err := badAdvert(a); err != nil {
			t.Error(err)
		}
		sources[a.Src.String()+" "+a.Dst.String()] = true
		if a.Src.Is6() && !slices.Equal(a.Packet.Addresses, []netip.Addr{vip6Local, vip6}) {
			t.Errorf("advert names %s, want %s and %s in that order", a.Packet.Addresses, vip6Local, vip6)
		}
	}
	if len(sources) != 2 || !sources["fe80::1 ff02::12"] || !sources["192.0.2.2 224.0.0.18"] {
		t.Errorf("adverts are sent by %v, want a over IPv6 and b over IPv4 only", sources)
	}
}

func TestIPv6AddressMovesWithThePulledCableAndBack(t *testing.T) {
	m := newTeam(t)
	m.start()
	ping := m.client.Ping(vip6, 5*time.Millisecond)
	m.WaitFor(startup, "an answer", func() bool { _, ok := ping.Answered(time.Time{}); return ok })

	pulled := time.Now()
	m.portA.Cut()
	m.WaitFor(startup, "b to take over", func() bool { return m.b.Has(vip6) && m.b.Has(vip6Local) && !m.a.Has(vip6) })
	m.WaitFor(startup, "b to answer", func() bool { _, ok := ping.Answered(pulled); return ok })
	at, _ := ping.Answered(pulled)
	down := 300*time.Millisecond + 156*100*time.Millisecond/256 // priority 100
	late := lateness(m.holders.Since(pulled))
	t.Logf("no answer for %s after the pull, the protocol says %s", at.Sub(pulled), down)
	if limit := down + margin + late; at.Sub(pulled) > limit {
		t.Errorf("answered %s after the pull, want at most %s", at.Sub(pulled), limit)
	}

	healed := time.Now()
	m.portA.Heal()
	m.WaitFor(startup, "a to take it back", func() bool { return m.split() })
	mac := m.a.MAC("eth0").String()
	m.WaitFor(startup, "the client to send to a", func() bool { return m.client.Neighbor("eth0", vip6).String() == mac })
	if lost, sent := ping.Lost(healed, 500*time.Millisecond); lost > 20 {
		t.Errorf("%d of %d requests were lost while a took the address back", lost, sent)
	}
	if out := m.a.MustRun("ip", "-6", "address", "show", "dev", "eth0"); strings.Contains(out, "dadfailed") || strings.Contains(out, "tentative") {
		t.Errorf("duplicate address detection found the other router:\n%s", out) // R-8.2.2-06
	}
}

// What the new holder says unasked, and what its kernel answers: both tell by the router flag whether the host forwards (RFC 4861 section 4.4).
func TestNeighbourAdvertisementsSayWhoRoutes(t *testing.T) { // R-6.4.1-03, R-6.4.2-09, R-6.4.3-03
	m := newTeam(t)
	m.start()
	for _, holder := range []struct {
		node   *netns.Node
		port   *netns.Port
		router bool
	}{{m.a, m.portA, true}, {m.b, m.portB, false}} {
		m.WaitFor(startup, "the solicited-node groups", func() bool {
			out, err := holder.node.Run("ip", "-6", "maddress", "show", "dev", "eth0")
			return err == nil && strings.Contains(out, "ff02::1:ff00:100")
		})
		for _, vip := range []netip.Addr{vip6Local, vip6} {
			m.WaitFor(startup, "an announcement of "+vip.String(), func() bool { return len(m.announcements(holder.port, vip)) > 0 })
			for _, nd := range m.announcements(holder.port, vip) {
				m.judgeNA(t, nd, holder.node.MAC("eth0").String(), holder.router)
			}
		}
		m.client.MustRun("ip", "neigh", "flush", "dev", "eth0")
		ping := m.client.Ping(vip6, 10*time.Millisecond)
		m.WaitFor(startup, "an answer of the kernel to a solicitation", func() bool {
			return slices.ContainsFunc(m.capture.NDs(), func(nd netns.ND) bool {
				na, ok := nd.Message.(*ndp.NeighborAdvertisement)
				return ok && nd.From == holder.port && na.Solicited && na.TargetAddress == vip6 && na.Router == holder.router
			})
		})
		ping.Stop()
		m.portA.Cut()
	}
}

// announcements returns the unsolicited advertisements of target that came out of a port.
func (m *team) announcements(from *netns.Port, target netip.Addr) []netns.ND {
	var out []netns.ND
	for _, nd := range m.capture.NDs() {
		if _, ok := nd.Unsolicited(target); ok && nd.From == from {
			out = append(out, nd)
		}
	}
	return out
}

func (m *team) judgeNA(t *testing.T, nd netns.ND, mac string, router bool) {
	t.Helper()
	na, _ := nd.Message.(*ndp.NeighborAdvertisement)
	if nd.Src != na.TargetAddress || nd.Dst != allNodes || nd.HopLimit != 255 || nd.MAC.String() != mac {
		t.Errorf("announcement of %s from %s (%s) to %s with hop limit %d", na.TargetAddress, nd.Src, nd.MAC, nd.Dst, nd.HopLimit)
	}
	if na.Router != router || !na.Override || na.Solicited {
		t.Errorf("announcement of %s: router %t, override %t; want %t and true", na.TargetAddress, na.Router, na.Override, router)
	}
	if o, ok := na.Options[0].(*ndp.LinkLayerAddress); !ok || o.Direction != ndp.Target || o.Addr.String() != mac {
		t.Errorf("announcement of %s: options %+v, want the target's link-layer address %s", na.TargetAddress, na.Options, mac)
	}
}

// While the kernel still looks whether somebody else has the link-local address, there is nothing to send from. Nobody has to do anything
// about it but wait.
func TestInstanceWaitsForDuplicateAddressDetection(t *testing.T) { // R-7.2-05
	w := netns.New(t)
	a := w.Node("a")
	a.Sysctl("net/ipv6/conf/default/dad_transmits", "4") // one a second
	port := w.Segment("lan0").Attach(a, "eth0")
	capture := w.Capture(port)
	gov := a.Govrrpd(netns.Instance{
		Version: 3, Priority: 100, Interval: 100 * time.Millisecond, Address: netip.PrefixFrom(vip6Local, 64),
	}.HCL())
	w.WaitFor(startup, "role fault, with the reason", func() bool {
		out, err := gov.Command("status", "vrrp")
		return err == nil && strings.Contains(out, "fault") && strings.Contains(out, "link-local address is tentative (DAD)")
	})
	if n := len(capture.Adverts()); n != 0 {
		t.Errorf("%d adverts were sent without a source", n)
	}
	w.WaitFor(time.Minute, "the address", func() bool { return a.Has(vip6Local) })
	if role := gov.Role(netns.InstanceName); role != "master" {
		t.Errorf("role %s, want master", role)
	}
	for _, adv := range capture.Adverts() {
		if err := badAdvert(adv); err != nil || adv.Dst != vrrpGroup6 || !adv.Src.IsLinkLocalUnicast() || adv.Src == vip6Local {
			t.Errorf("advert from %s to %s: %v", adv.Src, adv.Dst, err)
		}
	}
}

//go:build netns

package netns_test

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/govrrpd/govrrpd/test/netns"
	"github.com/govrrpd/govrrpd/vrrp"
)

// With a virtual hardware address a failover changes nothing that a client knows: only the switch learns where the address is now.
func TestClientsKeepTheVirtualHardwareAddress(parent *testing.T) {
	for _, c := range []struct {
		name          string
		better, worse string
		ipv6          bool
	}{
		{"govrrpd", govrrpd, govrrpd, false},
		{"govrrpd over keepalived", govrrpd, keepalived, false},
		{"keepalived over govrrpd", keepalived, govrrpd, false},
		{"govrrpd IPv6", govrrpd, govrrpd, true},
		{"govrrpd over keepalived IPv6", govrrpd, keepalived, true},
		{"keepalived over govrrpd IPv6", keepalived, govrrpd, true},
	} {
		parent.Run(c.name, func(t *testing.T) {
			g := newGuised(t, parent, c.better, c.worse, c.ipv6)
			t.Parallel()
			g.begin()
			g.pull()
			g.heal()
			g.judge()
		})
	}
}

// A guised is a duel for an address with a virtual hardware address, with a client that asks all the time.
type guised struct {
	life
	client *netns.Node
	ping   *netns.Pinger
	mac    net.HardwareAddr
	peace  span // the better one was master and the worse one backup
}

// A span is a time.
type span struct{ from, to time.Time }

func newGuised(t, parent *testing.T, kind, otherKind string, ipv6 bool) *guised {
	t.Helper()
	r := rules{version: 3, vmac: true, ipv6: ipv6}
	better := speaker{kind: kind, address: r.address(1), priority: 200, interval: 100 * time.Millisecond}
	worse := speaker{kind: otherKind, address: r.address(2), priority: 100, interval: 100 * time.Millisecond}
	d := newDuel(t, parent, r, better, worse)
	family := vrrp.FamilyOf(r.virtual())
	mac := vrrp.VirtualMAC(51, family)
	g := &guised{life: life{duel: d, better: d.speakers[0], worse: d.speakers[1]}, client: d.Node("client"), mac: mac[:]}
	address := "192.0.2.77/24"
	if ipv6 {
		address = "2001:db8::77/64"
	}
	d.lan.Attach(g.client, "eth0", address)
	for _, s := range d.speakers {
		s.reserve()
	}
	return g
}

// begin starts both, and a client.
func (g *guised) begin() {
	g.t.Helper()
	g.better.start()
	g.settled(g.better, startup+g.better.down(g.better.interval))
	g.ping = g.client.Ping(g.better.rules.virtual(), 5*time.Millisecond)
	g.WaitFor(startup, "the client to know the virtual hardware address", g.knows)
	g.worse.start()
	g.WaitFor(startup, g.worse.String()+" to listen", g.worse.listens)
	g.peace.from = time.Now()
	g.Always(2*time.Second, "the better one in office", func() bool { return g.better.holds() && g.knows() })
	g.peace.to = time.Now()
}

// knows tells whether the client has the virtual hardware address for the virtual address.
func (g *guised) knows() bool {
	return bytes.Equal(g.client.Neighbor("eth0", g.better.rules.virtual()), g.mac)
}

// pull takes the better one's port out of the bridge and waits for an answer of the worse one.
func (g *guised) pull() {
	g.t.Helper()
	began := g.mark()
	g.better.port.Unplug()
	g.WaitFor(startup, "the worse one to hold the address", g.worse.holds)
	g.answered("cable out", began, g.worse)
}

// heal puts the port back.
func (g *guised) heal() {
	g.t.Helper()
	began := g.mark()
	g.better.port.Heal()
	g.settled(g.better, startup)
	g.answered("cable in", began, g.better)
	g.Always(time.Second, "the better one in office", func() bool { return g.better.holds() && g.knows() })
}

// answered waits for an answer to the client, demands that the switch has learned the address and the client none, and tells how long
// nobody answered.
func (g *guised) answered(what string, since time.Time, by *speaker) {
	g.t.Helper()
	g.WaitFor(startup, "the switch to send to "+by.String(), func() bool { return by.port.Learned(g.mac) })
	learned := time.Now()
	g.WaitFor(startup, "an answer", func() bool { _, ok := g.ping.Answered(learned); return ok })
	gap := g.ping.LongestGap(since)
	allowed := g.worse.down(g.worse.interval) + margin + g.late(since)
	g.t.Logf("%s: nobody answered for %.0f ms, of at most %.0f ms", what, ms(gap), ms(allowed))
	if gap > allowed {
		g.t.Errorf("%s: nobody answered for %s, want at most %s", what, gap, allowed)
	}
	if !g.knows() {
		g.t.Errorf("%s: the client's entry changed to %s", what, g.client.Neighbor("eth0", g.better.rules.virtual()))
	}
}

// judge looks at every frame that a govrrpd sent.
func (g *guised) judge() {
	g.t.Helper()
	for _, s := range g.speakers {
		if s.kind != govrrpd {
			continue
		}
		for _, f := range g.capture.Frames() {
			if f.From != s.port {
				continue
			}
			if amiss := g.amiss(s, f); amiss != "" {
				g.t.Errorf("%s, %s: %s\n%s", s, clock(f.At), amiss, gopacket.NewPacket(f.Data, layers.LayerTypeEthernet, gopacket.Default))
			}
		}
	}
}

// amiss says what is wrong with a frame; it is empty when nothing is.
func (g *guised) amiss(s *speaker, f netns.Frame) string {
	virtually := bytes.Equal(f.Data[6:12], g.mac)
	p := gopacket.NewPacket(f.Data, layers.LayerTypeEthernet, gopacket.Default)
	what := kindOf(p)
	switch {
	case virtually && s == g.worse && f.At.After(g.peace.from) && f.At.Before(g.peace.to):
		return "a backup spoke from the virtual hardware address"
	case virtually && !strings.Contains("advert ARP NA NS MLD echo", what):
		return what + " from the virtual hardware address"
	case !virtually && what == "advert":
		return "an advert does not come from the virtual hardware address"
	case !virtually && g.claims(p):
		return "the virtual address has a physical hardware address"
	}
	return ""
}

// kindOf names what a frame carries.
func kindOf(p gopacket.Packet) string {
	if ip, ok := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4); ok && ip.Protocol == vrrp.Protocol {
		return "advert"
	}
	if ip, ok := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6); ok && ip.NextHeader == vrrp.Protocol {
		return "advert"
	}
	for name, layer := range map[string]gopacket.LayerType{
		"ARP": layers.LayerTypeARP, "NA": layers.LayerTypeICMPv6NeighborAdvertisement, "NS": layers.LayerTypeICMPv6NeighborSolicitation,
		"RS": layers.LayerTypeICMPv6RouterSolicitation, "RA": layers.LayerTypeICMPv6RouterAdvertisement, "IGMP": layers.LayerTypeIGMP,
		"MLD": layers.LayerTypeMLDv2MulticastListenerReport, "echo": layers.LayerTypeICMPv4,
	} {
		if p.Layer(layer) != nil {
			return name
		}
	}
	if p.Layer(layers.LayerTypeICMPv6Echo) != nil {
		return "echo"
	}
	return fmt.Sprint(p.Layers())
}

// claims tells whether a frame from a physical hardware address says that the virtual address is there.
func (g *guised) claims(p gopacket.Packet) bool {
	virtual := g.better.rules.virtual().AsSlice()
	if arp, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP); ok {
		return bytes.Equal(arp.SourceProtAddress, virtual)
	}
	na, ok := p.Layer(layers.LayerTypeICMPv6NeighborAdvertisement).(*layers.ICMPv6NeighborAdvertisement)
	return ok && bytes.Equal(na.TargetAddress, virtual)
}

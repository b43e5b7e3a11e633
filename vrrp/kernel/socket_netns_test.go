//go:build netns

package kernel

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"

	"github.com/govrrpd/govrrpd/vrrp"
)

func TestAdvertsLeaveByteExact(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 51, "192.0.2.10/24")
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	wire := l.capture()
	must(t, h.Send(c, vrrp.Group4, vrrp.NewPacket(c, 100)))
	must(t, h.Send(c, vrrp.Group4, vrrp.NewPacket(c, 0)))
	eventually(t, "two adverts at the peer", func() bool { return len(wire.matching(isVRRP)) == 2 })
	for i, p := range wire.matching(isVRRP) {
		priority := []uint8{100, 0}[i]
		want := append([]byte{}, groupMAC...)
		want = append(want, l.nearLink().Attrs().HardwareAddr...)
		want = append(want, 0x08, 0x00)
		want = append(want, checksummed(appendAdvert(nil, sourceAddr, vrrp.Group4, uint16(i+1), vrrp.NewPacket(c, priority)))...)
		if diff := cmp.Diff(want, p.Data()); diff != "" {
			t.Errorf("frame %d (-want +got):\n%s", i, diff)
		}
		ip := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		if ip.TTL != 255 || ip.TOS != 0xc0 || ip.SrcIP.String() != "192.0.2.1" || ip.DstIP.String() != "224.0.0.18" {
			t.Errorf("gopacket reads %+v", ip)
		}
	}
	if got := l.on(h).Sent; got != 2 {
		t.Errorf("sent %d, want 2", got)
	}
}

func TestSendCostsNoGarbage(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 51, "192.0.2.10/24")
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	p := vrrp.NewPacket(c, 100)
	if n := testing.AllocsPerRun(100, func() { must(t, h.Send(c, vrrp.Group4, p)) }); n != 0 {
		t.Errorf("an advert costs %v allocations, want none", n)
	}
}

// dropsOne puts a bad packet on the wire and a good one after it, which must be heard and proves that the reader is done with the bad one, and
// holds that this was dropped for reason.
func (l *lan) dropsOne(t *testing.T, h *Host, r *recorder, to net.HardwareAddr, bad, good []byte, reason vrrp.Reason) {
	t.Helper()
	before, heard := l.on(h), len(r.heard())
	l.inject(to, bad, good)
	eventually(t, "the good packet is heard", func() bool { return len(r.heard()) > heard })
	after := l.on(h)
	before.Dropped[reason.String()]++
	if diff := cmp.Diff(before.Dropped, after.Dropped); diff != "" {
		t.Errorf("drops (-want +got):\n%s", diff)
	}
	if after.Received != before.Received+2 || len(r.heard()) != heard+1 {
		t.Errorf("received %d more and heard %d more, want 2 and 1", after.Received-before.Received, len(r.heard())-heard)
	}
}

// refusesOne puts a packet on the wire that g must drop for reason, and not admit.
func (l *lan) refusesOne(t *testing.T, g *vrrp.Member, to net.HardwareAddr, packet []byte, reason vrrp.Reason) {
	t.Helper()
	if reason == vrrp.DropUnicast {
		to = l.nearLink().Attrs().HardwareAddr
	}
	before := g.Status()
	l.inject(to, packet)
	want := before.Dropped[reason.String()] + 1
	eventually(t, "the drop is counted", func() bool { return g.Status().Dropped[reason.String()] == want })
	if after := g.Status(); after.AdvertsReceived != before.AdvertsReceived || after.Role != before.Role {
		t.Errorf("role %s, admitted %d; want %s and %d", after.Role, after.AdvertsReceived, before.Role, before.AdvertsReceived)
	}
}

// Every row is one packet on the wire.
func TestDiscardsAreCountedByReason(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 51, "192.0.2.10/24")
	h, r := newHost(t), newRecorder()
	must(t, h.Attach(c, r))
	run(t, h)
	good := testAdvert()
	unknown := testAdvert()
	unknown.VRID = 52
	zero := testAdvert()
	zero.Interval = 0
	flip := func(at int, to byte) func([]byte) { return func(b []byte) { b[at] = to } }
	for _, test := range []struct {
		name   string
		packet []byte
		reason vrrp.Reason
	}{
		{"VRID of nobody here (R-7.1-05)", advertFrom("192.0.2.2", "224.0.0.18", unknown, nil), vrrp.DropVRID},
		{"version 4", advertFrom("192.0.2.2", "224.0.0.18", good, flip(20, 0x41)), vrrp.DropVersion},
		{"type 2", advertFrom("192.0.2.2", "224.0.0.18", good, flip(20, 0x32)), vrrp.DropType},
		{"checksum", advertFrom("192.0.2.2", "224.0.0.18", good, flip(22, 200)), vrrp.DropChecksum},
		{"interval 0", advertFrom("192.0.2.2", "224.0.0.18", zero, nil), vrrp.DropIntervalZero},
		{"longer than it says", advertFrom("192.0.2.2", "224.0.0.18", good, flip(23, 0)), vrrp.DropLength},
		{"shorter than it says", advertFrom("192.0.2.2", "224.0.0.18", good, flip(23, 9)), vrrp.DropLength},
	} {
		t.Run(test.name, func(t *testing.T) {
			l.dropsOne(t, h, r, groupMAC, test.packet, advertFrom("192.0.2.2", "224.0.0.18", good, nil), test.reason)
		})
	}
	if n := l.on(h).Overflows; n != 0 {
		t.Errorf("%d overflows, want 0", n)
	}
}

// What only the router can judge reaches it with what it needs to know; a real Group then counts it.
func TestGroupCountsWhatItsConfigurationForbids(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 51, "192.0.2.10/24")
	h := newHost(t)
	g := runGroup(t, h, c)
	run(t, h)
	none := testAdvert()
	none.Addresses = nil
	setTTL := func(ttl byte) func([]byte) { return func(b []byte) { b[8] = ttl } }
	v2 := vrrp.Packet{Version: vrrp.V2, VRID: 51, Priority: 200, Interval: 1e9, Addresses: c.Advertised(), Form: vrrp.FormMessage}
	for _, test := range []struct {
		name   string
		packet []byte
		reason vrrp.Reason
	}{
		{"TTL 254", advertFrom("192.0.2.2", "224.0.0.18", testAdvert(), setTTL(254)), vrrp.DropTTL},
		{"TTL 1", advertFrom("192.0.2.2", "224.0.0.18", testAdvert(), setTTL(1)), vrrp.DropTTL},
		{"version 2", advertFrom("192.0.2.2", "224.0.0.18", v2, nil), vrrp.DropVersion},
		{"no address", advertFrom("192.0.2.2", "224.0.0.18", none, nil), vrrp.DropCount},
		{"unicast to a multicast router", advertFrom("192.0.2.2", "192.0.2.1", testAdvert(), nil), vrrp.DropUnicast},
	} {
		t.Run(test.name, func(t *testing.T) {
			l.refusesOne(t, g, groupMAC, test.packet, test.reason)
		})
	}
}

func TestOwnAdvertsAreNotHeard(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 51, "192.0.2.10/24")
	h, r := newHost(t), newRecorder()
	must(t, h.Attach(c, r))
	run(t, h)
	wire := l.capture()
	must(t, h.Send(c, vrrp.Group4, vrrp.NewPacket(c, 100)))
	eventually(t, "the advert is at the peer", func() bool { return len(wire.matching(isVRRP)) == 1 })
	l.inject(groupMAC, advertFrom("192.0.2.2", "224.0.0.18", testAdvert(), nil))
	eventually(t, "the peer's advert is heard", func() bool { return len(r.heard()) > 0 })
	if heard := r.heard(); len(heard) != 1 || heard[0].From != peerAddr || l.on(h).Received != 1 {
		t.Errorf("heard %+v, received %d; want the peer's only", heard, l.on(h).Received)
	}
}

func TestTwoRoutersShareASocketAndTwoInterfacesDoNot(t *testing.T) {
	one, two := newLAN(t), newLAN(t)
	one.address("192.0.2.1/24")
	two.address("198.51.100.1/24")
	h := newHost(t)
	listeners := map[string]*recorder{"a": newRecorder(), "b": newRecorder(), "c": newRecorder()}
	must(t, h.Attach(one.config("a", 51, "192.0.2.10/24"), listeners["a"]))
	must(t, h.Attach(one.config("b", 52, "192.0.2.11/24"), listeners["b"]))
	must(t, h.Attach(two.config("c", 51, "198.51.100.10/24"), listeners["c"]))
	run(t, h)
	if len(h.ports) != 2 {
		t.Errorf("%d sockets, want one for each interface", len(h.ports))
	}
	a, b := testAdvert(), testAdvert()
	b.VRID = 52
	one.inject(groupMAC, advertFrom("192.0.2.2", "224.0.0.18", a, nil), advertFrom("192.0.2.2", "224.0.0.18", b, nil))
	two.inject(groupMAC, advertFrom("198.51.100.2", "224.0.0.18", a, nil))
	for name, r := range listeners {
		eventually(t, name+" hears its advert", func() bool { return len(r.heard()) > 0 })
	}
	for name, want := range map[string]string{"a": "192.0.2.2 51", "b": "192.0.2.2 52", "c": "198.51.100.2 51"} {
		heard := listeners[name].heard()
		if got := heard[0].From.String() + map[uint8]string{51: " 51", 52: " 52"}[heard[0].Packet.VRID]; len(heard) != 1 || got != want {
			t.Errorf("%s heard %d adverts, the first %s; want one, %s", name, len(heard), got, want)
		}
	}
	err := h.Attach(one.config("d", 51, "192.0.2.12/24"), newRecorder())
	if err == nil || !contains(err, "VRID 51 is taken") {
		t.Errorf("a second router with VRID 51: %v", err)
	}
	if err := h.Attach(one.config("a", 53, "192.0.2.12/24"), newRecorder()); err == nil {
		t.Error("a second router of the same name was attached")
	}
}

func TestTwoRoutersOfOneVRIDAreToldApartByTheirPeers(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	h, one, two := newHost(t), newRecorder(), newRecorder()
	config := func(name, vip, peer string) *vrrp.Config {
		c := l.config(name, 51, vip)
		c.Peers = []netip.Addr{netip.MustParseAddr(peer)}
		return c
	}
	must(t, h.Attach(config("one", "192.0.2.10/24", "192.0.2.2"), one))
	must(t, h.Attach(config("two", "192.0.2.11/24", "192.0.2.3"), two))
	if err := h.Attach(config("three", "192.0.2.12/24", "192.0.2.3"), newRecorder()); err == nil || !contains(err, "VRID 51 is taken") {
		t.Errorf("a second router with one VRID and one peer: %v", err)
	}
	run(t, h)
	hear := func(what string, wantOne, wantTwo int, from ...string) {
		t.Helper()
		for _, source := range from {
			l.inject(l.nearLink().Attrs().HardwareAddr, advertFrom(source, "192.0.2.1", testAdvert(), nil))
		}
		eventually(t, what, func() bool { return len(one.heard())+len(two.heard()) == wantOne+wantTwo })
		if len(one.heard()) != wantOne || len(two.heard()) != wantTwo {
			t.Errorf("%s: heard %d and %d, want %d and %d", what, len(one.heard()), len(two.heard()), wantOne, wantTwo)
		}
	}
	hear("each hears its peer, the first also a stranger", 2, 1, "192.0.2.2", "192.0.2.3", "192.0.2.4")
	must(t, h.Configure(config("one", "192.0.2.10/24", "192.0.2.4")))
	hear("a reload changes the peer of the first", 3, 2, "192.0.2.3", "192.0.2.4")
	h.Detach("one")
	hear("the second is alone", 3, 3, "192.0.2.4")
}

func TestUnicastGoesToPeersAndIsHeardAtTheSource(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	l.address("192.0.2.99/24")
	l.farAddress("192.0.2.2/24")
	c := l.config("web", 51, "192.0.2.10/24")
	c.Peers = []netip.Addr{peerAddr}
	h, r := newHost(t), newRecorder()
	must(t, h.Attach(c, r))
	run(t, h)
	wire := l.capture()
	must(t, h.Send(c, peerAddr, vrrp.NewPacket(c, 100)))
	eventually(t, "the advert is at the peer", func() bool { return len(wire.matching(isVRRP)) == 1 })
	ip := wire.matching(isVRRP)[0].Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if ip.SrcIP.String() != "192.0.2.1" || ip.DstIP.String() != "192.0.2.2" || ip.TTL != 255 {
		t.Errorf("sent %s to %s with TTL %d", ip.SrcIP, ip.DstIP, ip.TTL)
	}
	mac := l.nearLink().Attrs().HardwareAddr
	l.inject(mac, advertFrom("192.0.2.2", "192.0.2.99", testAdvert(), nil), advertFrom("192.0.2.2", "192.0.2.1", testAdvert(), nil))
	eventually(t, "the unicast advert is heard", func() bool { return len(r.heard()) > 0 })
	if heard := r.heard(); len(heard) != 1 || heard[0].To != sourceAddr {
		t.Errorf("heard %+v, want the one to %s only", heard, sourceAddr)
	}

	// A reload moves the source; the filter follows.
	moved := *c
	moved.Source = netip.MustParseAddr("192.0.2.99")
	must(t, h.Configure(&moved))
	l.inject(mac, advertFrom("192.0.2.2", "192.0.2.1", testAdvert(), nil), advertFrom("192.0.2.2", "192.0.2.99", testAdvert(), nil))
	eventually(t, "the advert to the new source is heard", func() bool { return len(r.heard()) > 1 })
	if heard := r.heard(); len(heard) != 2 || heard[1].To != moved.Source {
		t.Errorf("heard %+v, want the one to %s in the end", heard, moved.Source)
	}
	must(t, h.Send(&moved, peerAddr, vrrp.NewPacket(&moved, 100)))
	eventually(t, "the advert from the new source", func() bool {
		sent := wire.matching(isVRRP)
		return sent[len(sent)-1].Layer(layers.LayerTypeIPv4).(*layers.IPv4).SrcIP.String() == "192.0.2.99"
	})
}

// Without a carrier the kernel would look for the peer, keep what is to be said, and say it when the cable is back.
func TestUnicastIsNotKeptForTheNextCarrier(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	l.farAddress("192.0.2.2/24")
	c := l.config("web", 51, "192.0.2.10/24")
	c.Peers = []netip.Addr{peerAddr}
	h, r := newHost(t), newRecorder()
	must(t, h.Attach(c, r))
	run(t, h)
	l.setFar(false)
	eventually(t, "the carrier is lost", func() bool { return r.fault("link") != "" })
	must(t, h.Send(c, peerAddr, vrrp.NewPacket(c, vrrp.PriorityResign)))
	l.setFar(true)
	wire := l.capture()
	eventually(t, "the carrier is back", func() bool { return r.fault("link") == "" })
	must(t, h.Send(c, peerAddr, vrrp.NewPacket(c, 100)))
	eventually(t, "an advert is at the peer", func() bool { return len(wire.matching(isVRRP)) > 0 })
	first := wire.matching(isVRRP)[0].NetworkLayer().LayerPayload()
	if priority := first[2]; priority != 100 {
		t.Errorf("the peer hears priority %d first, want 100: the other one is from before", priority)
	}
}

func TestConfigureMovesARouter(t *testing.T) {
	one, two := newLAN(t), newLAN(t)
	one.address("192.0.2.1/24")
	two.address("198.51.100.1/24")
	h, r, other := newHost(t), newRecorder(), newRecorder()
	c := one.config("web", 51, "192.0.2.10/24")
	must(t, h.Attach(c, r))
	must(t, h.Attach(two.config("other", 51, "198.51.100.10/24"), other))
	run(t, h)
	taken := two.config("web", 51, "192.0.2.10/24")
	if err := h.Configure(taken); err == nil {
		t.Error("the router moved to a VRID that is taken")
	}
	one.inject(groupMAC, advertFrom("192.0.2.2", "224.0.0.18", testAdvert(), nil))
	eventually(t, "it is heard where it was", func() bool { return len(r.heard()) == 1 })
	must(t, h.Configure(two.config("web", 52, "198.51.100.11/24")))
	moved := testAdvert()
	moved.VRID = 52
	two.inject(groupMAC, advertFrom("198.51.100.2", "224.0.0.18", moved, nil))
	eventually(t, "it is heard where it is now", func() bool { return len(r.heard()) == 2 })
	if got, want := r.primary(), netip.MustParseAddr("198.51.100.1"); got != want {
		t.Errorf("source %s, want %s", got, want)
	}
	if len(h.ports) != 1 {
		t.Errorf("%d sockets are open, want 1", len(h.ports))
	}
	if err := h.Configure(one.config("nobody", 9, "192.0.2.10/24")); err == nil {
		t.Error("a router that is not attached was configured")
	}
}

func TestNothingIsSentWithoutASource(t *testing.T) {
	l := newLAN(t)
	c := l.config("web", 51, "192.0.2.10/24")
	h := newHost(t)
	if err := h.Send(c, vrrp.Group4, vrrp.NewPacket(c, 100)); err == nil {
		t.Error("a router that is not attached has sent")
	}
	must(t, h.Attach(c, newRecorder()))
	wire := l.capture()
	if err := h.Send(c, vrrp.Group4, vrrp.NewPacket(c, 100)); !errors.Is(err, errNoSource) {
		t.Errorf("Send = %v, want %v", err, errNoSource)
	}
	if i := l.on(h); i.SendErrors != 1 || i.Sent != 0 {
		t.Errorf("send errors %d, sent %d; want 1 and 0", i.SendErrors, i.Sent)
	}
	l.address("192.0.2.1/24")
	run(t, h)
	eventually(t, "it is sent once there is one", func() bool { return h.Send(c, vrrp.Group4, vrrp.NewPacket(c, 100)) == nil })
	eventually(t, "the advert is at the peer", func() bool { return len(wire.matching(isVRRP)) == 1 })
}

// A reader that does not run stands for one that is starved.
func TestOverflowsOfTheReceiveQueueAreCounted(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	h := newHost(t)
	must(t, h.Attach(l.config("web", 51, "192.0.2.10/24"), newRecorder()))
	packets := make([][]byte, 20000)
	for i := range packets {
		packets[i] = advertFrom("192.0.2.2", "224.0.0.18", testAdvert(), nil)
	}
	l.inject(groupMAC, packets...)
	eventually(t, "overflows are counted", func() bool { return l.on(h).Overflows > 0 })
	before := l.on(h).Overflows
	l.inject(groupMAC, advertFrom("192.0.2.2", "224.0.0.18", testAdvert(), nil))
	eventually(t, "one more", func() bool { return l.on(h).Overflows == before+1 })
}

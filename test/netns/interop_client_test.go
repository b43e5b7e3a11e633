//go:build netns

package netns_test

import (
	"bytes"
	"net"
	"net/netip"
	"time"

	"github.com/mdlayher/ndp"

	"github.com/govrrpd/govrrpd/test/netns"
	"github.com/govrrpd/govrrpd/vrrp"
)

// clientPing is how often a client asks the virtual address for an echo.
const clientPing = 50 * time.Millisecond

// A client talks to the virtual address, which has a virtual hardware address on both sides.
type client struct {
	node *netns.Node
	mac  net.HardwareAddr // the one and only that the client may learn
	ping *netns.Pinger
}

// addClient puts a client on the segment, which starts to ask when somebody is to hold the address.
func (d *duel) addClient(r rules) {
	mac := vrrp.VirtualMAC(51, vrrp.FamilyOf(r.virtual()))
	d.client = &client{node: d.Node("client"), mac: mac[:]}
	address := rules{ipv6: r.ipv6, unicast: true}.address(0x77) // a global one
	d.lan.Attach(d.client.node, "eth0", r.prefix(address))
	for _, s := range d.speakers {
		s.reserve()
	}
}

// reserve keeps the interface below the macvlan from talking of the virtual address with its own hardware address. govrrpd does that by
// itself; keepalived forgets the questions, and FRR leaves all of it to the operator.
func (s *speaker) reserve() {
	if s.kind != govrrpd {
		s.node.Sysctl("net/ipv4/conf/eth0/arp_announce", "2")
	}
	if s.kind == frr {
		s.node.Sysctl("net/ipv4/conf/eth0/arp_ignore", "1")
	}
}

// quietClient demands that the client was answered, and still sends to the virtual hardware address.
func (d *duel) quietClient(since time.Time) {
	d.t.Helper()
	if d.client == nil {
		return
	}
	virtual := d.speakers[0].rules.virtual()
	if d.client.ping == nil {
		since = time.Now()
		d.client.ping = d.client.node.Ping(virtual, clientPing)
	}
	d.WaitFor(startup, "the client to be answered", func() bool { _, ok := d.client.ping.Answered(since); return ok })
	if got := d.client.node.Neighbor("eth0", virtual); !bytes.Equal(got, d.client.mac) {
		d.t.Errorf("the client sends to %s, want %s", got, d.client.mac)
	}
}

// faithful demands that nobody ever told the client another hardware address than the virtual one.
func (d *duel) faithful() {
	d.t.Helper()
	if d.client == nil {
		return
	}
	virtual := d.speakers[0].rules.virtual()
	for _, a := range d.capture.ARPs() {
		if a.Sender == virtual && !bytes.Equal(a.MAC, d.client.mac) {
			d.t.Errorf("%s: ARP from %s says that %s is at %s", clock(a.At), a.From.Node.Name, virtual, a.MAC)
		}
	}
	for _, m := range d.capture.NDs() {
		if mac := claimed(m, virtual); mac != nil && !bytes.Equal(mac, d.client.mac) {
			d.t.Errorf("%s: an advertisement from %s says that %s is at %s", clock(m.At), m.From.Node.Name, virtual, mac)
		}
	}
}

// claimed returns the hardware address that a message of neighbour discovery gives for an address; nil when it gives none.
func claimed(m netns.ND, addr netip.Addr) net.HardwareAddr {
	na, ok := m.Message.(*ndp.NeighborAdvertisement)
	if !ok || na.TargetAddress != addr {
		return nil
	}
	for _, o := range na.Options {
		if l, ok := o.(*ndp.LinkLayerAddress); ok && l.Direction == ndp.Target {
			return l.Addr
		}
	}
	return nil
}

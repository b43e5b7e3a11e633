package netns

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A Segment is one broadcast domain: a bridge that forwards everything to everybody at once.
type Segment struct {
	Name   string
	w      *World
	bridge netlink.Link
}

// A Port is the place where a cable from a node ends in a Segment. Its methods break and mend the cable.
type Port struct {
	Node      *Node
	Interface string // of the node
	segment   *Segment
	name      string // of the far end of the cable, in the fabric
}

// Segment makes a bridge without spanning tree and without multicast snooping.
func (w *World) Segment(name string) *Segment {
	w.t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	snoop := false
	w.must(w.fabric.nl.LinkAdd(&netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snoop}), "make bridge %s", name)
	w.fabric.up(name)
	return &Segment{Name: name, w: w, bridge: w.fabric.link(name)}
}

// Attach lays a cable from the segment to a new interface of n, with the given addresses. When one of them is link-local, the kernel gives
// the interface no other one.
func (s *Segment) Attach(n *Node, link string, prefixes ...string) *Port {
	w := s.w
	w.t.Helper()
	w.ports++
	p := &Port{Node: n, Interface: link, segment: s, name: fmt.Sprintf("p%d.%s", w.ports, n.Name)}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MasterIndex = p.name, s.bridge.Attrs().Index
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: link, PeerNamespace: netlink.NsFd(n.ns)}
	w.must(w.fabric.nl.LinkAdd(veth), "cable %s to %s", s.Name, n.Name)
	w.fabric.up(p.name)
	if slices.ContainsFunc(prefixes, isLinkLocal) {
		n.Sysctl("net/ipv6/conf/"+link+"/addr_gen_mode", "1")
	}
	n.up(link)
	for _, prefix := range prefixes {
		n.AddAddress(link, prefix)
	}
	return p
}

func isLinkLocal(prefix string) bool {
	p, err := netip.ParsePrefix(prefix)
	return err == nil && p.Addr().Is6() && p.Addr().IsLinkLocalUnicast()
}

// Cut pulls the cable out: the node loses its carrier.
func (p *Port) Cut() {
	w := p.segment.w
	w.t.Helper()
	w.must(w.fabric.nl.LinkSetDown(p.far()), "cut %s", p.name)
}

// Unplug takes the port out of the bridge: nothing gets through, and the node still has its carrier, as when a switch between it
// and the others fails.
func (p *Port) Unplug() {
	w := p.segment.w
	w.t.Helper()
	w.must(w.fabric.nl.LinkSetNoMaster(p.far()), "unplug %s", p.name)
}

// Heal ends Cut and Unplug.
func (p *Port) Heal() {
	w := p.segment.w
	w.t.Helper()
	w.must(w.fabric.nl.LinkSetMaster(p.far(), p.segment.bridge), "plug %s in", p.name)
	w.must(w.fabric.nl.LinkSetUp(p.far()), "mend %s", p.name)
}

// Learned tells whether the segment would send what is for a hardware address to this port, and to no other.
func (p *Port) Learned(mac net.HardwareAddr) bool {
	w := p.segment.w
	w.t.Helper()
	list, err := whole(func() ([]netlink.Neigh, error) { return w.fabric.nl.NeighList(p.far().Attrs().Index, unix.AF_BRIDGE) })
	w.must(err, "addresses behind %s", p.name)
	return slices.ContainsFunc(list, func(n netlink.Neigh) bool {
		return bytes.Equal(n.HardwareAddr, mac) && n.State&netlink.NUD_PERMANENT == 0
	})
}

func (p *Port) far() netlink.Link { return p.segment.w.fabric.link(p.name) }

// nftTable is the table of the fabric that holds the rules of one port.
func (p *Port) nftTable() string { return "drop_" + p.name[:len(p.name)-len(p.Node.Name)-1] }

// Drop throws away what matches an nftables expression, "ip protocol 112" or "meta length > 0", on its way from the node (from)
// or to it. It replaces an earlier Drop of the same port. A name of a protocol would need /etc/protocols, which a bare Debian has
// not. The bridge's forward hook does it: unlike the netdev family it is in
// every kernel that the tests run on.
func (p *Port) Drop(from, to string) {
	p.segment.w.t.Helper()
	p.Pass()
	rules := "table bridge " + p.nftTable() + " {\n chain forward { type filter hook forward priority 0;\n"
	for _, r := range []struct{ side, match string }{{"iifname", from}, {"oifname", to}} {
		if r.match != "" {
			rules += fmt.Sprintf("  %s %q %s drop;\n", r.side, p.name, r.match)
		}
	}
	p.segment.w.fabric.MustRun("nft", rules+" }\n}")
}

// Pass ends Drop.
func (p *Port) Pass() {
	p.segment.w.t.Helper()
	t := p.nftTable()
	p.segment.w.fabric.MustRun("nft", "table bridge "+t+"; delete table bridge "+t)
}

// Delay holds back everything that goes to the node by d, a jitter, and loses a share of it (0 to 1). The kernel must have netem:
// the lab's has.
func (p *Port) Delay(d, jitter time.Duration, loss float32) {
	w := p.segment.w
	w.t.Helper()
	attrs := netlink.QdiscAttrs{LinkIndex: p.far().Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT}
	q := netlink.NewNetem(attrs, netlink.NetemQdiscAttrs{
		Latency: uint32(d.Microseconds()), Jitter: uint32(jitter.Microseconds()), Loss: loss * 100,
	})
	w.must(w.fabric.nl.QdiscReplace(q), "delay %s by %s", p.name, d)
}

//go:build lab

package netns_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/govrrpd/govrrpd/test/netns"
)

// A tunnelled service is one at a virtual address of one family whose server, on a subnet behind a router, gets packets through a tunnel over one.
type tunnelled struct {
	name       string
	in6, over6 bool   // family of the service, and of the tunnel
	tunnel     string // of the configuration
	port       uint16
	room       int // bytes of a packet that fits into the tunnel where links take 1,500
}

// overhead is what a tunnel adds to a packet, in bytes; the IP header is 20 or 40.
type overhead struct {
	name    string
	options string // of the tunnel beside its type
	header  int
}

// tunnels returns services for all pairs of families.
func tunnels(kinds ...overhead) []tunnelled {
	var out []tunnelled
	for _, kind := range kinds {
		for _, in6 := range []bool{false, true} {
			for _, over6 := range []bool{false, true} {
				t := tunnelled{in6: in6, over6: over6, tunnel: fmt.Sprintf("%q\n%s", kind.name, kind.options), port: uint16(7301 + len(out)), room: 1500 - 20 - kind.header}
				if over6 {
					t.room -= 20
				}
				t.name = fmt.Sprintf("%s-%s-over-%s-%d", kind.name, family(in6), family(over6), t.port)
				out = append(out, t)
			}
		}
	}
	return out
}

func family(v6 bool) string {
	if v6 {
		return "ipv6"
	}
	return "ipv4"
}

// virtual is the address of the service.
func (t tunnelled) virtual() netip.AddrPort {
	if t.in6 {
		return netip.AddrPortFrom(netip.MustParseAddr("2001:db8:0:1::10"), t.port)
	}
	return netip.AddrPortFrom(netns.VIP(), t.port)
}

func (t tunnelled) hcl() string {
	return fmt.Sprintf("virtual_server %q {\n  address = %q\n  forward = \"tun\"\n  tunnel {\n    type = %s\n  }\n  real_server %q {}\n}\n",
		t.name, t.virtual(), t.tunnel, netip.AddrPortFrom(netns.FarAddress(t.over6), t.port))
}

// newTunnels starts a director with the services, and their server.
func newTunnels(t *testing.T, services []tunnelled, prepare func(*netns.Far), global string) *netns.Traffic {
	t.Helper()
	tr := netns.NewTraffic(t)
	far := tr.Far()
	prepare(far)
	config := global
	var addrs []string
	for _, s := range services {
		config += s.hcl()
		addrs = append(addrs, fmt.Sprintf("[::]:%d", s.port))
	}
	far.TransferServer(addrs...)
	tr.Client.SinglePackets("outside")
	tr.LB1.Govrrpd(config)
	tr.WaitFor(settle, "the services", func() bool { return strings.Count(tr.LB1.MustRun("ipvsadm", "-Sn"), "-a ") == len(services) })
	return tr
}

// learned returns the largest packet that the client has learned to send to an address, as routes show it; "" for what the link takes.
func learned(client *netns.Node, addr netip.Addr) string {
	words := strings.Fields(client.MustRun("ip", "route", "get", addr.String()))
	for i, word := range words {
		if word == "mtu" && i+1 < len(words) {
			return words[i+1]
		}
	}
	return ""
}

// forget has the client know nothing of paths.
func forget(client *netns.Node) {
	client.MustRun("ip", "-4", "route", "flush", "cache")
	client.MustRun("ip", "-6", "route", "flush", "cache")
}

const (
	tunnelUp, tunnelDown = 1 << 20, 4 << 20
	// aside is what a director may send to clients beside what it balances, in bytes: its share of address resolution, and word that packets are
	// too big. The client has ten on their way at first, and over IPv6 the answer quotes up to 1,280 bytes of each.
	aside = 20_000
)

// carried fails when a service does not serve an upload in packets of 1,500 bytes, of which it has to tell the client that they are too big.
func carried(t *testing.T, tr *netns.Traffic, s tunnelled) {
	t.Helper()
	forget(tr.Client)
	if was := learned(tr.Client, s.virtual().Addr()); was != "" {
		t.Fatalf("the client knows of a path for packets of %s bytes, want nothing", was)
	}
	before, _ := tr.LB1.Sent("outside")
	got, err := tr.Client.Transfer(s.virtual(), tunnelUp, tunnelDown, settle)
	if err != nil {
		t.Fatal(err)
	}
	if got.Server != "rs4" || got.Seen != got.Client {
		t.Errorf("%+v, want an answer of rs4, which sees the client", got)
	}
	if path := learned(tr.Client, s.virtual().Addr()); path != fmt.Sprint(s.room) {
		t.Errorf("the client sends packets of up to %q bytes, want %d", path, s.room)
	}
	if after, _ := tr.LB1.Sent("outside"); after-before > aside {
		t.Errorf("%d bytes went out to the client by the director, want at most %d", after-before, aside)
	}
}

// Both families go through tunnels over either to a subnet that the director does not share with the server: packets that are too big with the
// tunnel's headers are refused with the size that fits, and answers do not come by.
func TestTunnelsReachAServerBehindARouter(t *testing.T) {
	services := tunnels(overhead{name: "ipip"}, overhead{name: "gre", header: 4})
	tr := newTunnels(t, services, func(f *netns.Far) { f.Decapsulate() }, "")
	for _, s := range services {
		t.Run(s.name, func(t *testing.T) { carried(t, tr, s) })
	}
	// As from an interface that puts packets together (GRO): the director cuts them up again for the tunnel.
	tr.Client.LargePackets("outside")
	for _, s := range services {
		t.Run(s.name+" in large packets", func(t *testing.T) { carried(t, tr, s) })
	}
}

// The server's end of GRE has to ask for the checksum that the director gives.
func TestTunnelsCarryAChecksum(t *testing.T) {
	services := tunnels(overhead{"gre", "    checksum = \"full\"\n", 8})
	tr := newTunnels(t, services, func(f *netns.Far) { f.Decapsulate("icsum") }, "")
	for _, s := range services {
		t.Run(s.name, func(t *testing.T) { carried(t, tr, s) })
	}
}

// Without path MTU discovery the director cuts the tunnel's packets in pieces, and IPv4 clients learn nothing; IPv6 ones do all the same.
func TestTunnelsFragmentWithoutPathMTUDiscovery(t *testing.T) {
	services := tunnels(overhead{name: "ipip"}, overhead{name: "gre", header: 4})
	tr := newTunnels(t, services, func(f *netns.Far) { f.Decapsulate() }, "ipvs {\n  sysctls = { pmtu_disc = 0 }\n}\n")
	for _, s := range services {
		t.Run(s.name, func(t *testing.T) {
			forget(tr.Client)
			if _, err := tr.Client.Transfer(s.virtual(), tunnelUp, 0, settle); err != nil {
				t.Error(err)
			}
			want := "" // Linux 6.1 and 6.12 go by pmtu_disc for IPv4 clients alone
			if s.in6 {
				want = fmt.Sprint(s.room)
			}
			if path := learned(tr.Client, s.virtual().Addr()); path != want {
				t.Errorf("the client sends packets of up to %q bytes, want %q", path, want)
			}
		})
	}
}

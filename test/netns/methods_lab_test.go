//go:build lab

package netns_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/test/netns"
)

// A way to forward is a row of contrib/forwarding.md.
type way struct {
	name    string // first column
	options string // of the virtual_server
	server  [2]string
	port    uint16 // of the server; 0 for that of the service
}

// outcome is what its other columns say, in words of the page.
type outcome struct{ sees, through, room4, room6 string }

// documented returns what the page says of each way.
func documented(t *testing.T) map[string]outcome {
	t.Helper()
	page, err := os.ReadFile("../../contrib/forwarding.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]outcome{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) != 11 {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		out[cells[1]] = outcome{cells[2], cells[3], cells[4], cells[5]}
	}
	return out
}

const servedAt = 7401

// asDocumented plays each way over both families, with a download of so many bytes, and fails where the page says otherwise of it.
func asDocumented(t *testing.T, tr *netns.Traffic, down int64, ways ...way) {
	t.Helper()
	config := ""
	virtual := [2]string{netns.VIP().String(), "2001:db8:0:1::10"}
	for i, w := range ways {
		for f := range virtual {
			port := uint16(servedAt + i)
			service := netip.AddrPortFrom(netip.MustParseAddr(virtual[f]), port)
			if w.port != 0 {
				port = w.port
			}
			config += fmt.Sprintf("virtual_server %q {\n  address = %q\n%s\n  real_server %q {}\n}\n", fmt.Sprintf("%d-%s", i, family(f == 1)), service, w.options,
				netip.AddrPortFrom(netip.MustParseAddr(w.server[f]), port))
		}
	}
	tr.Client.SinglePackets("outside")
	tr.LB1.Govrrpd(config)
	tr.WaitFor(settle, "the services", func() bool { return strings.Count(tr.LB1.MustRun("ipvsadm", "-Sn"), "-a ") == 2*len(ways) })
	page := documented(t)
	for i, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			var got outcome
			for f, room := range []*string{&got.room4, &got.room6} {
				sees, through := play(t, tr, netip.AddrPortFrom(netip.MustParseAddr(virtual[f]), servedAt+uint16(i)), down, room)
				if f == 1 && (sees != got.sees || through != got.through) {
					t.Errorf("IPv6: the server sees the %s, through the director: %s; IPv4: %+v", sees, through, got)
				}
				got.sees, got.through = sees, through
			}
			if diff := cmp.Diff(page[w.name], got, cmp.AllowUnexported(outcome{})); diff != "" {
				t.Errorf("(-documented +got)\n%s", diff)
			}
		})
	}
}

// play serves one client and returns what the page should say of it.
func play(t *testing.T, tr *netns.Traffic, service netip.AddrPort, down int64, room *string) (sees, through string) {
	t.Helper()
	forget(tr.Client)
	before, _ := tr.LB1.Sent("outside")
	got, err := tr.Client.Transfer(service, tunnelUp, down, 2*settle)
	if err != nil {
		t.Fatalf("%s: %v", service, err)
	}
	after, _ := tr.LB1.Sent("outside")
	sees, through = "somebody", "partly"
	switch {
	case got.Seen == got.Client:
		sees = "client"
	case tr.LB1.Has(got.Seen.Addr()):
		sees = "director"
	}
	switch sent := after - before; {
	case sent >= uint64(down):
		through = "yes"
	case sent <= aside:
		through = "no"
	}
	if *room = learned(tr.Client, service.Addr()); *room == "" {
		*room = "1500"
	}
	return sees, through
}

// A flow of NAT needs a director that forwards: a status without a warning, and an answer, come together.
func TestNATThroughAHostThatDoesNotForwardIsTold(t *testing.T) {
	tr := netns.NewTraffic(t)
	tr.Server(0).TransferServer("[::]:8091")
	config := ""
	services := map[string]netip.AddrPort{"net.ipv4.ip_forward": netip.MustParseAddrPort("192.0.2.10:7401"), "net.ipv6.conf.all.forwarding": netip.MustParseAddrPort("[2001:db8:0:1::10]:7401")}
	servers := map[string]string{"net.ipv4.ip_forward": "10.0.0.11:8091", "net.ipv6.conf.all.forwarding": "[2001:db8:0:2::11]:8091"}
	for setting, service := range services {
		config += fmt.Sprintf("virtual_server %q {\n  address = %q\n  real_server %q {}\n}\n", setting, service, servers[setting])
	}
	d := tr.LB1.Govrrpd(config)
	tr.WaitFor(settle, "the services", func() bool { return strings.Count(tr.LB1.MustRun("ipvsadm", "-Sn"), "-a ") == len(services) })
	for setting, service := range services {
		for _, value := range []string{"0", "1"} {
			tr.LB1.Sysctl(setting, value)
			_, err := tr.Client.Transfer(service, 1, 1, 2*time.Second)
			s, failed := d.Status(t.Context())
			if failed != nil {
				t.Fatal(failed)
			}
			warned := len(s.Engine.Warnings) == 1 && strings.Contains(s.Engine.Warnings[0], setting+" = 1")
			if lost := err != nil; lost != (value == "0") || warned != lost {
				t.Errorf("%s = %s: answer %v, warnings %q", setting, value, err, s.Engine.Warnings)
			}
		}
	}
}

// The page says of each way whom servers see, what crosses the director, and how large packets may be.
func TestMethodsAreAsDocumented(t *testing.T) {
	inside := [2]string{"10.0.0.11", "2001:db8:0:2::11"}
	far := [2]string{netns.FarAddress(false).String(), netns.FarAddress(true).String()}
	tr := netns.NewTraffic(t)
	f := tr.Far()
	f.Decapsulate()
	serve(f.Node, 4, 5)
	serve(tr.Server(0), 1)
	tr.Server(0).TransferServer("[::]:8091")
	tr.LB1.TransferServer("10.0.0.2:8091", "[2001:db8:0:2::2]:8091")
	serve(tr.LB1, 3)
	asDocumented(t, tr, 100<<20,
		way{name: "nat", options: `  forward = "nat"`, server: inside, port: 8091},
		way{name: "dr", options: `  forward = "dr"`, server: inside},
		way{name: "nat to the director itself", options: `  forward = "nat"`, server: [2]string{"10.0.0.2", "2001:db8:0:2::2"}, port: 8091},
		way{name: "dr to the director itself", options: `  forward = "dr"`, server: [2]string{"127.0.0.1", "::1"}},
		way{name: "tun, ipip", options: "  forward = \"tun\"\n  tunnel {\n    type = \"ipip\"\n  }", server: far},
		way{name: "tun, gre", options: "  forward = \"tun\"\n  tunnel {\n    type = \"gre\"\n  }", server: far},
	)
}

// serve has a node answer the ways of these numbers at the port of the service.
func serve(n *netns.Node, ways ...int) {
	for _, i := range ways {
		n.TransferServer(fmt.Sprintf("[::]:%d", servedAt+i))
	}
}

// By NAT the kernel turns nothing to the loopback's address that comes from elsewhere.
func TestNATDoesNotReachTheLoopback(t *testing.T) {
	tr := netns.NewTraffic(t)
	tr.LB1.TransferServer("[::]:8091")
	for _, service := range [][2]string{{"192.0.2.10:7401", "127.0.0.1:8091"}, {"[2001:db8:0:1::10]:7401", "[::1]:8091"}} {
		tr.LB1.MustRun("ipvsadm", "-A", "-t", service[0])
		tr.LB1.MustRun("ipvsadm", "-a", "-t", service[0], "-r", service[1], "-m")
		if got, err := tr.Client.Transfer(netip.MustParseAddrPort(service[0]), 1, 1, 2*time.Second); err == nil {
			t.Errorf("%s at %s answers: %+v", service[0], service[1], got)
		}
		if _, err := tr.LB1.Transfer(netip.MustParseAddrPort(service[0]), 1, 1, settle); err != nil {
			t.Errorf("%s at %s does not answer the director itself: %v", service[0], service[1], err)
		}
	}
}

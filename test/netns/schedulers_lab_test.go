//go:build lab

package netns_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/govrrpd/govrrpd/test/netns"
)

const (
	// balancedClients is how many connections each scheduler is asked to place.
	balancedClients = 10_000
	// returning is how many of them come again to see that their server is the same.
	returning = 2000
	// clientsPrefix is where they come from.
	clientsPrefix = "10.9.0.0/16"
	// balancedPort is that of the first service, sinkPort that of the servers, which take what comes and say nothing.
	balancedPort, sinkPort = 7201, 9
	// firstPort is what clients send from, and the next ones when they come again.
	firstPort = 4312
)

// A balance is how a scheduler shares the clients among three servers with the weights scale, twice scale and four times scale.
type balance struct {
	scheduler string
	scale     int
	want      []int // connections of each server
	within    int   // of each of them
	anyOrder  bool  // it does not matter which server has which
	active    bool  // the scheduler goes by connections that are active, which datagrams are not
}

// The shares of 10,000, and 2 % of them.
var (
	equal    = []int{3333, 3333, 3333}
	weighted = []int{1429, 2857, 5714}
	lone     = []int{0, 0, balancedClients}
)

const (
	ofAll   = balancedClients * 2 / 100
	ofShare = 1429 * 2 / 100
)

// balances has what each scheduler is defined to do when connections only come.
func balances() []balance {
	return []balance{
		{"rr", 1, equal, 1, false, false},
		{"wrr", 1, weighted, ofShare, false, false},
		{"lc", 1, equal, ofShare, false, false},
		{"wlc", 1, weighted, ofShare, false, false},
		{"sed", 1, weighted, ofShare, false, true},
		{"nq", 1, weighted, ofShare, false, true},
		{"lblc", 10_000, lone, 0, true, true},                  // one destination stays with its server until that is overloaded,
		{"lblc", 1000, []int{2001, 4000, 4000}, 2, true, true}, // and moves on as long as another has less than half its load
		{"lblcr", 10_000, lone, 0, true, true},
		{"lblcr", 1000, weighted, ofAll, false, true}, // where another one joins the server
		{"dh", 1, lone, 0, true, false},               // one destination
		{"fo", 1, lone, 0, false, false},
		{"ovf", 10_000, lone, 0, false, true},
		{"ovf", 1000, []int{1000, 2000, 4000}, 1, false, true}, // and what is over meets nobody
	}
}

// service returns the address of the i-th of several services on the virtual address.
func sinkService(i int) netip.AddrPort {
	return netip.AddrPortFrom(netns.VIP(), uint16(balancedPort+i))
}

// sinkServer returns the address of rs<i+1>.
func sinkServer(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(11 + i)}), sinkPort)
}

// sinkHCL returns a service of which the servers have the weights; those of 0 are left out.
func sinkHCL(i int, options string, weights ...int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "virtual_server \"s%d\" {\n  address = %q\n  protocol = \"udp\"\n  forward = \"nat\"\n  %s\n", i, sinkService(i), options)
	for server, weight := range weights {
		if weight > 0 {
			fmt.Fprintf(&b, "  real_server %q { weight = %d }\n", sinkServer(server), weight)
		}
	}
	b.WriteString("}\n")
	return b.String()
}

// newSinks is a Site of which lb1 has the addresses, and the client is whoever it wants to be.
func newSinks(t *testing.T) *netns.Site {
	t.Helper()
	site := netns.NewSite(t)
	site.LB1.AddAddress("outside", "192.0.2.10/24")
	site.Client.Impersonate(clientsPrefix)
	site.Sink(sinkPort)
	site.Client.MustRun("ping", "-c", "1", "-W", "5", netns.VIP().String()) // what is sent before the address is resolved may be lost
	return site
}

// sunk starts a director and waits until all servers are in its table.
func sunk(site *netns.Site, config string) *netns.Director {
	d := site.LB1.Govrrpd(labGlobal + config)
	site.WaitFor(settle, "all servers to be in the table", func() bool {
		return strings.Count(site.LB1.MustRun("ipvsadm", "-Sn"), "-a ") == strings.Count(config, "real_server")
	})
	return d
}

func TestSchedulersShareConnectionsAsDefined(t *testing.T) {
	site := newSinks(t)
	var config string
	for i, b := range balances() {
		config += b.hcl(i)
	}
	sunk(site, config)
	clients := netns.Clients(clientsPrefix, balancedClients)
	for i, b := range balances() {
		send := site.Client.Volley
		if b.active {
			send = site.Client.VolleyTCP
		}
		send(sinkService(i), clients, firstPort)
		b.check(t, site.LB1.Held(sinkService(i)))
	}
}

// hcl returns the i-th service as a configuration has it.
func (b balance) hcl(i int) string {
	service := sinkHCL(i, fmt.Sprintf("scheduler = %q", b.scheduler), b.scale, 2*b.scale, 4*b.scale)
	if b.active {
		service = strings.NewReplacer(`"udp"`, `"tcp"`, `"nat"`, `"dr"`, fmt.Sprintf(":%d\" {", sinkPort), fmt.Sprintf(":%d\" {", balancedPort+i)).Replace(service)
	}
	return service
}

// check fails when the connections of the servers are not what b wants.
func (b balance) check(t *testing.T, held map[netip.AddrPort]int) {
	t.Helper()
	got := make([]int, 3)
	for server, n := range held {
		got[server.Addr().As4()[3]-11] = n
	}
	t.Logf("%s, weights %d %d %d: %v", b.scheduler, b.scale, 2*b.scale, 4*b.scale, got)
	if b.anyOrder {
		slices.Sort(got)
	}
	for i, want := range b.want {
		if got[i] < want-b.within || got[i] > want+b.within {
			t.Errorf("%s with weights %d, %d, %d: %v of %d connections, want %v, each within %d",
				b.scheduler, b.scale, 2*b.scale, 4*b.scale, got, balancedClients, b.want, b.within)
			return
		}
	}
}

// placed returns which server each client of a service came to from a port, for each port.
func placed(site *netns.Site, service netip.AddrPort) map[uint16]map[netip.Addr]netip.AddrPort {
	out := map[uint16]map[netip.Addr]netip.AddrPort{}
	for _, c := range site.LB1.ConnectionsOf(service) {
		if out[c.Client.Port()] == nil {
			out[c.Client.Port()] = map[netip.Addr]netip.AddrPort{}
		}
		out[c.Client.Port()][c.Client.Addr()] = c.Server
	}
	return out
}

// moved returns how many clients are at another server than they were, and how many of them need not be: theirs was not gone.
func moved(was, is map[netip.Addr]netip.AddrPort, gone netip.AddrPort) (all, needlessly int) {
	for client, server := range was {
		if is[client] == server {
			continue
		}
		all++
		if server != gone {
			needlessly++
		}
	}
	return all, needlessly
}

func TestHashesKeepClientsAtTheirServers(t *testing.T) {
	site := newSinks(t)
	config := func(mh ...int) string {
		return sinkHCL(0, `scheduler = "sh"`, 1, 2, 4) + sinkHCL(1, `scheduler = "mh"`, 1, 2, 4) + sinkHCL(2, `scheduler = "mh"`, mh...)
	}
	d := sunk(site, config(1, 1, 1))
	clients := netns.Clients(clientsPrefix, balancedClients)
	last := map[int]map[netip.Addr]netip.AddrPort{}
	for i, b := range []balance{{"sh", 1, weighted, ofAll, false, false}, {"mh", 1, weighted, ofAll, false, false}, {"mh", 1, equal, ofAll, false, false}} {
		site.Client.Volley(sinkService(i), clients, firstPort)
		b.check(t, site.LB1.Held(sinkService(i)))
		site.Client.Volley(sinkService(i), clients[:returning], firstPort+1)
		at := placed(site, sinkService(i))
		again := at[firstPort+1]
		last[i] = at[firstPort]
		if n, _ := moved(again, last[i], netip.AddrPort{}); n > 0 || len(again) != returning {
			t.Errorf("%s: of %d clients that come again %d are placed, %d elsewhere", b.scheduler, returning, len(again), n)
		}
	}
	if out, err := d.Reload(labGlobal + config(1, 0, 1)); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	site.WaitFor(settle, "rs2 to leave", func() bool { return len(site.LB1.Weights(sinkService(2))) == 2 })
	site.Client.Volley(sinkService(2), clients, firstPort+2)
	all, needlessly := moved(last[2], placed(site, sinkService(2))[firstPort+2], sinkServer(1))
	t.Logf("mh without one of three servers: %d of %d clients moved, %d of them needlessly", all, balancedClients, needlessly)
	if all > balancedClients*36/100 {
		t.Errorf("mh: %d of %d clients moved when one of three servers left, want about a third", all, balancedClients)
	}
}

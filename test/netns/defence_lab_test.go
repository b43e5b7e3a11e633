//go:build lab

package netns_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// connectionSlack is by how much the kernel may be late to forget a connection, and we to notice.
const connectionSlack = 1500 * time.Millisecond

// segments makes a service of sinkHCL one of TCP by direct routing, of which the director sees one direction only.
func segments(hcl string) string {
	return strings.NewReplacer(`"udp"`, `"tcp"`, `"nat"`, `"dr"`, `:9" {`, `:7201" {`).Replace(hcl)
}

func TestTimeoutsEndConnections(t *testing.T) {
	site := newSinks(t)
	sunk(site, "ipvs {\n  timeouts {\n    tcp = \"4s\"\n    tcp_fin = \"2s\"\n    udp = \"3s\"\n  }\n}\n"+
		segments(sinkHCL(0, `scheduler = "rr"`, 1, 1, 1))+sinkHCL(1, `scheduler = "rr"`, 1, 1, 1))
	want := map[string]time.Duration{"ESTABLISHED": 4 * time.Second, "FIN_WAIT": 2 * time.Second, "UDP": 3 * time.Second}
	clients := netns.Clients(clientsPrefix, 20)
	stalls, began := site.WatchStalls(), time.Now()
	site.Client.VolleyTCP(sinkService(0), clients, firstPort)
	site.Client.VolleyFIN(sinkService(0), clients[:10], firstPort)
	site.Client.Volley(sinkService(1), clients, firstPort)
	sent := time.Now()
	seen, lasted := map[string]bool{}, map[string]time.Duration{}
	site.WaitFor(settle, "all connections to end", func() bool {
		there := map[string]bool{}
		for _, c := range append(site.LB1.ConnectionsOf(sinkService(0)), site.LB1.ConnectionsOf(sinkService(1))...) {
			seen[c.State], there[c.State] = true, true
		}
		for state := range want {
			if seen[state] && !there[state] && lasted[state] == 0 {
				lasted[state] = time.Since(began)
			}
		}
		return len(there) == 0
	})
	for state, timeout := range want {
		limit := timeout + sent.Sub(began) + connectionSlack + stalls.Since(began)
		if lasted[state] < timeout || lasted[state] > limit {
			t.Errorf("%s: seen %t, ended after %s, want %s to %s", state, seen[state], lasted[state], timeout, limit)
		}
	}
}

// flooders is from how many sources the flood comes.
const flooders = 8000

// The kernel looks at a 32nd of its table each second and drops what is half open there, so a flood can hold no more than it sends in 32 seconds.
func TestDropEntryBoundsAFlood(t *testing.T) {
	site := newSinks(t)
	const other = "192.0.2.9"
	site.LB2.AddAddress("outside", other+"/24")
	site.Client.MustRun("ping", "-c", "1", "-W", "5", other)
	service := segments(sinkHCL(0, `scheduler = "rr"`, 1, 1, 1))
	// At any time there is less memory free than this: the kernel defends itself at once.
	sunk(site, "ipvs {\n  sysctls = { drop_entry = 1, amemthresh = 1000000000 }\n}\n"+service)
	at := sinkService(0)
	unguarded := otherAddr(at, other)
	site.LB2.Govrrpd(labGlobal + "ipvs {\n  sysctls = { drop_entry = 0 }\n}\n" + strings.ReplaceAll(service, at.Addr().String(), other))
	site.WaitFor(settle, "the servers of lb2", func() bool { return len(site.LB2.Weights(unguarded)) == 3 })

	clients := netns.Clients(clientsPrefix, flooders)
	site.Client.VolleyTCP(at, clients[:100], firstPort)
	site.Client.VolleySYN(unguarded, clients, firstPort+1)
	site.Client.VolleySYN(at, clients, firstPort+1)
	site.WaitFor(settle, "a tenth of the flood to be dropped", func() bool { return held(site.LB1, at) < 100+flooders*9/10 })
	if got := held(site.LB2, unguarded); got != flooders {
		t.Errorf("without drop_entry: %d connections, want all %d", got, flooders)
	}
	established := 0
	for _, c := range site.LB1.ConnectionsOf(at) {
		if c.State == "ESTABLISHED" {
			established++
		}
	}
	if established != 100 {
		t.Errorf("with drop_entry %d of 100 established connections are left", established)
	}
}

// held is how many connections of a service the kernel counts at all servers.
func held(lb *netns.Node, service netip.AddrPort) (sum int) {
	for _, n := range lb.Held(service) {
		sum += n
	}
	return sum
}

// otherAddr is the same port at another address.
func otherAddr(a netip.AddrPort, host string) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(host), a.Port())
}

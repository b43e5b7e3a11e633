//go:build lab

package netns_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/govrrpd/govrrpd/test/netns"
)

// affinities are two services of which the clients of a /24 count as one: of the first for minutes, of the second for seconds.
func affinities() string {
	const persistent = "scheduler = \"rr\"\n  persistence {\n    timeout = %q\n    prefix = 24\n  }"
	return "ipvs {\n  timeouts {\n    udp = \"2s\"\n  }\n}\n" +
		sinkHCL(0, fmt.Sprintf(persistent, "5m"), 1, 1, 1) + sinkHCL(1, fmt.Sprintf(persistent, "3s"), 1, 1, 1)
}

// newSynced is a Site with a director that tells another of its connections, with the services of SyncConfig and more.
func newSynced(t *testing.T, more string, other func(config string) string) (site *netns.Site, backup *netns.Director) {
	t.Helper()
	site = netns.NewSite(t)
	site.Client.Impersonate(clientsPrefix)
	site.Sink(sinkPort)
	site.LB1.Govrrpd(labGlobal + more + netns.SyncConfig(highPriority, ""))
	backup = site.LB2.Govrrpd(other(labGlobal + more + netns.SyncConfig(lowPriority, "")))
	site.WaitFor(settle, "lb1 to be master", func() bool { return site.LB1.Has(netns.VIP()) && backup.Role("web") == "backup" })
	site.WaitFor(settle, "both tables", func() bool {
		n := 9 + strings.Count(more, "real_server")
		return strings.Count(site.LB1.MustRun("ipvsadm", "-Sn"), "-a ") == n && strings.Count(site.LB2.MustRun("ipvsadm", "-Sn"), "-a ") == n
	})
	site.Client.MustRun("ping", "-c", "1", "-W", "5", netns.VIP().String()) // what is sent before the address is resolved may be lost
	return site, backup
}

// heard are the packets of a client after which the kernel tells of its connection.
const heard = 3

// home sends datagrams of 20 clients of a /24 from a port to a service, until lb has all their connections at one time, and returns the
// server that all of them met. They live for two seconds, which a busy machine may take to send or to list them.
func home(t *testing.T, site *netns.Site, lb *netns.Node, service netip.AddrPort, prefix string, port uint16) (server netip.AddrPort) {
	t.Helper()
	clients := netns.Clients(prefix, 20)
	var met map[netip.AddrPort]int
	site.WaitFor(settle, fmt.Sprintf("%d connections of %s at %s", len(clients), prefix, lb.Name), func() bool {
		for range heard {
			site.Client.Volley(service, clients, port)
		}
		met = map[netip.AddrPort]int{}
		n := 0
		for _, c := range lb.ConnectionsOf(service) {
			if c.Client.Port() == port && netip.MustParsePrefix(prefix).Contains(c.Client.Addr()) {
				met[c.Server]++
				n++
			}
		}
		return n == len(clients)
	})
	if len(met) != 1 {
		t.Errorf("%s: clients at %v, want them at one server", prefix, met)
	}
	for server = range met {
		break
	}
	return server
}

// templates returns where a director sends more connections of a /24 to a service.
func templates(t *testing.T, lb *netns.Node, service netip.AddrPort) map[string]netip.AddrPort {
	t.Helper()
	all, err := lb.Connections()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]netip.AddrPort{}
	for _, c := range all {
		if c.Service == service && c.Client.Port() == 0 {
			out[netip.PrefixFrom(c.Client.Addr(), 24).String()] = c.Server
		}
	}
	return out
}

func TestClientsOfAPrefixShareAServerAlsoAfterATakeover(t *testing.T) {
	site, _ := newSynced(t, affinities(), func(c string) string { return c })
	long, short := sinkService(0), sinkService(1)
	first := home(t, site, site.LB1, short, "10.9.9.0/24", firstPort)
	homes := map[string]netip.AddrPort{}
	networks := []string{"10.9.1.0/24", "10.9.2.0/24", "10.9.3.0/24"}
	distinct := map[netip.AddrPort]bool{}
	for _, network := range networks {
		homes[network] = home(t, site, site.LB1, long, network, firstPort)
		distinct[homes[network]] = true
	}
	if len(distinct) != len(networks) {
		t.Fatalf("three networks at %v, want each at a server of its own", homes)
	}
	site.WaitFor(settle, "lb2 to know where the networks are", func() bool { return len(templates(t, site.LB2, long)) == len(networks) })
	site.WaitFor(settle, "lb1 to forget the client of the short service", func() bool { return len(templates(t, site.LB1, short)) == 0 })
	if then := home(t, site, site.LB1, short, "10.9.9.0/24", firstPort+1); then == first {
		t.Errorf("after the timeout: again at %s, want the next in turn", then)
	}
	site.LB1.Crash()
	site.Outside[site.LB1].Cut()
	site.Inside[site.LB1].Cut()
	site.WaitFor(settle, "lb2 to be master", func() bool { return site.LB2.Has(netns.VIP()) })
	site.Client.MustRun("ping", "-c", "1", "-W", "5", netns.VIP().String())
	for i := range networks { // in the other direction: who is scheduled in turn cannot meet all three servers again
		network := networks[len(networks)-1-i]
		if got := home(t, site, site.LB2, long, network, firstPort+2); got != homes[network] {
			t.Errorf("%s: after the takeover at %s, before at %s", network, got, homes[network])
		}
	}
}

func TestBackupOfAnotherSyncIDHearsOfNothing(t *testing.T) {
	otherID := func(c string) string {
		return strings.Replace(c, `follow    = "web"`, "follow = \"web\"\n  sync_id = 52", 1)
	}
	site, backup := newSynced(t, sinkHCL(0, `scheduler = "rr"`, 1, 1, 1), otherID)
	clients := netns.Clients(clientsPrefix, 100)
	tell := func(port uint16) {
		for range heard {
			site.Client.Volley(sinkService(0), clients, port)
		}
	}
	told := make(chan error, 1)
	go func() {
		id, err := site.LB2.HearSync(settle)
		if err == nil && id != 51 {
			err = fmt.Errorf("a message of sync_id %d, want 51", id)
		}
		told <- err
	}()
	site.WaitFor(settle, "a message to be at lb2", func() bool {
		tell(firstPort)
		select {
		case err := <-told:
			if err != nil {
				t.Fatal(err)
			}
			return true
		default:
			return false
		}
	})
	if got := site.LB2.ConnectionsOf(sinkService(0)); len(got) > 0 {
		t.Errorf("lb2 has %d connections with a sync_id that is not that of lb1", len(got))
	}
	site.WaitFor(settle, "its status to say why", func() bool {
		tell(firstPort)
		out, err := backup.Command("status", "ipvs")
		return err == nil && strings.Contains(out, "TAKES IN NOTHING: 10.0.0.2 sends sync_id 51")
	})
	if out, err := backup.Reload(labGlobal + sinkHCL(0, `scheduler = "rr"`, 1, 1, 1) + netns.SyncConfig(lowPriority, "")); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	site.WaitFor(settle, "the daemon to have the right id", func() bool { return runs(site.LB2, "backup") })
	tell(firstPort + 1)
	site.WaitFor(settle, "lb2 to know all of them", func() bool { return len(site.LB2.ConnectionsOf(sinkService(0))) >= len(clients) })
	site.WaitFor(settle, "its status to say that all is well", func() bool {
		tell(firstPort + 2)
		out, err := backup.Command("status", "ipvs", "-o", "json")
		return err == nil && strings.Contains(out, `"heard_from": "10.0.0.2"`) && strings.Contains(out, `"in_step": true`)
	})
}

//go:build lab

package netns_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/test/netns"
	"github.com/govrrpd/govrrpd/vrrp"
)

const (
	// settle is how long two directors may take to agree, and a director to do what has no limit of its own.
	settle = time.Minute
	// reread is how often the directors of these tests read the kernel's table again.
	reread = time.Second
	// slack is what a loaded lab kernel with one CPU may add to an interval.
	slack = 100 * time.Millisecond

	// calm is the advert interval of the tests that are not about takeovers: at 100 ms a busy host may hold a guest up for longer
	// than a backup waits.
	calm = 500 * time.Millisecond

	labGlobal = "global {\n  ipvs_refresh = \"1s\"\n}\n\n"

	highPriority, lowPriority = 200, 100
)

// directed is a Site with a running director on lb1, the master, and one on lb2, the backup.
type directed struct {
	*netns.Site
	d1, d2 *netns.Director
}

func newDirected(t *testing.T, global string, interval time.Duration) directed {
	t.Helper()
	d := directed{Site: netns.NewSite(t)}
	d.d1 = d.LB1.Govrrpd(global + netns.SiteConfig(highPriority, interval))
	d.d2 = d.LB2.Govrrpd(global + netns.SiteConfig(lowPriority, interval))
	d.settled()
	return d
}

// settled waits until lb1 is master, lb2 backup, the address at lb1 alone, and every real server in both tables.
func (d directed) settled() {
	d.WaitFor(settle, "lb1 to be master and lb2 backup", func() bool { return d.d1.Role("web") == "master" && d.d2.Role("web") == "backup" })
	d.WaitFor(settle, "the address to be at lb1 alone", func() bool { return d.LB1.Has(netns.VIP()) && !d.LB2.Has(netns.VIP()) })
	d.WaitNone(settle, "the tables (-want +got)", func() string { return whole(d.LB1) + whole(d.LB2) })
}

// wholeTable is what SiteConfig says, with all real servers up.
func wholeTable(service netns.SiteService) netns.Weights {
	return netns.Weights{service.ServerOf(0): 3, service.ServerOf(1): 2, service.ServerOf(2): 1}
}

// whole returns how the table of a director differs from what SiteConfig says.
func whole(n *netns.Node) string {
	table, err := n.IPVS()
	if err != nil {
		return err.Error()
	}
	var diff string
	for _, service := range netns.SiteServices() {
		diff += cmp.Diff(wholeTable(service), table[service.Addr()], equateAddrs)
	}
	return diff
}

func TestServicesBalanceByWeight(t *testing.T) {
	d := newDirected(t, labGlobal, calm)
	for _, service := range netns.SiteServices() {
		got := d.Client.GetMany(service.URL(), 60, 5*time.Second)
		if diff := cmp.Diff(map[string]int{"rs1": 30, "rs2": 20, "rs3": 10}, got.Answers); diff != "" {
			t.Errorf("%s: answers (-want +got)\n%s\n%v", service.Forward, diff, got.Failures)
		}
	}
}

func TestDeadServersLeaveTheSorryServerAnswersAndTheyComeBack(t *testing.T) {
	d := newDirected(t, labGlobal, calm)
	service := netns.SiteServices()[0]
	const out = 3 * (netns.CheckFall*netns.CheckInterval + netns.CheckTimeout) // how punctual checks are is shown where no kernel is emulated

	d.Servers[1].Stop()
	d.WaitFor(out, "rs2 to leave", func() bool {
		w := d.LB1.Weights(service.Addr())
		_, there := w[service.ServerOf(1)]
		return !there && len(w) == 2
	})
	if got := d.Client.GetMany(service.URL(), 20, 5*time.Second); len(got.Failures) > 0 || got.Answers["rs2"] > 0 {
		t.Errorf("without rs2: %+v", got)
	}

	d.Servers[0].Stop()
	d.Servers[2].Stop()
	d.WaitFor(out, "the sorry server alone", func() bool {
		return cmp.Diff(netns.Weights{netns.SorryAddr(): 1}, d.LB1.Weights(service.Addr()), equateAddrs) == ""
	})
	if got := d.Client.GetMany(service.URL(), 10, 5*time.Second); got.Answers["sorry"] != 10 {
		t.Errorf("with no server up: %+v, want 10 sorry pages", got)
	}

	for _, server := range d.Servers {
		server.Start()
	}
	d.WaitNone(out, "all to be back", func() string { return whole(d.LB1) })
	if got := d.Client.GetMany(service.URL(), 12, 5*time.Second); got.Answers["rs2"] != 4 {
		t.Errorf("after all came back: %+v, want 4 answers of rs2", got)
	}
}

func TestCablePullMovesTheAddressAndBack(t *testing.T) {
	for _, tt := range []struct {
		name string
		cut  func(*netns.Port)
		back time.Duration
	}{
		{"without carrier", (*netns.Port).Cut, netns.TakeoverAllowed(highPriority)},
		{"with carrier", (*netns.Port).Unplug, 2 * netns.AdvertInterval},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDirected(t, labGlobal, netns.AdvertInterval)
			allowed := netns.TakeoverAllowed(lowPriority)
			// Cut off outside only, lb1 still has the gateway's address inside, and so has lb2: no NAT then.
			direct := netns.SiteServices()[1]
			seen := d.Takeover(tt.cut, func() {
				if problem := d.Client.GetMany(direct.URL(), 10, settle).Problem(); problem != "" {
					t.Errorf("through lb2: %s", problem)
				}
			})
			for range 4 { // what is measured while the machine stands still says nothing
				d.settled()
				if seen.Silence <= allowed && seen.ARPBack <= tt.back && seen.LostThen == 0 || seen.Stood == 0 {
					break
				}
				t.Logf("once more: %+v", seen)
				seen = d.Takeover(tt.cut, func() {})
			}
			d.settled()
			if seen.Silence > allowed || seen.ARPBack > tt.back || seen.LostThen > 0 {
				t.Errorf("%+v, want a silence of at most %s, ARP back within %s, and nothing lost", seen, allowed, tt.back)
			}
		})
	}
}

func TestBadFileOnReloadChangesNothing(t *testing.T) {
	d := newDirected(t, labGlobal, calm)
	since, err := d.d1.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	capture := d.Capture(d.Outside[d.LB1])
	stalls, start := d.WatchStalls(), time.Now()
	bad := strings.Replace(netns.SiteConfig(50, calm), "priority ", "priorty ", 1)
	bad = strings.Replace(bad, `"wrr"`, `"wrrr"`, 1)
	out, err := d.d1.Reload(labGlobal + bad)
	if err == nil {
		t.Errorf("reload of a bad file went well: %s", out)
	}
	for _, want := range []string{"govrrpd.hcl:", "priorty", "priority", "wrrr"} {
		if !strings.Contains(out, want) {
			t.Errorf("reload printed %q, want %q in it", out, want)
		}
	}
	d.WaitFor(settle, "adverts after the reload", func() bool { return len(capture.AdvertsFrom(d.Outside[d.LB1], start)) > 5 })
	steady(t, capture.AdvertsFrom(d.Outside[d.LB1], start), highPriority, stalls.Since(start))
	now, err := d.d1.Status(t.Context())
	if diff := cmp.Diff(since.VRRP, now.VRRP); err != nil || diff != "" {
		t.Errorf("VRRP changed: %v (-before +after)\n%s", err, diff)
	}
	if diff := whole(d.LB1); diff != "" {
		t.Errorf("table (-want +got)\n%s", diff)
	}
}

func TestReloadChangesWhatIsNewAndNothingElse(t *testing.T) {
	d := newDirected(t, labGlobal, calm)
	service := netns.SiteServices()[0]
	talk := d.Client.Converse(service.Addr())
	first, err := talk.Ask(settle)
	if err != nil {
		t.Fatal(err)
	}
	capture := d.Capture(d.Outside[d.LB1])
	stalls, start := d.WatchStalls(), time.Now()
	changed := strings.Replace(netns.SiteConfig(highPriority, calm), `"10.0.0.13:8080" { weight = 1 }`, `"10.0.0.13:8080" { weight = 7 }`, 1)
	if out, err := d.d1.Reload(labGlobal + changed); err != nil {
		t.Fatalf("reload: %v: %s", err, out)
	}
	d.WaitFor(settle, "the new weight", func() bool { return d.LB1.Weights(service.Addr())[service.ServerOf(2)] == 7 })
	d.WaitFor(settle, "adverts after the reload", func() bool { return len(capture.AdvertsFrom(d.Outside[d.LB1], start)) > 5 })
	steady(t, capture.AdvertsFrom(d.Outside[d.LB1], start), highPriority, stalls.Since(start))
	if again, err := talk.Ask(settle); err != nil || again != first {
		t.Errorf("the connection to %s: %q, %v", first, again, err)
	}
}

// steady fails when adverts are late, beyond the time that the machine stood still, or have another priority.
func steady(t *testing.T, adverts []netns.Advert, priority uint8, stood time.Duration) {
	t.Helper()
	if gap, end := netns.LongestGap(adverts); gap > calm+slack+stood {
		t.Errorf("no advert for %s before %s, want one every %s (the machine stood still for %s)",
			gap, end.Format("15:04:05.000"), calm, stood)
	}
	for _, a := range adverts {
		if a.Err != nil || a.Packet.Priority != priority {
			t.Errorf("advert %+v, want priority %d", a, priority)
		}
	}
}

func TestKilledDirectorLeavesRouterAndConnections(t *testing.T) {
	d := newDirected(t, labGlobal, calm)
	service := netns.SiteServices()[0]
	talk := d.Client.Converse(service.Addr())
	server, err := talk.Ask(settle)
	if err != nil {
		t.Fatal(err)
	}
	router, err := d.d1.RouterPID()
	if err != nil {
		t.Fatal(err)
	}
	before := connections(t, d.LB1)
	capture := d.Capture(d.Outside[d.LB1], d.Outside[d.LB2])
	holders := d.WatchHolders(netns.VIP(), d.LB1, d.LB2)
	stalls, start := d.WatchStalls(), time.Now()

	d.d1.Kill()
	killed := time.Now()
	d.WaitFor(settle, "adverts without a director", func() bool { return len(capture.AdvertsFrom(d.Outside[d.LB1], killed)) > 5 })
	if again, err := talk.Ask(settle); err != nil || again != server {
		t.Errorf("without a director the connection to %s gave %q, %v", server, again, err)
	}
	if diff := whole(d.LB1); diff != "" {
		t.Errorf("table without a director (-want +got)\n%s", diff)
	}

	d.d1.Restart()
	restarted := time.Now()
	d.Always(3*reread, "the table to be whole", func() bool { return whole(d.LB1) == "" })
	d.WaitFor(settle, "the new director to report", func() bool { return d.d1.Role("web") == "master" })
	if now, err := d.d1.RouterPID(); err != nil || now != router {
		t.Errorf("the router is process %d, %v, want %d as before", now, err, router)
	}
	d.WaitFor(settle, "adverts with the new director", func() bool { return len(capture.AdvertsFrom(d.Outside[d.LB1], restarted)) > 5 })
	steady(t, capture.AdvertsFrom(d.Outside[d.LB1], start), highPriority, stalls.Since(start))
	if got := capture.AdvertsFrom(d.Outside[d.LB2], start); len(got) > 0 {
		t.Errorf("the backup sent %d adverts, the first %+v", len(got), got[0])
	}
	if err := netns.NotOne(holders.Since(start)); err != nil {
		t.Error(err)
	}
	if again, err := talk.Ask(settle); err != nil || again != server {
		t.Errorf("with the new director the connection to %s gave %q, %v", server, again, err)
	}
	// A service that was deleted and added again has counted nothing.
	if after := connections(t, d.LB1); after < before {
		t.Errorf("the kernel has counted %s connections, and %s before: the service is not the same one", after, before)
	}
}

// connections returns the kernel's count of connections, in hex and of one length, so that counts compare as text.
func connections(t *testing.T, n *netns.Node) string {
	t.Helper()
	text, err := n.ReadNet("ip_vs_stats")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(text, "\n")
	fields := strings.Fields(lines[min(2, len(lines)-1)])
	if len(fields) == 0 {
		t.Fatalf("ip_vs_stats: %q", text)
	}
	return strings.Repeat("0", 16-len(fields[0])) + fields[0]
}

func TestTableIsRepairedAndForeignServicesAreLeftAlone(t *testing.T) {
	d := newDirected(t, labGlobal, calm)
	d.LB1.MustRun("ipvsadm", "-A", "-t", "198.51.100.1:25", "-s", "rr")
	d.LB1.MustRun("ipvsadm", "-a", "-t", "198.51.100.1:25", "-r", "198.51.100.2:25", "-m", "-w", "5")
	foreign := d.LB1.MustRun("ipvsadm", "-ln", "-t", "198.51.100.1:25")
	services := netns.SiteServices()
	d.LB1.MustRun("ipvsadm", "-D", "-t", services[0].Addr().String())
	d.LB1.MustRun("ipvsadm", "-d", "-t", services[1].Addr().String(), "-r", services[1].ServerOf(0).String())
	d.LB1.MustRun("ipvsadm", "-e", "-t", services[2].Addr().String(), "-r", services[2].ServerOf(0).String(), "-i", "-w", "9")
	d.WaitNone(reread+slack+200*time.Millisecond, "the table to be repaired", func() string { return whole(d.LB1) })
	if out, err := d.d1.Reload(labGlobal + netns.SiteConfig(highPriority, calm)); err != nil {
		t.Errorf("reload: %v: %s", err, out)
	}
	d.Always(2*reread, "the table to stay whole", func() bool { return whole(d.LB1) == "" })
	if diff := cmp.Diff(foreign, d.LB1.MustRun("ipvsadm", "-ln", "-t", "198.51.100.1:25")); diff != "" {
		t.Errorf("the foreign service (-want +got)\n%s", diff)
	}
}

func TestSIGTERMResignsAndReleases(t *testing.T) {
	for _, tt := range []struct {
		name, global string
		services     int
	}{
		{"and leaves the table", labGlobal, 4},
		{"and flushes the table", strings.Replace(labGlobal, "}", "  flush_on_stop = true\n}", 1), 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDirected(t, tt.global, calm)
			d.LB1.MustRun("ipvsadm", "-A", "-t", "198.51.100.1:25", "-s", "rr")
			router, err := d.d1.RouterPID()
			if err != nil {
				t.Fatal(err)
			}
			capture := d.Capture(d.Outside[d.LB1])
			start := time.Now()
			if err := d.d1.Stop(); err != nil {
				t.Errorf("SIGTERM: %v, want exit status 0", err)
			}
			d.WaitFor(settle, "lb2 to be master", func() bool { return d.d2.Role("web") == "master" && d.LB2.Has(netns.VIP()) })
			if d.LB1.Has(netns.VIP()) || strings.Contains(d.LB1.MustRun("ip", "addr", "show", "inside"), "10.0.0.1/") {
				t.Errorf("addresses were not released:\n%s", d.LB1.MustRun("ip", "addr"))
			}
			if syscall.Kill(router, 0) == nil {
				t.Errorf("the router, process %d, is still there", router)
			}
			sent := capture.AdvertsFrom(d.Outside[d.LB1], start)
			if len(sent) == 0 || sent[len(sent)-1].Packet.Priority != vrrp.PriorityResign {
				t.Errorf("the last of %d adverts is not one of priority 0: %+v", len(sent), sent)
			}
			table, err := d.LB1.IPVS()
			if err != nil || len(table) != tt.services {
				t.Errorf("%d services are left (%v), want %d", len(table), err, tt.services)
			}
		})
	}
}

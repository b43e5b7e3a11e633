//go:build lab && qemu

package netns_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// These tests need IPVS and nftables for IPv4 in one kernel, which user-mode-linux has not: `make lab-6.12` runs them.

const matchConfig = `
global {
  flush_on_stop = true
}
virtual_server "shop" {
  scheduler = "rr"
  match {
    addresses  = ["192.0.2.10"]
    ports      = ["10080-10089"]
    interfaces = ["outside"]
  }
  real_server "10.0.0.11:8080" {}
  real_server "10.0.0.12:8080" {}
}
virtual_server "flows" {
  scheduler = "rr"
  match {
    addresses  = ["192.0.2.10"]
    ports      = ["12080-12081"]
  }
  real_server "10.0.0.11:8081" {}
}
virtual_server_group "edge" {
  addresses = ["192.0.2.10:11080-11089", "192.0.2.13-14:80"]
  fold      = true
}
virtual_server "folded" {
  group = "edge"
  real_server "10.0.0.13:8080" {}
}
`

// flushMarks takes the marks away under a flow, which goes on: they are there again within two seconds, counted, and told.
func flushMarks(t *testing.T, site *netns.Site, d *netns.Director) {
	t.Helper()
	flow, err := site.Client.StartFlow(netip.MustParseAddrPort("192.0.2.10:12080"), settle)
	if err != nil {
		t.Fatal(err)
	}
	stalls := site.WatchStalls()
	flushed := time.Now()
	site.LB1.MustRun("nft", "flush", "ruleset")
	var last time.Time
	site.WaitFor(settle, "the marks to be put back, and that to be told", func() bool {
		s, err := d.Status(t.Context())
		if err != nil || s.Engine.DriftRepaired != 1 {
			return false
		}
		for _, one := range s.Engine.Drifts {
			if one.Service == "marks" && one.Found == "table govrrpd_lvs removed" {
				last = one.Repaired
			}
		}
		return !last.IsZero()
	})
	if took, stood := last.Sub(flushed), stalls.Since(flushed); took > driftLimit+stood {
		t.Errorf("the marks were put back after %s, want at most %s (the machine stood still for %s)", took, driftLimit, stood)
	}
	before := flow.State()
	site.WaitFor(settle, "the flow to go on", func() bool { return flow.State().Acknowledged > before.Acknowledged+3 })
	if s := flow.State(); s.Err != nil {
		t.Error(s.Err)
	}
}

// Clients reach the servers of a service by mark through the marks that the director gives; others are refused. Flushed marks come back, and
// an orderly end takes them away.
func TestKernel612CarriesWhatIsMarked(t *testing.T) {
	const patience = 60 * time.Second
	site := netns.NewSite(t)
	for _, a := range []string{"192.0.2.10/24", "192.0.2.14/24"} {
		site.LB1.AddAddress("outside", a)
	}
	site.LB1.AddAddress("inside", "10.0.0.1/24")
	site.AnswerFlows()
	d := site.LB1.Govrrpd(matchConfig)
	get := func(addr string, port int) (string, error) {
		return site.Client.Get(fmt.Sprintf("http://%s/", netip.AddrPortFrom(netip.MustParseAddr(addr), uint16(port))), 10*time.Second)
	}
	site.WaitFor(patience, "all servers to be in the table", func() bool {
		return strings.Count(site.LB1.MustRun("ipvsadm", "-Sn"), "-a -f ") == 4
	})
	seen := map[string]bool{}
	for port := 10080; port < 10090; port++ {
		who, err := get("192.0.2.10", port)
		if err != nil {
			t.Errorf("port %d: %v", port, err)
		}
		seen[who] = true
	}
	if !seen["rs1"] || !seen["rs2"] || len(seen) != 2 {
		t.Errorf("answers came from %v, want rs1 and rs2", seen)
	}
	for _, to := range []struct {
		addr string
		port int
	}{{"192.0.2.10", 11085}, {"192.0.2.14", 80}} {
		if who, err := get(to.addr, to.port); who != "rs3" || err != nil {
			t.Errorf("%s port %d, folded: %q, %v", to.addr, to.port, who, err)
		}
	}
	if who, err := get("192.0.2.10", 10090); err == nil {
		t.Errorf("a port beside the range is answered by %s", who)
	}
	flushMarks(t, site, d)
	if who, err := get("192.0.2.10", 10080); err != nil {
		t.Errorf("after the marks were put back: %q, %v", who, err)
	}
	d.Stop()
	if left := site.LB1.MustRun("nft", "list", "ruleset"); strings.Contains(left, "govrrpd_lvs") {
		t.Errorf("after the end there is\n%s", left)
	}
}

const foldConfig = `
virtual_server_group "edge" {
  addresses = ["192.0.2.10:12080-12081"]
  fold      = %t
}
virtual_server "flows" {
  group     = "edge"
  scheduler = "rr"
  real_server "10.0.0.11:8081" {}
  real_server "10.0.0.12:8081" {}
}
`

// A reload that folds a group into one service, or unfolds it, ends no flow: the service that it came in by stays as long as there are some.
func TestKernel612FoldsUnderFlows(t *testing.T) {
	site := netns.NewSite(t)
	site.LB1.AddAddress("outside", "192.0.2.10/24")
	site.LB1.AddAddress("inside", "10.0.0.1/24")
	site.AnswerFlows()
	d := site.LB1.Govrrpd(fmt.Sprintf(foldConfig, false))
	services := func(byAddress, byMark int) {
		t.Helper()
		site.WaitNone(settle, "the services", func() string {
			table := site.LB1.MustRun("ipvsadm", "-Sn")
			if strings.Count(table, "-A -t ") == byAddress && strings.Count(table, "-A -f ") == byMark && strings.Count(table, "-a ") == 2*(byAddress+byMark) {
				return ""
			}
			return "the table is\n" + table
		})
	}
	var flows []*netns.Flow
	start := func() {
		t.Helper()
		for range 4 {
			f, err := site.Client.StartFlow(netip.MustParseAddrPort("192.0.2.10:12080"), settle)
			if err != nil {
				t.Fatalf("after %d flows: %v", len(flows), err)
			}
			flows = append(flows, f)
		}
	}
	goOn := func(when string) {
		t.Helper()
		before := map[*netns.Flow]uint64{}
		for _, f := range flows {
			before[f] = f.State().Acknowledged
		}
		for _, f := range flows {
			site.WaitFor(settle, "a flow to go on, "+when, func() bool { s := f.State(); return s.Err != nil || s.Acknowledged > before[f]+3 })
			if s := f.State(); s.Err != nil {
				t.Errorf("%s: a flow to %s: %v", when, f.Server, s.Err)
			}
		}
	}
	services(2, 0)
	start()
	for _, step := range []struct {
		fold              bool
		byAddress, byMark int
	}{{true, 1, 1}, {false, 2, 1}, {true, 1, 1}} { // of the two addresses one has flows; the mark has the flows that began in between
		if out, err := d.Reload(fmt.Sprintf(foldConfig, step.fold)); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		services(step.byAddress, step.byMark)
		start()
		goOn(fmt.Sprintf("fold = %t", step.fold))
	}
}

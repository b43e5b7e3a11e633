//go:build lab

package netns_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// probed is a check of the port of the web servers, which are stopped and started while the flows go on.
const probed = `
  check "tcp" {
    address  = ":81"
    interval = "2s"
    timeout  = "2s"
    rise     = 1
    fall     = 1
  }
`

// failing is a configuration of the services over IPv4.
func failing(onFailure, sysctl, options string) string {
	text := trafficGlobal + "ipvs {\n  sysctls = { " + sysctl + " }\n}\n"
	for _, s := range netns.TrafficServices()[:3] {
		text += s.HCL(fmt.Sprintf("  scheduler = \"rr\"\n  on_failure = %q\n", onFailure)+options+probed, "1 weight = 1", "2 weight = 1", "3 weight = 1")
	}
	return text
}

func (tr *traffic) all(want, why string) {
	tr.t.Helper()
	for _, s := range netns.TrafficServices()[:3] {
		tr.becomes(s, want, why)
	}
}

func (tr *traffic) reload(config string) {
	tr.t.Helper()
	if out, err := tr.d.Reload(config); err != nil {
		tr.t.Fatalf("reload: %v: %s", err, out)
	}
}

// open starts a flow to a service.
func (tr *traffic) open(s netns.TrafficService) *netns.Flow {
	tr.t.Helper()
	f, err := tr.Client.StartFlow(s.Addr, settle)
	if err != nil {
		tr.t.Fatalf("%s: %v", s.Name, err)
	}
	return f
}

// newFailing starts a director of which the checks are those of failing.
func newFailing(t *testing.T, config string) *traffic {
	t.Helper()
	tr := &traffic{Traffic: netns.NewTraffic(t), t: t}
	tr.LB1.Sysctl("net.ipv4.vs.expire_nodest_conn", "0")
	tr.d = tr.LB1.Govrrpd(config)
	tr.all("rs1=1 rs2=1 rs3=1", "all are well")
	tr.stalls = tr.WatchStalls()
	return tr
}

func TestFlowsOfAFailedServerLiveUnderQuiesceAndDieUnderRemove(t *testing.T) {
	tr := newFailing(t, failing("quiesce", "expire_nodest_conn = 1", ""))
	for _, s := range netns.TrafficServices()[:3] {
		for range 3 {
			tr.flows = append(tr.flows, tr.open(s))
		}
	}
	since := time.Now()
	tr.Servers[0].Stop()
	tr.all("rs1=0 rs2=1 rs3=1", "rs1 has failed and is quiet")
	tr.run(4)
	tr.unharmed(since)
	tr.Servers[0].Start()
	tr.all("rs1=1 rs2=1 rs3=1", "rs1 is back")

	tr.reload(failing("remove", "expire_nodest_conn = 1", ""))
	tr.Servers[0].Stop()
	tr.all("rs2=1 rs3=1", "rs1 has failed and is gone")
	for _, s := range netns.TrafficServices()[:3] {
		gone := tr.at(s, "rs1")
		if len(gone) != 1 {
			t.Fatalf("%s: %d flows at rs1, want 1", s.Name, len(gone))
		}
		tr.WaitFor(settle, s.Name+": the flow at rs1 to end", func() bool { return gone[0].State().Err != nil })
		tr.forget(gone)
	}
	tr.run(4)
	tr.unharmed(since)
}

func TestPersistentClientLeavesAQuietServerIfToldTo(t *testing.T) {
	const persistent = "  persistence {\n    timeout = \"300s\"\n  }\n"
	config := func(expire int) string {
		return failing("quiesce", fmt.Sprintf("expire_quiescent_template = %d", expire), persistent)
	}
	tr := newFailing(t, config(0))
	s := netns.TrafficServices()[0]
	server := tr.open(s).Server
	i := server[len(server)-1] - '1'
	tr.Servers[i].Stop()
	tr.all([]string{"rs1=0 rs2=1 rs3=1", "rs1=1 rs2=0 rs3=1", "rs1=1 rs2=1 rs3=0"}[i], server+" has failed")
	if got := tr.open(s).Server; got != server {
		t.Errorf("with expire_quiescent_template = 0: at %s, want %s as before", got, server)
	}
	tr.reload(config(1))
	tr.WaitFor(settle, "the setting", func() bool {
		return tr.LB1.MustRun("cat", "/proc/sys/net/ipv4/vs/expire_quiescent_template") == "1\n"
	})
	if got := tr.open(s).Server; got == server {
		t.Errorf("with expire_quiescent_template = 1: still at %s", got)
	}
}

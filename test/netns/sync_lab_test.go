//go:build lab

package netns_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// syncedFlows is how many flows go through each of the three services: 200 and one in all.
const syncedFlows = 67

const syncOptions = `
global {
  ipvs_refresh = "1s"
}
ipvs {
  restore_on_exit = true
  sysctls         = { conntrack = 1, sync_threshold = "2 40" }
  timeouts {
    tcp = "1000s"
  }
}
`

// runs tells whether the sync daemon of that state, and no other, runs on the inside of the node.
func runs(n *netns.Node, state string) bool {
	out, err := n.Run("ipvsadm", "-L", "--daemon")
	return err == nil && strings.Count(out, "sync daemon") == 1 && strings.HasPrefix(out, state+" sync daemon (mcast=inside, syncid=51,")
}

// Flows go on when the master dies, process and cables: the kernel's daemon has told the backup of them.
func TestFlowsOutliveTheMaster(t *testing.T) {
	site := netns.NewSite(t)
	site.AnswerFlows()
	d1 := site.LB1.Govrrpd(netns.SyncConfig(highPriority, ""))
	d2 := site.LB2.Govrrpd(netns.SyncConfig(lowPriority, ""))
	site.WaitFor(settle, "lb1 to be master", func() bool { return site.LB1.Has(netns.VIP()) && d2.Role("web") == "backup" })
	site.WaitFor(settle, "the daemons to follow", func() bool { return runs(site.LB1, "master") && runs(site.LB2, "backup") })
	site.WaitFor(settle, "both tables", func() bool {
		return strings.Count(site.LB1.MustRun("ipvsadm", "-Sn"), "-a ") == 9 && strings.Count(site.LB2.MustRun("ipvsadm", "-Sn"), "-a ") == 9
	})
	var flows []*netns.Flow
	for _, service := range netns.SyncServices() {
		for range syncedFlows {
			f, err := site.Client.StartFlow(service.Addr(), settle)
			if err != nil {
				t.Fatalf("%s: %v", service.Forward, err)
			}
			flows = append(flows, f)
		}
	}
	site.WaitFor(2*settle, "lb2 to know all flows", func() bool {
		conns, err := site.LB2.ReadNet("ip_vs_conn")
		return err == nil && strings.Count(conns, "ESTABLISHED") >= len(flows)
	})
	if out, err := d1.Command("status", "ipvs"); err != nil || !strings.Contains(out, "master, follows web") || !strings.Contains(out, "in step") {
		t.Errorf("status: %v\n%s", err, out)
	}

	site.LB1.Crash()
	site.Outside[site.LB1].Cut()
	site.Inside[site.LB1].Cut()
	site.WaitFor(settle, "lb2 to be master and tell of its connections", func() bool { return site.LB2.Has(netns.VIP()) && runs(site.LB2, "master") })
	was := map[*netns.Flow]netns.FlowState{}
	for _, f := range flows {
		was[f] = f.State()
	}
	site.WaitNone(3*settle, "all flows to go on", func() string {
		for f, before := range was {
			if now := f.State(); now.Err == nil && now.Acknowledged < before.Acknowledged+5 {
				return fmt.Sprintf("%s at %s: %+v", f.Service, f.Server, now)
			}
		}
		return ""
	})
	for _, f := range flows {
		if now := f.State(); now.Err != nil {
			t.Errorf("%s at %s: %v", f.Service, f.Server, now.Err)
		}
	}
}

// What somebody does to the daemon, the timeouts and the settings is put back, counted and told; the end of the director restores them.
func TestSettingsOfIPVSComeBack(t *testing.T) {
	site := netns.NewSite(t)
	lb := site.LB1
	timeouts := func() string { return strings.TrimSpace(lb.MustRun("ipvsadm", "-L", "--timeout")) }
	sysctl := func(name string) string { return strings.TrimSpace(lb.MustRun("cat", "/proc/sys/net/ipv4/vs/"+name)) }
	lb.MustRun("ipvsadm", "--set", "800", "0", "250")
	before := timeouts()
	d := lb.Govrrpd(netns.SyncConfig(highPriority, syncOptions))
	right := func() bool {
		return runs(lb, "master") && timeouts() == "Timeout (tcp tcpfin udp): 1000 120 250" && sysctl("conntrack") == "1" && sysctl("sync_threshold") == "2\t40"
	}
	site.WaitFor(settle, "all to be as configured", right)
	stalls := site.WatchStalls()
	for i, harm := range []func(){
		func() { lb.MustRun("ipvsadm", "--stop-daemon", "master") },
		func() { lb.MustRun("ipvsadm", "--set", "500", "0", "0") },
		func() { lb.Sysctl("net.ipv4.vs.conntrack", "0") },
	} {
		began := time.Now()
		harm()
		site.WaitFor(settle, fmt.Sprintf("harm %d to be put right", i), right)
		if took, limit := settingChanged(t, d).Sub(began), 2*time.Second+stalls.Since(began); took < 0 || took > limit {
			t.Errorf("harm %d: put right after %s, want at most %s", i, took, limit)
		}
		site.WaitFor(settle, "it to be counted", func() bool {
			out, err := d.Command("status", "ipvs", "-o", "json")
			return err == nil && strings.Contains(out, fmt.Sprintf(`"drift_repaired": %d,`, i+1))
		})
	}
	for _, line := range []string{`setting="sync daemon master" found=none`, `found="tcp 8m20s, tcp_fin 2m0s, udp 4m10s"`, "setting=net.ipv4.vs.conntrack found=0"} {
		if !strings.Contains(d.Log(), line) {
			t.Errorf("the log has no %s", line)
		}
	}
	if err := d.Stop(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	if out := lb.MustRun("ipvsadm", "-L", "--daemon"); out != "" || timeouts() != before || sysctl("conntrack") != "0" || sysctl("sync_threshold") != "3\t50" {
		t.Errorf("after the end: daemons %q, %s, conntrack %s", out, timeouts(), sysctl("conntrack"))
	}
}

// settingChanged returns when the director last changed a setting, by its log: the programs that show the settings take longer than it does.
func settingChanged(t *testing.T, d *netns.Director) time.Time {
	t.Helper()
	lines := regexp.MustCompile(`(?m)^time=(\S+) .*msg="changed a setting of IPVS"`).FindAllStringSubmatch(d.Log(), -1)
	if len(lines) == 0 {
		t.Fatal("the log has no change of a setting")
	}
	at, err := time.Parse(time.RFC3339Nano, lines[len(lines)-1][1])
	if err != nil {
		t.Fatal(err)
	}
	return at
}

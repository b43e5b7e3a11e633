//go:build lab

package netns_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/test/netns"
)

// drainEnds is what a drain may take once its connections have ended: two quiet seconds between looks at the table, and a look of who waits.
const drainEnds = 15 * time.Second

var destLine = regexp.MustCompile(`-a -t (\S+) -r (\S+) -\w(?: --\S+)* -w (\d+)`)

// weights returns what `ipvsadm -Sn` has of a service: a word for each of its servers, "rs1=3", in order.
func (tr *traffic) weights(s netns.TrafficService) string {
	tr.t.Helper()
	var out []string
	for _, m := range destLine.FindAllStringSubmatch(tr.LB1.MustRun("ipvsadm", "-Sn"), -1) {
		for i, server := range s.Servers {
			if m[1] == s.Addr.String() && m[2] == server.String() {
				out = append(out, fmt.Sprintf("rs%d=%s", i+1, m[3]))
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// becomes waits until a service has these weights.
func (tr *traffic) becomes(s netns.TrafficService, want, why string) {
	tr.t.Helper()
	tr.WaitNone(settle, fmt.Sprintf("%s: %s (-want +got)", s.Name, why), func() string { return gocmp.Diff(want, tr.weights(s)) })
}

// order runs a command of the director that is to go well.
func (tr *traffic) order(args ...string) {
	tr.t.Helper()
	if out, err := tr.d.Command(args...); err != nil {
		tr.t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// at returns the flows of a service at one server.
func (tr *traffic) at(s netns.TrafficService, server string) (out []*netns.Flow) {
	for _, f := range tr.flows {
		if f.Service == s.Addr && f.Server == server {
			out = append(out, f)
		}
	}
	return out
}

// elsewhere opens flows to a service and demands that none of them comes to a server.
func (tr *traffic) elsewhere(s netns.TrafficService, server string) {
	tr.t.Helper()
	for range flowsEach {
		f, err := tr.Client.StartFlow(s.Addr, settle)
		if err != nil {
			tr.t.Fatalf("%s: %v", s.Name, err)
		}
		if f.Server == server {
			tr.t.Errorf("%s: a new flow came to %s", s.Name, server)
		}
		tr.flows = append(tr.flows, f)
	}
}

// ends waits for the end of a command and returns its exit status.
func (tr *traffic) ends(p *netns.Process) int {
	tr.t.Helper()
	tr.WaitFor(drainEnds, p.Name+" to end", func() bool { return !p.Running() })
	return p.ExitStatus()
}

// forget leaves flows out of what is looked at from now on.
func (tr *traffic) forget(flows []*netns.Flow) {
	tr.flows = slices.DeleteFunc(tr.flows, func(f *netns.Flow) bool { return slices.Contains(flows, f) })
}

func TestDrainLetsFlowsEnd(t *testing.T) {
	tr := newTraffic(t, wrr("1 weight = 1", "2 weight = 1", "3 weight = 1"))
	since, services := time.Now(), netns.TrafficServices()
	back := services[1]
	for _, s := range []netns.TrafficService{services[0], back, services[5]} {
		server, name := s.Servers[0].String(), "drain-"+s.Name
		drain := tr.d.StartCommand(name, "drain", s.Name, server, "--wait", "--reason", "a new kernel")
		tr.becomes(s, "rs1=0 rs2=1 rs3=1", "drains")
		tr.elsewhere(s, "rs1")
		tr.run(4)
		tr.unharmed(since)
		if s.Name == back.Name {
			tr.order("enable", s.Name, server)
			tr.becomes(s, "rs1=1 rs2=1 rs3=1", "enabled")
			if got := tr.ends(drain); got != 1 || !drain.Logged("was taken back") {
				t.Errorf("%s: exit status %d: %s", name, got, drain.Log())
			}
			continue
		}
		tr.drained(drain, s, "rs1")
		tr.becomes(s, "rs2=1 rs3=1", "has drained")
	}
	tr.run(4)
	tr.unharmed(since)
}

// drained closes the flows of a server, one after the other, and demands that the command that drains it ends with the last one.
func (tr *traffic) drained(drain *netns.Process, s netns.TrafficService, server string) {
	tr.t.Helper()
	flows := tr.at(s, server)
	if len(flows) == 0 {
		tr.t.Fatalf("%s: no flow at %s", s.Name, server)
	}
	tr.forget(flows)
	for i, f := range flows {
		if state := f.State(); state.Err != nil || !drain.Running() {
			tr.t.Fatalf("%s: with %d flows left: flow %+v, the command runs: %t\n%s", s.Name, len(flows)-i, state, drain.Running(), drain.Log())
		}
		tr.WaitFor(settle, fmt.Sprintf("%s to show %d flows", drain.Name, len(flows)-i), func() bool {
			return drain.Logged(fmt.Sprintf("drains: %d active connections?", len(flows)-i))
		})
		f.Close()
	}
	if got := tr.ends(drain); got != 0 || !drain.Logged("has drained") {
		tr.t.Errorf("%s: exit status %d: %s", drain.Name, got, drain.Log())
	}
}

func TestDrainEndsFlowsAtItsDeadline(t *testing.T) {
	tr := newTraffic(t, wrr("1 weight = 1", "2 weight = 1", "3 weight = 1"))
	since := time.Now()
	s := netns.TrafficServices()[0]
	flows := tr.at(s, "rs2")
	drain := tr.d.StartCommand("drain", "drain", s.Name, s.Servers[1].String(), "--wait", "--deadline", "4s")
	tr.becomes(s, "rs1=1 rs2=0 rs3=1", "drains")
	if got := tr.ends(drain); got != 3 || !drain.Logged("deadline") {
		t.Errorf("exit status %d: %s", got, drain.Log())
	}
	tr.becomes(s, "rs1=1 rs3=1", "its deadline has passed")
	for _, f := range flows {
		tr.WaitFor(settle, "the flow to end", func() bool { return f.State().Err != nil })
	}
	tr.forget(flows)
	tr.run(4)
	tr.unharmed(since)
}

func TestOrdersHoldOverReloadKillAndRestart(t *testing.T) {
	tr := newTraffic(t, wrr("1 weight = 1", "2 weight = 1", "3 weight = 1"))
	since, services := time.Now(), netns.TrafficServices()
	nat, dr, tun := services[0], services[1], services[2]
	drain := tr.d.StartCommand("drain", "drain", nat.Name, nat.Servers[0].String(), "--wait")
	tr.order("disable", dr.Name, dr.Servers[0].String())
	tr.forget(tr.at(dr, "rs1"))
	tr.order("weight", tun.Name, tun.Servers[0].String(), "7")
	tr.order("weight", tun.Name, tun.Servers[1].String(), "0")
	held := func(why, configured string) {
		t.Helper()
		tr.becomes(nat, fmt.Sprintf("rs1=0 rs2=%s rs3=1", configured), why)
		tr.becomes(dr, fmt.Sprintf("rs2=%s rs3=1", configured), why)
		tr.becomes(tun, "rs1=7 rs2=0 rs3=1", why)
		tr.run(4)
		tr.unharmed(since)
		if !drain.Running() {
			t.Fatalf("%s: the drain ended: %s", why, drain.Log())
		}
	}
	held("ordered", "1")
	if out, err := tr.d.Reload(wrr("1 weight = 1", "2 weight = 5", "3 weight = 1").config()); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	held("after a reload", "5")
	tr.d.Kill()
	tr.again()
	held("after it was killed", "5")
	if err := tr.d.Stop(); err != nil {
		t.Fatal(err)
	}
	tr.again()
	held("after a restart", "5")
	for _, op := range tr.ops() {
		if strings.HasPrefix(op, "remove server") && !strings.Contains(op, dr.Servers[0].String()) {
			t.Errorf("on the way a server left: %s", op)
		}
	}
	tr.drained(drain, nat, "rs1")
	tr.order("enable", nat.Name, nat.Servers[0].String())
	tr.order("enable", dr.Name, dr.Servers[0].String())
	tr.order("weight", tun.Name, tun.Servers[0].String(), "default")
	tr.order("weight", tun.Name, tun.Servers[1].String(), "default")
	for _, s := range []netns.TrafficService{nat, dr, tun} {
		tr.becomes(s, "rs1=1 rs2=5 rs3=1", "all is taken back")
	}
}

// again starts the director once more and waits until it has looked at the table.
func (tr *traffic) again() {
	tr.t.Helper()
	lines := strings.Count(tr.d.Log(), "director started")
	tr.d.Restart()
	tr.WaitFor(settle, "the director to be back", func() bool {
		s, err := tr.d.Status(tr.t.Context())
		return err == nil && len(s.IPVS) == len(netns.TrafficServices()) && strings.Count(tr.d.Log(), "director started") > lines
	})
}

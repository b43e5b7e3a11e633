//go:build lab

package netns_test

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/test/netns"
)

const (
	// flowsEach is how many flows go through each of the six services: each server has some.
	flowsEach = 9
	// reloadGap is what a flow may be silent for beyond its interval and the stalls of the machine. A lost packet would take 200 ms more.
	reloadGap = netns.FlowInterval + 150*time.Millisecond

	trafficGlobal = "global {\n  ipvs_refresh = \"1s\"\n}\n\n"
)

// A traffic is a network of which the director balances flows that run.
type traffic struct {
	*netns.Traffic
	t      *testing.T
	d      *netns.Director
	flows  []*netns.Flow
	stalls *netns.Stalls
	logged int // bytes of the director's log that were looked at
}

// A plan is what one configuration says of each service.
type plan struct {
	reversed bool // the order of the services in the file
	options  string
	global   string   // in place of trafficGlobal
	servers  []string // as for TrafficService.HCL
}

func (p plan) config() string {
	services := netns.TrafficServices()
	if p.reversed {
		slices.Reverse(services)
	}
	text := cmp.Or(p.global, trafficGlobal)
	for _, s := range services {
		text += s.HCL(p.options, p.servers...)
	}
	return text
}

func wrr(servers ...string) plan { return plan{options: "  scheduler = \"wrr\"", servers: servers} }

func newTraffic(t *testing.T, first plan) *traffic {
	t.Helper()
	tr := &traffic{Traffic: netns.NewTraffic(t), t: t}
	tr.d = tr.LB1.Govrrpd(first.config(), "--log-level", "debug")
	want := len(netns.TrafficServices()) * len(first.servers)
	tr.WaitFor(settle, "all servers to be in the table", func() bool {
		return strings.Count(tr.LB1.MustRun("ipvsadm", "-Sn"), "-a ") == want
	})
	for _, s := range netns.TrafficServices() {
		for range flowsEach {
			f, err := tr.Client.StartFlow(s.Addr, settle)
			if err != nil {
				t.Fatalf("%s: %v", s.Name, err)
			}
			tr.flows = append(tr.flows, f)
		}
	}
	tr.stalls = tr.WatchStalls()
	tr.ops()
	return tr
}

var opLine = regexp.MustCompile(`msg="change of the kernel's table" op="([^"]*)" error=(\S+)`)

// ops returns the changes that the director made since the last call, sorted, those that failed with their error.
func (tr *traffic) ops() []string {
	log := tr.d.Log()
	fresh := log[tr.logged:]
	fresh = fresh[:strings.LastIndexByte(fresh, '\n')+1]
	tr.logged += len(fresh)
	var ops []string
	for _, m := range opLine.FindAllStringSubmatch(fresh, -1) {
		op := m[1]
		if m[2] != "<nil>" {
			op += ": " + m[2]
		}
		ops = append(ops, op)
	}
	slices.Sort(ops)
	return ops
}

// unharmed fails when a flow of a server that is not among gone ended, lost its order, or was silent for longer than the machine was.
func (tr *traffic) unharmed(since time.Time, gone ...string) {
	tr.t.Helper()
	states := map[*netns.Flow]netns.FlowState{}
	for _, f := range tr.flows {
		states[f] = f.State()
	}
	allowed := reloadGap + tr.stalls.Since(since)
	for f, s := range states {
		if !slices.Contains(gone, f.Server) && (s.Err != nil || s.LongestGap > allowed) {
			tr.t.Errorf("flow to %s at %s: %+v, want no gap above %s", f.Service, f.Server, s, allowed)
		}
	}
}

// run waits until each flow of a server that stays has got on by some frames in both directions.
func (tr *traffic) run(frames uint64, gone ...string) {
	tr.t.Helper()
	before := map[*netns.Flow]netns.FlowState{}
	for _, f := range tr.flows {
		before[f] = f.State()
	}
	tr.WaitNone(settle, "flows to get on", func() string {
		for f, was := range before {
			now := f.State()
			if !slices.Contains(gone, f.Server) && now.Err == nil && now.Acknowledged < was.Acknowledged+frames {
				return fmt.Sprintf("%s at %s: %+v", f.Service, f.Server, now)
			}
		}
		return ""
	})
}

// perService returns the lines that say sprintf(format, service) of each service.
func perService(say func(netns.TrafficService) []string) []string {
	var out []string
	for _, s := range netns.TrafficServices() {
		out = append(out, say(s)...)
	}
	slices.Sort(out)
	return out
}

// dest says a server as the engine's operations do.
func dest(s netns.TrafficService, i, weight int) string {
	return fmt.Sprintf("server %s %s weight %d", s.Servers[i], s.Forward, weight)
}

func TestFlowsOutliveReloads(t *testing.T) {
	tr := newTraffic(t, wrr("1 weight = 3", "2 weight = 2", "3 weight = 1"))
	tr.whichReal()
	turned := wrr("3 weight = 1", "2 weight = 2", "1 weight = 3")
	turned.reversed = true
	persistent := wrr("1 weight = 3", "2 weight = 5")
	persistent.options = "  scheduler = \"wlc\"\n  persistence {\n    timeout = \"300s\"\n  }"
	mask := map[byte]string{'4': "/32", '6': "/128"}
	for _, step := range []struct {
		name string
		to   plan
		gone []string
		want func(netns.TrafficService) []string
	}{
		{"services and servers in another order", turned, nil, func(netns.TrafficService) []string { return nil }},
		{"a weight", wrr("1 weight = 3", "2 weight = 5", "3 weight = 1"), nil, func(s netns.TrafficService) []string {
			return []string{fmt.Sprintf("change %s of tcp %s", dest(s, 1, 5), s.Addr)}
		}},
		{"a weight of 0", wrr("1 weight = 3", "2 weight = 0", "3 weight = 1"), nil, func(s netns.TrafficService) []string {
			return []string{fmt.Sprintf("change %s of tcp %s", dest(s, 1, 0), s.Addr)}
		}},
		{"a server less", wrr("1 weight = 3", "2 weight = 5"), []string{"rs3"}, func(s netns.TrafficService) []string {
			return []string{fmt.Sprintf("change %s of tcp %s", dest(s, 1, 5), s.Addr), fmt.Sprintf("remove server %s from tcp %s", s.Servers[2], s.Addr)}
		}},
		{"scheduler and persistence", persistent, []string{"rs3"}, func(s netns.TrafficService) []string {
			return []string{fmt.Sprintf("change service tcp %s wlc persistent 5m0s%s", s.Addr, mask[s.Name[len(s.Name)-1]])}
		}},
		{"all at once", turned, []string{"rs3"}, func(s netns.TrafficService) []string {
			return []string{
				fmt.Sprintf("change service tcp %s wrr", s.Addr), fmt.Sprintf("change %s of tcp %s", dest(s, 1, 2), s.Addr),
				fmt.Sprintf("add %s to tcp %s", dest(s, 2, 1), s.Addr),
			}
		}},
	} {
		since := time.Now()
		for _, f := range tr.flows {
			f.Forget()
		}
		if out, err := tr.d.Reload(step.to.config()); err != nil {
			t.Fatalf("%s: reload: %v\n%s", step.name, err, out)
		}
		want := perService(step.want)
		var got []string
		tr.WaitFor(settle, step.name+": its changes", func() bool { got = append(got, tr.ops()...); return len(got) >= len(want) })
		tr.run(4, step.gone...) // long enough for one more read, and for what would be lost to be missed
		got = append(got, tr.ops()...)
		slices.Sort(got)
		if diff := gocmp.Diff(want, got, gocmp.Transformer("none", func(s []string) []string { return slices.Concat([]string{""}, s) })); diff != "" {
			t.Errorf("%s: changes (-want +got)\n%s", step.name, diff)
		}
		tr.unharmed(since, step.gone...)
	}
}

// whichReal fails when `govrrpd whichreal` does not name the server that answers a flow, for one flow of each service.
func (tr *traffic) whichReal() {
	tr.t.Helper()
	for i, s := range netns.TrafficServices() {
		f := tr.flows[i*flowsEach]
		server := s.Servers[f.Server[len(f.Server)-1]-'1']
		out, err := tr.d.Command("whichreal", "--src", f.Client().String(), s.Name)
		if want := fmt.Sprintf("tcp %s -> %s (a connection", s.Addr, server); err != nil || !strings.HasPrefix(out, want) {
			tr.t.Errorf("whichreal of %s at %s: %q, %v, want %s", f.Client(), f.Server, out, err, want)
		}
	}
}

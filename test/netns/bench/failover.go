package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

const (
	failoverAdvert = 10 * time.Millisecond // the shortest there is
	failoverPing   = time.Millisecond
	// failoverSlack is how much longer than keepalived's our median may be.
	failoverSlack = 5.0 // ms

	startLimit = 10 * time.Second
	// calm is how long a pair is watched in peace before the pull, and the client after it.
	calm = 200 * time.Millisecond
)

var failoverVIP = netip.MustParsePrefix("192.0.2.100/24")

// A fault is one way to pull the master's cable.
type fault struct {
	name string
	pull func(*netns.Port)
}

// measureFailover has a client ping the virtual address while the master's cable is pulled. The figure is the longest time without an
// answer.
func measureFailover(ctx context.Context, o options) ([]Metric, error) {
	var metrics []Metric
	for _, f := range []fault{
		{"failover at 10 ms adverts, cable pulled", (*netns.Port).Cut},
		{"failover at 10 ms adverts, switch port gone", (*netns.Port).Unplug},
	} {
		runs := Figures{}
		for i := range o.runs {
			for _, kind := range []string{govrrpd, keepalived} {
				gap, err := failover(ctx, kind, f)
				if err != nil {
					return nil, fmt.Errorf("%s of %s: %w", f.name, kind, err)
				}
				runs[kind] = append(runs[kind], ms(gap))
				fmt.Fprintf(os.Stderr, "%s, run %d: %s %.1f ms\n", f.name, i+1, kind, ms(gap))
			}
		}
		metrics = append(metrics, newMetric(f.name, "ms", runs, func(k float64) float64 { return k + failoverSlack }))
	}
	return metrics, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// failover makes a pair and breaks it once.
func failover(ctx context.Context, kind string, f fault) (gap time.Duration, err error) {
	err = play(ctx, func(s *scene) {
		p := newPair(s, kind)
		ping := p.client.Ping(failoverVIP.Addr(), failoverPing)
		p.answered(ping, time.Now())
		p.Always(calm, "the master in office", p.masterHolds)
		pulled := time.Now()
		f.pull(p.cable)
		p.WaitFor(startLimit, "the backup to hold the address", func() bool { return p.backup.Has(failoverVIP.Addr()) })
		p.answered(ping, time.Now())
		after := time.Now()
		p.Always(calm, "the new master in office", func() bool { return p.backup.Has(failoverVIP.Addr()) })
		p.answered(ping, after)
		ping.Stop()
		gap = ping.LongestGap(pulled.Add(-calm / 2))
	})
	return gap, err
}

// A pair is two directors of one kind and a client on one segment.
type pair struct {
	*netns.World
	master, backup, client *netns.Node
	cable                  *netns.Port // of the master
}

func newPair(s *scene, kind string) pair {
	p := pair{World: netns.New(s)}
	p.master, p.backup, p.client = p.Node("master"), p.Node("backup"), p.Node("client")
	lan := p.Segment("lan0")
	p.cable = lan.Attach(p.master, "eth0", "192.0.2.1/24")
	lan.Attach(p.backup, "eth0", "192.0.2.2/24")
	lan.Attach(p.client, "eth0", "192.0.2.3/24")
	listens := startRouter(p.master, kind, 200)
	p.WaitFor(startLimit, "a master", func() bool { return listens() && p.master.Has(failoverVIP.Addr()) })
	listens = startRouter(p.backup, kind, 150)
	p.WaitFor(startLimit, "a backup", listens)
	p.WaitFor(startLimit, "one master", p.masterHolds)
	return p
}

func (p pair) masterHolds() bool {
	return p.master.Has(failoverVIP.Addr()) && !p.backup.Has(failoverVIP.Addr())
}

// answered waits for an answer to a request that is sent after a moment.
func (p pair) answered(ping *netns.Pinger, after time.Time) {
	p.WaitFor(startLimit, "an answer", func() bool { _, ok := ping.Answered(after); return ok })
}

// startRouter starts a daemon; the returned condition is true when it takes part in the election.
func startRouter(n *netns.Node, kind string, priority int) (listens func() bool) {
	v := netns.Instance{Version: 3, Priority: priority, Interval: failoverAdvert, Address: failoverVIP}
	if kind == keepalived {
		k := n.Keepalived(keepalived, v.Keepalived(), "--vrrp")
		return func() bool { return k.Logged("Entering BACKUP STATE") }
	}
	d := n.Govrrpd(v.HCL())
	return func() bool { role := d.Role(netns.InstanceName); return role == "backup" || role == "master" }
}

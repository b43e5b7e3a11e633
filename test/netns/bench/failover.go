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
	// failoverTries is how often a failover is tried until the pair is calm before it.
	failoverTries = 10
	// calmTime is how long a pair is watched in peace before the pull, and the client after it.
	calmTime = 200 * time.Millisecond
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
				gap, err := failoverInPeace(ctx, kind, f)
				if err != nil {
					return nil, fmt.Errorf("%s of %s: %w", f.name, kind, err)
				}
				runs[kind] = append(runs[kind], ms(gap))
				fmt.Fprintf(os.Stderr, "%s, run %d: %s %.1f ms\n", f.name, i+1, kind, ms(gap))
			}
		}
		metrics = append(metrics, newMetric(f.name, runs, func(k float64) float64 { return k + failoverSlack }))
	}
	return metrics, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// failoverInPeace repeats a failover whose master lost its office before the cable was pulled: at 10 ms adverts a busy machine that is
// 20 ms late is enough, and that is another measurement.
func failoverInPeace(ctx context.Context, kind string, f fault) (time.Duration, error) {
	for range failoverTries {
		gap, calm, err := failover(ctx, kind, f)
		if err != nil || calm {
			return gap, err
		}
		fmt.Fprintf(os.Stderr, "%s: %s changed roles before; once more\n", f.name, kind)
	}
	return 0, fmt.Errorf("the pair never stayed calm for %s: is this machine busy?", calmTime)
}

// failover makes a pair and breaks it once, if it is calm.
func failover(ctx context.Context, kind string, f fault) (gap time.Duration, calm bool, err error) {
	err = play(ctx, func(s *scene) {
		p := newPair(s, kind)
		ping := p.client.Ping(failoverVIP.Addr(), failoverPing)
		p.answered(ping, time.Now())
		if calm = p.calm(p.masterHolds); !calm {
			return
		}
		pulled := time.Now()
		f.pull(p.cable)
		p.WaitFor(startLimit, "the backup to hold the address", p.backupHolds)
		p.answered(ping, time.Now())
		p.calm(p.backupHolds)
		p.answered(ping, time.Now())
		ping.Stop()
		gap = ping.LongestGap(pulled.Add(-calmTime / 2))
	})
	return gap, calm, err
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

func (p pair) masterHolds() bool { return p.master.Has(failoverVIP.Addr()) && !p.backupHolds() }

func (p pair) backupHolds() bool { return p.backup.Has(failoverVIP.Addr()) }

// calm waits for calmTime and returns whether holds did all the time.
func (p pair) calm(holds func() bool) bool {
	held, end := true, time.Now().Add(calmTime)
	p.WaitFor(startLimit, "nothing to happen", func() bool {
		held = held && holds()
		return !held || time.Now().After(end)
	})
	return held
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

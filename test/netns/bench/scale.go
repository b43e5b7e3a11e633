package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

const (
	scaleLinks     = 4
	scaleInstances = 250 // on each link; there are 255 VRIDs
	// scaleRounds is how often the daemons take turns: what a machine does in the same time differs from one minute to the next.
	scaleRounds = 3
	// convergeLimit is how long a thousand instances may take from the start until all of them are master.
	convergeLimit = 2 * time.Minute
	// settleTime is how long a pair is left alone before it is measured: the second announcements come 5 s after the first.
	settleTime = 8 * time.Second
)

// measureScale has a thousand virtual routers on four links advertise while another process keeps a CPU busy, and takes what both sides
// use of a CPU, and how often a role changed.
func measureScale(ctx context.Context, o options) ([]Metric, error) {
	var metrics []Metric
	for _, interval := range []time.Duration{time.Second, 100 * time.Millisecond} {
		master, backup, changes := Figures{}, Figures{}, Figures{govrrpd: {0}, keepalived: {0}}
		for range scaleRounds {
			for _, kind := range []string{govrrpd, keepalived} {
				var c crowd
				err := play(ctx, func(s *scene) { c = scaleOnce(s, kind, interval, o.scale/scaleRounds) })
				if err != nil {
					return nil, fmt.Errorf("%d instances of %s every %s: %w", scaleLinks*scaleInstances, kind, interval, err)
				}
				fmt.Fprintf(os.Stderr, "%d instances every %s, %s: %s\n", scaleLinks*scaleInstances, interval, kind, c)
				master[kind], backup[kind] = append(master[kind], c.share(c.master)), append(backup[kind], c.share(c.backup))
				changes[kind][0] += float64(c.changes)
			}
		}
		name := fmt.Sprintf("%d instances every %s, ", scaleLinks*scaleInstances, interval)
		atMost := func(k float64) float64 { return k }
		metrics = append(metrics,
			newMetric(name+"CPU of the masters", master, atMost).in("% of a core"),
			newMetric(name+"CPU of the backups", backup, atMost).in("% of a core"),
			newMetric(name+"changes of role", changes, nil).in("").none())
	}
	return metrics, nil
}

// A crowd is what a pair of a thousand instances did.
type crowd struct {
	span           time.Duration
	master, backup time.Duration // of CPUs
	changes        int           // of role, on both sides
}

func (c crowd) share(used time.Duration) float64 { return 100 * float64(used) / float64(c.span) }

// String returns the line of the report.
func (c crowd) String() string {
	return fmt.Sprintf("masters %.1f %%, backups %.1f %% of a core, %d changes of role", c.share(c.master), c.share(c.backup), c.changes)
}

// scaleOnce starts a pair, waits until it has come to rest, and measures it for span.
func scaleOnce(s *scene, kind string, interval, span time.Duration) crowd {
	w := netns.New(s)
	nodes := [2]*netns.Node{w.Node("m"), w.Node("b")}
	for l := range scaleLinks {
		lan := w.Segment(fmt.Sprintf("lan%d", l))
		for i, n := range nodes {
			lan.Attach(n, fmt.Sprintf("eth%d", l), fmt.Sprintf("192.0.%d.%d/24", l+1, i+1))
		}
	}
	busy := w.Node("busy")
	busy.Start("hog", "taskset", "-c", "1", "sh", "-c", "while :; do :; done")
	var logs [2]*netns.Process
	for i, n := range nodes {
		logs[i] = startCrowd(n, kind, interval, 200-100*i)
		if i == 0 {
			w.WaitFor(convergeLimit, "all to be master", func() bool { return n.Addresses() >= scaleLinks*(scaleInstances+1) })
		}
	}
	<-time.After(settleTime)
	changes, cpu := countChanges(logs), cpuOf(s, nodes)
	begun := time.Now()
	<-time.After(span)
	after := cpuOf(s, nodes)
	return crowd{
		span: time.Since(begun), master: after[0] - cpu[0], backup: after[1] - cpu[1], changes: countChanges(logs) - changes,
	}
}

func cpuOf(s *scene, nodes [2]*netns.Node) (used [2]time.Duration) {
	for i, n := range nodes {
		d, err := n.CPUTime()
		if err != nil {
			s.Fatalf("%v", err)
		}
		used[i] = d
	}
	return used
}

func countChanges(logs [2]*netns.Process) (n int) {
	for _, p := range logs {
		n += strings.Count(p.Log(), "virtual router changed role") + strings.Count(p.Log(), "Entering ")
	}
	return n
}

func startCrowd(n *netns.Node, kind string, interval time.Duration, priority int) *netns.Process {
	var b strings.Builder
	for l := range scaleLinks {
		for v := range scaleInstances {
			address := netip.AddrFrom4([4]byte{10, byte(l + 1), 0, byte(v + 1)})
			if kind == govrrpd {
				fmt.Fprintf(&b, "vrrp_instance \"v%d-%d\" {\n  interface         = \"eth%d\"\n  virtual_router_id = %d\n  priority          = %d\n"+
					"  advert_interval   = %q\n  virtual_addresses = [\"%s/32\"]\n}\n", l, v+1, l, v+1, priority, interval, address)
				continue
			}
			fmt.Fprintf(&b, "vrrp_instance v%d-%d {\n  state BACKUP\n  interface eth%d\n  virtual_router_id %d\n  version 3\n  priority %d\n"+
				"  advert_int %g\n  virtual_ipaddress {\n    %s/32\n  }\n}\n", l, v+1, l, v+1, priority, interval.Seconds(), address)
		}
	}
	if kind == govrrpd {
		return n.Govrrpd(b.String()).Process
	}
	return n.Keepalived(keepalived, b.String(), "--vrrp")
}

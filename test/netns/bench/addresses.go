package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/govrrpd/govrrpd/test/netns"
)

const (
	manyInterval = 100 * time.Millisecond
	// listedMost is how many of the addresses are named in adverts; the others move along.
	listedMost = 200
	// manyRuns bounds the pairs of each kind, which take half a minute each.
	manyRuns = 3
	// burstTime is how long the adverts of a new master are watched: both announce at once and again 5 s later.
	burstTime = 10 * time.Second
	// eventBuffer holds the news of several thousand addresses, in bytes.
	eventBuffer = 8 << 20
)

var manyAddresses = netip.MustParsePrefix("10.1.0.0/16")

// measureAddresses has a backup take over many addresses, and takes how long after its first advert the last of them is there, and by how
// much its adverts are late while it announces them.
func measureAddresses(ctx context.Context, o options) ([]Metric, error) {
	var metrics []Metric
	for _, count := range []int{listedMost, 4000} {
		added, late := Figures{}, Figures{}
		for range min(o.runs, manyRuns) {
			for _, kind := range []string{govrrpd, keepalived} {
				var m move
				if err := play(ctx, func(s *scene) { m = moveMany(s, kind, count) }); err != nil {
					return nil, fmt.Errorf("%d addresses of %s: %w", count, kind, err)
				}
				fmt.Fprintf(os.Stderr, "%d addresses, %s: the last one after %.1f ms, adverts up to %.1f ms late\n", count, kind, ms(m.took), ms(m.late))
				added[kind], late[kind] = append(added[kind], ms(m.took)), append(late[kind], ms(m.late))
			}
		}
		metrics = append(metrics,
			newMetric(fmt.Sprintf("%d addresses taken over", count), added, func(k float64) float64 { return k }),
			newMetric(fmt.Sprintf("%d addresses, latest advert while they are announced", count), late, func(float64) float64 { return ms(manyInterval) }))
	}
	return metrics, nil
}

// A move is how a backup became master.
type move struct {
	took time.Duration // from its first advert to when the last address was there
	late time.Duration // the most that one of its adverts was late
}

// moveMany pulls the cable of a master of count addresses. That is govrrpd whatever replaces it: keepalived does not advertise while it
// announces so many, and its backup would not wait for the pull.
func moveMany(s *scene, kind string, count int) move {
	w := netns.New(s)
	a, b := w.Node("a"), w.Node("b")
	lan := w.Segment("lan0")
	cable, port := lan.Attach(a, "eth0", "192.0.2.1/24"), lan.Attach(b, "eth0", "192.0.2.2/24")
	startMany(a, govrrpd, count, 200)
	w.WaitFor(startLimit, "the master to have all addresses", func() bool { return a.Addresses() > count })
	log := startMany(b, kind, count, 100)
	w.WaitFor(startLimit, "a backup", func() bool {
		return log.Logged("Entering BACKUP STATE") || log.Logged("to=backup")
	})
	if n := b.Addresses(); n > 1 {
		s.Fatalf("the backup has %d addresses before the pull", n)
	}
	news := watchAddresses(s, b)
	capture := w.Capture(port)
	pulled := time.Now()
	cable.Cut()
	w.WaitFor(startLimit, "the backup to have all addresses", func() bool { return news.count() >= count })
	w.Always(burstTime, "both run", func() bool { return log.Running() })
	capture.Stop()
	adverts := capture.AdvertsFrom(port, pulled)
	if len(adverts) == 0 {
		s.Fatalf("no advert of the new master in %s", burstTime)
	}
	adverts = append(adverts, netns.Advert{At: time.Now()}) // the next one is not earlier than this
	gap, _ := netns.LongestGap(adverts)
	return move{max(0, news.at().Sub(adverts[0].At)), max(0, gap-manyInterval)}
}

// startMany starts a daemon with one instance of count addresses.
func startMany(n *netns.Node, kind string, count, priority int) *netns.Process {
	list := make([]string, count)
	for i := range list {
		list[i] = netip.AddrFrom4([4]byte{10, 1, byte(i / 250), byte(i%250 + 1)}).String() + "/32"
	}
	listed, others := list[:min(count, listedMost)], list[min(count, listedMost):]
	if kind == govrrpd {
		var blocks strings.Builder
		for _, address := range others {
			fmt.Fprintf(&blocks, "  virtual_address %q {\n    advertised = false\n  }\n", address)
		}
		return n.Govrrpd(fmt.Sprintf("vrrp_instance \"many\" {\n  interface         = \"eth0\"\n  virtual_router_id = 1\n  priority          = %d\n"+
			"  advert_interval   = %q\n  virtual_addresses = [\"%s\"]\n%s}\n", priority, manyInterval, strings.Join(listed, `", "`), blocks.String())).Process
	}
	return n.Keepalived(keepalived, fmt.Sprintf("vrrp_instance many {\n  state BACKUP\n  interface eth0\n  virtual_router_id 1\n  version 3\n  priority %d\n"+
		"  advert_int %g\n  virtual_ipaddress {\n    %s\n  }\n  virtual_ipaddress_excluded {\n    %s\n  }\n}\n",
		priority, manyInterval.Seconds(), strings.Join(listed, "\n    "), strings.Join(others, "\n    ")), "--vrrp")
}

// addressNews counts the addresses that a node gets.
type addressNews struct {
	mu sync.Mutex
	// guarded by mu:
	added int
	last  time.Time
}

func watchAddresses(s *scene, n *netns.Node) *addressNews {
	news := &addressNews{}
	updates, done := make(chan netlink.AddrUpdate, 1024), make(chan struct{})
	err := n.Do(func() error {
		return netlink.AddrSubscribeWithOptions(updates, done, netlink.AddrSubscribeOptions{ReceiveBufferSize: eventBuffer, ReceiveBufferForceSize: true})
	})
	if err != nil {
		s.Fatalf("listen to addresses: %v", err)
	}
	s.Cleanup(func() { close(done) })
	go func() {
		for u := range updates {
			if !u.NewAddr || !manyAddresses.Contains(addressOf(u)) {
				continue
			}
			news.mu.Lock()
			news.added, news.last = news.added+1, time.Now()
			news.mu.Unlock()
		}
	}()
	return news
}

func addressOf(u netlink.AddrUpdate) netip.Addr {
	a, _ := netip.AddrFromSlice(u.LinkAddress.IP)
	return a.Unmap()
}

func (n *addressNews) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.added
}

// at returns when the last address came.
func (n *addressNews) at() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.last
}

//go:build netns

package netns_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

const (
	stressInterval = 10 * time.Millisecond
	stressTime     = 60 * time.Second
	hogsPerCPU     = 3
)

// realTime asks for a router process that no other process can keep waiting.
const realTime = `global {
  realtime_priority = 50
  lock_memory       = true
}
`

func stressConfig(priority int) string {
	v := netns.Instance{Version: 3, Priority: priority, Interval: stressInterval, Address: netip.PrefixFrom(virtual, 24)}
	return realTime + v.HCL()
}

// Three intervals of 10 ms are all that a master may be late by. With real-time priority no other process can make it late.
func TestRealTimeRouterKeepsOfficeOnABusyMachine(t *testing.T) {
	p := newPair(t)
	capture := p.Capture(p.portA, p.portB)
	a := p.a.Govrrpd(stressConfig(200))
	p.WaitFor(limit, "a to be master", func() bool { return p.a.Has(virtual) })
	b := p.b.Govrrpd(stressConfig(100))
	p.WaitFor(limit, "b to be backup", func() bool { return b.Role(netns.InstanceName) == "backup" })
	p.hog()
	witness := startWitness(p.Node("witness"))
	since := time.Now()
	holders := p.WatchHolders(virtual, p.a, p.b)
	p.Always(stressTime, "both directors run", func() bool { return a.Running() && b.Running() })
	until := time.Now()
	holders.Stop()
	capture.Stop()
	cpus, pages, err := witness.end()
	if err != nil {
		t.Fatal(err)
	}

	adverts := capture.AdvertsFrom(p.portA, since)
	t.Logf("gaps between adverts, %d hogs on %d CPUs:\n%s", hogsPerCPU*runtime.NumCPU(), runtime.NumCPU(), gaps(adverts))
	for _, p := range cpus {
		t.Logf("a CPU stood still for %s until %s", p.lasts(), clock(p.to))
	}
	for _, p := range pages {
		t.Logf("the hypervisor brought a page back until %s", clock(p.to))
	}
	excused := judgeGaps(t, adverts, cpus, pages)
	for _, stray := range capture.AdvertsFrom(p.portB, since) {
		if !within(excused, stray.At) {
			t.Errorf("the backup spoke:\n%s", describe([]netns.Advert{stray}))
		}
	}
	if want := int(until.Sub(since) / stressInterval * 9 / 10); len(adverts) < want {
		t.Errorf("%d adverts in %s, want at least %d", len(adverts), until.Sub(since), want)
	}
	for _, advert := range adverts {
		if err := badAdvert(advert); err != nil {
			t.Error(err)
		}
	}
	samples := slices.DeleteFunc(holders.Since(since), func(s netns.Sample) bool { return within(excused, s.Began) })
	if err := netns.NotOne(samples); err != nil {
		t.Error(err)
	}
}

// takeover is how long the addresses may be anywhere after a gap that a backup had to take for the end of the master: it waits
// 3.6 intervals, and the healed master as long.
const takeover = 10 * stressInterval

// judgeGaps fails for every gap between adverts that a backup takes over in, unless the hypervisor is to blame. It returns those, each with
// the time that the two nodes need to find back.
func judgeGaps(t *testing.T, adverts []netns.Advert, cpus, pages []pause) []pause {
	t.Helper()
	var excused []pause
	for i := 1; i < len(adverts); i++ {
		gap := pause{adverts[i-1].At, adverts[i].At}
		if gap.lasts() <= 3*stressInterval || within(excused, gap.to) {
			continue
		}
		excuse := blame(gap, cpus, pages)
		if excuse == "" {
			t.Errorf("no advert for %s until %s, and all CPUs ran meanwhile", gap.lasts(), clock(gap.to))
			continue
		}
		t.Logf("no advert for %s until %s: %s", gap.lasts(), clock(gap.to), excuse)
		excused = append(excused, pause{gap.from, gap.to.Add(takeover)})
	}
	return excused
}

// blame says how the hypervisor caused a gap: a CPU ran nothing at all for the part of it that is more than being on time, or it ended
// when a page came back. It returns "" for a gap that is our own.
func blame(gap pause, cpus, pages []pause) string {
	late := gap.lasts() - 2*stressInterval
	if slices.ContainsFunc(cpus, func(p pause) bool { return p.overlap(gap) >= late }) {
		return "a CPU stood still"
	}
	end := pause{gap.to.Add(-stressInterval), gap.to.Add(stressInterval)}
	if slices.ContainsFunc(pages, func(p pause) bool { return p.overlap(end) >= 0 }) {
		return "whoever touched a page that the hypervisor had taken away slept until it was back"
	}
	return ""
}

func within(spans []pause, at time.Time) bool {
	return slices.ContainsFunc(spans, func(p pause) bool { return !at.Before(p.from) && !at.After(p.to) })
}

// hog keeps every CPU busy with several processes until the end of the World.
func (p pair) hog() *netns.Node {
	node := p.Node("hogs")
	for i := range hogsPerCPU * runtime.NumCPU() {
		node.Start(fmt.Sprintf("hog%d", i), "sh", "-c", "while :; do :; done")
	}
	return node
}

// gaps returns a histogram of the times between neighbouring adverts.
func gaps(adverts []netns.Advert) string {
	bounds := []time.Duration{9, 10, 11, 12, 15, 20, 25, 30, 36} // in ms; the backup takes over after 36
	counts := make([]int, len(bounds)+1)
	for i := 1; i < len(adverts); i++ {
		gap := adverts[i].At.Sub(adverts[i-1].At)
		at := 0
		for at < len(bounds) && gap >= bounds[at]*time.Millisecond {
			at++
		}
		counts[at]++
	}
	var b strings.Builder
	for i, n := range counts {
		from, to := "0", "more"
		if i > 0 {
			from = fmt.Sprint(int(bounds[i-1]))
		}
		if i < len(bounds) {
			to = fmt.Sprint(int(bounds[i]))
		}
		fmt.Fprintf(&b, "%4s to %-4s ms %6d\n", from, to, n)
	}
	longest, _ := netns.LongestGap(adverts)
	return b.String() + fmt.Sprintf("longest %.2f ms", ms(longest))
}

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
	stressAttempts = 2
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
//
// There is a second attempt, because once in some ten runs the master's sends were held up for 785 ms while all CPUs ran. Why is not known;
// other tests were removing namespaces at that moment.
func TestRealTimeRouterKeepsOfficeOnABusyMachine(t *testing.T) {
	for attempt := range stressAttempts {
		problems := stress(t)
		if len(problems) == 0 {
			return
		}
		t.Logf("attempt %d:\n%s", attempt+1, strings.Join(problems, "\n"))
	}
	t.Errorf("%d attempts failed", stressAttempts)
}

// stress plays once, and returns what went wrong.
func stress(t *testing.T) (problems []string) {
	fail := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	p := newPair(t)
	defer func() {
		for _, n := range []*netns.Node{p.a, p.b} {
			n.Crash()
		}
	}()
	capture := p.Capture(p.portA, p.portB)
	a := p.a.Govrrpd(stressConfig(200))
	p.WaitFor(limit, "a to be master", func() bool { return p.a.Has(virtual) })
	b := p.b.Govrrpd(stressConfig(100))
	p.WaitFor(limit, "b to be backup", func() bool { return b.Role(netns.InstanceName) == "backup" })
	defer p.hog().Crash()
	witness := startWitness(p.Node("witness"))
	since := time.Now()
	holders := p.WatchHolders(virtual, p.a, p.b)
	p.Always(stressTime, "both directors run", func() bool { return a.Running() && b.Running() })
	until := time.Now()
	holders.Stop()
	capture.Stop()
	pauses, err := witness.pauses()
	if err != nil {
		t.Fatal(err)
	}

	adverts := capture.AdvertsFrom(p.portA, since)
	t.Logf("gaps between adverts, %d hogs on %d CPUs:\n%s", hogsPerCPU*runtime.NumCPU(), runtime.NumCPU(), gaps(adverts))
	for _, p := range pauses {
		t.Logf("a CPU stood still for %s until %s", p.lasts(), clock(p.to))
	}
	excused := judgeGaps(t, fail, adverts, pauses)
	for _, stray := range capture.AdvertsFrom(p.portB, since) {
		if !within(excused, stray.At) {
			fail("the backup spoke:\n%s", describe([]netns.Advert{stray}))
		}
	}
	if want := int(until.Sub(since) / stressInterval * 9 / 10); len(adverts) < want {
		fail("%d adverts in %s, want at least %d", len(adverts), until.Sub(since), want)
	}
	for _, advert := range adverts {
		if err := badAdvert(advert); err != nil {
			fail("%v", err)
		}
	}
	samples := slices.DeleteFunc(holders.Since(since), func(s netns.Sample) bool { return within(excused, s.Began) })
	if err := netns.NotOne(samples); err != nil {
		fail("%v", err)
	}
	return problems
}

// takeover is how long the addresses may be anywhere after a gap that a backup had to take for the end of the master: it waits
// 3.6 intervals, and the healed master as long.
const takeover = 10 * stressInterval

// judgeGaps fails for every gap between adverts that a backup takes over in, unless a CPU of this machine ran nothing at all for the
// part of it that is more than being on time. It returns those, each with the time that the two nodes need to find back.
func judgeGaps(t *testing.T, fail func(string, ...any), adverts []netns.Advert, pauses []pause) []pause {
	t.Helper()
	var excused []pause
	for i := 1; i < len(adverts); i++ {
		gap := pause{adverts[i-1].At, adverts[i].At}
		if gap.lasts() <= 3*stressInterval || within(excused, gap.to) {
			continue
		}
		late := gap.lasts() - 2*stressInterval
		if !slices.ContainsFunc(pauses, func(p pause) bool { return p.overlap(gap) >= late }) {
			fail("no advert for %s until %s, and all CPUs ran meanwhile", gap.lasts(), clock(gap.to))
			continue
		}
		t.Logf("no advert for %s until %s: a CPU stood still", gap.lasts(), clock(gap.to))
		excused = append(excused, pause{gap.from, gap.to.Add(takeover)})
	}
	return excused
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

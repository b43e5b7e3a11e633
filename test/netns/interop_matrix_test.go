//go:build netns

package netns_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

const (
	// margin is what is allowed on top of what the protocol says.
	margin = 50 * time.Millisecond
	// overlap is how long both may hold the address while one takes it from the other, who learns of it by an advert.
	overlap = 100 * time.Millisecond
	// startup is how long a daemon may take from its start until it listens.
	startup = 5 * time.Second
)

// A cell is one combination of the matrix: who is better, who starts first, and under which rules.
type cell struct {
	name                string
	rules               rules
	better, worse       string // kinds
	betterInt, worseInt time.Duration
	worseFirst          bool
}

func (c cell) String() string {
	first := c.better
	if c.worseFirst {
		first = c.worse
	}
	return fmt.Sprintf("%s/%s over %s/first=%s", c.name, c.better, c.worse, first)
}

// matrix returns every rule with each kind as the better one, and each as the one that starts first.
func matrix() []cell {
	const tenth = 100 * time.Millisecond
	var cells []cell
	for _, c := range []cell{
		{name: "v2", rules: rules{version: 2}, betterInt: time.Second, worseInt: time.Second},
		{name: "v2 password", rules: rules{version: 2, password: "s3cret"}, betterInt: time.Second, worseInt: time.Second},
		{name: "v2 AH", rules: rules{version: 2, password: "s3cret", ah: true}, betterInt: time.Second, worseInt: time.Second},
		{name: "v3 multicast", rules: rules{version: 3}, betterInt: tenth, worseInt: tenth},
		{name: "v3 unicast", rules: rules{version: 3, unicast: true}, betterInt: tenth, worseInt: tenth},
		{name: "v3 multicast IPv6", rules: rules{version: 3, ipv6: true}, betterInt: tenth, worseInt: tenth},
		{name: "v3 unicast IPv6", rules: rules{version: 3, ipv6: true, unicast: true}, betterInt: tenth, worseInt: tenth},
		{name: "v3 slow master", rules: rules{version: 3}, betterInt: 4 * tenth, worseInt: tenth},
		{name: "v3 slow backup", rules: rules{version: 3}, betterInt: tenth, worseInt: 4 * tenth},
	} {
		for _, kinds := range [][2]string{{govrrpd, keepalived}, {keepalived, govrrpd}, {govrrpd, frr}, {frr, govrrpd}} {
			if !c.rules.known(kinds[0]) || !c.rules.known(kinds[1]) {
				continue
			}
			for _, worseFirst := range []bool{false, true} {
				c.better, c.worse, c.worseFirst = kinds[0], kinds[1], worseFirst
				cells = append(cells, c)
			}
		}
	}
	return append(cells, cell{ // what the judgement says of keepalived with its own kind
		name: "v3 reference", rules: rules{version: 3}, better: keepalived, worse: keepalived, betterInt: tenth, worseInt: tenth,
	})
}

func TestPairHasExactlyOneMaster(parent *testing.T) {
	record := newRecord(parent)
	for _, c := range matrix() {
		parent.Run(c.String(), func(t *testing.T) {
			better := speaker{kind: c.better, address: c.rules.address(1), priority: 200, interval: c.betterInt}
			worse := speaker{kind: c.worse, address: c.rules.address(2), priority: 100, interval: c.worseInt}
			d := newDuel(t, parent, c.rules, better, worse)
			d.record = record.of(c.String())
			t.Parallel()
			l := life{duel: d, better: d.speakers[0], worse: d.speakers[1]}
			l.elect(c.worseFirst)
			l.resign()
			l.comeBack()
			l.pull()
			l.plugIn()
			l.crash()
		})
	}
}

// A life is a duel that goes through everything that can happen to a pair, in order. Each step begins and ends in peace.
type life struct {
	*duel
	better, worse *speaker
}

// peace demands one holder for long enough that a backup which did not hear the master would have taken over.
func (l life) peace(master *speaker) {
	l.t.Helper()
	l.quiet(master, l.other(master).down(max(l.better.interval, l.worse.interval))+time.Second)
}

// elect starts both; the better becomes master whoever was first.
func (l life) elect(worseFirst bool) {
	l.t.Helper()
	first := l.better
	if worseFirst {
		first = l.worse
	}
	first.start()
	l.settled(first, startup+first.down(first.interval))
	second := l.other(first)
	began := time.Now()
	second.start()
	l.WaitFor(startup, second.String()+" to listen", second.listens)
	l.heard(first, second)
	l.settled(l.better, startup+second.down(first.interval))
	l.passed("second starts", began, change{nobody: margin, both: overlap})
	l.peace(l.better)
}

// heard waits until second has had an advert of first, or does not need it any more. Until then a backup counts with its own interval,
// and takes over from a slower master for a moment.
func (l life) heard(first, second *speaker) {
	l.t.Helper()
	since := time.Now()
	l.WaitFor(startup, "an advert of "+first.String(), func() bool {
		return second.holds() || len(l.capture.AdvertsFrom(first.port, since)) > 0
	})
}

// resign stops the master in order: it says so with priority 0, and the backup waits for its skew only.
func (l life) resign() {
	l.t.Helper()
	began := time.Now()
	l.better.resign()
	skew := l.worse.skew(l.better.interval)
	l.settled(l.worse, skew+time.Second)
	l.passed("better resigns", began, l.better.resignation(skew))
	gap, late := l.silence(l.better, l.worse, began), l.late(began)
	if gap > skew+margin+late {
		l.t.Errorf("%s took over %s after priority 0, want within the skew, %s + %s + %s", l.worse, gap, skew, margin, late)
	}
	own := l.capture.AdvertsFrom(l.better.port, began)
	if own[len(own)-1].Packet.Priority != 0 {
		l.t.Errorf("%s left without a word: its adverts are\n%swant a last one with priority 0", l.better, describe(own))
	}
	l.WaitFor(startup, "end of "+l.better.String(), l.better.gone)
	l.peace(l.worse)
}

// comeBack starts the better one again: it takes the address back.
func (l life) comeBack() {
	l.t.Helper()
	began := time.Now()
	l.better.start()
	l.settled(l.better, startup+l.better.down(l.worse.interval))
	l.passed("better comes back", began, change{nobody: margin, both: overlap})
	l.peace(l.better)
}

// pull takes the master's cable out: it loses its carrier.
func (l life) pull() {
	l.t.Helper()
	began := time.Now()
	since := began.Add(-2 * l.better.interval) // the last advert before the pull is where the backup counts from
	l.better.port.Cut()
	l.takenOver("cable pulled", since)
	l.settled(l.worse, margin)
	l.passed("cable pulled", began, change{nobody: l.worse.down(l.better.interval) + margin, both: overlap})
	l.peace(l.worse)
}

// takenOver waits until the worse one speaks for the better one, and demands that it did so when the protocol says, counted from the
// last advert of the better one.
func (l life) takenOver(what string, since time.Time) {
	l.t.Helper()
	down := l.worse.down(l.better.interval)
	l.WaitFor(down+time.Second, l.worse.String()+" to take over", l.worse.holds)
	gap, late := l.silence(l.better, l.worse, since), l.late(since)
	l.t.Logf("%-20s silence of %.1f ms, the protocol says %.1f ms", what, ms(gap), ms(down))
	l.record(what+", silence", gap)
	if gap < down-l.worse.early() || gap > down+margin+late {
		l.t.Errorf("%s: %s took over %s after the last advert, want %s + at most %s + %s", what, l.worse, gap, down, margin, late)
	}
}

// plugIn mends the cable: the better one takes the address back.
func (l life) plugIn() {
	l.t.Helper()
	began := time.Now()
	l.better.port.Heal()
	l.settled(l.better, startup+l.better.down(l.worse.interval))
	l.passed("cable plugged in", began, change{nobody: margin, both: l.better.unheard() + overlap})
	l.peace(l.better)
}

// crash kills the master's processes. Its kernel keeps the address, so only the wire is judged.
func (l life) crash() {
	l.t.Helper()
	since := time.Now().Add(-2 * l.better.interval)
	l.better.node.Crash()
	l.takenOver("kill -9", since)
}

func TestBackupWithoutPreemptionStaysBackup(parent *testing.T) {
	for _, c := range []struct{ name, better, worse string }{
		{"govrrpd waits for keepalived", govrrpd, keepalived},
		{"keepalived waits for govrrpd", keepalived, govrrpd},
	} {
		parent.Run(c.name, func(t *testing.T) {
			better := speaker{kind: c.better, address: "192.0.2.1", priority: 200, interval: 100 * time.Millisecond}
			worse := speaker{kind: c.worse, address: "192.0.2.2", priority: 100, interval: 100 * time.Millisecond}
			d := newDuel(t, parent, rules{version: 3, noPreempt: true}, better, worse)
			t.Parallel()
			l := life{duel: d, better: d.speakers[0], worse: d.speakers[1]}
			l.worse.start()
			l.settled(l.worse, startup+l.worse.down(l.worse.interval))
			l.better.start()
			l.WaitFor(startup, l.better.String()+" to listen", l.better.listens)
			l.peace(l.worse)
			began := time.Now()
			l.worse.resign()
			l.settled(l.better, time.Second)
			l.passed("master resigns", began, l.worse.resignation(l.better.skew(l.worse.interval)))
			l.peace(l.better)
		})
	}
}

func TestEqualPriorityIsDecidedByAddress(parent *testing.T) {
	for _, c := range []struct {
		name, higher, lower string
		rules               rules
	}{
		{"govrrpd has the higher address", govrrpd, keepalived, rules{version: 3}},
		{"keepalived has the higher address", keepalived, govrrpd, rules{version: 3}},
		{"govrrpd has the higher IPv6 address", govrrpd, keepalived, rules{version: 3, ipv6: true}},
		{"keepalived has the higher IPv6 address", keepalived, govrrpd, rules{version: 3, ipv6: true}},
	} {
		parent.Run(c.name, func(t *testing.T) {
			lower := speaker{kind: c.lower, address: c.rules.address(9), priority: 100, interval: 100 * time.Millisecond}
			higher := speaker{kind: c.higher, address: c.rules.address(30), priority: 100, interval: 100 * time.Millisecond}
			d := newDuel(t, parent, c.rules, lower, higher)
			t.Parallel()
			low, high := d.speakers[0], d.speakers[1]
			high.port.Unplug()
			low.start()
			high.start()
			d.WaitFor(startup, "both to be master, each in its half", func() bool { return low.holds() && high.holds() })
			began := time.Now()
			high.port.Heal()
			d.settled(high, time.Second)
			d.passed("halves joined", began, change{nobody: margin, both: low.interval + overlap})
			d.quiet(high, time.Second)
		})
	}
}

func TestEqualPriorityLeavesTheMasterInOffice(parent *testing.T) {
	for _, c := range []struct{ name, master, backup string }{
		{"govrrpd is master", govrrpd, keepalived},
		{"keepalived is master", keepalived, govrrpd},
	} {
		parent.Run(c.name, func(t *testing.T) {
			master := speaker{kind: c.master, address: "192.0.2.9", priority: 100, interval: 100 * time.Millisecond}
			backup := speaker{kind: c.backup, address: "192.0.2.30", priority: 100, interval: 100 * time.Millisecond}
			d := newDuel(t, parent, rules{version: 3}, master, backup)
			t.Parallel()
			first, second := d.speakers[0], d.speakers[1]
			first.start()
			d.settled(first, startup+first.down(first.interval))
			second.start()
			d.WaitFor(startup, second.String()+" to listen", second.listens)
			d.quiet(first, 2*time.Second)
		})
	}
}

// The judgement is worth something only if it condemns what is wrong.
func TestJudgementSeesTwoMasters(t *testing.T) {
	one := speaker{kind: keepalived, address: "192.0.2.1", priority: 200, interval: time.Second}
	two := speaker{kind: keepalived, address: "192.0.2.2", priority: 100, interval: time.Second}
	d := newDuel(t, t, rules{version: 2, password: "right"}, one, two)
	d.speakers[1].rules.password = "wrong"
	for _, s := range d.speakers {
		s.start()
	}
	since := time.Now()
	d.WaitFor(startup+d.speakers[1].down(time.Second), "two masters, because each refuses the other's password", func() bool {
		samples := d.holders.Since(since)
		return changeIn(samples).both > 0
	})
	adverts, samples := d.capture.Adverts(), d.holders.Since(since)
	if err := netns.NotOne(samples); err == nil {
		t.Error("the poll saw one holder, want two")
	}
	if err := oneHolder(adverts, nil, time.Second); err == nil {
		t.Error("the capture saw one master, want two")
	}
}

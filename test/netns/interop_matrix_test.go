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
	// retireGrace is how long govrrpd holds the address after the last word to a better master, with some milliseconds for two addresses.
	retireGrace = 55 * time.Millisecond
	// overlap is how long both may hold the address while one takes it from the other, who learns of it by an advert.
	overlap = 100*time.Millisecond + retireGrace
	// startup is how long a daemon may take from its start until it listens.
	startup = 30 * time.Second
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
		{name: "v3 VMAC", rules: rules{version: 3, vmac: true}, betterInt: tenth, worseInt: tenth},
		{name: "v3 VMAC IPv6", rules: rules{version: 3, vmac: true, ipv6: true}, betterInt: tenth, worseInt: tenth},
		{name: "v3 no preemption", rules: rules{version: 3, noPreempt: true}, betterInt: tenth, worseInt: tenth},
		{name: "v3 checksum pseudo-header", rules: rules{version: 3, checksum: "pseudo-header"}, betterInt: tenth, worseInt: tenth},
		{name: "v3 sync group", rules: rules{version: 3, sync: true}, betterInt: tenth, worseInt: tenth},
	} {
		for _, kinds := range [][2]string{{govrrpd, keepalived}, {keepalived, govrrpd}, {govrrpd, frr}, {frr, govrrpd}} {
			if !c.rules.known(kinds[0]) || !c.rules.known(kinds[1]) {
				continue
			}
			for _, worseFirst := range c.rules.orders() {
				c.better, c.worse, c.worseFirst = kinds[0], kinds[1], worseFirst
				cells = append(cells, c)
			}
		}
	}
	return append(cells, cell{ // what the judgement says of keepalived with its own kind
		name: "v3 reference", rules: rules{version: 3}, better: keepalived, worse: keepalived, betterInt: tenth, worseInt: tenth,
	})
}

// orders returns which of the two starts first, in every way that makes a difference.
func (r rules) orders() []bool {
	if r.noPreempt {
		return []bool{true} // a better one that is first is in office anyway
	}
	return []bool{false, true}
}

func TestPairHasExactlyOneMaster(parent *testing.T) {
	record := newRecord(parent)
	for _, c := range matrix() {
		parent.Run(c.String(), func(t *testing.T) {
			better := speaker{kind: c.better, address: c.rules.address(1), priority: 200, interval: c.betterInt}
			worse := speaker{kind: c.worse, address: c.rules.address(2), priority: 100, interval: c.worseInt}
			d := newDuel(t, parent, c.rules, better, worse)
			d.record = record.of(c.String())
			if c.rules.vmac {
				d.addClient(c.rules)
			}
			t.Parallel()
			l := life{duel: d, better: d.speakers[0], worse: d.speakers[1]}
			if c.rules.noPreempt {
				l.withoutPreemption()
				return
			}
			l.withPreemption(c.worseFirst)
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
			began := d.mark()
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
			first := d.takeSeats()
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

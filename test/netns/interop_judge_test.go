//go:build netns

package netns_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// oneHolder returns what contradicts that exactly one speaker was master all the time from since on: in the adverts (none, from two
// senders, not valid, or, with an interval, further apart than a backup waits), and in the poll of the addresses.
func oneHolder(adverts []netns.Advert, samples []netns.Sample, interval time.Duration) error {
	errs := []error{netns.NotOne(samples)}
	if len(adverts) == 0 {
		errs = append(errs, errors.New("nobody sent an advert"))
	}
	for i, a := range adverts {
		if err := badAdvert(a); err != nil {
			errs = append(errs, err)
		}
		if i > 0 && a.Src != adverts[0].Src {
			return errors.Join(append(errs, fmt.Errorf("adverts from %s and from %s", adverts[0].Src, a.Src))...)
		}
	}
	if gap, end := netns.LongestGap(adverts); interval > 0 && gap > 3*interval {
		errs = append(errs, fmt.Errorf("no advert for %s until %s, want one every %s", gap, clock(end), interval))
	}
	return errors.Join(errs...)
}

// badAdvert says why a is not what a master in office sends.
func badAdvert(a netns.Advert) error {
	switch {
	case a.Err != nil:
		return fmt.Errorf("advert of %s at %s: %w", a.Src, clock(a.At), a.Err)
	case a.TTL != 255 && (a.Dst.Is4() || a.Dst.IsMulticast()): // keepalived leaves that of unicast over IPv6 to the kernel
		return fmt.Errorf("advert of %s at %s: TTL is %d, want 255", a.Src, clock(a.At), a.TTL)
	case a.Packet.Priority == 0:
		return fmt.Errorf("advert of %s at %s: priority 0", a.Src, clock(a.At))
	}
	return nil
}

func clock(t time.Time) string { return t.Format("15:04:05.000000") }

// A change is what the poll saw of the holders while the master changed: the longest time that nobody held the address, and that
// both did. Either is known to within one interval of the poll, and is the least that the samples prove.
type change struct{ nobody, both time.Duration }

func (c change) String() string {
	return fmt.Sprintf("nobody %.0f ms, both %.0f ms", ms(c.nobody), ms(c.both))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func changeIn(samples []netns.Sample) change {
	return change{nobody: longest(samples, 0), both: longest(samples, 2)}
}

// longest returns the longest time between the first and the last of neighbouring samples with the given number of holders.
func longest(samples []netns.Sample, holders int) time.Duration {
	var most time.Duration
	for i := 0; i < len(samples); i++ {
		if len(samples[i].Holders) != holders {
			continue
		}
		first := i
		for i+1 < len(samples) && len(samples[i+1].Holders) == holders {
			i++
		}
		most = max(most, samples[i].Ended.Sub(samples[first].Began))
	}
	return most
}

// quietTries is how often a time that should have been quiet is played again, when the machine left the two without a CPU in it.
const quietTries = 5

// quiet waits for span and then demands that there was exactly one holder in it, and that it was master.
func (d *duel) quiet(master *speaker, span time.Duration) {
	d.t.Helper()
	for try := 1; ; try++ {
		since := d.mark()
		d.WaitFor(2*span, "the end of a quiet time", func() bool { return time.Since(since) > span })
		err, late := d.disquiet(master, since), d.late(since)
		if err == nil {
			d.quietClient(since)
			return
		}
		if try == quietTries || late < master.interval/2 {
			d.t.Fatalf("since %s, when %s was master:\n%v", clock(since), master, err)
		}
		d.t.Logf("once more, because the machine was busy for %s: %v", late, err)
		d.settled(master, startup)
	}
}

// disquiet returns what contradicts that master was the only one since a moment.
func (d *duel) disquiet(master *speaker, since time.Time) error {
	var adverts []netns.Advert
	for _, a := range d.capture.Adverts() {
		if a.At.After(since) {
			adverts = append(adverts, a)
		}
	}
	interval := master.interval
	if master.kind == keepalived {
		interval = 0 // how punctual it is, is not for us to judge
	}
	err := oneHolder(adverts, d.holders.Since(since), interval)
	if len(adverts) > 0 && adverts[0].Src.String() != master.address {
		err = errors.Join(err, fmt.Errorf("adverts from %s", adverts[0].Src))
	}
	return errors.Join(err, d.disquietInside(master, since))
}

// takeSeats starts the first speaker, which it returns, and the second one as its backup.
func (d *duel) takeSeats() *speaker {
	d.t.Helper()
	first, second := d.speakers[0], d.speakers[1]
	first.start()
	d.settled(first, startup+first.down(first.interval))
	second.start()
	d.WaitFor(startup, second.String()+" to listen", second.listens)
	return first
}

// settled waits until only s holds the address.
func (d *duel) settled(s *speaker, limit time.Duration) {
	d.t.Helper()
	d.WaitFor(limit, "only "+s.String()+" to hold the address", func() bool {
		return s.holds() && !d.other(s).holds() && d.settledInside(s)
	})
}

// passed demands that the holders changed within the given bounds since a moment, and tells how they did.
func (d *duel) passed(what string, since time.Time, most change) {
	d.t.Helper()
	samples := d.holders.Since(since)
	got, late := changeIn(samples), d.late(since)
	d.t.Logf("%-20s %s", what, got)
	d.record(what+", nobody", got.nobody)
	d.record(what+", both", got.both)
	if got.nobody > most.nobody+late || got.both > most.both+late {
		d.t.Errorf("%s: %s; want at most %s, and %.0f ms for a busy machine", what, got, most, ms(late))
	}
	d.passedInside(what, since, most)
}

// mark begins a time of which late will tell.
func (d *duel) mark() time.Time {
	for i, s := range d.speakers {
		d.waited[i] = s.node.RunDelay()
	}
	return time.Now()
}

// late returns how late this machine was since a moment, which nobody who is measured on it can be blamed for: the poll, and since the
// last mark the two speakers, when they were ready and got no CPU.
func (d *duel) late(since time.Time) time.Duration {
	late := lateness(d.holders.Since(since))
	for i, s := range d.speakers {
		late += max(0, s.node.RunDelay()-d.waited[i])
	}
	return late
}

// lateness returns by how much the poll itself missed its time at worst.
func lateness(samples []netns.Sample) time.Duration {
	var worst time.Duration
	for i := 1; i < len(samples); i++ {
		worst = max(worst, samples[i].Ended.Sub(samples[i-1].Ended)-netns.HolderPoll)
	}
	return worst
}

// silence waits for the first advert of to after the last one of from, and returns the time between them. That last one is after since,
// and from is not to send any more.
func (d *duel) silence(from, to *speaker, since time.Time) time.Duration {
	d.t.Helper()
	var own, next []netns.Advert
	d.WaitFor(startup, "adverts of both", func() bool {
		if own = d.capture.AdvertsFrom(from.port, since); len(own) > 0 {
			next = d.capture.AdvertsFrom(to.port, own[len(own)-1].At)
		}
		return len(next) > 0
	})
	return next[0].At.Sub(own[len(own)-1].At)
}

// describe returns adverts one a line, for errors.
func describe(adverts []netns.Advert) string {
	var b strings.Builder
	for _, a := range adverts {
		fmt.Fprintf(&b, "%s %s priority %d interval %s %v\n", clock(a.At), a.Src, a.Packet.Priority, a.Packet.Interval, a.Err)
	}
	return b.String()
}

//go:build netns

package netns_test

import "time"

// A life is a duel that goes through everything that can happen to a pair, in order. Each step begins and ends in peace.
type life struct {
	*duel
	better, worse *speaker
}

// withPreemption is the life of a pair in which the better one takes the address whenever it can.
func (l life) withPreemption(worseFirst bool) {
	l.t.Helper()
	first := l.better
	if worseFirst {
		first = l.worse
	}
	l.elect(first, l.better)
	l.resign(l.better, l.worse)
	l.comeBack(l.better, l.better)
	l.pull(l.better, l.worse)
	l.plugIn(l.better, l.better)
	l.crash(l.better, l.worse)
}

// withoutPreemption is the life of a pair in which whoever has the address keeps it.
func (l life) withoutPreemption() {
	l.t.Helper()
	l.elect(l.worse, l.worse)
	l.resign(l.worse, l.better)
	l.comeBack(l.worse, l.better)
	l.pull(l.better, l.worse)
	last := l.better.afterFault(l.worse)
	l.plugIn(l.better, last)
	l.crash(last, l.other(last))
}

// afterFault returns who is master when the cable of s is back in, without preemption: FRR is master all the while, and wins.
func (s *speaker) afterFault(other *speaker) *speaker {
	if s.kind == frr {
		return s
	}
	return other
}

// peace demands one holder for long enough that a backup which did not hear the master would have taken over.
func (l life) peace(master *speaker) {
	l.t.Helper()
	l.quiet(master, l.other(master).down(max(l.better.interval, l.worse.interval))+time.Second)
}

// elect starts both; master is to be the one in office at the end.
func (l life) elect(first, master *speaker) {
	l.t.Helper()
	first.start()
	l.settled(first, startup+first.down(first.interval)+l.hesitation())
	second := l.other(first)
	began := l.mark()
	second.start()
	l.WaitFor(startup, second.String()+" to listen", second.listens)
	l.heard(first, second)
	l.settled(master, startup+second.down(first.interval)+l.hesitation())
	l.passed("second starts", began, change{nobody: margin, both: overlap})
	l.peace(master)
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
func (l life) resign(from, to *speaker) {
	l.t.Helper()
	began := l.mark()
	from.resign()
	skew := to.skew(from.interval) + l.hesitation()
	l.settled(to, skew+startup)
	l.passed("master resigns", began, from.resignation(skew))
	gap, late := l.silence(from, to, began), l.late(began)
	l.record("master resigns, silence", gap)
	if gap > skew+to.firstWord()+margin+late {
		l.t.Errorf("%s took over %s after priority 0, want within the skew, %s + %s + %s", to, gap, skew, margin, late)
	}
	own := l.capture.AdvertsFrom(from.port, began)
	if own[len(own)-1].Packet.Priority != 0 {
		l.t.Errorf("%s left without a word: its adverts are\n%swant a last one with priority 0", from, describe(own))
	}
	l.WaitFor(startup, "end of "+from.String(), from.gone)
	l.peace(to)
}

// comeBack starts one again that resigned; master is to be the one in office at the end.
func (l life) comeBack(back, master *speaker) {
	l.t.Helper()
	began := l.mark()
	back.start()
	l.WaitFor(startup, back.String()+" to listen", back.listens)
	l.settled(master, startup+back.down(l.other(back).interval)+l.hesitation())
	l.passed("it comes back", began, change{nobody: margin, both: overlap})
	l.peace(master)
}

// pull takes the master's cable out: it loses its carrier.
func (l life) pull(from, to *speaker) {
	l.t.Helper()
	began := l.mark()
	since := began.Add(-lastWords(from)) // the last advert before the pull is where the backup counts from
	from.port.Cut()
	l.takenOver("cable pulled", from, to, since)
	l.settled(to, startup)
	l.passed("cable pulled", began, change{nobody: to.down(from.interval) + margin + l.hesitation(), both: overlap})
	l.peace(to)
}

// lastWords is how long ago the last advert of a master may be, on a machine as busy as peace allows.
func lastWords(master *speaker) time.Duration { return 2*master.interval + time.Second }

// takenOver waits until one speaks for the other, and demands that it did so when the protocol says, counted from the last advert of
// the other one.
func (l life) takenOver(what string, from, to *speaker, since time.Time) {
	l.t.Helper()
	down := to.down(from.interval)
	l.WaitFor(down+startup+l.hesitation(), to.String()+" to take over", to.holds)
	gap, late := l.silence(from, to, since), l.late(since)
	l.t.Logf("%-20s silence of %.1f ms, the protocol says %.1f ms", what, ms(gap), ms(down))
	l.record(what+", silence", gap)
	if gap < down-to.early()-late || gap > down+to.firstWord()+margin+late+l.hesitation() {
		l.t.Errorf("%s: %s took over %s after the last advert, want %s + at most %s + %s", what, to, gap, down, margin, late)
	}
}

// plugIn mends a cable; master is to be the one in office at the end.
func (l life) plugIn(back, master *speaker) {
	l.t.Helper()
	began := l.mark()
	back.port.Heal()
	l.settled(master, startup+back.down(l.other(back).interval)+l.hesitation())
	l.passed("cable plugged in", began, change{nobody: margin, both: back.unheard() + overlap})
	l.peace(master)
}

// crash kills the master's processes. Its kernel keeps the address, so only the wire is judged.
func (l life) crash(from, to *speaker) {
	l.t.Helper()
	since := l.mark().Add(-lastWords(from))
	from.node.Crash()
	l.takenOver("kill -9", from, to, since)
	l.faithful()
}

func (l life) hesitation() time.Duration { return l.better.rules.hesitation() }

package track

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"sync/atomic"
	"time"
)

const (
	// recount is how often everything is read although nothing asked for it: no event is taken for granted for ever.
	recount = 5 * time.Minute
	// deafRecount is how often where the kernel does not tell of processes, as in a container, and relisten how often it is asked
	// again whether it does.
	deafRecount = time.Second
	relisten    = time.Minute
)

// Processes counts processes as they come and go.
type Processes struct {
	report Report
	log    *slog.Logger
	proc   procfs
	open   func() (*connector, error)
	order  *order[Process]

	recounts atomic.Uint64 // how often all processes were read because the kernel dropped events
}

// NewProcesses returns a Processes without any; nothing happens before Run, and nothing costs anything before one is configured.
func NewProcesses(report Report, log *slog.Logger) *Processes {
	return &Processes{report: report, log: log, proc: "/proc", open: openConnector, order: newOrder[Process]()}
}

// Configure makes ps, which have different names, those that are counted. Of one that is new or has changed the fact is reported at once, or as
// soon as Run begins; of one that stays only what changes.
func (p *Processes) Configure(ps []Process) { p.order.give(ps) }

// Run reports until ctx ends; then it returns nil. It is called once. Where the kernel does not tell of processes, as
// outside the initial network namespace if that cannot be entered, it says so in the log and reads /proc every second.
func (p *Processes) Run(ctx context.Context) error {
	w := &processWatch{processes: p, census: newCensus(nil), told: map[string]*quorum{}}
	defer w.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.order.news:
			w.adopt(p.order.current())
		case b, ok := <-w.batches():
			w.heed(b, ok)
		case <-timer.C:
		}
		w.count(time.Now())
		timer.Reset(w.tell(time.Now()))
	}
}

// A quorum is what Run remembers of one Process.
type quorum struct {
	process Process
	told    *Fact     // nil at first
	since   time.Time // since when Up of what is differs from Up of told; zero: it does not
}

// processWatch is the state of Processes.Run; its goroutine owns it.
type processWatch struct {
	processes *Processes
	census    *census
	told      map[string]*quorum // by name
	connector *connector         // nil while nothing is counted, or it cannot be
	deaf      bool               // it cannot be, and that was logged
	listenAt  time.Time          // when to try again
	countAt   time.Time          // when everything is read
	fault     error              // why that failed
}

func (w *processWatch) adopt(ps []Process) {
	old := w.told
	w.told = make(map[string]*quorum, len(ps))
	for _, p := range ps {
		w.told[p.Name] = &quorum{process: p}
		if was := old[p.Name]; was != nil && reflect.DeepEqual(was.process, p) {
			w.told[p.Name] = was
		}
	}
	w.census = newCensus(ps)
	w.countAt = time.Now()
	if len(ps) == 0 {
		w.close()
	}
}

func (w *processWatch) close() {
	if w.connector != nil {
		w.connector.close()
		w.connector = nil
	}
}

// batches is where the kernel is heard; nil, which blocks for ever, while nothing is counted.
func (w *processWatch) batches() <-chan procBatch {
	if w.connector == nil {
		return nil
	}
	return w.connector.batches
}

// heed follows what the kernel tells.
func (w *processWatch) heed(b procBatch, ok bool) {
	for _, ev := range b.events {
		w.happened(ev)
	}
	if b.lost {
		w.processes.recounts.Add(1)
		w.countAt = time.Now()
	}
	if !ok || b.err != nil {
		w.processes.log.Error("process connector ended, it is opened again", "error", b.err)
		w.close()
		w.countAt = time.Now()
	}
}

func (w *processWatch) happened(ev procEvent) {
	switch ev.what {
	case procFork:
		w.census.forked(ev.parent, ev.pid)
	case procExec, procComm:
		w.examine(ev.pid)
	case procExit:
		w.census.gone(ev.pid)
	}
}

func (w *processWatch) examine(pid int) {
	r, ok := w.processes.proc.process(pid, w.census.reads())
	if !ok {
		w.census.gone(pid)
		return
	}
	w.census.is(pid, r)
}

// count reads all processes when it is time. It listens first, so that what happens meanwhile is told after it.
func (w *processWatch) count(now time.Time) {
	if len(w.census.processes) == 0 || now.Before(w.countAt) {
		return
	}
	w.listen(now)
	w.countAt = now.Add(recount)
	if w.connector == nil {
		w.countAt = now.Add(deafRecount)
	}
	w.fault = w.recount()
}

// listen opens the connector unless it is open, but tries that only from time to time.
func (w *processWatch) listen(now time.Time) {
	if w.connector != nil || now.Before(w.listenAt) {
		return
	}
	c, err := w.processes.open()
	if err != nil {
		w.listenAt = now.Add(relisten)
		if !w.deaf {
			w.processes.log.Warn("the kernel does not tell of processes, they are counted every second instead", "error", err)
		}
	}
	w.connector, w.deaf = c, err != nil
}

func (w *processWatch) recount() error {
	pids, err := w.processes.proc.pids()
	if err != nil {
		return err
	}
	w.census = newCensus(w.census.processes)
	for _, pid := range pids {
		w.examine(pid)
	}
	return nil
}

// tell reports what is news and returns how long there is nothing to do but to listen.
func (w *processWatch) tell(now time.Time) time.Duration {
	wait := time.Hour
	if len(w.census.processes) > 0 {
		wait = max(0, w.countAt.Sub(now))
	}
	for i, p := range w.census.processes {
		fact := p.judge(w.census.counts[i])
		if w.fault != nil {
			fact = Fact{Reason: fmt.Sprintf("processes cannot be tracked: %s", w.fault)}
		}
		fact, again, news := w.told[p.Name].observe(fact, now)
		if again > 0 {
			wait = min(wait, again)
		}
		if news {
			w.processes.report(p.Source(), fact)
		}
	}
	return wait
}

// observe takes in what is now, and returns what is to be told if that is news. Again is when to ask again at the latest; 0: when
// something happens.
func (q *quorum) observe(now Fact, at time.Time) (f Fact, again time.Duration, news bool) {
	if q.told != nil && q.told.Up != now.Up {
		delay := q.process.TerminateDelay
		if now.Up {
			delay = q.process.ForkDelay
		}
		if q.since.IsZero() {
			q.since = at
		}
		if left := q.since.Add(delay).Sub(at); left > 0 {
			return Fact{}, left, false
		}
	}
	q.since = time.Time{}
	if q.told != nil && *q.told == now {
		return Fact{}, 0, false
	}
	q.told = &now
	return now, 0, true
}

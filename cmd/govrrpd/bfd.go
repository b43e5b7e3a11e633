package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/govrrpd/govrrpd/checkers/bfd"
	"github.com/govrrpd/govrrpd/vrrp"
)

// A bfdRoute carries what BFD sessions find to the virtual routers that track them. It has a lock of its own, which is held for no
// system call: a session that goes down while the router process works on a new configuration is not kept waiting.
type bfdRoute struct {
	board *board[vrrp.Verdict] // for directors, whose checks go by sessions; by name of the session

	mu sync.Mutex
	// guarded by mu:
	verdicts  map[string]vrrp.Verdict // by source
	listeners map[string][]*vrrp.Member
}

// bfdSource is what a tracker of the session of that name goes by.
func bfdSource(name string) string { return "bfd/" + name }

// Report is the bfd.Report of the router process.
func (b *bfdRoute) Report(name string, v bfd.Verdict) {
	source, verdict := bfdSource(name), vrrp.Verdict{State: vrrp.Down, Reason: v.Reason}
	if v.Up {
		verdict.State = vrrp.Up
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.verdicts == nil {
		b.verdicts = make(map[string]vrrp.Verdict)
	}
	b.verdicts[source] = verdict
	b.board.note(name, verdict)
	for _, m := range b.listeners[source] {
		m.Track(source, verdict)
	}
}

// sessionNews tells checks of BFD sessions. One that begins is not up yet, which says nothing of the server for a while: it must not take
// out what serves.
type sessionNews struct {
	tell func(session string, err error)

	mu     sync.Mutex
	latest map[string]error // guarded by mu; of each session
}

// sessionGrace is what a session that begins has until its server counts as down: it takes three packets, of which each side sends one a
// second by default until it is up.
const sessionGrace = 5 * time.Second

func (n *sessionNews) hear(session string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.latest == nil {
		n.latest = make(map[string]error)
	}
	n.latest[session] = err
	if err == nil || err.Error() != bfd.NotYetUp {
		n.tell(session, err)
		return
	}
	time.AfterFunc(sessionGrace, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.latest[session] == err { // there was no other news
			n.tell(session, err)
		}
	})
}

// sessionError is what a check says of a session with that verdict.
func sessionError(v vrrp.Verdict) error {
	if v.State == vrrp.Up {
		return nil
	}
	return errors.New(v.Reason)
}

// Configure says who tracks what, and tells everyone the newest of it.
func (b *bfdRoute) Configure(members map[string]*member, sessions []*bfd.Config) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := make(map[string]vrrp.Verdict, len(sessions))
	b.listeners = make(map[string][]*vrrp.Member)
	for _, c := range sessions {
		source := bfdSource(c.Name)
		verdict, reported := b.verdicts[source]
		if !reported {
			continue // it was not made
		}
		known[source] = verdict
		for _, m := range members {
			if tracks(m.config, source) {
				b.listeners[source] = append(b.listeners[source], m.Member)
				m.Track(source, verdict)
			}
		}
	}
	b.verdicts = known
}

// newBFD returns an engine without sessions that reports to b.
func newBFD(b *bfdRoute, log *slog.Logger) *bfd.Engine {
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // it cannot fail
	return bfd.NewEngine(bfd.NewUDP(), seed, log, b.Report)
}

func writeBFD(w io.Writer, sessions []bfd.Status, now time.Time) {
	fmt.Fprintln(w, "BFD\tNEIGHBOR\tSTATE\tREMOTE\tSINCE\tTX\tRX\tDETECT\tFLAPS\tREASON")
	for _, s := range sessions {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", s.Name, bfdNeighbor(s), s.State, bfdRemote(s), age(now, s.Since),
			orDash(s.TxInterval), orDash(s.RxInterval), orDash(s.DetectionTime), s.Flaps, bfdReason(s))
	}
	writeNone(w, len(sessions), "bfd_instance")
}

// bfdNeighbor is who is watched, and over what.
func bfdNeighbor(s bfd.Status) string {
	switch {
	case s.Interface != "":
		return fmt.Sprintf("%s on %s", s.Neighbor, s.Interface)
	case s.Multihop:
		return s.Neighbor.String() + " multihop"
	}
	return s.Neighbor.String()
}

// bfdRemote is what the neighbour said last; nothing while it is not heard.
func bfdRemote(s bfd.Status) string {
	if s.RemoteDiscr == 0 {
		return "-"
	}
	return s.RemoteState.String()
}

func bfdReason(s bfd.Status) string {
	if s.SendError != "" {
		return "ERROR: " + s.SendError
	}
	return s.Reason
}

func orDash(d bfd.Duration) string {
	if d.Duration == 0 {
		return "-"
	}
	return d.String()
}

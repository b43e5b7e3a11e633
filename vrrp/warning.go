package vrrp

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxWarnings bounds what is kept of what peers say: senders can be forged.
	maxWarnings = 16
	// warningLasts is for how long a warning is shown after it was last true, beyond the slowest advert interval.
	warningLasts = time.Minute
)

// A Warning is what is amiss with a peer, as when it is configured differently: nothing that stops the election, but something to put right.
type Warning struct {
	From  netip.Addr  `json:"from"`
	Kind  WarningKind `json:"kind"`
	Text  string      `json:"text"` // a sentence without its subject From
	First time.Time   `json:"first"`
	Last  time.Time   `json:"last"`
	Count uint64      `json:"count"` // adverts
}

// warnings are those of one router. The zero value is ready; any goroutine may use it.
type warnings struct {
	mu sync.Mutex
	// guarded by mu:
	list  []Warning // at most maxWarnings
	total uint64
}

// add counts one advert that o can be said of. What a number in the text says may change; the newest is kept.
func (w *warnings) add(from netip.Addr, o Observation, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.total++
	kind := kindOf(o.Text)
	i := slices.IndexFunc(w.list, func(old Warning) bool { return old.From == from && kindOf(old.Text) == kind })
	switch {
	case i >= 0:
		w.list[i].Text, w.list[i].Last = o.Text, now
		w.list[i].Count++
		return
	case len(w.list) == maxWarnings:
		i = oldest(w.list)
		w.list = slices.Delete(w.list, i, i+1)
	}
	w.list = append(w.list, Warning{From: from, Kind: o.Kind, Text: o.Text, First: now, Last: now, Count: 1})
}

func oldest(list []Warning) int {
	at := 0
	for i, w := range list {
		if w.Last.Before(list[at].Last) {
			at = i
		}
	}
	return at
}

// kindOf is text up to where its values begin.
func kindOf(text string) string {
	if i := strings.IndexAny(text, "0123456789:"); i >= 0 {
		return text[:i]
	}
	return text
}

// current returns those that were true not long ago, in the order in which they began, and how many adverts were warned of in all.
func (w *warnings) current(now time.Time, slowest time.Duration) ([]Warning, uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := []Warning{}
	for _, one := range w.list {
		if now.Sub(one.Last) <= warningLasts+slowest {
			out = append(out, one)
		}
	}
	return out, w.total
}

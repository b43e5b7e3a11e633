package vrrp

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// TestSimulationOfSyncGroups lets 2 to 4 nodes with sync groups over two LANs live through random disturbances: partitions of one LAN
// only, links, crashes, stalls, reloads, weights. It runs half as many
// seeds as TestSimulation; -seed runs one alone.
func TestSimulationOfSyncGroups(t *testing.T) {
	eachSeed(t, *seedsFlag/2, func(t *testing.T, seed uint64) {
		onSite(t, func(t *testing.T, s *site) { simulateSite(t, s, seed) })
	})
}

// A siteWorld is one run.
type siteWorld struct {
	*site
	*rand.Rand
	t       *testing.T
	slowest time.Duration
	down    time.Duration // longest time that a backup may wait for an advert
}

func simulateSite(t *testing.T, s *site, seed uint64) {
	w := &siteWorld{site: s, Rand: rand.New(rand.NewPCG(seed, 1)), t: t}
	w.build(seed)
	w.disturb()
	w.calm()
	w.settle("after the disturbances")
	for i := range w.lans {
		w.unite(i)
	}
	w.settle("united")
	one := w.IntN(2)
	w.divide(one)
	w.settle(fmt.Sprintf("after a clean partition of LAN %d", one))
	w.unite(one)
	w.settle("after it healed")
	if *seedFlag != 0 {
		t.Logf("LAN 0: %q\nLAN 1: %q", w.lans[0].trace, w.lans[1].trace)
	}
	if t.Failed() {
		t.Logf("run it again with: go test ./vrrp -run TestSimulationOfSyncGroups -seed %d", seed)
	}
}

// build makes the nodes and starts them. The LANs differ in version and interval, the nodes in priority; at times members of a node do.
func (w *siteWorld) build(seed uint64) {
	versions, intervals := [2]Version{V3, V3}, [2]time.Duration{}
	for i := range versions {
		if w.IntN(4) == 0 {
			versions[i] = V2
		}
		intervals[i] = []time.Duration{100, 250, 500, 1000}[w.IntN(4)] * time.Millisecond
		down := 3*intervals[i] + intervals[i]
		if versions[i] == V2 {
			intervals[i] = time.Duration(1+w.IntN(2)) * time.Second
			down = 3*intervals[i] + time.Second
		}
		w.slowest, w.down = max(w.slowest, intervals[i]), max(w.down, down)
	}
	apart := w.IntN(3) == 0
	for n := range 2 + w.IntN(3) {
		var cs [2]*Config
		priority, noPreempt := w.priority(), w.IntN(4) == 0
		for i := range cs {
			if apart {
				priority = w.priority()
			}
			cs[i] = &Config{
				Name: fmt.Sprintf("r%d-%d", n, i), Interface: "eth0", VRID: 51, Version: versions[i], Priority: priority, AdvertInterval: intervals[i],
				NoPreempt: noPreempt, Addresses: []Address{{Prefix: netip.MustParsePrefix("192.0.2.10/24")}}, Announce: Announce{Repeat: 1},
				Track: []Tracker{{Source: "script/must"}, {Source: "script/weight", Weight: (1 + w.IntN(100)) * (1 - 2*w.IntN(2)), Reverse: w.IntN(4) == 0}, {Source: "file/load", Weight: 1}},
			}
			if !noPreempt && w.IntN(4) == 0 {
				cs[i].PreemptDelay = w.upTo(5 * w.slowest)
			}
			if w.IntN(4) == 0 {
				cs[i].DownAdverts = 1 + w.IntN(4)
			}
			if !apart && i == 1 {
				cs[i].Track = cs[0].Track
			}
		}
		node := w.add(cs[0], cs[1], seed)
		for _, m := range node.machines {
			m.holdDelay = w.upTo(w.slowest)
		}
		node.track("script/must", Verdict{State: Up})
		node.start()
		elapse(w.upTo(w.slowest))
	}
}

func (w *siteWorld) priority() uint8 {
	if w.IntN(3) == 0 {
		return []uint8{1, 100, 101, 254}[w.IntN(4)]
	}
	return uint8(1 + w.IntN(254))
}

func (w *siteWorld) upTo(d time.Duration) time.Duration { return time.Duration(w.Int64N(int64(d))) }

func (w *siteWorld) blink() { elapse(1 + w.upTo(time.Microsecond)) }

func (w *siteWorld) disturb() {
	for range 6 + w.IntN(10) {
		elapse(w.upTo(5 * w.slowest))
		node, one := w.nodes[w.IntN(len(w.nodes))], w.IntN(2)
		m := node.machines[one]
		switch w.IntN(10) {
		case 0:
			node.stall(w.upTo(8*w.slowest), w.upTo(readerLag))
		case 1, 2:
			w.toggle(node)
		case 3:
			m.setLink(!m.up)
		case 4:
			node.track("script/must", Verdict{State: []TrackState{Up, Down}[w.IntN(2)], Reason: "exit status 1"})
		case 5:
			node.track("script/weight", Verdict{State: []TrackState{Unknown, Up, Down}[w.IntN(3)]})
		case 6:
			node.track("file/load", Verdict{State: Number, Value: w.IntN(400) - 300})
		case 7:
			w.weather(one, 0.4*w.Float64(), 0.3*w.Float64(), w.upTo(w.slowest))
		case 8:
			w.divide(one)
		case 9:
			w.unite(one)
		}
		w.wantWhole("in between")
	}
}

func (w *siteWorld) weather(i int, loss, duplicate float64, delay time.Duration) {
	l := w.lans[i]
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(nil, "loss %.2f, duplicates %.2f, delay %s", loss, duplicate, delay)
	l.loss, l.duplicate, l.delay = loss, duplicate, delay
}

func (w *siteWorld) divide(i int) { w.parts(i, 2) }
func (w *siteWorld) unite(i int)  { w.parts(i, 1) }

func (w *siteWorld) parts(i, n int) {
	l := w.lans[i]
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.machines {
		m.part, m.steady = w.IntN(n), time.Now()
		l.note(m, "is in part %d of %d", m.part, n)
	}
}

func (w *siteWorld) toggle(n *siteNode) {
	switch how := w.IntN(3); {
	case !n.runs():
		n.start()
	case how == 0:
		_ = n.stop() // an error would be a violation already
	default:
		n.kill(how == 1)
	}
}

// calm ends all disturbances but the partitions, the weights, and at times a node without power.
func (w *siteWorld) calm() {
	for i := range w.lans {
		w.weather(i, 0, 0, 0)
	}
	for _, n := range w.nodes {
		n.track("script/must", Verdict{State: Up})
		w.blink()
		n.track("file/load", Verdict{State: Number, Value: w.IntN(100) - 50})
		w.blink()
		for _, m := range n.machines {
			if !m.up {
				m.setLink(true)
			}
			w.blink()
		}
		if !n.runs() && (n.holds() || w.IntN(4) > 0) {
			n.start()
		}
		w.blink()
	}
	for _, n := range w.nodes {
		elapse(time.Until(n.machines[0].readAt) + 2)
	}
}

// settle gives the nodes the time that they may need, and looks at them for a while. Groups that are each better elsewhere may need
// some elections.
func (w *siteWorld) settle(when string) {
	for _, l := range w.lans {
		l.mu.Lock()
		l.note(nil, "settling %s", when)
		l.mu.Unlock()
	}
	w.elapse(12*w.down + announcePause)
	w.check(when)
	before := w.transitions()
	w.elapse(4 * w.down)
	w.check(when + ", at rest")
	if n := w.transitions() - before; n > 0 {
		w.t.Errorf("%s: %d transitions at rest", when, n)
	}
}

// wantWhole looks whether a group is split. While a node is stalled, its goroutine may be anywhere.
func (w *siteWorld) wantWhole(when string) {
	synctest.Wait()
	for i, n := range w.nodes {
		m := n.machines[0]
		if r := n.roles(); n.runs() && r[0] != r[1] && !time.Now().Before(m.wakeAt) {
			w.t.Errorf("%s, %s: the members of node %d are %v", when, time.Since(m.lan.start), i, r)
		}
	}
}

func (w *siteWorld) check(when string) {
	w.wantWhole(when)
	running, groups, divided := 0, 0, false
	for _, n := range w.nodes {
		if !n.runs() {
			continue
		}
		running++
		if n.roles()[0] == Master {
			groups++
		}
		for _, m := range n.machines {
			m.lan.mu.Lock()
			if s := m.group.Status(); s.Role != m.role || m.held != (m.role == Master) || s.Held != m.held {
				w.t.Errorf("%s: %s is %s, status says %s; holds addresses %v, status says %v", when, m.config.Name, m.role, s.Role, m.held, s.Held)
			}
			m.lan.mu.Unlock()
		}
	}
	for i, l := range w.lans {
		l.mu.Lock()
		masters := map[int]int{}
		for _, m := range l.machines {
			divided = divided || m.part != l.machines[0].part
			if m.group != nil && m.role == Master {
				masters[m.part]++
			}
		}
		l.mu.Unlock()
		for part, n := range masters {
			if n > 1 {
				w.t.Errorf("%s: part %d of LAN %d has %d masters", when, part, i, n)
			}
		}
	}
	if running > 0 && (groups == 0 || groups > 1 && !divided) {
		w.t.Errorf("%s: %d of %d groups are master, LANs divided: %t", when, groups, running, divided)
	}
}

package vrrp

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "run the simulation with this seed only, and print its trace")
	familyFlag = flag.Uint("family", 0, "let the simulation use this family only where version 2 does not forbid it: 4 or 6")
	seedsFlag  = flag.Uint64("seeds", 1000, "how many seeds the simulation runs; a tenth with -short")
)

// TestSimulation lets 2 to 5 routers of random configurations and options live through random disturbances, and looks whether they come to rest as
// they should. A seed that fails is printed with its trace; -seed runs it alone.
func TestSimulation(t *testing.T) {
	eachSeed(t, *seedsFlag, func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) { simulate(t, seed) })
	})
}

// eachSeed runs play with the seeds from 1 to last, a tenth of them with -short, or with that of -seed.
func eachSeed(t *testing.T, last uint64, play func(t *testing.T, seed uint64)) {
	first := uint64(1)
	if testing.Short() {
		last /= 10
	}
	if *seedFlag != 0 {
		first, last = *seedFlag, *seedFlag
	}
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			play(t, seed)
		})
	}
}

// A world is one run of the simulation.
type world struct {
	*lan
	*rand.Rand
	slowest time.Duration // longest interval
	orders  sync.WaitGroup
	down    time.Duration // longest time that a backup may wait for an advert
	preempt time.Duration // longest delay of it
	signed  bool          // adverts carry a HMAC trailer
	alive   bool          // version 2 with unequal intervals, which all take for a sign of life
	curt    bool          // somebody does not say what makes a master announce again
	clean   bool          // nothing was lost since the clients were right
}

func simulate(t *testing.T, seed uint64) *world {
	w := &world{lan: newLAN(), Rand: rand.New(rand.NewPCG(seed, 0))}
	w.build(seed)
	w.disturb(anything)
	w.calm()
	w.settle("after the disturbances")
	w.unite()
	w.settle("as one part")
	w.believe()
	w.disturb(machinesOnly)
	w.calm()
	w.settle("after trouble on the machines")
	w.divide()
	w.settle("after a clean partition")
	w.unite()
	w.settle("after it healed")
	w.finish()
	if len(w.broken) > 0 || *seedFlag != 0 {
		t.Logf("seed %d:\n%s", seed, strings.Join(w.trace, "\n"))
	}
	if len(w.broken) > 0 {
		t.Errorf("seed %d, run it again with: go test ./vrrp -run TestSimulation -seed %d\n%s", seed, seed, strings.Join(w.broken, "\n"))
	}
	return w
}

// build makes the machines, starts them one after the other, and draws what the network is like.
func (w *world) build(seed uint64) {
	n := 2 + w.IntN(4)
	version, unicast := V3, w.IntN(4) == 0
	if w.IntN(4) == 0 {
		version = V2
	}
	family := w.family(version)
	base := w.interval(version)
	w.signed, w.alive = w.IntN(3) == 0, version == V2 && w.IntN(3) == 0
	for i := range n {
		c := w.config(i, n, version, family, base, unicast)
		w.slowest = max(w.slowest, c.AdvertInterval)
		m := w.add(c, seed)
		w.sign(m)
		w.choose(m)
		m.holdDelay = time.Duration(w.Int64N(int64(base)))
		if i%2 == 1 { // drawn from what is drawn already, so that seeds stay what they are
			m.out = m.holdDelay
		}
		w.note(m, "priority %d interval %s version %d %s nopreempt %v unicast %v hold %s", c.Priority, c.AdvertInterval, version, family, c.NoPreempt, unicast, m.holdDelay)
	}
	w.enthrone()
	w.limit()
	for _, m := range w.machines {
		m.start()
		elapse(w.upTo(w.slowest))
	}
}

// family draws what adverts go over: -family, or one in two of those that may go over IPv6.
func (w *world) family(v Version) Family {
	switch {
	case v == V2 || *familyFlag == 4:
		return IPv4
	case *familyFlag == 6 || w.IntN(2) == 0:
		return IPv6
	}
	return IPv4
}

func (w *world) interval(v Version) time.Duration {
	if v == V2 {
		return time.Duration(1+w.IntN(2)) * time.Second
	}
	all := []time.Duration{10, 20, 50, 100, 250, 1000}
	return all[w.IntN(len(all))] * time.Millisecond
}

func (w *world) config(i, n int, v Version, f Family, base time.Duration, unicast bool) *Config {
	c := &Config{
		Name: fmt.Sprint("r", i), Interface: "eth0", VRID: 51, Version: v,
		Priority: uint8(1 + w.IntN(254)), AdvertInterval: base, NoPreempt: w.IntN(4) == 0,
		Addresses: []Address{{Prefix: netip.MustParsePrefix("192.0.2.10/24")}},
		Announce:  Announce{Repeat: 1, Delay: w.upTo(5 * base)},
	}
	if w.IntN(3) == 0 {
		c.Priority = []uint8{1, 100, 101, 254}[w.IntN(4)] // equal and extreme ones
	}
	if v == V3 && base <= 100*time.Millisecond && w.IntN(3) == 0 {
		c.AdvertInterval *= time.Duration(1 + w.IntN(10))
	}
	if w.alive {
		c.AdvertInterval, c.Interval = time.Duration(1+w.IntN(3))*time.Second, MismatchAlive
	}
	if f == IPv6 {
		overIPv6(c)
	}
	for peer := range n {
		if unicast && peer != i {
			c.Peers = append(c.Peers, machineAddrOf(f, peer))
		}
	}
	return c
}

// upTo draws a duration below d.
func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.Int64N(int64(d))) }

// elapse lets time go by, and everything due at its end happen. Nothing may be done beside what goes on at the same instant: in which order
// goroutines run, and timers that end together, differs from run to run, and a seed has to give the same run again.
func elapse(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// blink is a moment, so that what happens to two machines does not happen at the same instant.
func (w *world) blink() { elapse(1 + w.upTo(time.Microsecond)) }

// What disturb may do: anything, or what leaves the network alone.
const (
	machinesOnly = 8
	anything     = 11
)

// disturb does bad things for a while; the first so many kinds of them.
func (w *world) disturb(kinds int) {
	for range 6 + w.IntN(10) {
		elapse(w.upTo(5 * w.slowest))
		m := w.machines[w.IntN(len(w.machines))]
		switch w.IntN(kinds) {
		case 0:
			m.stall(w.upTo(8*w.slowest), w.upTo(readerLag))
		case 1:
			m.stall(w.upTo(8*w.slowest), w.upTo(readerLag))
			elapse(w.upTo(w.slowest))
			w.toggle(m)
		case 2, 3:
			w.toggle(m)
		case 4:
			m.setLink(!m.up)
		case 5:
			w.reload(m)
		case 6:
			w.order(m)
		case 7:
			w.weigh(m)
		case machinesOnly:
			w.weather(0.4*w.Float64(), 0.3*w.Float64(), w.upTo(w.slowest))
		case machinesOnly + 1:
			w.divide()
		case machinesOnly + 2:
			w.unite()
		}
	}
}

func (w *world) weather(loss, duplicate float64, delay time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(nil, "loss %.2f, duplicates %.2f, delay %s", loss, duplicate, delay)
	w.loss, w.duplicate, w.delay = loss, duplicate, delay
}

// divide splits the lan in two at random; one may be empty.
func (w *world) divide() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.machines {
		m.part, m.steady = w.IntN(2), time.Now()
		w.note(m, "is in part %d", m.part)
	}
}

func (w *world) unite() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(nil, "one part")
	for _, m := range w.machines {
		m.part, m.steady = 0, time.Now()
	}
}

// toggle ends the life of a machine in one of three ways, or gives it a new one.
func (w *world) toggle(m *machine) {
	switch how := w.IntN(3); {
	case m.ended == nil:
		m.start()
	case how == 0:
		_ = m.stop() // an error would be a violation already
	default:
		w.mu.Lock()
		w.clean = w.clean && m.ordered == 0 // it may have announced the addresses, and nobody else knows
		w.mu.Unlock()
		m.kill(how == 1)
	}
}

// order has an operator hand the role over or take it back; what comes of it is not waited for.
func (w *world) order(m *machine) {
	takeover := w.IntN(2) == 0
	w.mu.Lock()
	defer w.mu.Unlock()
	if m.group == nil {
		return
	}
	w.note(m, "is told to take over %v, or to fail over", takeover)
	m.ordered++
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second) // a machine that is killed never answers
	g := m.lone
	w.orders.Go(func() {
		defer cancel()
		report, err := g.order(ctx, takeover)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.note(m, "says %+v, %v", report, err)
		m.ordered--
	})
}

// reload changes what may change while a router runs.
func (w *world) reload(m *machine) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := *m.config
	if c.Priority != PriorityOwner {
		c.Priority, c.NoPreempt = uint8(1+w.IntN(254)), c.PreemptDelay == 0 && w.IntN(4) == 0
	}
	if c.Version == V3 {
		c.AdvertInterval = w.machines[w.IntN(len(w.machines))].config.AdvertInterval
	}
	w.rotate(&c)
	m.config, m.steady = &c, time.Now()
	w.note(m, "reloads: priority %d interval %s nopreempt %v", c.Priority, c.AdvertInterval, c.NoPreempt)
	if m.group != nil {
		m.group.Configure(&c)
	}
}

// calm ends all disturbances; the parts, and at times a machine without power, stay as they are.
func (w *world) calm() {
	w.blink()
	w.weather(0, 0, 0)
	for _, m := range w.machines {
		if !m.up {
			m.setLink(true)
		}
		w.blink()
		w.recover(m)
		if m.ended == nil && (m.held || w.IntN(4) > 0) {
			m.start()
		}
		w.blink()
	}
	for _, m := range w.machines {
		elapse(time.Until(m.readAt) + 1)
	}
}

// settle gives the machines the time they may need, and then looks at them for a while: each part has exactly one master and nothing
// changes.
func (w *world) settle(when string) {
	w.mu.Lock()
	w.note(nil, "settling %s", when)
	w.mu.Unlock()
	elapse(3*w.down + 2*w.preempt + announcePause)
	w.mu.Lock()
	w.check(when)
	before := w.countTransitions()
	for _, m := range w.machines {
		m.sent = nil
	}
	w.mu.Unlock()
	elapse(10 * w.slowest)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.check(when + ", at rest")
	if n := w.countTransitions() - before; n > 0 {
		w.violation(nil, "%s: %d transitions at rest", when, n)
	}
	w.checkCadence(when)
}

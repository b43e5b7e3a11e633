package bfd

import (
	"testing"
	"testing/synctest"
	"time"
)

const (
	left  = "192.0.2.1"
	right = "192.0.2.2"
)

// pair starts two sides that are each other's neighbours.
func pair(t *testing.T, l *lan, change func(*Config)) (a, b *side) {
	t.Helper()
	return newSide(t, l, left, right, change), newSide(t, l, right, left, change)
}

// settle lets time pass, and everything that is to happen at its end happen.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func wantState(t *testing.T, want State, sides ...*side) {
	t.Helper()
	for _, s := range sides {
		if got := s.status(); got.State != want {
			t.Fatalf("%s is %s (%s), want %s", s.host.addr, got.State, got.Reason, want)
		}
	}
}

func TestSessionComesUpAndSpeedsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(1)
		a, b := pair(t, l, nil)
		settle(3 * time.Second)
		wantState(t, Up, a, b)
		s := a.status()
		if s.TxInterval.Duration != 10*ms || s.RxInterval.Duration != 10*ms || s.DetectionTime.Duration != 50*ms || s.Polling {
			t.Errorf("%+v", s)
		}
		if v := a.last(); !v.Up {
			t.Errorf("verdict %+v", v)
		}
		from := time.Now()
		settle(time.Second)
		sent := l.between(a.host.addr, from, time.Now())
		if n := len(sent); n < 107 || n > 122 { // every 7.5 to 10 ms, 8.75 on average
			t.Errorf("%d packets in a second", n)
		}
		for i := 1; i < len(sent); i++ {
			if gap := sent[i].at.Sub(sent[i-1].at); gap < 7500*time.Microsecond || gap > 10*ms {
				t.Fatalf("gap of %s", gap)
			}
		}
	})
}

func TestSlowUntilUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(2)
		a := newSide(t, l, left, right, nil)
		start := time.Now()
		settle(20 * time.Second)
		sent := l.between(a.host.addr, start, time.Now())
		if n := len(sent); n < 20 || n > 28 {
			t.Errorf("%d packets in 20 s to nobody", n)
		}
		for _, s := range sent {
			if s.packet.DesiredMinTx < time.Second || s.packet.State != Down {
				t.Fatalf("says %+v", s.packet)
			}
		}
	})
}

func TestSilenceIsNoticedWithinTheDetectionTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(3)
		a, b := pair(t, l, nil)
		settle(3 * time.Second)
		wantState(t, Up, a, b)
		l.set(func() { l.cut[a.host.addr] = true })
		settle(39 * ms)
		wantState(t, Up, a)
		settle(12 * ms)
		wantState(t, Down, a, b) // a has told b
		if v := a.last(); v.Up || v.Reason != "control detection time of 50ms expired" {
			t.Errorf("a: %+v", v)
		}
		if v := b.last(); v.Up || v.Reason != "neighbour signalled down: control detection time expired" {
			t.Errorf("b: %+v", v)
		}
		l.set(func() { delete(l.cut, a.host.addr) })
		settle(3 * time.Second)
		wantState(t, Up, a, b)
		if s := a.status(); s.Flaps != 1 || s.DetectionTime.Duration != 50*ms {
			t.Errorf("%+v", s)
		}
	})
}

func TestPassiveSidesNeedOneThatSpeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(4)
		a := newSide(t, l, left, right, passive)
		b := newSide(t, l, right, left, passive)
		settle(10 * time.Second)
		wantState(t, Down, a, b)
		if n := len(l.between(a.host.addr, time.Time{}, time.Now())); n != 0 {
			t.Errorf("passive sides sent %d packets", n)
		}
		b.configure(t, func(c *Config) { c.Passive = false })
		settle(3 * time.Second)
		wantState(t, Up, a, b)
	})
}

func TestNewParametersAreAgreedWithoutAFlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(5)
		a, b := pair(t, l, nil)
		settle(3 * time.Second)
		for _, step := range []struct {
			tx, rx time.Duration
			mult   uint8
		}{{100 * ms, 10 * ms, 3}, {10 * ms, 300 * ms, 3}, {2 * time.Second, 2 * time.Second, 2}, {10 * ms, 10 * ms, 5}} {
			a.configure(t, func(c *Config) { c.MinTx, c.MinRx, c.Multiplier = step.tx, step.rx, step.mult })
			settle(6 * time.Second)
			wantState(t, Up, a, b)
			sa, sb := a.status(), b.status()
			tx := max(step.tx, 10*ms)
			if sa.Polling || sa.TxInterval.Duration != tx || sb.RxInterval.Duration != tx || sb.DetectionTime.Duration != time.Duration(step.mult)*tx {
				t.Errorf("%+v:\na %+v\nb %+v", step, sa, sb)
			}
			if rx := max(step.rx, 10*ms); sb.TxInterval.Duration != rx {
				t.Errorf("%+v: b sends every %s", step, sb.TxInterval)
			}
		}
		if sa, sb := a.status(), b.status(); sa.Flaps+sb.Flaps != 0 {
			t.Errorf("flaps: %d, %d", sa.Flaps, sb.Flaps)
		}
	})
}

func TestAdminDownAndTheEndAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(6)
		a, b := pair(t, l, nil)
		settle(3 * time.Second)
		a.configure(t, func(c *Config) { c.AdminDown = true })
		settle(ms)
		wantState(t, AdminDown, a)
		wantState(t, Down, b)
		if v := b.last(); v.Reason != "neighbour is administratively down" {
			t.Errorf("%+v", v)
		}
		a.configure(t, func(c *Config) { c.AdminDown = false })
		settle(3 * time.Second)
		wantState(t, Up, a, b)
		a.end()
		settle(ms)
		if err := <-a.ended; err != nil {
			t.Error(err)
		}
		wantState(t, Down, b)
		if v := b.last(); v.Reason != "neighbour is administratively down" {
			t.Errorf("after the end: %+v", v)
		}
	})
}

// A restart of one side looks to the other like a neighbour with another discriminator.
func TestRestartedNeighbourComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(7)
		a, b := pair(t, l, nil)
		settle(3 * time.Second)
		wantState(t, Up, a, b)
		b2 := newSide(t, l, right, left, nil) // takes the address
		settle(10 * time.Second)
		wantState(t, Up, a, b2)
		if f := a.status().Flaps; f != 1 {
			t.Errorf("%d flaps", f)
		}
	})
}

// Both sides lose a quarter of all packets and delay the rest: no flap, as five in a row are rare; the sides agree in the end.
func TestLossyLANConverges(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			l := newLAN(seed)
			l.delay, l.jitter = 2*ms, 20*ms // reorders
			l.loss = 0.25
			a, b := pair(t, l, func(c *Config) { c.MinRx, c.MinTx, c.Multiplier = 50*ms, 50*ms, 8 })
			settle(30 * time.Second)
			wantState(t, Up, a, b)
			l.set(func() { l.loss = 1 })
			settle(500 * ms)
			wantState(t, Down, a, b)
			l.set(func() { l.loss = 0 })
			settle(5 * time.Second)
			wantState(t, Up, a, b)
			if sa, sb := a.status(), b.status(); sa.Polling || sb.Polling || sa.TxInterval.Duration != 50*ms || sb.TxInterval.Duration != 50*ms {
				t.Errorf("seed %d: not agreed:\na %+v\nb %+v", seed, sa, sb)
			}
		})
	}
}

// A process that stood still finds the neighbour's packets in its socket, and the detection time passed, at the same instant.
func TestStalledProcessHearsBeforeItJudges(t *testing.T) {
	t.Run("alone", func(t *testing.T) { judgeAfterStall(t, 0) })
	t.Run("behind junk", func(t *testing.T) { judgeAfterStall(t, 2500) })
}

func judgeAfterStall(t *testing.T, junk int) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(8)
		a, b := pair(t, l, nil)
		settle(3 * time.Second)
		l.set(func() {
			a.host.stopped, a.host.share = true, readShare
			a.host.queue = append(a.host.queue, make([]Arrival, junk)...)
		})
		settle(300 * ms) // the timer judges; no reader says that there is something
		wantState(t, Up, a, b)
		l.set(func() { a.host.stopped = false })
		settle(time.Second)
		wantState(t, Up, a, b)
		if f := a.status().Flaps; f != 0 {
			t.Errorf("%d flaps", f)
		}
	})
}

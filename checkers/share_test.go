package checkers

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// A named is a server with an address, so that checks of it may be shared.
type named struct {
	*server
	name string
}

func (n named) subject() string { return n.name }

func TestChecksThatAskTheSameShareTheirProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		web := named{new(server), "web1"}
		s := runSet(t, j.report, 16)
		shop, mail := everySecond("shop web1", web), everySecond("mail web1", web)
		s.Configure([]Config{shop, mail})
		after(5500 * time.Millisecond)
		j.want(t, "shop web1 up", "mail web1 up")
		if n := len(web.asked()); n != 6 {
			t.Errorf("asked %d times in 5.5 s, want 6: once for both", n)
		}
		web.set(refuse)
		after(2 * time.Second)
		j.want(t, "shop web1 down: refused", "mail web1 down: refused")
		for i, st := range s.Status() {
			if want := []string{"shop web1", "mail web1"}[i]; st.Name != want || st.State != Down {
				t.Errorf("status %d is %+v, want that of %s, down", i, st, want)
			}
		}
		if n := len(s.Recent("mail web1")); n != 8 {
			t.Errorf("%d outcomes are kept for the second name, want 8", n)
		}
	})
}

func TestASharedCheckOutlivesEachOfItsNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		web := named{&server{answer: refuse}, "web1"}
		s := runSet(t, j.report, 16)
		shop, mail := everySecond("shop web1", web), everySecond("mail web1", web)
		mail.Fall, shop.Fall = 2, 2
		s.Configure([]Config{shop})
		after(3500 * time.Millisecond)
		j.want(t, "shop web1 down: refused")
		grid := web.asked()

		s.Configure([]Config{mail}) // another name for the same question
		after(0)
		j.want(t, "mail web1 down: refused")
		after(2 * time.Second)
		j.want(t)
		s.Configure([]Config{mail, shop})
		after(0)
		j.want(t, "shop web1 down: refused")
		for _, at := range web.asked()[2:] {
			if off := at.Sub(grid[1]) % time.Second; off != 0 {
				t.Errorf("a probe is %s off the schedule that was", off)
			}
		}
		s.Configure([]Config{shop})
		web.set(nil)
		after(2 * time.Second)
		j.want(t, "shop web1 up")
		if st := s.Recent("mail web1"); st != nil {
			t.Errorf("a name that is gone has outcomes: %v", st)
		}
	})
}

func TestChecksThatDifferAreNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web := named{new(server), "web1"}
		s := runSet(t, new(journal).report, 16)
		slow := everySecond("slow", web)
		slow.Interval = 2 * time.Second
		patient := everySecond("patient", web)
		patient.Fall = 3
		s.Configure([]Config{everySecond("a", web), slow, patient, everySecond("b", named{new(server), "web2"}), everySecond("c", new(server)), everySecond("d", new(server))})
		monitors := map[*monitor]bool{}
		for _, m := range s.monitors {
			monitors[m] = true
		}
		if len(monitors) != 6 {
			t.Errorf("%d monitors for 6 checks that all differ", len(monitors))
		}
	})
}

// TestSharingManyChecksOfOneServerTakesNoTime: a thousand services with pages of their own on each of a few servers.
func TestSharingManyChecksOfOneServerTakesNoTime(t *testing.T) {
	var cfgs []Config
	for i := range 10000 {
		c := HTTP{Target: Target{Addr: netip.MustParseAddrPort("10.0.0.11:80")}, Host: fmt.Sprintf("shop%d.example.net", i)}
		cfgs = append(cfgs, everySecond(fmt.Sprint(i), c))
	}
	s := newSet(new(journal).report, slog.New(slog.DiscardHandler), 16, func() float64 { return 0 })
	for range 3 {
		began := time.Now()
		s.Configure(cfgs)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("Configure took %s", took)
		}
	}
}

// TestMostProbesOnlyAskTheQuickQuestion until one fails, and not before the server is up.
func TestMostProbesOnlyAskTheQuickQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		full, quick := &weighing{weight: 5}, new(server)
		s := runSet(t, j.report, 16)
		c := everySecond("a", full)
		c.Quick, c.FullEvery, c.Rise = quick, 4, 2
		s.Configure([]Config{c})
		after(8500 * time.Millisecond) // probes 0 to 8
		if f, q := len(full.asked()), len(quick.asked()); f != 3 || q != 6 {
			t.Errorf("%d full probes and %d quick ones, want 3 and 6", f, q)
		}
		j.want(t, "a up weight 5") // which no quick one takes away
		quick.set(refuse)
		after(time.Second)
		j.want(t, "a down: refused")
		full.set(refuse)
		before := len(quick.asked())
		after(5 * time.Second)
		full.set(nil)
		after(time.Second)
		if n := len(quick.asked()) - before; n != 0 {
			t.Errorf("%d quick probes of a server that is down, want none", n)
		}
		j.want(t)
		after(time.Second)
		j.want(t, "a up weight 5")
	})
}

// A weighing is a server that says a weight.
type weighing struct {
	server
	weight int
}

func (w *weighing) CheckWeight(ctx context.Context) (int, bool, error) {
	if err := w.Check(ctx); err != nil {
		return 0, false, err
	}
	return w.weight, true, nil
}

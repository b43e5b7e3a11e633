//go:build netns

package kernel

import (
	"slices"
	"testing"

	"github.com/govrrpd/govrrpd/vrrp"
)

// with returns a copy of c with another address and a route.
func with(c *vrrp.Config, address, route string) *vrrp.Config {
	next := *c
	next.Addresses = append(slices.Clone(c.Addresses), vrrp.Address{Prefix: prefix(address)})
	next.Routes = append(slices.Clone(c.Routes), vrrp.HeldRoute{Prefix: prefix(route), Hops: []vrrp.Hop{{Interface: c.Interface}}})
	return &next
}

// A moving is an address and a route on their way from one router to another one on the same interface.
type moving struct {
	l                      *lan
	h                      *Host
	from, to               *vrrp.Config // as they were: from has both
	fromWithout, toWithNew *vrrp.Config
}

// newMoving returns two routers that hold, the first one with 192.0.2.12/24 and a route to 203.0.113.0/24.
func newMoving(t *testing.T) *moving {
	t.Helper()
	l := newLAN(t)
	m := &moving{l: l, h: newHost(t), fromWithout: l.config("web", 51, "192.0.2.10/24"), to: l.config("mail", 52, "192.0.2.11/24")}
	m.from, m.toWithNew = with(m.fromWithout, "192.0.2.12/24", "203.0.113.0/24"), with(m.to, "192.0.2.12/24", "203.0.113.0/24")
	for _, c := range []*vrrp.Config{m.from, m.to} {
		must(t, m.h.Attach(c, newRecorder()))
		must(t, m.h.Hold(c, true))
	}
	m.expect(t, true)
	return m
}

func (m *moving) expect(t *testing.T, there bool) {
	t.Helper()
	if there {
		m.l.expect("192.0.2.10/24", "192.0.2.11/24", "192.0.2.12/24")
	} else {
		m.l.expect("192.0.2.10/24", "192.0.2.11/24")
	}
	if got := routesShown(t, "-4"); (len(got) == 1) != there {
		t.Errorf("routes %v, want one: %v", got, there)
	}
}

func TestWhatAnotherRouterIsAboutToTakeStays(t *testing.T) {
	m := newMoving(t)
	m.h.Await([]*vrrp.Config{m.fromWithout, m.toWithNew})
	must(t, m.h.Configure(m.fromWithout))
	must(t, m.h.Configure(m.toWithNew))
	must(t, m.h.Hold(m.fromWithout, true))
	m.expect(t, true)
	must(t, m.h.Hold(m.toWithNew, true))
	m.expect(t, true)
	must(t, m.h.Hold(m.toWithNew, false))
	if got := routesShown(t, "-4"); len(got) != 0 {
		t.Errorf("%v is left", got)
	}
	m.l.expect("192.0.2.10/24")
}

func TestWhatIsAwaitedGoesWhenItsRouterLetsGo(t *testing.T) {
	m := newMoving(t)
	m.h.Await([]*vrrp.Config{m.fromWithout, m.toWithNew})
	must(t, m.h.Configure(m.fromWithout))
	must(t, m.h.Configure(m.toWithNew))
	must(t, m.h.Hold(m.fromWithout, true))
	must(t, m.h.Hold(m.to, false)) // it is backup before it has acted on the new configuration
	if got := routesShown(t, "-4"); len(got) != 0 {
		t.Errorf("%v is left", got)
	}
	m.l.expect("192.0.2.10/24")
}

func TestWhatIsAwaitedGoesWhenItsRouterCannotBeConfigured(t *testing.T) {
	m := newMoving(t)
	m.toWithNew.VRID = m.from.VRID // taken
	m.h.Await([]*vrrp.Config{m.fromWithout, m.toWithNew})
	must(t, m.h.Configure(m.fromWithout))
	must(t, m.h.Hold(m.fromWithout, true))
	m.expect(t, true)
	if m.h.Configure(m.toWithNew) == nil {
		t.Fatal("a VRID that is taken was accepted")
	}
	m.expect(t, false)
}

func TestWhatTheNextReloadAwaitsNoMoreGoes(t *testing.T) {
	m := newMoving(t)
	m.h.Await([]*vrrp.Config{m.fromWithout, m.toWithNew})
	must(t, m.h.Configure(m.fromWithout))
	must(t, m.h.Configure(m.toWithNew))
	must(t, m.h.Hold(m.fromWithout, true))
	m.expect(t, true)
	again := *m.fromWithout
	m.h.Await([]*vrrp.Config{&again, m.to}) // before the other one has acted on the reload before
	m.expect(t, false)
}

func TestWhatIsAwaitedStaysOverAReloadThatChangesNothing(t *testing.T) {
	m := newMoving(t)
	m.h.Await([]*vrrp.Config{m.fromWithout, m.toWithNew})
	must(t, m.h.Configure(m.fromWithout))
	must(t, m.h.Configure(m.toWithNew))
	from, to := *m.fromWithout, *m.toWithNew
	m.h.Await([]*vrrp.Config{&from, &to})
	must(t, m.h.Hold(m.fromWithout, true))
	m.expect(t, true)
	must(t, m.h.Hold(m.toWithNew, true))
	m.expect(t, true)
}

// Who does not hold is awaited by nobody.
func TestABackupIsNotAwaited(t *testing.T) {
	m := newMoving(t)
	must(t, m.h.Hold(m.to, false))
	m.h.Await([]*vrrp.Config{m.fromWithout, m.toWithNew})
	must(t, m.h.Configure(m.fromWithout))
	must(t, m.h.Hold(m.fromWithout, true))
	m.l.expect("192.0.2.10/24")
}

//go:build lab

package netns_test

import (
	"fmt"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

const (
	// A connection lasts as long as a server is started slowly: this is what makes a slow start worth while. One that lasts much longer would need a
	// longer one.
	rampFor = 4 * time.Second
	// loadEvery and loadEach are what clients do to the service: 300 connections a second.
	loadEvery = 100 * time.Millisecond
	loadEach  = 30
	// rampWindow is the number of connections of two seconds. The weight changes each second, so that less would show its steps.
	rampWindow = 2 * 300

	// reentry is long enough for the other servers to have all the connections that they can.
	reentry = 4 * time.Second
)

// A load is the connections that came to a service, one after the other.
type load struct {
	site    *netns.Site
	clients []netip.Addr
	at      map[netip.Addr]netip.AddrPort
	sent    int
}

// run sends connections until enough says so, and looks where they are each second.
func (l *load) run(limit time.Duration, enough func() bool) {
	ticker := time.NewTicker(loadEvery)
	defer ticker.Stop()
	for began, round := time.Now(), 0; time.Since(began) < limit; round++ {
		<-ticker.C
		l.site.Client.Volley(sinkService(0), l.clients[l.sent:l.sent+loadEach], firstPort)
		l.sent += loadEach
		if round%10 != 9 {
			continue
		}
		for _, c := range l.site.LB1.ConnectionsOf(sinkService(0)) {
			l.at[c.Client.Addr()] = c.Server
		}
		if enough() {
			return
		}
	}
}

// of counts the connections from the given one on, as many as a window has, that are at a server.
func (l *load) of(server netip.AddrPort, from int) (n int) {
	for _, c := range l.clients[from : from+rampWindow] {
		if l.at[c] == server {
			n++
		}
	}
	return n
}

func TestReturningServerIsSpared(t *testing.T) {
	site := newSinks(t)
	d := sunk(site, fmt.Sprintf("ipvs {\n  timeouts {\n    udp = %q\n  }\n}\n", rampFor)+
		sinkHCL(0, fmt.Sprintf("scheduler = \"wlc\"\n  reentry_delay = %q\n  slow_start {\n    duration = %q\n  }\n", reentry, rampFor)+probed, 100, 100, 100))
	site.Servers[0].Stop()
	site.WaitFor(settle, "rs1 to leave", func() bool { return len(site.LB1.Weights(sinkService(0))) == 2 })
	flap(t, site, d)
	well := time.Now()
	site.Servers[0].Start()
	l := &load{site: site, clients: netns.Clients(clientsPrefix, 20_000), at: map[netip.Addr]netip.AddrPort{}}
	l.run(settle, func() bool { return len(site.LB1.Weights(sinkService(0))) == 3 })
	if waited := enteredAt(t, d).Sub(well); waited < reentry {
		t.Errorf("rs1 entered %s after it was well, want at least %s", waited, reentry)
	}
	l.run(rampFor+time.Second, func() bool { return false })
	worst := 0
	for from := 0; from+rampWindow <= l.sent; from += loadEach {
		worst = max(worst, l.of(sinkServer(0), from))
	}
	last := l.of(sinkServer(0), l.sent-rampWindow)
	t.Logf("rs1 had at most %d of %d connections in a row, and %d in the end", worst, rampWindow, last)
	if worst > rampWindow*2/3 {
		t.Errorf("rs1 had %d of %d connections in a row, want at most twice its share of a third", worst, rampWindow)
	}
	if last < rampWindow/5 {
		t.Errorf("in the end rs1 had %d of %d connections, want about a third", last, rampWindow)
	}
}

// flap lets rs1 be well and fail again, twice.
func flap(t *testing.T, site *netns.Site, d *netns.Director) {
	t.Helper()
	up := func() bool {
		s, err := d.Status(t.Context())
		return err == nil && len(s.IPVS) == 1 && s.IPVS[0].RealServers[0].Up
	}
	for range 2 {
		site.Servers[0].Start()
		site.WaitFor(settle, "rs1 to be well", up)
		site.Servers[0].Stop()
		site.WaitFor(settle, "rs1 to fail", func() bool { return !up() })
	}
}

var enteredLine = regexp.MustCompile(`(?m)^time=(\S+) .*msg="server added" service=s0 server=10.0.0.11:9 `)

// enteredAt returns when rs1 entered the table, which it did once.
func enteredAt(t *testing.T, d *netns.Director) time.Time {
	t.Helper()
	lines := enteredLine.FindAllStringSubmatch(d.Log(), -1)
	if len(lines) != 1 {
		t.Fatalf("rs1 entered %d times while it flapped, want once", len(lines))
	}
	at, err := time.Parse(time.RFC3339Nano, lines[0][1])
	if err != nil {
		t.Fatal(err)
	}
	return at
}

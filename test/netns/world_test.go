//go:build netns

package netns_test

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// These tests are about the harness itself: a test that is written with it is worth no more than it.

const limit = 30 * time.Second

var (
	addrA = netip.MustParseAddr("192.0.2.1")
	addrB = netip.MustParseAddr("192.0.2.2")
)

// pair is two nodes on one segment.
type pair struct {
	*netns.World
	lan          *netns.Segment
	a, b         *netns.Node
	portA, portB *netns.Port
}

func newPair(t *testing.T) pair {
	t.Helper()
	p := pair{World: netns.New(t)}
	p.a, p.b = p.Node("a"), p.Node("b")
	p.lan = p.Segment("lan0")
	p.portA = p.lan.Attach(p.a, "eth0", "192.0.2.1/24")
	p.portB = p.lan.Attach(p.b, "eth0", "192.0.2.2/24")
	return p
}

// answers tells whether b answers a's request that is sent from now on.
func (p pair) answers(ping *netns.Pinger) func() bool {
	start := time.Now()
	return func() bool { _, ok := ping.Answered(start); return ok }
}

func (p pair) silent(t *testing.T, ping *netns.Pinger) {
	t.Helper()
	start := time.Now().Add(20 * time.Millisecond) // what was under way may still arrive
	p.Always(200*time.Millisecond, "no answer", func() bool { _, ok := ping.Answered(start); return !ok })
	if lost, sent := ping.Lost(start, 0); sent < 10 || lost != sent {
		t.Errorf("lost %d of %d requests, want all of at least 10", lost, sent)
	}
}

func (p pair) carrier(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(p.a.MustRun("ip", "-o", "link", "show", "eth0"))
}

func TestCutTakesCarrierAndUnplugKeepsItUntilHeal(t *testing.T) {
	for _, tt := range []struct {
		name    string
		part    func(*netns.Port)
		carrier string
	}{
		{"Cut", (*netns.Port).Cut, "NO-CARRIER"},
		{"Unplug", (*netns.Port).Unplug, "LOWER_UP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t)
			ping := p.a.Ping(addrB, 5*time.Millisecond)
			p.WaitFor(limit, "an answer", p.answers(ping))
			tt.part(p.portA)
			p.silent(t, ping)
			if got := p.carrier(t); !strings.Contains(got, tt.carrier) {
				t.Errorf("%s, want %s", got, tt.carrier)
			}
			p.portA.Heal()
			p.WaitFor(limit, "an answer after Heal", p.answers(ping))
		})
	}
}

func TestDropHasADirection(t *testing.T) {
	for _, tt := range []struct{ name, from, to string }{
		{"from", "ip protocol 1", ""},
		{"to", "", "ip protocol 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t)
			ping := p.a.Ping(addrB, 5*time.Millisecond)
			p.WaitFor(limit, "an answer", p.answers(ping))
			p.portA.Drop(tt.from, tt.to)
			p.silent(t, ping)
			p.portA.Drop("ip protocol 112", "ip protocol 112")
			p.WaitFor(limit, "an answer when something else is dropped", p.answers(ping))
		})
	}
}

func TestCaptureSeesWhatANodeSendsWhileUnplugged(t *testing.T) {
	p := newPair(t)
	capture := p.Capture(p.portA, p.portB)
	p.portA.Unplug()
	p.a.Ping(addrB, 5*time.Millisecond)
	p.WaitFor(limit, "the ARP request", func() bool {
		for _, m := range capture.ARPs() {
			if m.From == p.portA && m.Request && m.Sender == addrA && m.Target == addrB && m.MAC.String() == p.a.MAC("eth0").String() {
				return time.Since(m.At) < limit
			}
		}
		return false
	})
	for _, m := range capture.ARPs() {
		if m.From == p.portB {
			t.Errorf("captured %+v from b, which hears nothing", m)
		}
	}
	capture.Stop()
}

func TestHoldersSeeAnAddressMove(t *testing.T) {
	p := newPair(t)
	vip := netip.MustParseAddr("192.0.2.10")
	holders := p.WatchHolders(vip, p.a, p.b)
	held := func(want string) func() bool {
		start := time.Now()
		return func() bool {
			samples := holders.Since(start)
			return len(samples) > 0 && strings.Join(samples[len(samples)-1].Holders, " ") == want
		}
	}
	p.WaitFor(limit, "nobody to hold it", held(""))
	p.b.AddAddress("eth0", "192.0.2.10/24")
	p.WaitFor(limit, "b to hold it", held("b"))
	start := time.Now()
	p.WaitFor(limit, "samples", func() bool { return len(holders.Since(start)) > 3 })
	if err := netns.NotOne(holders.Since(start)); err != nil {
		t.Error(err)
	}
	p.a.AddAddress("eth0", "192.0.2.10/24")
	p.WaitFor(limit, "both to hold it", held("a b"))
	holders.Stop()
	if err := netns.NotOne(holders.Since(start)); err == nil {
		t.Error("NotOne is content with two holders")
	}
}

func TestProcessEndsAndIsRead(t *testing.T) {
	p := newPair(t)
	proc := p.a.Start("sh", "sh", "-c", "trap 'echo bye; exit 3' TERM; echo started; while :; do sleep 0.05; done")
	p.WaitFor(limit, "the first line", func() bool { return proc.Logged("started") })
	err := proc.Stop()
	if err == nil || err.Error() != "exit status 3" || !proc.Logged("bye") || proc.Running() {
		t.Errorf("Stop: %v, log %q, running %t; want exit status 3, bye, false", err, proc.Log(), proc.Running())
	}
}

func TestWebServerStopsAndStarts(t *testing.T) {
	p := newPair(t)
	server := p.b.HTTP("b", "192.0.2.2:80")
	get := func() (string, error) { return p.a.Get("http://192.0.2.2/", limit) }
	if body, err := get(); err != nil || body != "b" {
		t.Fatalf("got %q, %v, want b", body, err)
	}
	server.Stop()
	if body, err := get(); err == nil {
		t.Fatalf("got %q from a server that was stopped", body)
	}
	server.Start()
	tally := p.a.GetMany("http://192.0.2.2/", 3, limit)
	if tally.Answers["b"] != 3 || len(tally.Failures) != 0 {
		t.Fatalf("got %+v, want 3 answers", tally)
	}
}

func TestWorldLeavesNothingBehind(t *testing.T) {
	var names []string
	var orphan string
	t.Run("world", func(t *testing.T) {
		p := newPair(t)
		names = []string{p.a.Namespace, p.b.Namespace}
		// The shell ends at once; its child lives on in the namespace.
		proc := p.a.Start("orphan", "sh", "-c", "setsid sleep 1000 & echo $!")
		p.WaitFor(limit, "the child", func() bool { return proc.Logged(`\d`) && !proc.Running() })
		orphan = strings.TrimSpace(proc.Log())
	})
	for _, name := range names {
		if _, err := os.Stat("/run/netns/" + name); err == nil {
			t.Errorf("namespace %s is still there", name)
		}
	}
	if b, err := os.ReadFile("/proc/" + orphan + "/cmdline"); err == nil && strings.HasPrefix(string(b), "sleep") {
		t.Errorf("process %s is still there", orphan)
	}
}

//go:build netns

package netns_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// A watched pair is two directors that each watch an uplink router over BFD, with keepalived's defaults of 10 ms x 5, and share a virtual address
// on another segment.
//
//	lan0 ─┬─ eth0 a eth1 ─┬─ lan1
//	      └─ eth0 b eth1 ─┴─ eth0 uplink
type watchedPair struct {
	*netns.World
	a, b, uplink *netns.Director
	nodeA, nodeB *netns.Node
	upA          *netns.Port // of a in lan1
}

// watchedHCL is a director; track is in its virtual router, more at the end of the file.
func watchedHCL(vrid, priority int, address, track, more string) string {
	return fmt.Sprintf(`
global {
  realtime_priority = 50
  lock_memory       = true
}
vrrp_instance "v" {
  interface         = "eth0"
  virtual_router_id = %d
  priority          = %d
  advert_interval   = "100ms"
  virtual_addresses = [%q]
  track {
    %s
  }
}
%s
`, vrid, priority, address, track, more)
}

func session(name, neighbor, device string) string {
	return fmt.Sprintf("bfd_instance %q {\n  neighbor  = %q\n  interface = %q\n}\n", name, neighbor, device)
}

// newWatchedPair starts all three; a is master, and everybody's sessions are up.
func newWatchedPair(t *testing.T, track string) *watchedPair {
	t.Helper()
	w := netns.New(t)
	p := &watchedPair{World: w, nodeA: w.Node("a"), nodeB: w.Node("b")}
	uplink := w.Node("uplink")
	inner, outer := w.Segment("lan0"), w.Segment("lan1")
	inner.Attach(p.nodeA, "eth0", "192.0.2.1/24")
	inner.Attach(p.nodeB, "eth0", "192.0.2.2/24")
	p.upA = outer.Attach(p.nodeA, "eth1", "10.0.0.1/24")
	outer.Attach(p.nodeB, "eth1", "10.0.0.2/24")
	outer.Attach(uplink, "eth0", "10.0.0.3/24")
	p.uplink = uplink.Govrrpd(watchedHCL(99, 100, "10.0.0.100/24", "", session("a", "10.0.0.1", "eth0")+session("b", "10.0.0.2", "eth0")))
	own := session("uplink", "10.0.0.3", "eth1")
	p.a = p.nodeA.Govrrpd(watchedHCL(51, 200, virtual.String()+"/24", track, own))
	p.b = p.nodeB.Govrrpd(watchedHCL(51, 190, virtual.String()+"/24", track, own))
	p.awaitMaster(p.a, p.b)
	return p
}

// awaitMaster waits until a is master, the other backup, and both have their sessions.
func (p *watchedPair) awaitMaster(master, backup *netns.Director) {
	p.WaitNone(bfdPatience, "a to be master with all sessions up", func() string {
		roles := master.Role("v") + " " + backup.Role("v")
		states := master.BFD("uplink").State + " " + backup.BFD("uplink").State
		if roles == "master backup" && states == "up up" && master.BFD("uplink").TxInterval == "10ms" && backup.BFD("uplink").TxInterval == "10ms" {
			return ""
		}
		return roles + ", " + states
	})
}

// The switch port of a fails, and its carrier stays: only BFD can tell. With weight 0 that is a fault, and a hands over with priority 0: the other waits for
// its skew. With a weight it is a lower priority: the other waits until it has not heard a better one for its down interval.
func TestBFDMovesTheAddress(t *testing.T) {
	const detection = 50 * time.Millisecond
	skew := 100 * time.Millisecond * (256 - 190) / 256
	for _, tt := range []struct {
		name, track string
		takes       time.Duration
		role        string // of a, afterwards
	}{
		{"fault", `bfd "uplink" {}`, detection + skew, "fault"},
		{"weight", `bfd "uplink" { weight = -100 }`, detection + 300*time.Millisecond + skew, "backup"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newWatchedPair(t, tt.track)
			stalls := p.WatchStalls()
			before := time.Now()
			p.upA.Unplug()
			p.WaitFor(bfdPatience, "b to hold the address", func() bool { return p.nodeB.Has(virtual) && !p.nodeA.Has(virtual) })
			took := time.Since(before)
			allowed := tt.takes + 50*time.Millisecond + stalls.Since(before)
			t.Logf("b holds the address %s after the break, allowed %s", took, allowed)
			if took > allowed {
				t.Errorf("b holds the address %s after the break, allowed %s", took, allowed)
			}
			p.WaitFor(bfdPatience, "a to be "+tt.role, func() bool { return p.a.Role("v") == tt.role })
			out, err := p.a.Command("status")
			if err != nil || !strings.Contains(out, "control detection time of 50ms expired") {
				t.Errorf("status (%v):\n%s", err, out)
			}
			p.upA.Heal()
			p.awaitMaster(p.a, p.b)
		})
	}
}

// The sessions are the router's: a director that reads a big file, and one that is killed, does not disturb them.
func TestBFDHoldsWhileTheDirectorIsBusyOrDead(t *testing.T) {
	p := newWatchedPair(t, `bfd "uplink" {}`)
	stalls := p.WatchStalls()
	start := time.Now()
	flaps := p.a.BFD("uplink").Flaps
	big := watchedHCL(51, 200, virtual.String()+"/24", `bfd "uplink" {}`, session("uplink", "10.0.0.3", "eth1")) + variables(20000)
	for range 3 {
		if out, err := p.a.Reload(big); err != nil {
			t.Fatalf("reload: %v\n%s", err, out)
		}
	}
	reloaded := time.Since(start)
	router, err := p.a.RouterPID()
	if err != nil {
		t.Fatal(err)
	}
	p.a.Kill()
	p.WaitFor(bfdPatience, "b and the uplink to notice nothing for a second", func() bool { return time.Since(start) > reloaded+time.Second })
	p.a.Restart()
	p.awaitMaster(p.a, p.b)
	if again, err := p.a.RouterPID(); err != nil || again != router {
		t.Errorf("router %d became %d (%v)", router, again, err)
	}
	s := p.a.BFD("uplink")
	t.Logf("three reloads took %s; %d flaps, the machine stood still for %s", reloaded, s.Flaps-flaps, stalls.Since(start))
	if s.Flaps != flaps && stalls.Since(start) < 40*time.Millisecond {
		t.Errorf("%d flaps: %+v", s.Flaps-flaps, s)
	}
}

// variables is a long configuration that wants nothing.
func variables(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "variable \"v%d\" {\n  default = \"192.0.2.%d\"\n}\n", i, i%250)
	}
	return b.String()
}

// A router process that was stopped for less than the others' detection time judges nobody by it.
func TestBFDDoesNotBlameTheNeighbourForAStall(t *testing.T) {
	p := newWatchedPair(t, `bfd "uplink" {}`)
	router, err := p.a.RouterPID()
	if err != nil {
		t.Fatal(err)
	}
	flaps := p.a.BFD("uplink").Flaps
	for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := syscall.Kill(router, s); err != nil {
			t.Fatal(err)
		}
		<-time.After(500 * time.Millisecond) // ten detection times: the neighbour gives us up, and says so
	}
	p.awaitMaster(p.a, p.b)
	s := p.a.BFD("uplink")
	log := p.a.Log()
	if strings.Contains(log, "control detection time of 50ms expired") && !strings.Contains(log, "neighbour signalled down") {
		t.Errorf("%d flaps; we gave up a neighbour that spoke all the time:\n%s", s.Flaps-flaps, log)
	}
}

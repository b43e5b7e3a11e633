//go:build netns

package netns_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// Who speaks BFD, and with which intervals. 50 ms x 4 is short enough to tell a detection from everything else, and long enough for
// a machine that has other work to do.
const (
	bfdOurs     = "10.0.0.1"
	bfdTheirs   = "10.0.0.2"
	bfdInterval = 50 * time.Millisecond
	bfdMisses   = 4
	bfdPatience = time.Minute
)

// bfdHCL is a director with one session, and more in its block.
func bfdHCL(neighbor, more string) string {
	return fmt.Sprintf(`
global { realtime_priority = 50 }
vrrp_instance "v" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.100/24"]
}
bfd_instance "peer" {
  neighbor   = %q
  min_rx     = "%dms"
  min_tx     = "%dms"
  multiplier = %d
  %s
}
`, neighbor, bfdInterval.Milliseconds(), bfdInterval.Milliseconds(), bfdMisses, more)
}

// A bfdNeighbor is another implementation at the other end of the session.
type bfdNeighbor interface {
	start()
	state() string // "up" or "down"; "" when it does not say
	stop()
}

// A bfdPair is a director and another implementation with a session between them.
type bfdPair struct {
	*netns.World
	ours, theirs *netns.Node
	port         *netns.Port // of the other
	neighbor     bfdNeighbor
	gov          *netns.Director
}

func newBFDPair(t *testing.T, kind string) *bfdPair {
	t.Helper()
	w := netns.New(t)
	p := &bfdPair{World: w, ours: w.Node("ours"), theirs: w.Node("theirs")}
	lan := w.Segment("lan0")
	lan.Attach(p.ours, "eth0", bfdOurs+"/24")
	p.port = lan.Attach(p.theirs, "eth0", bfdTheirs+"/24")
	p.neighbor = newBFDNeighbor(kind, p.theirs, bfdOurs, bfdTheirs, false)
	return p
}

// eachBFDPair runs test with each other implementation and a session that is up.
func eachBFDPair(t *testing.T, test func(t *testing.T, p *bfdPair)) {
	for _, kind := range []string{"frr", keepalived} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := newBFDPair(t, kind)
			p.startOurs()
			p.neighbor.start()
			p.awaitUp()
			test(t, p)
		})
	}
}

func newBFDNeighbor(kind string, n *netns.Node, peer, own string, multihop bool) bfdNeighbor {
	switch kind {
	case govrrpd:
		return &ownBFD{node: n, peer: peer, multihop: multihop}
	case keepalived: // 2.2.7 knows no multihop
		return &keepalivedBFD{node: n, peer: peer, own: own}
	}
	return &frrBFD{node: n, peer: peer, own: own, multihop: multihop}
}

// startOurs starts the director.
func (p *bfdPair) startOurs() { p.gov = p.ours.Govrrpd(bfdHCL(bfdTheirs, `interface = "eth0"`)) }

// awaitUp waits until both say that the session is up, with the intervals that were agreed.
func (p *bfdPair) awaitUp() {
	p.WaitNone(bfdPatience, "the session to be up on both sides", func() string {
		ours, theirs := p.gov.BFD("peer"), p.neighbor.state()
		if ours.State == "up" && ours.RemoteState == "up" && !ours.Polling && ours.TxInterval == "50ms" && theirs == "up" {
			return ""
		}
		return fmt.Sprintf("ours %+v\ntheirs %q", ours, theirs)
	})
}

// awaitDown waits until both say that the session is down.
func (p *bfdPair) awaitDown() {
	p.WaitNone(bfdPatience, "the session to be down on both sides", func() string {
		ours, theirs := p.gov.BFD("peer"), p.neighbor.state()
		if ours.State != "up" && theirs == "down" {
			return ""
		}
		return fmt.Sprintf("ours %+v\ntheirs %q", ours, theirs)
	})
}

// frrBFD is FRR's bfdd.
type frrBFD struct {
	node      *netns.Node
	peer, own string
	multihop  bool
	bfdd      *netns.BFDD
}

func (f *frrBFD) start() {
	what := "local-address " + f.own + " interface eth0"
	settings := []string{
		fmt.Sprintf("receive-interval %d", bfdInterval.Milliseconds()), fmt.Sprintf("transmit-interval %d", bfdInterval.Milliseconds()),
		fmt.Sprintf("detect-multiplier %d", bfdMisses),
	}
	if f.multihop {
		what = "multihop local-address " + f.own
		settings = append(settings, "minimum-ttl 254")
	}
	f.bfdd = f.node.BFDD(f.peer, what, settings...)
}

func (f *frrBFD) state() string {
	switch s := f.bfdd.Session().Status; s {
	case "up", "":
		return s
	}
	return "down"
}

func (f *frrBFD) stop() { _ = f.bfdd.Stop() }

// keepalivedBFD is keepalived's bfd_instance; an instance of VRRP tracks it, as its process says nothing otherwise.
type keepalivedBFD struct {
	node      *netns.Node
	peer, own string
	run       *netns.Process
	read      int // bytes of the log that earlier runs wrote
}

func (k *keepalivedBFD) start() {
	if k.run != nil {
		k.read = len(k.run.Log())
	}
	k.run = k.node.Keepalived("keepalived", fmt.Sprintf(`
bfd_instance peer {
  neighbor_ip %s
  source_ip %s
  min_rx %d
  min_tx %d
  multiplier %d
}
vrrp_instance k {
  interface eth0
  virtual_router_id 77
  priority 100
  virtual_ipaddress { 192.0.2.77/24 }
  track_bfd { peer weight 10 }
}
`, k.peer, k.own, bfdInterval.Milliseconds(), bfdInterval.Milliseconds(), bfdMisses))
}

// state is what the log said last.
func (k *keepalivedBFD) state() string {
	log := strings.ToLower(k.run.Log()[k.read:])
	up, down := strings.LastIndex(log, "entering up state"), max(strings.LastIndex(log, "entering down state"), strings.LastIndex(log, "entering admindown state"))
	switch {
	case up > down:
		return "up"
	case down >= 0:
		return "down"
	}
	return ""
}

func (k *keepalivedBFD) stop() { _ = k.run.Stop() }

// ownBFD is another govrrpd.
type ownBFD struct {
	node     *netns.Node
	peer     string
	multihop bool
	gov      *netns.Director
}

func (o *ownBFD) start() {
	more := ""
	if o.multihop {
		more = "multihop = true"
	}
	o.gov = o.node.Govrrpd(bfdHCL(o.peer, more))
}

func (o *ownBFD) state() string {
	switch s := o.gov.BFD("peer").State; s {
	case "up", "":
		return s
	}
	return "down"
}

func (o *ownBFD) stop() { _ = o.gov.Stop() }

func TestBFDComesUpInBothOrdersAndNoticesABreak(t *testing.T) {
	for _, kind := range []string{"frr", keepalived} {
		for _, first := range []string{"ours", "theirs"} {
			t.Run(kind+", first "+first, func(t *testing.T) {
				t.Parallel()
				p := newBFDPair(t, kind)
				if first == "ours" {
					p.startOurs()
					p.WaitFor(bfdPatience, "our side to speak", func() bool { return p.gov.BFD("peer").State == "down" })
					p.neighbor.start()
				} else {
					p.neighbor.start()
					p.startOurs()
				}
				p.awaitUp()
				if s := p.gov.BFD("peer"); s.RxInterval != "50ms" || s.DetectionTime != "200ms" {
					t.Errorf("agreed on %+v", s)
				}
				p.measureBreak(t)
				p.port.Heal()
				p.awaitUp()
			})
		}
	}
}

// measureBreak takes the other's port out of the switch and looks how long it takes us to notice.
func (p *bfdPair) measureBreak(t *testing.T) {
	t.Helper()
	stalls := p.WatchStalls()
	before := time.Now()
	p.port.Unplug()
	after := time.Now()
	p.awaitDown()
	s := p.gov.BFD("peer")
	if s.Reason != "control detection time of 200ms expired" {
		t.Errorf("down for another reason: %+v", s)
	}
	least, most := s.Since.Sub(after), s.Since.Sub(before)
	allowed := bfdMisses*bfdInterval + 20*time.Millisecond + stalls.Since(before)
	t.Logf("noticed %s to %s after the break, allowed %s", least, most, allowed)
	if least > allowed || most < (bfdMisses-1)*bfdInterval-10*time.Millisecond {
		t.Errorf("noticed %s to %s after the break", least, most)
	}
}

func TestBFDStopsAndRestartsOfTheNeighbour(t *testing.T) {
	eachBFDPair(t, func(t *testing.T, p *bfdPair) {
		p.neighbor.stop()
		p.WaitFor(bfdPatience, "our side to be down", func() bool { return p.gov.BFD("peer").State == "down" })
		t.Logf("after its stop: %s", p.gov.BFD("peer").Reason)
		p.neighbor.start()
		p.awaitUp()
		if err := p.gov.Stop(); err != nil {
			t.Errorf("our end: %v", err)
		}
		p.WaitFor(bfdPatience, "their side to be down", func() bool { return p.neighbor.state() == "down" })
		p.gov.Restart()
		p.awaitUp()
	})
}

func TestBFDAdminDownOfEitherSide(t *testing.T) {
	eachBFDPair(t, func(t *testing.T, p *bfdPair) {
		p.reload(t, `admin_down = true`)
		p.awaitDown()
		if s := p.gov.BFD("peer"); s.State != "admin-down" {
			t.Errorf("our side: %+v", s)
		}
		p.reload(t, "")
		p.awaitUp()
		if frr, ok := p.neighbor.(*frrBFD); ok {
			frr.bfdd.Set("shutdown")
			p.awaitDown()
			if s := p.gov.BFD("peer"); s.Reason != "neighbour is administratively down" {
				t.Errorf("our side: %+v", s)
			}
			frr.bfdd.Set("no shutdown")
			p.awaitUp()
		}
	})
}

// reload gives our side another configuration of the same session.
func (p *bfdPair) reload(t *testing.T, more string) {
	t.Helper()
	if out, err := p.gov.Reload(bfdHCL(bfdTheirs, "interface = \"eth0\"\n  "+more)); err != nil {
		t.Fatalf("reload: %v\n%s", err, out)
	}
}

// Intervals change by a Poll Sequence while the session is up, from our side and from the other's.
func TestBFDAgreesOnNewIntervalsWhileUp(t *testing.T) {
	eachBFDPair(t, func(t *testing.T, p *bfdPair) {
		flaps := p.gov.BFD("peer").Flaps
		slow := strings.Replace(strings.Replace(bfdHCL(bfdTheirs, `interface = "eth0"`), `min_tx     = "50ms"`, `min_tx     = "200ms"`, 1), `min_rx     = "50ms"`, `min_rx     = "300ms"`, 1)
		if out, err := p.gov.Reload(slow); err != nil {
			t.Fatalf("reload: %v\n%s", err, out)
		}
		p.WaitNone(bfdPatience, "our new intervals in force", func() string {
			if s := p.gov.BFD("peer"); s.TxInterval != "200ms" || s.Polling || s.State != "up" || s.RxInterval != "300ms" {
				return fmt.Sprintf("%+v", s)
			}
			return ""
		})
		if frr, ok := p.neighbor.(*frrBFD); ok {
			if s := frr.bfdd.Session(); s.RemoteTx != 200 || s.RemoteRx != 300 {
				t.Errorf("FRR knows of %+v", s)
			}
			frr.bfdd.Set("transmit-interval 500")
			p.WaitFor(bfdPatience, "its new interval in force", func() bool { s := p.gov.BFD("peer"); return s.RxInterval == "500ms" && s.DetectionTime == "2s" })
		}
		p.reload(t, "")
		p.WaitFor(bfdPatience, "our old intervals in force", func() bool { s := p.gov.BFD("peer"); return s.TxInterval == "50ms" && !s.Polling })
		if s := p.gov.BFD("peer"); s.Flaps != flaps || s.State != "up" {
			t.Errorf("%d flaps: %+v", s.Flaps-flaps, s)
		}
	})
}

// The neighbour is behind a router.
func TestBFDOverSeveralHops(t *testing.T) {
	for _, kind := range []string{"frr", govrrpd} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := netns.New(t)
			p := &bfdPair{World: w, ours: w.Node("ours"), theirs: w.Node("theirs")}
			router := w.Node("router")
			near, far := w.Segment("near"), w.Segment("far")
			near.Attach(p.ours, "eth0", "10.0.0.1/24")
			near.Attach(router, "near", "10.0.0.254/24")
			far.Attach(router, "far", "10.0.9.254/24")
			p.port = far.Attach(p.theirs, "eth0", "10.0.9.2/24")
			router.Sysctl("net.ipv4.ip_forward", "1")
			p.ours.Route("10.0.9.0/24", "10.0.0.254", "eth0")
			p.theirs.Route("10.0.0.0/24", "10.0.9.254", "eth0")
			p.neighbor = newBFDNeighbor(kind, p.theirs, "10.0.0.1", "10.0.9.2", true)
			p.neighbor.start()
			p.gov = p.ours.Govrrpd(bfdHCL("10.0.9.2", "multihop = true\n  max_hops = 1"))
			p.awaitUp()
			p.measureBreak(t)
			p.port.Heal()
			p.awaitUp()
		})
	}
}

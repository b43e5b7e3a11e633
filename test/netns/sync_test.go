//go:build netns

package netns_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// Two nodes on two LANs, each with a sync group of one virtual router outside and one inside.

var (
	syncOutside = netip.MustParseAddr("192.0.2.100")
	syncInside  = netip.MustParseAddr("10.0.0.100")
)

const (
	// syncElection is how long the slower LAN may take to elect: 3 intervals of 250 ms and skew, and once more for what holds a keepalived
	// back.
	syncElection = 2 * time.Second
	// syncTogether is for how long the addresses of a group may be on two nodes while they move: what one node does at once, two
	// goroutines and a busy machine do one after the other.
	syncTogether = 500 * time.Millisecond
	syncStart    = time.Minute
)

// A syncNode is a node with a sync group.
type syncNode struct {
	*netns.Node
	priority        int
	outside, inside *netns.Port
	director        *netns.Director // nil for keepalived
}

func (n *syncNode) hcl() string {
	instance := func(name, link, interval string, vrid int, addr netip.Addr) string {
		return fmt.Sprintf("vrrp_instance %q {\n  interface         = %q\n  virtual_router_id = %d\n  priority          = %d\n"+
			"  advert_interval   = %q\n  virtual_addresses = [\"%s/24\"]\n}\n", name, link, vrid, n.priority, interval, addr)
	}
	return instance("web", "eth0", "100ms", 51, syncOutside) + instance("gateway", "eth1", "250ms", 52, syncInside) +
		"vrrp_sync_group \"edge\" {\n  instances = [\"web\", \"gateway\"]\n}\n"
}

// A syncSite is both nodes on both LANs.
type syncSite struct {
	*netns.World
	t     *testing.T
	nodes [2]*syncNode      // the better one first
	lans  [2]*netns.Segment // outside and inside
}

func newSyncSite(t *testing.T) *syncSite {
	t.Helper()
	s := &syncSite{World: netns.New(t), t: t}
	outside, inside := s.Segment("lan0"), s.Segment("lan1")
	s.lans = [2]*netns.Segment{outside, inside}
	for i, priority := range []int{200, 100} {
		n := &syncNode{Node: s.Node(string(rune('a' + i))), priority: priority}
		n.outside = outside.Attach(n.Node, "eth0", fmt.Sprintf("192.0.2.%d/24", i+1))
		n.inside = inside.Attach(n.Node, "eth1", fmt.Sprintf("10.0.0.%d/24", i+1))
		s.nodes[i] = n
	}
	return s
}

// govern starts a director on n.
func (s *syncSite) govern(n *syncNode) { n.director = n.Govrrpd(n.hcl()) }

// moved waits until n has both addresses and the other one none, and demands that at no time they were on two nodes for long.
func (s *syncSite) moved(to *syncNode, since time.Time, limit time.Duration) {
	s.t.Helper()
	other := s.other(to)
	s.WaitFor(limit, "both addresses to be on "+to.Name, func() bool {
		return to.Has(syncOutside) && to.Has(syncInside) && !other.Has(syncOutside) && !other.Has(syncInside)
	})
	s.t.Logf("both addresses were on %s after %s", to.Name, time.Since(since).Round(time.Millisecond))
}

func (s *syncSite) other(n *syncNode) *syncNode {
	if n == s.nodes[0] {
		return s.nodes[1]
	}
	return s.nodes[0]
}

// watch returns a function that ends the watch and reports for how long one node held exactly one of the two addresses.
func (s *syncSite) watch() func() {
	outside := s.WatchHolders(syncOutside, s.nodes[0].Node, s.nodes[1].Node)
	inside := s.WatchHolders(syncInside, s.nodes[0].Node, s.nodes[1].Node)
	began, stalls := time.Now(), s.WatchStalls()
	return func() {
		s.t.Helper()
		outside.Stop()
		inside.Stop()
		split, at := longestSplit(outside.Since(began), inside.Since(began))
		stood := stalls.Since(began)
		s.t.Logf("a node held one address alone for %s at most; the machine stood still for %s", split.Round(time.Millisecond), stood)
		if split > syncTogether+stood {
			s.t.Errorf("the addresses were on different nodes for %s, from %s on", split, at.Format("15:04:05.000"))
		}
	}
}

// longestSplit returns the longest time in which one address was on one node only, and the other on the other node only.
func longestSplit(outside, inside []netns.Sample) (longest time.Duration, at time.Time) {
	var since time.Time
	for i := range min(len(outside), len(inside)) {
		a, b := outside[i], inside[i]
		switch apart := len(a.Holders) == 1 && len(b.Holders) == 1 && !slices.Equal(a.Holders, b.Holders); {
		case !apart:
			since = time.Time{}
		case since.IsZero():
			since = a.Began
		case a.Ended.Sub(since) > longest:
			longest, at = a.Ended.Sub(since), since
		}
	}
	return longest, at
}

// The cable outside is pulled, with and without loss of carrier, and mended. The inside goes along or stays, as a whole.
func (s *syncSite) play() {
	a, b := s.nodes[0], s.nodes[1]
	end := s.watch()
	began := time.Now()
	s.moved(a, began, syncStart)
	s.Always(syncElection, "a in office", func() bool { return a.Has(syncOutside) && a.Has(syncInside) })
	for range 2 {
		began = time.Now()
		a.outside.Cut()
		s.moved(b, began, syncElection+syncStart)
		began = time.Now()
		a.outside.Heal()
		s.moved(a, began, syncElection+syncStart)
	}
	end()

	a.outside.Unplug() // b hears nobody outside, and must stay backup there as long as a is master inside
	s.Always(2*syncElection, "a in office, and b held back", func() bool {
		return a.Has(syncOutside) && a.Has(syncInside) && !b.Has(syncOutside) && !b.Has(syncInside)
	})
	a.outside.Heal()
	s.moved(a, time.Now(), syncElection)
}

func TestSyncGroupMovesWithOneCable(t *testing.T) {
	s := newSyncSite(t)
	for _, n := range s.nodes {
		s.govern(n)
	}
	s.play()
	a := s.nodes[0]
	a.outside.Cut()
	s.WaitFor(syncStart, "the group to be in fault", func() bool { return s.group(a).Role == "fault" })
	got := s.group(a)
	if got.Name != "edge" || strings.Join(got.Members, " ") != "web gateway" || len(got.Reasons) != 1 || !strings.HasPrefix(got.Reasons[0], "web: link: eth0") {
		t.Errorf("status of the group %+v", got)
	}
	text, err := a.director.Command("status", "vrrp")
	if err != nil || !strings.Contains(text, "sync group edge: web has link: eth0") {
		t.Errorf("status: %v\n%s\nwant it to say why gateway is in fault", err, text)
	}
}

// syncStatus is a group in the director's status.
type syncStatus struct {
	Name, Role string
	Members    []string
	Reasons    []string
}

func (s *syncSite) group(n *syncNode) syncStatus {
	s.t.Helper()
	text, err := n.director.Command("status", "vrrp", "-o", "json")
	if err != nil {
		s.t.Fatal(err, text)
	}
	var status struct {
		Groups []syncStatus `json:"vrrp_sync_groups"`
	}
	if err := json.Unmarshal([]byte(text), &status); err != nil || len(status.Groups) != 1 {
		s.t.Fatalf("%d groups, error %v", len(status.Groups), err)
	}
	return status.Groups[0]
}

// A reload takes the group apart and makes it again; the addresses stay, and the roles are as old as before.
func TestReloadOfASyncGroupMovesNothing(t *testing.T) {
	s := newSyncSite(t)
	for _, n := range s.nodes {
		s.govern(n)
	}
	a := s.nodes[0]
	s.moved(a, time.Now(), syncStart)
	before, err := a.director.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	whole := a.hcl()
	alone, _, _ := strings.Cut(whole, "vrrp_sync_group")
	for _, config := range []string{alone, whole} {
		if text, err := a.director.Reload(config); err != nil {
			t.Fatal(err, text)
		}
		s.Always(syncElection, "a in office", func() bool { return a.Has(syncOutside) && a.Has(syncInside) })
	}
	after, err := a.director.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range before.VRRP {
		if !after.VRRP[i].Since.Equal(before.VRRP[i].Since) {
			t.Errorf("%s is master since %s, want as before: since %s", after.VRRP[i].Name, after.VRRP[i].Since, before.VRRP[i].Since)
		}
	}
	s.group(a)

	// A third instance joins the masters, and leaves again.
	third := strings.NewReplacer(`["web", "gateway"]`, `["web", "gateway", "more"]`).Replace(whole) +
		"vrrp_instance \"more\" {\n  interface = \"eth0\"\n  virtual_router_id = 53\n  virtual_addresses = [\"192.0.2.101/24\"]\n}\n"
	if text, err := a.director.Reload(third); err != nil {
		t.Fatal(err, text)
	}
	more := netip.MustParseAddr("192.0.2.101")
	s.WaitFor(syncStart, "the third address", func() bool { return a.Has(more) && s.group(a).Role == "master" })
	if text, err := a.director.Reload(whole); err != nil {
		t.Fatal(err, text)
	}
	s.WaitFor(syncStart, "the third address to go", func() bool { return !a.Has(more) })
	if !a.Has(syncOutside) || !a.Has(syncInside) {
		t.Error("the others went along")
	}

	// One becomes another virtual router, for which it has to end and begin.
	outside := s.WatchHolders(syncOutside, s.nodes[0].Node, s.nodes[1].Node)
	since := time.Now()
	if text, err := a.director.Reload(strings.Replace(whole, "= 52", "= 54", 1)); err != nil {
		t.Fatal(err, text)
	}
	s.WaitFor(syncStart, "the other one to be back", func() bool { return a.Has(syncInside) && s.group(a).Role == "master" })
	outside.Stop()
	if err := netns.NotOne(outside.Since(since)); err != nil {
		t.Errorf("the address of the one that stays: %v", err)
	}
	if got := a.director.Router("web").Since; !got.Equal(before.VRRP[1].Since) && !got.Equal(before.VRRP[0].Since) {
		t.Errorf("web is master since %s, want as before: %+v", got, before.VRRP)
	}
}
